//! When each node's kubelet is asked for usage.

use alloc::collections::{BTreeMap, BTreeSet};

use headroom_core::{
    Span, Timestamp,
    names::{ClusterKey, NodeName, Text},
};

/// The longest pause after a kubelet that does not answer.
const LONGEST_PAUSE: u32 = 30;

/// Which nodes are asked, how often, and which do not answer.
#[derive(Clone, Debug)]
pub(crate) struct Timetable {
    nodes: BTreeMap<NodeName, Node>,
    /// Nodes of each Cluster and how often it wants them asked.
    wishes: BTreeMap<ClusterKey, (Span, BTreeSet<NodeName>)>,
    due: BTreeSet<(Timestamp, NodeName)>,
    in_flight: usize,
    /// Nodes whose kubelet did not answer, with its words.
    silent: BTreeMap<NodeName, Text>,
}

#[derive(Clone, Debug)]
struct Node {
    /// Who wants it asked, the most impatient first.
    wishes: BTreeSet<(Span, ClusterKey)>,
    asked: Option<Timestamp>,
    due: Option<Timestamp>,
    in_flight: bool,
    failures: u32,
    /// It has answered, well or not, since polling began.
    answered: bool,
}

impl Timetable {
    /// Nobody is asked.
    pub(crate) const fn new() -> Self {
        Self {
            nodes: BTreeMap::new(),
            wishes: BTreeMap::new(),
            due: BTreeSet::new(),
            in_flight: 0,
            silent: BTreeMap::new(),
        }
    }

    /// A Cluster has members on these nodes and wants them asked this often; no nodes: it is forgotten.
    pub(crate) fn wish(&mut self, key: &ClusterKey, every: Span, nodes: BTreeSet<NodeName>, now: Timestamp) {
        let every = every.max(Span::seconds(1));
        if self.wishes.get(key).is_some_and(|(known, on)| *known == every && *on == nodes) {
            return;
        }
        if let Some((known, on)) = self.wishes.remove(key) {
            for name in on {
                self.unwish(&name, known, key, (nodes.contains(&name), now));
            }
        }
        for name in &nodes {
            let node = self.nodes.entry(name.clone()).or_insert_with(Node::new);
            node.wishes.insert((every, key.clone()));
            self.plan(name, now);
        }
        if !nodes.is_empty() {
            self.wishes.insert(key.clone(), (every, nodes));
        }
    }

    /// A Cluster is forgotten.
    pub(crate) fn forget(&mut self, key: &ClusterKey, now: Timestamp) {
        self.wish(key, Span::seconds(1), BTreeSet::new(), now);
    }

    fn unwish(&mut self, name: &NodeName, every: Span, key: &ClusterKey, (stays, now): (bool, Timestamp)) {
        let Some(node) = self.nodes.get_mut(name) else { return };
        node.wishes.remove(&(every, key.clone()));
        if node.wishes.is_empty() && !stays {
            if let Some(due) = node.due.take() {
                self.due.remove(&(due, name.clone()));
            }
            self.silent.remove(name);
            if !node.in_flight {
                self.nodes.remove(name);
            }
        } else {
            self.plan(name, now);
        }
    }

    /// Sets the time of the next question to a node.
    fn plan(&mut self, name: &NodeName, now: Timestamp) {
        let Some(node) = self.nodes.get_mut(name) else { return };
        let due = if node.in_flight { None } else { node.next(now) };
        if due == node.due {
            return;
        }
        if let Some(known) = core::mem::replace(&mut node.due, due) {
            self.due.remove(&(known, name.clone()));
        }
        if let Some(due) = due {
            self.due.insert((due, name.clone()));
        }
    }

    /// The next node to ask now, if fewer than `most` are being asked.
    pub(crate) fn ask(&mut self, now: Timestamp, most: usize) -> Option<NodeName> {
        if self.in_flight >= most || self.due.first().is_none_or(|(at, _)| *at > now) {
            return None;
        }
        let (_, name) = self.due.pop_first()?;
        let node = self.nodes.get_mut(&name)?;
        node.due = None;
        node.asked = Some(now);
        node.in_flight = true;
        self.in_flight = self.in_flight.saturating_add(1);
        Some(name)
    }

    /// A kubelet answered or failed with words. Answers the Clusters that should know: all of the node when this is
    /// its first answer or when it falls silent or speaks again.
    pub(crate) fn answered(
        &mut self,
        name: &NodeName,
        failure: Option<Text>,
        now: Timestamp,
    ) -> BTreeSet<ClusterKey> {
        let Some(node) = self.nodes.get_mut(name) else { return BTreeSet::new() };
        if core::mem::take(&mut node.in_flight) {
            self.in_flight = self.in_flight.saturating_sub(1);
        }
        let first = !core::mem::replace(&mut node.answered, true);
        node.failures = if failure.is_some() { node.failures.saturating_add(1) } else { 0 };
        if node.wishes.is_empty() {
            self.nodes.remove(name);
            return BTreeSet::new();
        }
        let wishers = node.wishes.iter().map(|(_, key)| key.clone()).collect();
        let before = match failure {
            Some(words) => self.silent.insert(name.clone(), words).is_none(),
            None => self.silent.remove(name).is_some(),
        };
        self.plan(name, now);
        if first || before { wishers } else { BTreeSet::new() }
    }

    /// Polling begins or begins again: everybody is asked at once, and has not answered yet.
    pub(crate) fn restart(&mut self, now: Timestamp) {
        let names: BTreeSet<NodeName> = self.nodes.keys().cloned().collect();
        for name in names {
            if let Some(node) = self.nodes.get_mut(&name) {
                node.asked = None;
                node.failures = 0;
                node.answered = false;
            }
            self.plan(&name, now);
        }
    }

    /// The clock was set back: who was asked later than now was asked now.
    pub(crate) fn set_back(&mut self, now: Timestamp) {
        let names: BTreeSet<NodeName> = self.nodes.keys().cloned().collect();
        for name in names {
            if let Some(node) = self.nodes.get_mut(&name) {
                node.asked = node.asked.map(|asked| asked.min(now));
            }
            self.plan(&name, now);
        }
    }

    /// Whether every node of a Cluster has answered since polling began.
    pub(crate) fn has_answered(&self, key: &ClusterKey) -> bool {
        self.wishes.get(key).is_none_or(|(_, nodes)| {
            nodes.iter().all(|name| self.nodes.get(name).is_some_and(|node| node.answered))
        })
    }

    /// When the next question is due.
    pub(crate) fn next_due(&self, most: usize) -> Option<Timestamp> {
        if self.in_flight >= most {
            return None;
        }
        self.due.first().map(|(at, _)| *at)
    }

    /// Nodes whose kubelet did not answer, with its words.
    pub(crate) const fn silent(&self) -> &BTreeMap<NodeName, Text> {
        &self.silent
    }

    /// How many nodes are asked at all.
    pub(crate) fn nodes(&self) -> usize {
        self.nodes.len()
    }
}

impl Node {
    const fn new() -> Self {
        Self {
            wishes: BTreeSet::new(),
            asked: None,
            due: None,
            in_flight: false,
            failures: 0,
            answered: false,
        }
    }

    /// When it is asked next: after the shortest wish, or after 1, 2, 4 … 30 s when it does not answer.
    fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let (every, _) = self.wishes.first()?;
        let Some(asked) = self.asked else { return Some(now) };
        let pause = match self.failures.checked_sub(1) {
            None => *every,
            Some(doublings) => {
                Span::seconds(1_u32.checked_shl(doublings).unwrap_or(LONGEST_PAUSE).min(LONGEST_PAUSE))
            }
        };
        Some(asked.plus(pause).max(now))
    }
}
