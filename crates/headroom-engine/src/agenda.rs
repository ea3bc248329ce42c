//! Who is looked at when, and who is served first.

use alloc::collections::{BTreeMap, BTreeSet};

use headroom_core::{Span, Timestamp, decision::Lane, names::ClusterKey};

use crate::limits::Allowance;

/// Clusters that have to be looked at, those that want a request, and alarms. Each Cluster is in at most one of the
/// first two and has at most one alarm, so all are bounded by the number of Clusters.
#[derive(Clone, Debug)]
pub(crate) struct Agenda {
    ready: BTreeSet<ClusterKey>,
    wants: BTreeMap<(Lane, Allowance), BTreeSet<Place>>,
    placed: BTreeMap<ClusterKey, (Lane, Allowance, Place)>,
    alarms: BTreeSet<(Timestamp, ClusterKey)>,
    alarm_of: BTreeMap<ClusterKey, Timestamp>,
    /// How often each waiting lane was passed over since it was served.
    passed: BTreeMap<Lane, u32>,
}

/// A place in a lane: first patches before follow-ups, then by time to full, then by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    follow_up: bool,
    urgency: u32,
    key: ClusterKey,
}

/// How much a Cluster wants its next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Want {
    pub(crate) lane: Lane,
    pub(crate) allowance: Allowance,
    /// A further claim of a volume in emergency whose worst claim is patched already: the worst claims of all
    /// Clusters go first.
    pub(crate) follow_up: bool,
    pub(crate) time_to_full: Option<Span>,
}

impl Agenda {
    /// Nothing to do.
    pub(crate) const fn new() -> Self {
        Self {
            ready: BTreeSet::new(),
            wants: BTreeMap::new(),
            placed: BTreeMap::new(),
            alarms: BTreeSet::new(),
            alarm_of: BTreeMap::new(),
            passed: BTreeMap::new(),
        }
    }

    /// This Cluster has to be looked at now; it loses its place, because what it wants may have changed.
    pub(crate) fn look(&mut self, key: &ClusterKey) {
        self.unplace(key);
        self.ready.insert(key.clone());
    }

    /// The next Cluster to look at.
    pub(crate) fn next_look(&mut self) -> Option<ClusterKey> {
        self.ready.pop_first()
    }

    /// This Cluster wants a request.
    pub(crate) fn want(&mut self, key: &ClusterKey, want: Want) {
        self.ready.remove(key);
        self.unplace(key);
        let urgency = want.time_to_full.map_or(u32::MAX, Span::as_seconds);
        let place = Place { follow_up: want.follow_up, urgency, key: key.clone() };
        self.wants.entry((want.lane, want.allowance)).or_default().insert(place.clone());
        self.placed.insert(key.clone(), (want.lane, want.allowance, place));
    }

    fn unplace(&mut self, key: &ClusterKey) {
        let Some((lane, allowance, place)) = self.placed.remove(key) else { return };
        if let Some(places) = self.wants.get_mut(&(lane, allowance)) {
            places.remove(&place);
            if places.is_empty() {
                self.wants.remove(&(lane, allowance));
            }
        }
    }

    /// The Cluster that is served next, of those whose allowance has a token: the first of the most urgent lane, unless
    /// another lane was passed over `bound` times. Its place is given up.
    pub(crate) fn next_served(
        &mut self,
        mut has: impl FnMut(Allowance) -> bool,
        bound: u32,
    ) -> Option<ClusterKey> {
        let mut best: Option<(Lane, &Place)> = None;
        let mut starved: Option<(u32, Lane, &Place)> = None;
        for ((lane, allowance), places) in &self.wants {
            let Some(first) = places.first().filter(|_| has(*allowance)) else { continue };
            if best.is_none_or(|(best_lane, best_place)| (*lane, first) < (best_lane, best_place)) {
                best = Some((*lane, first));
            }
            let passed = self.passed.get(lane).copied().unwrap_or(0);
            if passed >= bound && starved.is_none_or(|(most, _, _)| passed > most) {
                starved = Some((passed, *lane, first));
            }
        }
        let (lane, place) = starved.map(|(_, lane, place)| (lane, place)).or(best)?;
        let key = place.key.clone();
        self.unplace(&key);
        let waiting: BTreeSet<Lane> =
            self.wants.keys().map(|(waiting, _)| *waiting).filter(|waiting| *waiting != lane).collect();
        self.passed.retain(|passed, _| waiting.contains(passed));
        for passed in waiting {
            let count = self.passed.entry(passed).or_insert(0);
            *count = count.saturating_add(1);
        }
        Some(key)
    }

    /// Wakes a Cluster at this time, or earlier if an earlier alarm is set.
    pub(crate) fn alarm_by(&mut self, key: &ClusterKey, at: Timestamp) {
        if self.alarm_of.get(key).is_none_or(|known| at < *known) {
            self.set_alarm(key, Some(at));
        }
    }

    /// Sets or clears the alarm of a Cluster.
    pub(crate) fn set_alarm(&mut self, key: &ClusterKey, at: Option<Timestamp>) {
        if let Some(known) = self.alarm_of.remove(key) {
            self.alarms.remove(&(known, key.clone()));
        }
        if let Some(at) = at {
            self.alarm_of.insert(key.clone(), at);
            self.alarms.insert((at, key.clone()));
        }
    }

    /// The next Cluster whose alarm has gone off.
    pub(crate) fn next_alarm(&mut self, now: Timestamp) -> Option<ClusterKey> {
        let (at, _) = self.alarms.first()?;
        if *at > now {
            return None;
        }
        let (_, key) = self.alarms.pop_first()?;
        self.alarm_of.remove(&key);
        Some(key)
    }

    /// When the next alarm goes off.
    pub(crate) fn first_alarm(&self) -> Option<Timestamp> {
        self.alarms.first().map(|(at, _)| *at)
    }

    /// Forgets a Cluster.
    pub(crate) fn forget(&mut self, key: &ClusterKey) {
        self.ready.remove(key);
        self.unplace(key);
        self.set_alarm(key, None);
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        *self = Self::new();
    }

    /// Whether a look is due.
    pub(crate) fn has_looks(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Whether anybody wants a request.
    pub(crate) fn has_wants(&self) -> bool {
        !self.placed.is_empty()
    }

    /// How many Clusters want a request, by lane.
    pub(crate) fn lengths(&self) -> BTreeMap<Lane, usize> {
        let mut lengths = BTreeMap::new();
        for ((lane, _), places) in &self.wants {
            let length: &mut usize = lengths.entry(*lane).or_insert(0);
            *length = length.saturating_add(places.len());
        }
        lengths
    }

    /// How many Clusters want a request.
    pub(crate) fn waiting(&self) -> usize {
        self.placed.len()
    }

    /// How many alarms are set.
    pub(crate) fn alarms(&self) -> usize {
        self.alarms.len()
    }
}

/// A stable hash of a key (FNV-1a, 64 bit): the same in every process, so that a first look does not move.
pub(crate) fn spread(key: &ClusterKey) -> u64 {
    let bytes = key.namespace.as_str().bytes().chain([b'/']).chain(key.name.as_str().bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
