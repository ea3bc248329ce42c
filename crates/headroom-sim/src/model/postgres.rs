//! PostgreSQL: bytes that grow linearly between events, what happens when they meet the end of a volume, and the
//! ledger of acknowledged rows. The next crossing is computed, never ticked.

pub mod crossing;
pub mod server;

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Ev, Model,
    backup::Snapshot,
    object::{MIB, Name, Volume},
    queue::Millis,
};

/// A WAL segment.
pub const SEGMENT: u64 = 16 * MIB;
/// An insert is refused with this much or less left (experiments G2b: 20 KiB).
pub const REFUSED_AT: u64 = 20 << 10;
/// A fresh data directory with its WAL in it uses 165 MiB of a 1Gi volume (trace 12b: 169352 KiB).
const FRESH_DATA: u64 = 101 * MIB;
const FRESH_WAL: u64 = 64 * MIB;
/// A fresh XFS of 1Gi by itself.
const FRESH_FILE_SYSTEM: u64 = 20 * MIB;
/// Heap and WAL bytes of one of the writer's rows.
const ROW_HEAP: u64 = 128;
const ROW_WAL: u64 = 512;
/// CNPG sets `archive_timeout = 5min`: a written segment is switched at least that often. The fixtures set 0 where WAL
/// shares the data volume.
pub const ARCHIVE_TIMEOUT: Millis = 300_000;
/// `checkpoint_timeout`, PostgreSQL's default.
pub const CHECKPOINT_TIMEOUT: Millis = 300_000;

/// How a container start goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// The server comes up.
    Up {
        /// It reports to CNPG this much later.
        reports_after: Millis,
        /// Its pod is Ready this much later.
        ready_after: Millis,
    },
    /// The container stays up and is never Ready (a replica on a full volume, trace 12c).
    NeverReady,
    /// It ends by itself.
    Fails {
        /// With this exit code.
        code: i32,
        /// This much later.
        after: Millis,
    },
}

/// The contents of one Cluster and its servers. Replicas hold the same bytes as the primary while they follow it.
#[derive(Clone, Debug)]
pub struct Database {
    /// The instance that writes, or wrote last.
    pub primary: Option<Name>,
    /// Volumes that exist.
    pub wal_apart: bool,
    /// Standbys that every commit waits for.
    pub(super) synchronous: u32,
    settled: Millis,
    content: BTreeMap<Volume, u64>,
    rates: BTreeMap<Volume, u64>,
    /// What fillers have written and can be dropped again.
    filled: BTreeMap<Volume, u64>,
    lsn: u64,
    lsn_rate: u64,
    switched: (Millis, u64),
    /// The newest checkpoint, from which `checkpoint_timeout` counts.
    checkpointed: Millis,
    /// `archive_timeout`, if segments are switched by time.
    archive_timeout: Option<Millis>,
    /// Acknowledged rows, in thousandths.
    rows: u64,
    row_rate: u64,
    /// Acknowledged rows that did not survive a failover, in thousandths.
    lost: u64,
    writer: Option<u32>,
    filler: Option<Filler>,
    /// Volumes of the primary that refuse inserts.
    full: BTreeSet<Volume>,
    generation: u64,
    servers: BTreeMap<Name, Server>,
}

/// A filler that inserts rows into one volume.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Filler {
    volume: Volume,
    rate: u64,
    goal: Goal,
}

/// When a filler is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// At this content.
    Content(u64),
    /// When an insert is refused, or the file system has this size.
    Refused {
        /// The size of the file system.
        stop_at: u64,
    },
}

/// One instance's server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    up: bool,
    ready: bool,
    /// What it held when it stopped following: bytes by volume, and acknowledged rows.
    held: Option<(BTreeMap<Volume, u64>, u64)>,
    /// It can only be rebuilt (experiments G2b).
    rebuild: bool,
}

impl Database {
    /// A database that initdb is about to make, with these volumes.
    pub fn new(volumes: &BTreeSet<Volume>) -> Self {
        let wal_apart = volumes.contains(&Volume::Wal);
        let mut content = BTreeMap::new();
        for volume in volumes {
            let bytes = match volume {
                Volume::Data if wal_apart => FRESH_DATA,
                Volume::Data => FRESH_DATA + FRESH_WAL,
                Volume::Wal => FRESH_FILE_SYSTEM + FRESH_WAL,
                Volume::Tablespace(_) => FRESH_FILE_SYSTEM,
            };
            content.insert(volume.clone(), bytes);
        }
        Self {
            primary: None,
            wal_apart,
            synchronous: 0,
            settled: 0,
            content,
            rates: BTreeMap::new(),
            filled: BTreeMap::new(),
            lsn: 3 * SEGMENT,
            lsn_rate: 0,
            switched: (0, 3 * SEGMENT),
            checkpointed: 0,
            archive_timeout: wal_apart.then_some(ARCHIVE_TIMEOUT),
            rows: 0,
            row_rate: 0,
            lost: 0,
            writer: None,
            filler: None,
            full: BTreeSet::new(),
            generation: 0,
            servers: BTreeMap::new(),
        }
    }

    /// The volume that holds pg_wal.
    pub fn wal_volume(&self) -> Volume {
        if self.wal_apart { Volume::Wal } else { Volume::Data }
    }

    fn content_at(&self, volume: &Volume, now: Millis) -> u64 {
        let base = self.content.get(volume).copied().unwrap_or(0);
        base + grown(self.rates.get(volume).copied().unwrap_or(0), now.saturating_sub(self.settled))
    }

    fn used_by(&self, instance: &Name, volume: &Volume, now: Millis) -> u64 {
        match self.servers.get(instance) {
            Some(Server { held: Some((held, _)), .. }) => held.get(volume).copied().unwrap_or(0),
            Some(Server { held: None, .. }) => self.content_at(volume, now),
            None => FRESH_FILE_SYSTEM,
        }
    }

    /// Brings the figures up to now.
    fn settle(&mut self, now: Millis) {
        let span = now.saturating_sub(self.settled);
        if let Some(filler) = self.filler.as_ref().filter(|filler| self.rates.contains_key(&filler.volume)) {
            let written = grown(filler.rate.min(self.lsn_rate), span);
            *self.filled.entry(filler.volume.clone()).or_insert(0) += written;
        }
        for (volume, rate) in &self.rates {
            if let Some(bytes) = self.content.get_mut(volume) {
                *bytes += grown(*rate, span);
            }
        }
        self.lsn += grown(self.lsn_rate, span);
        self.rows += self.row_rate * span;
        self.settled = now;
    }

    fn serving(&self) -> bool {
        self.primary
            .as_ref()
            .and_then(|name| self.servers.get(name))
            .is_some_and(|server| server.up && server.ready)
    }

    /// Replicas that follow, as far as a commit can tell.
    fn standbys(&self) -> usize {
        let follows = |(name, server): &(&Name, &Server)| {
            Some(*name) != self.primary.as_ref() && server.up && server.ready && server.held.is_none()
        };
        self.servers.iter().filter(follows).count()
    }

    /// Counts on where another database of this name has ended: what was planned for that one does not count here.
    pub(super) const fn succeed(&mut self, before: &Self) {
        self.generation = before.generation + 1;
    }

    /// Takes over what a snapshot holds; the writer stays.
    pub(super) fn restore(&mut self, snapshot: &Snapshot, writer: Option<u32>) {
        self.content.clone_from(&snapshot.content);
        self.rows = snapshot.rows;
        self.writer = writer;
    }

    /// What flows from now on.
    fn set_rates(&mut self) {
        self.rates.clear();
        self.lsn_rate = 0;
        self.row_rate = 0;
        if !self.serving() || self.standbys() < self.synchronous as usize {
            return;
        }
        let data_full = self.full.contains(&Volume::Data);
        if let Some(rows) = self.writer.filter(|_| !data_full) {
            self.row_rate = u64::from(rows);
            self.lsn_rate += u64::from(rows) * ROW_WAL;
            *self.rates.entry(Volume::Data).or_insert(0) += u64::from(rows) * ROW_HEAP;
        }
        if let Some(filler) = self.filler.as_ref().filter(|filler| !self.full.contains(&filler.volume)) {
            self.lsn_rate += filler.rate;
            *self.rates.entry(filler.volume.clone()).or_insert(0) += filler.rate;
        }
    }
}

/// Bytes at `rate` per second over `span`.
fn grown(rate: u64, span: Millis) -> u64 {
    u64::try_from(u128::from(rate) * u128::from(span) / 1000).unwrap_or(u64::MAX)
}

impl Model {
    /// Bytes of a volume that the database's contents need now.
    pub fn content(&self, cluster: &Name, volume: &Volume) -> u64 {
        self.databases.get(cluster).map_or(0, |database| database.content_at(volume, self.now))
    }

    /// Bytes used on an instance's volume now.
    pub fn used(&self, cluster: &Name, instance: &Name, volume: &Volume) -> u64 {
        self.databases.get(cluster).map_or(0, |database| database.used_by(instance, volume, self.now))
    }

    /// Size of the file system of an instance's volume.
    pub fn file_system(&self, instance: &Name, volume: &Volume) -> u64 {
        let name = super::object::claim_name(instance, volume);
        self.disks.get(&name).map_or(0, |disk| disk.capacity())
    }

    /// Bytes available on an instance's volume now.
    pub fn available(&self, cluster: &Name, instance: &Name, volume: &Volume) -> u64 {
        self.file_system(instance, volume).saturating_sub(self.used(cluster, instance, volume))
    }

    /// Rows that the writer has had acknowledged.
    pub fn acknowledged(&self, cluster: &Name) -> u64 {
        let Some(database) = self.databases.get(cluster) else { return 0 };
        (database.rows + database.row_rate * self.now.saturating_sub(database.settled)) / 1000
    }

    /// Whether the writer's and the filler's connections reach a primary.
    pub fn serving(&self, cluster: &Name) -> bool {
        self.databases.get(cluster).is_some_and(Database::serving)
    }

    /// Whether rows flow now.
    pub fn rows_flow(&self, cluster: &Name) -> bool {
        self.databases.get(cluster).is_some_and(|database| database.row_rate > 0)
    }

    /// Starts (or stops) the writer.
    pub fn set_writer(&mut self, cluster: &Name, rows_per_second: Option<u32>) {
        if let Some(database) = self.databases.get_mut(cluster) {
            database.settle(self.now);
            database.writer = rows_per_second;
        }
        self.flow(cluster);
    }

    /// Starts a filler of `rate` bytes a second.
    pub fn set_filler(&mut self, cluster: &Name, volume: Volume, rate: u64, goal: Goal) {
        if let Some(database) = self.databases.get_mut(cluster) {
            database.settle(self.now);
            // The fillers of both worlds make a checkpoint with every chunk.
            database.checkpointed = self.now;
            database.filler = Some(Filler { volume, rate, goal });
        }
        self.flow(cluster);
    }

    /// Drops what fillers have written into a volume; every replica that follows does the same.
    pub fn truncate(&mut self, cluster: &Name, volume: &Volume) {
        let now = self.now;
        let Some(database) = self.databases.get_mut(cluster) else { return };
        database.settle(now);
        let dropped = database.filled.remove(volume).unwrap_or(0);
        if let Some(content) = database.content.get_mut(volume) {
            *content = content.saturating_sub(dropped);
        }
        let primary = database.primary.clone();
        if let Some(primary) = primary {
            self.space_gained(cluster, &primary);
        }
        self.flow(cluster);
    }

    /// What an instance's volumes hold now, and the acknowledged rows in them, in thousandths.
    pub(super) fn contents_of(&mut self, cluster: &Name, instance: &Name) -> (BTreeMap<Volume, u64>, u64) {
        let now = self.now;
        let Some(database) = self.databases.get_mut(cluster) else { return (BTreeMap::new(), 0) };
        database.settle(now);
        let held = database.servers.get(instance).and_then(|server| server.held.clone());
        held.unwrap_or_else(|| (database.content.clone(), database.rows))
    }

    /// The writer's rate, if it runs.
    pub(super) fn writer(&self, cluster: &Name) -> Option<u32> {
        self.databases.get(cluster)?.writer
    }

    /// Whether a crossing of this generation still counts.
    pub(super) fn is_current(&self, cluster: &Name, generation: u64) -> bool {
        self.databases.get(cluster).is_some_and(|database| database.generation == generation)
    }

    /// Computes anew what flows and when something will be met.
    pub(super) fn flow(&mut self, cluster: &Name) {
        let now = self.now;
        let Some(database) = self.databases.get_mut(cluster) else { return };
        database.settle(now);
        database.set_rates();
        database.generation += 1;
        let generation = database.generation;
        if let Some(at) = self.next_crossing(cluster) {
            self.queue.push(at.max(now), Ev::Crossing(cluster.clone(), generation));
        }
    }
}
