//! Where growing bytes meet something: a filler's goal, the end of a volume, a WAL segment that has no room.

use super::{CHECKPOINT_TIMEOUT, Database, Goal, Millis, REFUSED_AT, SEGMENT};
use crate::model::{
    Ev, Happened, Model,
    object::{Name, Volume},
};

impl Model {
    /// The next moment at which something is met, if anything flows.
    pub(super) fn next_crossing(&self, cluster: &Name) -> Option<Millis> {
        let database = self.databases.get(cluster)?;
        let primary = database.primary.as_ref()?;
        let mut times = Vec::new();
        for (volume, rate) in &database.rates {
            let content = database.content_at(volume, self.now);
            for instance in database.following() {
                let end = self.end_of(database, instance, volume);
                times.push(self.now + time_for(end.saturating_sub(content), *rate));
            }
            if let Some(filler) = database.filler.as_ref().filter(|filler| filler.volume == *volume)
                && let Goal::Content(goal) = filler.goal
            {
                times.push(self.now + time_for(goal.saturating_sub(content), *rate));
            }
        }
        if database.lsn_rate > 0 {
            times.extend(database.archive_timeout.map(|span| (database.switched.0 + span).max(self.now + 1)));
            times.extend(self.segment_without_room(database, primary));
        }
        times.into_iter().min()
    }

    /// When the next WAL segment begins that finds no room.
    fn segment_without_room(&self, database: &Database, primary: &Name) -> Option<Millis> {
        let volume = database.wal_volume();
        let end = self.file_system(primary, &volume);
        let content = database.content_at(&volume, self.now);
        let spare = end.saturating_sub(content).saturating_sub(SEGMENT);
        let rate = database.rates.get(&volume).copied().unwrap_or(0);
        if spare > 0 && rate == 0 {
            return None;
        }
        let tight = time_for(spare, rate.max(1));
        let lsn = database.lsn + super::grown(database.lsn_rate, tight);
        let boundary = (lsn + 1).next_multiple_of(SEGMENT);
        Some(self.now + time_for(boundary - database.lsn, database.lsn_rate).max(tight) + 1)
    }

    /// Something was met.
    pub(in crate::model) fn crossing(&mut self, cluster: &Name, generation: u64) {
        let now = self.now;
        let Some(database) = self.databases.get_mut(cluster) else { return };
        if database.generation != generation {
            return;
        }
        let before = database.lsn;
        database.settle(now);
        let crossed_segment = before / SEGMENT != database.lsn / SEGMENT;
        self.meet_goal(cluster);
        self.meet_ends(cluster);
        self.switch_segment(cluster, crossed_segment);
        self.flow(cluster);
    }

    fn meet_goal(&mut self, cluster: &Name) {
        let Some(database) = self.databases.get_mut(cluster) else { return };
        let Some(filler) = &database.filler else { return };
        let content = database.content.get(&filler.volume).copied().unwrap_or(0);
        if matches!(filler.goal, Goal::Content(goal) if content >= goal) {
            database.filler = None;
            self.happened.push(Happened::FillDone);
        }
    }

    /// Volumes that are at their end: on the primary inserts fail, a replica stops following.
    fn meet_ends(&mut self, cluster: &Name) {
        let Some(database) = self.databases.get(cluster) else { return };
        let Some(primary) = database.primary.clone() else { return };
        let mut full = Vec::new();
        let mut stuck = Vec::new();
        for (volume, content) in &database.content {
            for instance in database.following() {
                if *content < self.end_of(database, instance, volume) {
                    continue;
                }
                if *instance == primary {
                    full.push(volume.clone());
                } else {
                    stuck.push((instance.clone(), volume.clone()));
                }
            }
        }
        for volume in full {
            self.volume_full(cluster, &primary, &volume);
        }
        for (instance, volume) in stuck {
            let code = self.code_when_full(cluster, &volume);
            self.panic_server(cluster, &instance, code);
        }
    }

    /// Where the contents of a volume meet its end. A primary refuses an insert with some KiB left; what it refuses is
    /// never replayed, so a replica on an equal volume has those left.
    fn end_of(&self, database: &Database, instance: &Name, volume: &Volume) -> u64 {
        let size = self.file_system(instance, volume);
        if database.primary.as_ref() == Some(instance) { size.saturating_sub(REFUSED_AT) } else { size }
    }

    fn volume_full(&mut self, cluster: &Name, primary: &Name, volume: &Volume) {
        let now = self.now;
        let end = self.file_system(primary, volume).saturating_sub(REFUSED_AT);
        let Some(database) = self.databases.get_mut(cluster) else { return };
        // What did not fit was not written.
        database.content.entry(volume.clone()).and_modify(|content| *content = end.min(*content));
        if !database.full.insert(volume.clone()) {
            return;
        }
        let filled = database.filler.as_ref().is_some_and(|filler| filler.volume == *volume);
        let concerned = filled || (database.writer.is_some() && *volume == Volume::Data);
        if filled {
            database.filler = None;
        }
        // With WAL elsewhere the server runs on until its next checkpoint (experiments G2b).
        let checkpoint = (*volume == Volume::Data && database.wal_apart).then(|| {
            database.checkpointed + (now - database.checkpointed + 1).next_multiple_of(CHECKPOINT_TIMEOUT)
        });
        if concerned {
            self.happened.push(Happened::InsertFailed { no_space: true });
        }
        if let Some(at) = checkpoint {
            self.queue.push(at, Ev::Checkpoint(cluster.clone(), primary.clone()));
        }
    }

    /// A checkpoint on a full data volume is a PANIC that ends the container with code 0 (experiments G2b).
    pub(in crate::model) fn checkpoint(&mut self, cluster: &Name, instance: &Name) {
        let full = self.databases.get(cluster).is_some_and(|database| {
            database.full.contains(&Volume::Data) && database.primary.as_ref() == Some(instance)
        });
        if full && self.available(cluster, instance, &Volume::Data) <= REFUSED_AT {
            self.panic_server(cluster, instance, 0);
        }
    }

    /// A new segment without 16 MiB of room is a PANIC that CNPG turns into exit code 4 (traces 12, experiments G2a).
    fn switch_segment(&mut self, cluster: &Name, crossed: bool) {
        let now = self.now;
        let Some(database) = self.databases.get_mut(cluster) else { return };
        let (last, lsn_then) = database.switched;
        let due = database.archive_timeout.is_some_and(|span| now >= last + span);
        let timed = due && database.lsn > lsn_then;
        if timed {
            database.lsn = database.lsn.next_multiple_of(SEGMENT);
        }
        if timed || crossed {
            database.switched = (now, database.lsn);
        } else if due {
            database.switched = (now, lsn_then);
        }
        let (volume, primary) = (database.wal_volume(), database.primary.clone());
        let Some(primary) = primary.filter(|_| timed || crossed) else { return };
        if self.available(cluster, &primary, &volume) < SEGMENT {
            self.panic_server(cluster, &primary, 4);
        }
    }
}

impl Database {
    /// Instances whose volumes grow with the contents: the primary and the replicas that follow it.
    fn following(&self) -> impl Iterator<Item = &Name> {
        let primary = self.primary.as_ref();
        self.servers
            .iter()
            .filter(move |(name, server)| server.held.is_none() && (server.up || Some(*name) == primary))
            .map(|(name, _)| name)
    }
}

/// Milliseconds in which `bytes` flow at `rate`, rounded up.
fn time_for(bytes: u64, rate: u64) -> Millis {
    let millis = (u128::from(bytes) * 1000).div_ceil(u128::from(rate.max(1)));
    u64::try_from(millis).unwrap_or(u64::MAX / 4).min(u64::MAX / 4)
}
