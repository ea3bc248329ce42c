//! One life of an instance's container: start as primary or standby, follow what the Cluster says, end.

use std::os::unix::fs::PermissionsExt as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch::Receiver;

use super::server::{Server, program};
use super::{Identity, NO_ROOM, config, demote, facts, initdb, room, serve, sql, standby_signal, watch};
use crate::cluster::Cluster;
use crate::names;

/// How often what no watch tells is looked at: whether a standby still receives.
const LOOK: Duration = Duration::from_millis(250);

/// How long an elected standby must have received nothing: a receiver that lost its connection comes back within a second.
const SILENCE: Duration = Duration::from_millis(1500);

/// What an instance is to be, by the Cluster's status and its own data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// The primary.
    Primary,
    /// A standby.
    Standby,
    /// A former primary that is to follow another one.
    Former,
    /// Unknown while an election is open.
    Unknown,
}

/// `follows`: its data is a standby's. `current` is the last one whose server has become primary.
fn part(instance: &str, follows: bool, target: Option<&str>, current: Option<&str>) -> Part {
    match (target, follows) {
        (_, true) => Part::Standby,
        (Some(target), false) if target == instance => Part::Primary,
        // The new primary must be one before anybody can be rewound to it.
        (Some(target), false) if current == Some(target) => Part::Former,
        (Some(_) | None, false) => Part::Unknown,
    }
}

fn part_of(identity: &Identity, cluster: &Cluster) -> Part {
    let status = cluster.status.clone().unwrap_or_default();
    let follows = standby_signal().exists();
    part(&identity.instance, follows, status.target(), status.current_primary.as_deref())
}

/// Runs the instance until its server ends or the pod is asked to.
///
/// # Errors
/// When PostgreSQL cannot be run at all.
pub async fn run(identity: &Identity) -> Result<ExitCode> {
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let ours = identity.clone();
    let mut endpoint = tokio::spawn(async move { serve::serve(&ours).await });
    tokio::select! {
        code = live(identity, &mut terminate) => code,
        // It ends with an error only.
        ended = &mut endpoint => Err(ended.context("the status endpoint panicked")?.err().unwrap_or_else(|| anyhow::anyhow!("the status endpoint has ended"))),
    }
}

async fn live(identity: &Identity, terminate: &mut Signal) -> Result<ExitCode> {
    if !room::for_a_segment() {
        tracing::error!("the volume that holds pg_wal has no room for a WAL segment");
        return Ok(ExitCode::from(NO_ROOM));
    }
    anyhow::ensure!(initdb::is_made(), "{} holds no database", names::PGDATA);
    // Each mount gives the group of the pod its rights in the volume, and the server refuses such a directory.
    std::fs::set_permissions(names::PGDATA, std::fs::Permissions::from_mode(0o700))
        .context("closing PGDATA")?;
    let mut cluster = tokio::select! {
        cluster = watch::follow(identity) => cluster?,
        _ = terminate.recv() => return Ok(ExitCode::SUCCESS),
    };
    tokio::select! {
        prepared = prepare(identity, &mut cluster) => prepared?,
        _ = terminate.recv() => return Ok(ExitCode::SUCCESS),
    }
    let first = cluster.borrow_and_update().clone();
    config::write(identity, &first)?;
    let mut server = Server::start()?;
    let mut look = tokio::time::interval(LOOK);
    let mut keeper = Keeper::default();
    loop {
        tokio::select! {
            status = server.ended() => return Ok(ended(status?)),
            _ = terminate.recv() => {
                server.stop().await?;
                return Ok(ExitCode::SUCCESS);
            }
            // A watch that has ended says nothing more; the server goes on.
            _ = cluster.changed() => {}
            _ = look.tick() => {}
        }
        let now = cluster.borrow_and_update().clone();
        match part_of(identity, &now) {
            Part::Standby => keeper.standby(identity, &now, &server).await,
            Part::Primary => keeper.primary(identity, &now, &server).await,
            Part::Former => {
                tracing::info!("another instance is primary now: stopping, to come back as its standby");
                server.stop().await?;
                return Ok(ExitCode::SUCCESS);
            }
            Part::Unknown if displaced(identity, &now) => {
                tracing::info!("another instance is to be primary: stopping");
                server.stop().await?;
                return Ok(ExitCode::SUCCESS);
            }
            Part::Unknown => {}
        }
    }
}

/// Another instance is named as the next primary: this one makes way at once, whoever is primary meanwhile.
fn displaced(identity: &Identity, cluster: &Cluster) -> bool {
    let status = cluster.status.as_ref();
    status.and_then(|status| status.target()).is_some_and(|target| target != identity.instance)
}

/// Waits until the status says what this instance is, and makes its data that.
async fn prepare(identity: &Identity, cluster: &mut Receiver<Cluster>) -> Result<()> {
    loop {
        let now = cluster.borrow_and_update().clone();
        match part_of(identity, &now) {
            Part::Primary | Part::Standby => return Ok(()),
            Part::Former => return demote::rewind(identity).await,
            Part::Unknown => cluster.changed().await.context("the watch of the Cluster has ended")?,
        }
    }
}

/// The server has ended by itself: with code 4 when pg_wal has no room, else with 0, whatever the server's own code
/// (experiments on growth, G2).
fn ended(status: std::process::ExitStatus) -> ExitCode {
    tracing::error!("the server has ended: {status}");
    if room::for_a_segment() { ExitCode::SUCCESS } else { ExitCode::from(NO_ROOM) }
}

/// Keeps a running server what it is to be. What fails is tried again at the next look.
#[derive(Default)]
struct Keeper {
    /// The generation and the instances for which a primary's slots and tablespaces were made.
    kept: Option<(Option<i64>, Vec<String>)>,
    /// It said that it is primary.
    said: bool,
    /// A standby without the slots of its time as primary, which would keep WAL for ever.
    free: bool,
    /// An elected standby receives nothing since then.
    silent: Option<Instant>,
}

impl Keeper {
    async fn standby(&mut self, identity: &Identity, cluster: &Cluster, server: &Server) {
        configure(identity, cluster, server);
        if !sql::is_ready().await {
            return;
        }
        if !self.free {
            match slots(identity, &[]).await {
                Ok(()) => self.free = true,
                Err(error) => tracing::warn!("{error:#}"),
            }
        }
        let target = cluster.status.as_ref().and_then(|status| status.target());
        if target == Some(&identity.instance)
            && let Err(error) = self.promote().await
        {
            tracing::warn!("promoting: {error:#}");
        }
    }

    /// Promotes an elected standby once it receives nothing any more, so that nothing of the old primary's is left out.
    async fn promote(&mut self) -> Result<()> {
        if facts::receives().await? {
            self.silent = None;
            return Ok(());
        }
        if self.silent.get_or_insert_with(Instant::now).elapsed() < SILENCE {
            return Ok(());
        }
        tracing::info!("promoting");
        program("pg_ctl", &["promote", "-w", "-D", names::PGDATA], &[]).await?;
        // What is rewound to this server must see its new timeline at once.
        sql::run("postgres", "checkpoint").await.map(drop)
    }

    async fn primary(&mut self, identity: &Identity, cluster: &Cluster, server: &Server) {
        configure(identity, cluster, server);
        if let Err(error) = self.keep_primary(identity, cluster).await {
            tracing::warn!("{error:#}");
        }
    }

    async fn keep_primary(&mut self, identity: &Identity, cluster: &Cluster) -> Result<()> {
        let status = cluster.status.clone().unwrap_or_default();
        let wanted = (cluster.metadata.generation, status.instance_names.clone());
        if self.said && self.kept.as_ref() == Some(&wanted) || !sql::is_ready().await {
            return Ok(());
        }
        if !self.said {
            if status.current_primary.as_deref() != Some(&identity.instance) {
                watch::say_primary(identity).await?;
            }
            self.said = true;
        }
        slots(identity, &status.instance_names).await?;
        initdb::tablespaces(cluster).await?;
        self.kept = Some(wanted);
        Ok(())
    }
}

fn configure(identity: &Identity, cluster: &Cluster, server: &Server) {
    match config::write(identity, cluster) {
        Ok(true) => server.reload(),
        Ok(false) => {}
        Err(error) => tracing::warn!("{error:#}"),
    }
}

/// One slot per other instance, so that none misses WAL; those of instances that are gone would keep WAL for ever.
async fn slots(identity: &Identity, instances: &[String]) -> Result<()> {
    let wanted: Vec<String> =
        instances.iter().filter(|name| **name != identity.instance).map(|name| names::slot(name)).collect();
    let list = wanted.iter().map(|slot| sql::literal(slot)).collect::<Vec<_>>().join(",");
    let list = if list.is_empty() { "''".to_owned() } else { list };
    let known = "from pg_replication_slots where slot_type = 'physical' and not temporary";
    sql::run(
        "postgres",
        &format!(
            "select pg_drop_replication_slot(slot_name) {known} and slot_name like 'standin\\_%' and not active \
             and slot_name not in ({list})"
        ),
    )
    .await?;
    for slot in &wanted {
        let slot = sql::literal(slot);
        let make = format!(
            "select pg_create_physical_replication_slot({slot}, true) where not exists (select {known} and slot_name = {slot})"
        );
        sql::run("postgres", &make).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_what_its_data_and_the_status_say() {
        let primary = |target, current| part("pg-1", false, target, current);
        assert_eq!(primary(Some("pg-1"), None), Part::Primary);
        assert_eq!(primary(Some("pg-1"), Some("pg-2")), Part::Primary);
        assert_eq!(primary(Some("pg-2"), Some("pg-1")), Part::Unknown);
        assert_eq!(primary(Some("pg-2"), Some("pg-2")), Part::Former);
        assert_eq!(primary(None, Some("pg-1")), Part::Unknown);
        for target in [None, Some("pg-1"), Some("pg-2")] {
            assert_eq!(part("pg-1", true, target, Some("pg-2")), Part::Standby);
        }
    }
}
