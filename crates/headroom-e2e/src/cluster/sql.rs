//! PostgreSQL through its own tools, inside the instances' pods.

use std::time::{Duration, Instant};

use headroom_core::{Bytes, names::VolumeName};
use headroom_scenario::{What, WorldError};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;

use super::{
    connect::failed,
    manifests::TABLESPACE,
    pod::{self, Output},
    recorder::Recorder,
    wait,
};

/// One command of `psql` or `df`.
const COMMAND: Duration = Duration::from_mins(1);
/// A pod whose server has gone says so within this time.
const NOTICED: Duration = Duration::from_secs(20);
/// How long an attempt to archive a segment may take to show.
const ATTEMPT: Duration = Duration::from_secs(20);
/// Nothing is switched where nothing was written.
const WRITES: &str = "insert into ledger values (-1) on conflict do nothing";
/// Rows of about 1 KiB in one mebibyte.
const ROWS_PER_MEBIBYTE: u64 = 960;
/// The most that one statement inserts.
const CHUNK: u64 = 32 << 20;

/// The instance that is spoken to.
pub(crate) struct Server<'a> {
    pub(crate) pods: &'a Api<Pod>,
    pub(crate) pod: String,
    /// The other instances.
    pub(crate) replicas: Vec<String>,
    /// The Cluster has a WAL volume of its own.
    pub(crate) separate_wal: bool,
    /// The operator is stopped: nobody would grow a full volume before the next checkpoint.
    pub(crate) operator_stopped: bool,
    /// Where crossings are noted, so that a report can say how long the operator took from there.
    pub(crate) recorder: &'a Recorder,
    /// Used percents whose crossing matters.
    pub(crate) marks: Vec<u8>,
}

/// How a fill without end ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The server refused for lack of space and runs on.
    NoSpace,
    /// The server went away.
    Stopped,
    /// The volume grew past the mark.
    Grown,
}

impl Server<'_> {
    /// Runs SQL as superuser through the local socket.
    pub(crate) async fn psql(&self, sql: &str) -> Result<Output, WorldError> {
        self.psql_in(&self.pod, &[sql]).await
    }

    /// Statements in one go, each in a transaction of its own.
    async fn psql_in(&self, pod: &str, statements: &[&str]) -> Result<Output, WorldError> {
        let mut command =
            Vec::from(["psql", "-U", "postgres", "-d", "app", "-qAtX", "-v", "ON_ERROR_STOP=1"]);
        command.extend(statements.iter().flat_map(|sql| ["-c", *sql]));
        pod::exec(self.pods, pod, "postgres", &command, COMMAND).await
    }

    /// The same, where failure is an error.
    pub(crate) async fn must(&self, sql: &str) -> Result<String, WorldError> {
        self.must_in(&self.pod, &[sql]).await
    }

    async fn must_in(&self, pod: &str, statements: &[&str]) -> Result<String, WorldError> {
        let output = self.psql_in(pod, statements).await?;
        if output.success {
            return Ok(output.stdout.trim().to_owned());
        }
        Err(failed(&format!("run SQL in {pod}"), &output.stderr.trim()))
    }

    /// Inserts (or drops), lets the primary recycle its WAL, and the replicas replay it and recycle theirs: a replica that falls
    /// behind a quick fill keeps all WAL of it, and runs out of room before its primary does.
    async fn insert_and_follow(&self, change: &str) -> Result<(), WorldError> {
        let written = self.must_in(&self.pod, &[change, "checkpoint", "select pg_current_wal_lsn()"]).await?;
        let follow = format!(
            "do $$ begin \
               for i in 1..300 loop exit when pg_last_wal_replay_lsn() >= '{written}'; perform pg_sleep(0.1); end loop; \
               if pg_last_wal_replay_lsn() < '{written}' then raise 'not replayed within 30 s: {written}'; end if; \
             end $$"
        );
        let statements = [follow.as_str(), "checkpoint"];
        let replicas = self.replicas.iter().map(|replica| self.follow(replica, &statements));
        futures::future::try_join_all(replicas).await.map(|_| ())
    }

    /// A replica that is taken away meanwhile, or is not there yet, keeps no WAL: it is not waited for.
    async fn follow(&self, replica: &str, statements: &[&str]) -> Result<(), WorldError> {
        let Err(failed) = self.must_in(replica, statements).await else { return Ok(()) };
        let gone = wait::until(NOTICED, Duration::from_secs(1), || async {
            let pod = self.pods.get_opt(replica).await.ok()?;
            pod.is_none_or(|pod| !pod::serves(&pod)).then_some(())
        });
        gone.await.ok_or(failed)
    }

    /// Makes the tables that fills and checks use.
    pub(crate) async fn prepare(&self, tablespace: bool) -> Result<(), WorldError> {
        self.must(
            "create table sentinel as select n, md5(n::text) as digest from generate_series(1, 20000) n; \
             alter table sentinel add primary key (n); \
             create table filler (payload text) with (autovacuum_enabled = off); \
             alter table filler alter payload set storage plain; \
             create table ledger (n bigint primary key, at timestamptz not null default clock_timestamp()); \
             alter table ledger owner to app;",
        )
        .await?;
        if tablespace {
            self.must(&format!(
                "create table filler_{TABLESPACE} (payload text) with (autovacuum_enabled = off) tablespace {TABLESPACE}; \
                 alter table filler_{TABLESPACE} alter payload set storage plain;"
            ))
            .await?;
        }
        self.must("checkpoint").await.map(|_| ())
    }

    /// Inserts real rows until so much is used as fills the volume, as large as it is now, to `percent`.
    pub(crate) async fn fill(
        &mut self,
        volume: &VolumeName,
        percent: u8,
        limit: Duration,
    ) -> Result<(), WorldError> {
        let deadline = Instant::now() + limit;
        let mut mark = None;
        loop {
            let (size, available) = file_system(self.pods, &self.pod, volume).await?;
            let used = size.minus_or_zero(available).get();
            self.note_crossing(volume, size, available);
            // A growth meanwhile does not move the mark.
            let wanted = *mark.get_or_insert(size.get() / 100 * u64::from(percent));
            if used >= wanted {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let why = format!(
                    "{} % used of {percent} % after {} s",
                    used * 100 / size.get().max(1),
                    limit.as_secs()
                );
                return Err(failed(&format!("fill {volume}"), &why));
            }
            // Half of what is missing at a time: WAL takes a share that the checkpoint then gives back.
            let missing = wanted - used;
            let chunk = (missing / 2).clamp(missing.min(1 << 20), CHUNK);
            self.insert_and_follow(&insert(volume, chunk)?).await?;
        }
    }

    /// Drops the rows of fills, so that usage falls.
    pub(crate) async fn truncate(&self, volume: &VolumeName) -> Result<(), WorldError> {
        self.insert_and_follow(&format!("truncate {}", table(volume)?)).await
    }

    /// Inserts until the server refuses or stops, or the volume has grown past `stop_at`.
    pub(crate) async fn fill_until_refused(
        &mut self,
        volume: &VolumeName,
        stop_at: Bytes,
        limit: Duration,
    ) -> Result<Refusal, WorldError> {
        let deadline = Instant::now() + limit;
        let mut chunk = CHUNK;
        let mut refused = false;
        while Instant::now() < deadline {
            let mut roomy = false;
            if let Ok((size, available)) = file_system(self.pods, &self.pod, volume).await {
                self.note_crossing(volume, size, available);
                roomy = available.get() > size.get() / 5;
                if size >= stop_at {
                    return Ok(Refusal::Grown);
                }
            }
            let rows = insert(volume, chunk)?;
            if chunk == CHUNK && roomy && self.insert_and_follow(&rows).await.is_ok() {
                continue;
            }
            // The pod cannot be spoken to any more: its server is what answers there.
            let Ok(output) = self.psql(&rows).await else { return Ok(Refusal::Stopped) };
            if output.success {
                continue;
            }
            if !output.stderr.contains("No space left") {
                return Ok(Refusal::Stopped);
            }
            if !std::mem::replace(&mut refused, true) {
                self.recorder.push(What::InsertFailed { no_space: true });
            }
            if chunk > 8 << 10 {
                chunk /= 4;
                continue;
            }
            // With a live operator a data volume beside WAL grows before its next checkpoint comes.
            let left_alone = self.separate_wal && !self.operator_stopped;
            if matches!(volume, VolumeName::Tablespace(_)) || left_alone {
                return Ok(Refusal::NoSpace);
            }
            if self.take_last_bytes().await? {
                return Ok(Refusal::Stopped);
            }
        }
        Err(failed(
            &format!("fill {volume} until the server refuses"),
            &format!("not within {} s", limit.as_secs()),
        ))
    }

    /// A full data volume stops the server at the next checkpoint when WAL is elsewhere, and at the next new segment when
    /// WAL is in it. Whether it has stopped.
    async fn take_last_bytes(&self) -> Result<bool, WorldError> {
        let last = if self.separate_wal {
            "checkpoint"
        } else {
            // What refused inserts give back would let the server start again at once, as if nothing were full.
            let fill =
                "dd if=/dev/zero of=/var/lib/postgresql/data/ballast bs=4k oflag=append conv=notrunc,fsync";
            let command = ["bash", "-c", &format!("{fill} 2>&1 || true")];
            pod::exec(self.pods, &self.pod, "postgres", &command, COMMAND).await?;
            "select pg_switch_wal(); insert into ledger values (-1) on conflict do nothing; checkpoint"
        };
        let going_on = match self.psql(last).await {
            Ok(output) => output.success || output.stderr.contains("No space left"),
            Err(_) => false,
        };
        Ok(!going_on)
    }

    /// Notes the first time that a file system is seen at or beyond a mark.
    fn note_crossing(&mut self, volume: &VolumeName, size: Bytes, available: Bytes) {
        let free = available.get() * 100;
        let crossed = |mark: &u8| free <= size.get() * u64::from(100_u8.saturating_sub(*mark));
        for mark in self.marks.extract_if(.., |mark| crossed(mark)) {
            self.recorder
                .push(What::Note(format!("{volume} is at {mark} % used by the file system's own figures")));
        }
    }

    /// Has a segment archived until the archiver's last attempt has failed, or has not (`failed_last`). Only a whole segment is archived,
    /// and one that the instance manager got before it knew of the Cluster's change tells nothing.
    pub(crate) async fn archive_until(&self, failed_last: bool, limit: Duration) -> Result<(), WorldError> {
        let asked = "select coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false) \
             from pg_stat_archiver";
        let seen = || async {
            let last = self.must(asked).await.ok()?;
            ((last == "t") == failed_last).then_some(())
        };
        let whole = || async {
            self.must_in(&self.pod, &[WRITES, "select pg_switch_wal()"]).await.ok()?;
            wait::until(ATTEMPT, Duration::from_secs(1), seen).await
        };
        let doing = || format!("have the archiver {}", if failed_last { "fail" } else { "archive again" });
        wait::until(limit, Duration::from_secs(1), whole)
            .await
            .ok_or_else(|| failed(&doing(), &"it does not, by pg_stat_archiver"))
    }

    /// Checksum of the sentinel table.
    pub(crate) async fn sentinel(&self) -> Result<String, WorldError> {
        self.must("select md5(string_agg(digest, '' order by n)) from sentinel").await
    }

    /// How many of the acknowledged rows up to `last` that are not among `unacknowledged` are missing.
    pub(crate) async fn count_rows(&self, numbers: &[u64]) -> Result<u64, WorldError> {
        let mut found = 0;
        for part in numbers.chunks(2000) {
            let list: Vec<String> = part.iter().map(u64::to_string).collect();
            let sql = format!("select count(*) from ledger where n in ({})", list.join(","));
            let count = self.must(&sql).await?;
            found += count.parse::<u64>().map_err(|error| failed("count rows", &error))?;
        }
        Ok(found)
    }

    /// Runs `pg_amcheck` over the application's database.
    pub(crate) async fn amcheck(&self) -> Result<bool, WorldError> {
        let command = ["pg_amcheck", "-U", "postgres", "-d", "app", "--install-missing", "--heapallindexed"];
        let output = pod::exec(self.pods, &self.pod, "postgres", &command, COMMAND * 3).await?;
        Ok(output.success && output.stdout.trim().is_empty())
    }
}

/// Where a volume is mounted in an instance's pod.
pub(crate) fn mount_path(volume: &VolumeName) -> String {
    match volume {
        VolumeName::Data => "/var/lib/postgresql/data".to_owned(),
        VolumeName::Wal => "/var/lib/postgresql/wal".to_owned(),
        VolumeName::Tablespace(name) => format!("/var/lib/postgresql/tablespaces/{name}"),
    }
}

/// Size of the file system of an instance's volume and what is available in it.
pub(crate) async fn file_system(
    pods: &Api<Pod>,
    pod: &str,
    volume: &VolumeName,
) -> Result<(Bytes, Bytes), WorldError> {
    let path = mount_path(volume);
    let command = ["df", "-B1", "--output=size,avail", &path];
    let output = pod::exec(pods, pod, "postgres", &command, COMMAND).await?;
    let numbers: Vec<u64> = output.stdout.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    match numbers.as_slice() {
        [size, available] => Ok((Bytes::new(*size), Bytes::new(*available))),
        _ => Err(failed(&format!("measure {path} in {pod}"), &output.stderr.trim())),
    }
}

/// The table that fills a volume.
fn table(volume: &VolumeName) -> Result<String, WorldError> {
    match volume {
        VolumeName::Data => Ok("filler".to_owned()),
        VolumeName::Tablespace(name) => Ok(format!("filler_{name}")),
        VolumeName::Wal => Err(failed("fill the WAL volume", &"rows do not go there")),
    }
}

/// A statement that inserts about `bytes` into a volume.
fn insert(volume: &VolumeName, bytes: u64) -> Result<String, WorldError> {
    let table = table(volume)?;
    let rows = (bytes * ROWS_PER_MEBIBYTE / (1 << 20)).max(1);
    Ok(format!("insert into {table} select repeat(md5(random()::text), 31) from generate_series(1, {rows})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fill_inserts_about_a_kibibyte_a_row_and_at_least_one_row() {
        let rows = |bytes| insert(&VolumeName::Data, bytes).unwrap_or_else(|error| error.to_string());
        assert!(rows(1 << 20).ends_with("generate_series(1, 960)"));
        assert!(rows(1).ends_with("generate_series(1, 1)"));
        assert!(insert(&VolumeName::Wal, 1).is_err());
    }
}
