//! Servers start, follow, stop and are promoted.

use std::collections::BTreeMap;

use super::{Goal, REFUSED_AT, SEGMENT, Server, Start};
use crate::model::{
    Ev, Happened, Model,
    draw::Subsystem,
    object::{Container, Name, PENDING, Volume},
};

impl Model {
    /// What happens when the container of an instance starts.
    pub(in crate::model) fn server_start(&mut self, cluster: &Name, instance: &Name) -> Start {
        let target = self.api.cluster(cluster).and_then(|cluster| cluster.status.target_primary.clone());
        let demoted = target.is_some_and(|target| target != *instance && *target != *PENDING);
        let fenced = self.api.cluster(cluster).is_some_and(|cluster| cluster.fenced.contains(instance));
        let Some(database) = self.databases.get_mut(cluster) else { return Start::NeverReady };
        let is_primary = database.primary.get_or_insert_with(|| instance.clone()) == instance && !demoted;
        let fresh = Server { up: false, ready: false, held: None, rebuild: false };
        let server = database.servers.entry(instance.clone()).or_insert(fresh);
        server.ready = false;
        let rebuild = server.rebuild || fenced;
        let (wal_volume, wal_apart) = (database.wal_volume(), database.wal_apart);
        if rebuild {
            return Start::NeverReady;
        }
        let wal_room = self.available(cluster, instance, &wal_volume);
        let data_room = self.available(cluster, instance, &Volume::Data);
        if is_primary && wal_room < SEGMENT {
            // Lives 0.8 to 1.8 s, then exit code 4 again (traces 12a, 12b, 12c).
            return Start::Fails { code: 4, after: self.draws.range(Subsystem::Server, instance, 800, 1800) };
        }
        if is_primary && wal_apart && data_room <= REFUSED_AT {
            // Lives 6 to 7 s, then exit code 0 again (experiments G2b).
            return Start::Fails {
                code: 0,
                after: self.draws.range(Subsystem::Server, instance, 6000, 7000),
            };
        }
        if !is_primary && !self.fits(cluster, instance) {
            return Start::NeverReady;
        }
        self.server_up(cluster, instance);
        let crashed = self.restarts.get(instance).is_some_and(|restarts| restarts.crashes > 0);
        let (low, high) = match (crashed, is_primary) {
            // A restart in place: 2.7 to 10 s (traces 12, experiments G2); of a demoted primary 17 s (trace 07).
            (true, true) => (2700, 9800),
            (true, false) => (15_500, 17_600),
            // A new pod: 7.3 to 10 s (traces 01 to 08).
            (false, _) => (7300, 9950),
        };
        let reports_after = self.draws.range(Subsystem::Server, instance, 550, 900);
        Start::Up { reports_after, ready_after: self.draws.range(Subsystem::Server, instance, low, high) }
    }

    /// The exit code of a server that finds no room: 4 for the volume that holds pg_wal, else 0 (experiments G2).
    pub(super) fn code_when_full(&self, cluster: &Name, volume: &Volume) -> i32 {
        if self.databases.get(cluster).is_some_and(|database| database.wal_volume() == *volume) {
            4
        } else {
            0
        }
    }

    /// Whether all contents and one WAL segment fit on an instance's volumes.
    fn fits(&self, cluster: &Name, instance: &Name) -> bool {
        let Some(database) = self.databases.get(cluster) else { return false };
        database.content.keys().all(|volume| {
            let reserve = if *volume == database.wal_volume() { SEGMENT } else { REFUSED_AT };
            self.file_system(instance, volume) >= database.content_at(volume, self.now) + reserve
        })
    }

    /// A server that was stopped in its running container comes back.
    pub(in crate::model) fn server_returns(&mut self, cluster: &Name, instance: &Name) {
        if self.fits(cluster, instance) {
            self.server_up(cluster, instance);
        }
    }

    fn server_up(&mut self, cluster: &Name, instance: &Name) {
        if let Some(database) = self.databases.get_mut(cluster) {
            database.settle(self.now);
            if database.primary.as_ref() == Some(instance) {
                database.checkpointed = self.now;
            }
            if let Some(server) = database.servers.get_mut(instance) {
                server.up = true;
                server.held = None;
            }
        }
        self.flow(cluster);
    }

    pub(in crate::model) fn server_ready(&mut self, cluster: &Name, instance: &Name) {
        if let Some(server) =
            self.databases.get_mut(cluster).and_then(|database| database.servers.get_mut(instance))
        {
            server.ready = server.up;
        }
        self.clear_full(cluster, instance);
        self.flow(cluster);
    }

    /// The server is gone; its volumes keep what they hold.
    pub(in crate::model) fn server_down(&mut self, cluster: &Name, instance: &Name) {
        let now = self.now;
        let Some(database) = self.databases.get_mut(cluster) else { return };
        database.settle(now);
        let was_serving = database.serving();
        let held = (database.content.clone(), database.rows);
        let is_primary = database.primary.as_ref() == Some(instance);
        let Some(server) = database.servers.get_mut(instance) else { return };
        if server.up && !is_primary {
            server.held = Some(held);
        }
        server.up = false;
        server.ready = false;
        if is_primary && was_serving && (database.writer.is_some() || database.filler.is_some()) {
            self.happened.push(Happened::InsertFailed { no_space: false });
        }
        if is_primary {
            database.filler = None;
        }
        self.flow(cluster);
    }

    /// The server ends by itself; its container follows within a second.
    pub(in crate::model) fn panic_server(&mut self, cluster: &Name, instance: &Name, code: i32) {
        self.server_down(cluster, instance);
        let Some(pod) = self.api.instance_pod(instance).cloned() else { return };
        if let Container::Running(since) = pod.container {
            let delay = self.draws.range(Subsystem::Server, instance, 200, 800);
            self.queue.push(self.now + delay, Ev::Exit(pod.meta.name.clone(), pod.meta.uid, since, code));
        }
    }

    /// Its data directory is damaged: its server ends and never starts again (docs/experiments-shrink.md S4).
    pub fn break_data(&mut self, cluster: &Name, instance: &Name) {
        let database = self.databases.get_mut(cluster);
        if let Some(server) = database.and_then(|database| database.servers.get_mut(instance)) {
            server.rebuild = true;
        }
        self.panic_server(cluster, instance, 1);
    }

    /// An instance's volumes and what they held are gone: it is joined anew.
    pub(in crate::model) fn forget_server(&mut self, cluster: &Name, instance: &Name) {
        if let Some(database) = self.databases.get_mut(cluster) {
            database.servers.remove(instance);
        }
    }

    /// Room was gained: refusals end; a replica that waited for room becomes Ready about 14 s later (trace 12c).
    pub(in crate::model) fn space_gained(&mut self, cluster: &Name, instance: &Name) {
        let sizes = self.primary_file_systems(cluster, instance);
        if let Some(database) = self.databases.get_mut(cluster) {
            database.settle(self.now);
            let enough = database.filler.as_ref().is_some_and(|filler| match filler.goal {
                Goal::Refused { stop_at } => sizes.get(&filler.volume).is_some_and(|size| *size >= stop_at),
                Goal::Content(_) => false,
            });
            if enough {
                database.filler = None;
                self.happened.push(Happened::FillDone);
            }
        }
        self.clear_full(cluster, instance);
        self.wake_waiting_replica(cluster, instance);
        self.flow(cluster);
    }

    /// File system sizes of an instance, if it is the primary.
    fn primary_file_systems(&self, cluster: &Name, instance: &Name) -> BTreeMap<Volume, u64> {
        let Some(database) = self.databases.get(cluster) else { return BTreeMap::new() };
        if database.primary.as_ref() != Some(instance) {
            return BTreeMap::new();
        }
        database.content.keys().map(|volume| (volume.clone(), self.file_system(instance, volume))).collect()
    }

    fn clear_full(&mut self, cluster: &Name, instance: &Name) {
        let sizes = self.primary_file_systems(cluster, instance);
        if let Some(database) = self.databases.get_mut(cluster) {
            let content = &database.content;
            database.full.retain(|volume| {
                let used = content.get(volume).copied().unwrap_or(0);
                sizes.get(volume).is_none_or(|size| size.saturating_sub(used) <= REFUSED_AT)
            });
        }
    }

    fn wake_waiting_replica(&mut self, cluster: &Name, instance: &Name) {
        let Some(pod) = self.api.instance_pod(instance).cloned() else { return };
        let Container::Running(since) = pod.container else { return };
        let waits = self.databases.get(cluster).is_some_and(|database| {
            database.primary.as_ref() != Some(instance)
                && database.servers.get(instance).is_some_and(|server| !server.up && !server.rebuild)
        });
        if waits && self.fits(cluster, instance) {
            self.server_up(cluster, instance);
            let delay = self.draws.range(Subsystem::Server, instance, 10_000, 15_000);
            self.queue.push(self.now + delay, Ev::Ready(pod.meta.name.clone(), pod.meta.uid, since));
        }
    }

    /// A replica becomes the primary with what it holds; the old primary follows when it comes back. One that failed
    /// over on a full data volume beside its WAL cannot be rewound (experiments G2b).
    pub(in crate::model) fn promote(&mut self, cluster: &Name, instance: &Name) {
        let now = self.now;
        let Some(database) = self.databases.get_mut(cluster) else { return };
        database.settle(now);
        let stuck = database.wal_apart && database.full.contains(&Volume::Data);
        let left = (database.content.clone(), database.rows);
        if let Some(old) = database.primary.clone()
            && let Some(server) = database.servers.get_mut(&old)
        {
            server.rebuild = stuck;
            if !server.up {
                server.held = Some(left);
            }
        }
        if let Some(server) = database.servers.get_mut(instance)
            && let Some((content, rows)) = server.held.take()
        {
            database.content = content;
            database.lost += database.rows.saturating_sub(rows);
        }
        database.full.clear();
        database.primary = Some(instance.clone());
        self.flow(cluster);
    }

    /// What an instance's status endpoint says of replication: whether it is primary, whether it receives, and its
    /// position. `None`: it does not answer.
    pub fn replication(&self, cluster: &Name, instance: &Name) -> Option<(bool, bool, u64)> {
        let database = self.databases.get(cluster)?;
        let server = database.servers.get(instance).filter(|server| server.up)?;
        let primary = database.primary.as_ref() == Some(instance);
        let follows = !primary && server.held.is_none() && database.serving();
        let written = super::grown(database.lsn_rate, self.now.saturating_sub(database.settled));
        let position = if primary || follows { database.lsn + written } else { 0 };
        Some((primary, follows, position))
    }

    /// Acknowledged rows that the present primary does not hold.
    pub fn lost(&self, cluster: &Name) -> u64 {
        self.databases.get(cluster).map_or(0, |database| database.lost.div_ceil(1000))
    }
}
