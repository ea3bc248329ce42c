//! What watches and kubelets say.

use alloc::{collections::BTreeSet, vec::Vec};

use headroom_core::{
    Timestamp,
    names::{ClusterKey, NodeName, ObjectName, Text, Version},
};

use super::Engine;
use crate::{
    Kind, Seen, StorageSeen,
    desk::Desk,
    event::ClaimSample,
    index::{Taken, entry::Entry, kept::Source, kind_of},
    note::NoteKind,
    publish,
};

impl Engine {
    pub(super) fn seen(&mut self, seen: Seen, now: Timestamp) {
        self.index.heard(kind_of(&seen), now);
        let suspect = self.suspect(&seen);
        let taken = self.index.take(seen, Source::Watch, now);
        self.absorb(&taken, now);
        if let Some(key) = suspect
            && let Some(desk) = self.desks.get_mut(&key)
        {
            desk.read_by = Some(now);
            self.wake(&key);
        }
    }

    /// The Cluster of a claim or pod of whose kind one could not be decoded: perhaps this was it.
    fn suspect(&self, seen: &Seen) -> Option<ClusterKey> {
        let (kind, key) = match seen {
            Seen::Claim { key, .. } => (Kind::Claim, key),
            Seen::Pod(key, ..) => (Kind::Pod, key),
            Seen::Storage(_) | Seen::Cluster(..) | Seen::Class { .. } => return None,
        };
        let entry = self.index.entry(key)?;
        entry.unreadable.contains_key(&kind).then(|| key.clone())
    }

    pub(super) fn gone(
        &mut self,
        kind: Kind,
        key: &ClusterKey,
        name: &ObjectName,
        version: Option<&Version>,
        now: Timestamp,
    ) {
        self.index.heard(kind, now);
        let taken = self.index.gone(kind, key, name, version);
        self.index.changed(&taken, now);
        self.absorb(&taken, now);
    }

    pub(super) fn list_done(&mut self, kind: Kind, now: Timestamp) {
        self.index.heard(kind, now);
        let taken = self.index.list_done(kind);
        self.index.changed(&taken, now);
        self.absorb(&taken, now);
        self.turn(now);
    }

    pub(super) fn unreadable(&mut self, kind: Kind, key: &ClusterKey, words: Text, now: Timestamp) {
        self.index.heard(kind, now);
        let taken = self.index.unreadable(kind, key, words.clone(), now);
        // Where our own object cannot be read, its status cannot be written either: a message is all there is.
        if kind == Kind::Storage && !taken.keys.is_empty() && self.working {
            self.note(key, NoteKind::Refused { reason: "ObjectUnreadable", message: words });
        }
        self.absorb(&taken, now);
    }

    /// Usage of the claims of one node.
    pub(super) fn sampled(&mut self, node: &NodeName, samples: Vec<ClaimSample>, now: Timestamp) {
        let mut changed = self.timetable.answered(node, None, now);
        for sample in samples {
            let Some(key) = self.index.home(&sample.namespace, &sample.claim).cloned() else { continue };
            if !self.desks.contains_key(&key) {
                continue;
            }
            match self.index.sample(&key, &sample) {
                Some(true) => {
                    changed.insert(key);
                }
                Some(false) => {}
                None => self.totals.foreign_samples = self.totals.foreign_samples.saturating_add(1),
            }
        }
        self.wake_all(changed);
    }

    /// A kubelet did not answer.
    pub(super) fn silent(&mut self, node: &NodeName, words: Text, now: Timestamp) {
        self.totals.failed_polls = self.totals.failed_polls.saturating_add(1);
        let changed = self.timetable.answered(node, Some(words), now);
        self.wake_all(changed);
    }

    fn wake_all(&mut self, keys: BTreeSet<ClusterKey>) {
        for key in keys {
            self.wake(&key);
        }
    }

    /// Takes in what a report changed.
    pub(super) fn absorb(&mut self, taken: &Taken, now: Timestamp) {
        if taken.stale || taken.read_at.is_some() {
            self.totals.stale_events = self.totals.stale_events.saturating_add(1);
        }
        if let Some((key, at)) = &taken.read_at
            && let Some(desk) = self.desks.get_mut(key)
        {
            desk.read_by = Some(desk.read_by.map_or(*at, |known| known.min(*at)));
            if self.working {
                self.agenda.alarm_by(key, *at);
            }
        }
        for key in &taken.keys {
            self.meet(key, taken.before.as_deref(), now);
            self.wish(key, now);
            self.wake(key);
        }
    }

    /// Keeps a desk for each Cluster that has a DynamicStorage, and tells what changed in it.
    fn meet(&mut self, key: &ClusterKey, before: Option<&StorageSeen>, now: Timestamp) {
        let Some(storage) = self.index.storage(key) else {
            if self.desks.get(key).is_some_and(|desk| desk.flight.is_none()) {
                self.forget(key, now);
            }
            return;
        };
        let desk = self.desks.entry(key.clone()).or_insert_with(Desk::new);
        let Some(before) = before.filter(|before| before.key == *key) else { return };
        if before.meta.id.uid != storage.meta.id.uid {
            // Another object of the same name: what was kept speaks of the old one.
            *desk = Desk { flight: desk.flight.take(), counts: desk.counts, ..Desk::new() };
        }
        if desk.quarantine.as_ref().is_some_and(|quarantine| quarantine.generation != storage.generation) {
            desk.quarantine = None;
        }
        if before.generation != storage.generation {
            // The user changed something: no earlier pause of ours holds that up.
            desk.not_before = None;
        }
        if self.working {
            let notes = publish::notes(before, storage, desk);
            for what in notes {
                self.note(key, what);
            }
        }
    }

    /// Forgets a Cluster that has no DynamicStorage any more.
    pub(super) fn forget(&mut self, key: &ClusterKey, now: Timestamp) {
        self.desks.remove(key);
        self.agenda.forget(key);
        self.timetable.forget(key, now);
    }

    /// Sees to it that the nodes of a Cluster are asked for usage.
    pub(super) fn wish(&mut self, key: &ClusterKey, now: Timestamp) {
        let Some(desk) = self.desks.get(key) else { return };
        let nodes = self.index.entry(key).map_or_else(BTreeSet::new, Entry::nodes);
        self.timetable.wish(key, desk.attention.poll, nodes, now);
    }

    /// Has a Cluster looked at, unless its request is in flight: then the answer leads to another look anyway.
    pub(super) fn wake(&mut self, key: &ClusterKey) {
        if !self.working {
            return;
        }
        let Some(desk) = self.desks.get(key).filter(|desk| desk.flight.is_none()) else { return };
        match desk.not_before.filter(|until| *until > self.clock) {
            Some(until) => self.agenda.alarm_by(key, until),
            None => self.agenda.look(key),
        }
    }
}
