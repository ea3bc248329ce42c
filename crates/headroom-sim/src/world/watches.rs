//! Lists and watches: in order within a kind, each kind with a lag of its own; they can lag more, break, and begin again.

use std::collections::VecDeque;

use headroom_engine::{Event, Kind};

use super::{
    SimWorld, Wire,
    process::{KINDS, Pid},
    translate,
};
use crate::model::{
    apiserver::{Change, Object},
    draw::Subsystem,
    object::Name,
    queue::Millis,
};

/// Bookmarks come about once a minute.
const BOOKMARK: (Millis, Millis) = (50_000, 58_000);
/// A client that was told 410 lists again after its back-off.
const LIST_AGAIN: (Millis, Millis) = (800, 8_000);
/// How late a lagging API server shows what came after its old lists: later than the lease is free again.
const CATCHES_UP: (Millis, Millis) = (18_000, 30_000);

/// One watch of one process.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch {
    pub(super) listed: bool,
    last: Millis,
    changes: VecDeque<Change>,
    /// A bookmark is on its way.
    bookmarked: bool,
}

impl SimWorld {
    /// A change of an object, on its way to the watches of its kind.
    pub(super) fn watch(&mut self, change: &Change) {
        let Some(kind) = translate::kind(&change.object) else { return };
        self.past.add(change);
        for pid in self.processes.keys().copied().collect::<Vec<_>>() {
            self.watch_of(pid, kind, change);
        }
    }

    fn watch_of(&mut self, pid: Pid, kind: Kind, change: &Change) {
        let now = self.model.now();
        let lag = if self.draw_kind(Subsystem::Watch, kind, 0, 15) == 0 { (50, 600) } else { (1, 30) };
        let at = now + self.draw_kind(Subsystem::Watch, kind, lag.0, lag.1);
        let Some(process) = self.processes.get_mut(&pid) else { return };
        let (until, more) = process.lags;
        let late = self.lag + if now < until { more } else { 0 };
        let Some(watch) = process.watches.get_mut(&kind).filter(|watch| watch.listed) else { return };
        watch.last = watch.last.max(at + late);
        watch.changes.push_back(change.clone());
        self.queue.push(watch.last, Wire::Watch(pid, kind));
    }

    pub(super) fn draw_kind(&mut self, who: Subsystem, kind: Kind, low: u64, high: u64) -> u64 {
        let name: Name = match kind {
            Kind::Storage => "storages",
            Kind::Cluster => "clusters",
            Kind::Claim => "claims",
            Kind::Pod => "pods",
            Kind::Class => "classes",
        }
        .into();
        self.model.draws.range(who, &name, low, high)
    }

    pub(super) fn deliver_list(&mut self, pid: Pid, kind: Kind) {
        let old = self.processes.get(&pid).is_some_and(|process| process.old_lists)
            && !self.past.objects.is_empty();
        let of_kind = |object: &Object| translate::kind(object) == Some(kind);
        let objects = if old {
            self.past.objects.iter().filter(|object| of_kind(object)).cloned().collect()
        } else {
            self.list(kind)
        };
        self.tell(pid, Event::ListBegan(kind));
        for object in objects {
            if let Some(seen) = translate::seen(&object) {
                self.tell(pid, Event::Seen(seen));
            }
        }
        self.tell(pid, Event::ListDone(kind));
        let now = self.model.now();
        let bookmarked = self
            .processes
            .get(&pid)
            .and_then(|process| process.watches.get(&kind))
            .is_some_and(|watch| watch.bookmarked);
        let mut watch = Watch { listed: true, last: now, changes: VecDeque::new(), bookmarked };
        if old {
            watch.last = now + self.draw_kind(Subsystem::Watch, kind, CATCHES_UP.0, CATCHES_UP.1);
            watch.changes =
                self.past.changes.iter().filter(|change| of_kind(&change.object)).cloned().collect();
            for _ in &watch.changes {
                self.queue.push(watch.last, Wire::Watch(pid, kind));
            }
        }
        if let Some(process) = self.processes.get_mut(&pid) {
            process.watches.insert(kind, watch);
        }
        self.plan_bookmark(pid, kind);
        self.drive(pid);
    }

    /// All objects of a kind.
    pub(super) fn list(&self, kind: Kind) -> Vec<Object> {
        let api = self.model.api();
        match kind {
            Kind::Storage => api.customs().cloned().map(Object::Custom).collect(),
            Kind::Cluster => api.clusters().cloned().map(Object::Cluster).collect(),
            Kind::Claim => api.claims().cloned().map(Object::Claim).collect(),
            Kind::Pod => api.pods().cloned().map(Object::Pod).collect(),
            Kind::Class => {
                api.classes().map(|(name, expandable)| Object::Class(name.clone(), expandable)).collect()
            }
        }
    }

    pub(super) fn deliver_watch(&mut self, pid: Pid, kind: Kind) {
        let watch = self.processes.get_mut(&pid).and_then(|process| process.watches.get_mut(&kind));
        let change = watch.and_then(|watch| watch.changes.pop_front());
        if let Some(event) = change.as_ref().and_then(translate::event) {
            self.tell(pid, event);
            self.drive(pid);
        }
    }

    pub(super) fn deliver_bookmark(&mut self, pid: Pid, kind: Kind) {
        let watch = self.processes.get_mut(&pid).and_then(|process| process.watches.get_mut(&kind));
        let Some(watch) = watch else { return };
        watch.bookmarked = false;
        if !watch.listed {
            return;
        }
        self.tell(pid, Event::Alive(kind));
        self.plan_bookmark(pid, kind);
        self.drive(pid);
    }

    fn plan_bookmark(&mut self, pid: Pid, kind: Kind) {
        let watch = self.processes.get_mut(&pid).and_then(|process| process.watches.get_mut(&kind));
        let Some(watch) = watch.filter(|watch| !watch.bookmarked) else { return };
        watch.bookmarked = true;
        let delay = self.draw_kind(Subsystem::Watch, kind, BOOKMARK.0, BOOKMARK.1);
        self.queue.push(self.model.now() + delay, Wire::Bookmark(pid, kind));
    }

    /// 410: the versions that all watches of a process stood at are compacted away. What was on its way is lost; each
    /// kind is listed again after a pause.
    pub(super) fn break_watches(&mut self, pid: Pid) {
        let now = self.model.now();
        for kind in KINDS {
            let pause = self.draw_kind(Subsystem::Watch, kind, LIST_AGAIN.0, LIST_AGAIN.1);
            let watch = self.processes.get_mut(&pid).and_then(|process| process.watches.get_mut(&kind));
            if let Some(watch) = watch.filter(|watch| watch.listed) {
                watch.listed = false;
                watch.changes.clear();
                self.queue.push(now + pause, Wire::List(pid, kind));
            }
        }
    }
}
