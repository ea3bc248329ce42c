//! What users and applications do, and what strikes.

use std::{collections::BTreeMap, sync::Arc};

use headroom_core::{Bytes, names::VolumeName};
use headroom_scenario::{
    Act, BackupMode, Ended, Fact, Fixture, Strike, Wait, What, Who, World, WorldError,
    fixture::FILL_TOLERANCE,
};

use super::{SimWorld, Wire, storage, translate};
use crate::model::{
    Model,
    apiserver::named,
    custom::Custom,
    draw::Subsystem,
    object::{Cluster, ClusterSpec, MIB, NEWER_IMAGE, Name, Volume, claim_name, serial_of},
    postgres::Goal,
    queue::Millis,
};

/// The one Cluster of a scenario.
pub(super) const CLUSTER: &str = "pg";

/// How far a fixture is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Making {
    /// The Cluster becomes healthy.
    Healthy,
    /// A volume is being filled.
    Filling,
    /// The DynamicStorage is being accepted.
    Accepting,
}

impl SimWorld {
    /// Makes the fixture; asked again it goes on where it paused.
    pub(super) fn make(&mut self, fixture: &Fixture) -> Result<(), WorldError> {
        loop {
            let next = match self.making {
                None => {
                    self.create(fixture);
                    Some(Making::Healthy)
                }
                Some(Making::Healthy) => {
                    self.expect(&Fact::Healthy, Wait::Ready)?;
                    Some(Making::Filling)
                }
                Some(Making::Filling) => {
                    if let Some((volume, percent)) = &fixture.filled {
                        let least = percent.saturating_sub(FILL_TOLERANCE);
                        let filled = Fact::EveryMemberUsedAtLeast(volume.clone(), least);
                        self.expect(&filled, Wait::Decision)?;
                    }
                    Some(Making::Accepting)
                }
                Some(Making::Accepting) => {
                    self.expect(&Fact::Accepted, Wait::Decision)?;
                    None
                }
            };
            if self.paused() {
                return Ok(());
            }
            self.making = next;
            match next {
                Some(Making::Healthy) => {}
                Some(Making::Filling) => {
                    if let Some((volume, percent)) = &fixture.filled {
                        self.fill(volume, *percent)?;
                    }
                }
                Some(Making::Accepting) => self.create_storage(fixture),
                None => {
                    self.push(What::FixtureReady);
                    return Ok(());
                }
            }
        }
    }

    fn create(&mut self, fixture: &Fixture) {
        self.start_process();
        self.model.set_size_at_birth(fixture.size_at_birth);
        self.fixture = Some(fixture.clone());
        self.model.create_cluster(&CLUSTER.into(), cluster_spec(fixture, fixture.data));
        self.absorb();
    }

    /// A user creates the DynamicStorage of the fixture.
    pub(super) fn create_storage(&mut self, fixture: &Fixture) {
        let now = translate::timestamp(self.model.now());
        let custom = Custom {
            meta: named(&CLUSTER.into()),
            generation: 1,
            finalizer: false,
            spec: Arc::new(storage::spec(
                fixture,
                CLUSTER,
                now,
                (self.model.settings.kubelets(), self.calendar),
            )),
            status: None,
        };
        self.model.change(|model| model.api.insert_custom(custom));
        self.absorb();
    }

    fn expect(&mut self, fact: &Fact, wait: Wait) -> Result<(), WorldError> {
        let limit = self.limit(wait);
        match self.advance(fact, limit) {
            Ended::Met => Ok(()),
            Ended::TimedOut { .. } if self.paused() => Ok(()),
            Ended::TimedOut { still } => Err(failed("make the fixture", &still)),
            Ended::Impossible { why } => Err(failed("make the fixture", &why)),
        }
    }

    pub(super) fn act(&mut self, act: &Act) -> Result<(), WorldError> {
        if let Act::PassTime(span) = act {
            self.pass_time(act, u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
            return Ok(());
        }
        self.push(What::Acted(act.clone()));
        self.carry_out(act)?;
        self.absorb();
        Ok(())
    }

    /// Lets time pass; asked again it goes on where it paused.
    fn pass_time(&mut self, act: &Act, span: Millis) {
        let until = self.waits_until.take().unwrap_or_else(|| {
            self.push(What::Acted(act.clone()));
            self.model.now().saturating_add(span)
        });
        self.waiting = true;
        while self.next_at().is_some_and(|at| at <= until) && !self.paused() {
            self.step();
        }
        self.waiting = false;
        if self.paused() {
            self.waits_until = Some(until);
        } else {
            self.model.pass(until);
        }
    }

    fn carry_out(&mut self, act: &Act) -> Result<(), WorldError> {
        let cluster: Name = CLUSTER.into();
        match act {
            Act::StartWriter { rows_per_second } => {
                let rows = *rows_per_second;
                self.model.change(|model| model.set_writer(&cluster, Some(rows)));
                self.queue.push(self.model.now() + super::ROWS_EVERY, Wire::Rows);
            }
            Act::Fill { volume, used_percent } => self.fill(volume, *used_percent)?,
            Act::FillUntilRefused { volume, stop_at } => self.fill_until_refused(volume, *stop_at),
            Act::Truncate { volume } => {
                let volume = translate::model_volume(volume);
                self.model.change(|model| model.truncate(&cluster, &volume));
            }
            Act::StopOperator => self.stop_processes(true),
            Act::StartOperator => self.start_process(),
            Act::PatchClaim { who, volume, to } => self.patch_claim(*who, volume, *to)?,
            Act::SetPolicy(change) => {
                self.model.change(|model| {
                    model.api.update_custom(&cluster, |custom| {
                        custom.spec = Arc::new(storage::changed(&custom.spec, *change));
                        custom.generation += 1;
                    })
                });
            }
            Act::Scale { .. }
            | Act::SetClusterSize { .. }
            | Act::UpgradeImage
            | Act::WalLogHints { .. }
            | Act::BreakArchive { .. }
            | Act::Reconciliation { .. } => {
                self.model.change(|model| {
                    model.api.update_cluster(&cluster, |cluster| edit(cluster, act));
                });
            }
            Act::StartBackup => self.model.change(|model| model.start_backup(&cluster)),
            Act::Restore { size } => self.restore(*size)?,
            Act::DeleteStorage => {
                self.delete_storage();
                self.pass_until("delete the DynamicStorage", |world| world.view.storage.is_none())?;
            }
            Act::CreateStorage => {
                let fixture = self.fixture.clone();
                self.create_storage(
                    &fixture.ok_or_else(|| failed("make the DynamicStorage", "there is no fixture"))?,
                );
            }
            Act::Uncordon => self.model.change(Model::uncordon_all),
            Act::ForbidDisruptions { on } => self.model.forbid_disruptions(*on),
            Act::ProviderLimit { on } => self.model.set_provider_limit(*on),
            Act::SilenceKubelet(Some(who)) => {
                let node = self.node_of(*who)?;
                self.silent.insert(node);
            }
            Act::SilenceKubelet(None) => self.silent.clear(),
            Act::PassTime(span) => self.run_for(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)),
            Act::Verify => self.queue.push(self.model.now(), Wire::Verify),
        }
        Ok(())
    }

    pub(super) fn hit(&mut self, strike: &Strike) -> Result<(), WorldError> {
        self.push(What::Struck(strike.clone()));
        match strike {
            Strike::KillOperator => self.crash(),
            Strike::DeletePod(who) => {
                let instance = self.instance(*who)?;
                self.model.change(|model| model.delete_pod(&instance));
            }
            Strike::SwitchOver => {
                let to = self.instance(Who::LastReplica)?;
                self.model.change(|model| model.switch_over(&CLUSTER.into(), &to));
            }
            Strike::FailOver => {
                let primary = self.instance(Who::Primary)?;
                self.model.change(|model| model.force_delete_pod(&primary));
            }
            Strike::Drain(who) => {
                let node = self.node_of(*who)?;
                self.model.change(|model| model.drain(&node));
            }
            Strike::Cordon(who) => {
                let node = self.node_of(*who)?;
                self.model.change(|model| model.cordon(&node));
            }
            Strike::CordonAll => self.model.change(Model::cordon_all),
            Strike::CnpgAway(span) => {
                self.model.restart_cnpg(u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
            }
            Strike::BreakData(who) => {
                let instance = self.instance(*who)?;
                self.model.change(|model| model.break_data(&CLUSTER.into(), &instance));
            }
            Strike::Change(act) => self.carry_out(act)?,
        }
        self.absorb();
        Ok(())
    }

    /// Our object and the Cluster go, and come again from the newest completed Backup.
    fn restore(&mut self, size: Bytes) -> Result<(), WorldError> {
        let doing = "restore the newest Backup";
        let fixture = self.fixture.clone().ok_or_else(|| failed(doing, "there is no fixture"))?;
        let backup = self.model.completed_backup().ok_or_else(|| failed(doing, "none is completed"))?;
        let cluster: Name = CLUSTER.into();
        self.delete_storage();
        self.pass_until(doing, |world| world.view.storage.is_none())?;
        self.model.delete_cluster(&cluster);
        self.absorb();
        self.pass_until(doing, |world| world.view.claims.is_empty() && world.view.pods.is_empty())?;
        self.rows_told = 0;
        self.model.recover_cluster(&cluster, &backup, cluster_spec(&fixture, size));
        self.absorb();
        self.create_storage(&fixture);
        Ok(())
    }

    fn delete_storage(&mut self) {
        let cluster: Name = CLUSTER.into();
        let guarded = self.model.api().custom(CLUSTER).is_some_and(|custom| custom.finalizer);
        self.model.change(|model| {
            if guarded {
                model.api.update_custom(&cluster, |custom| custom.meta.deleting = true);
            } else {
                model.api.remove_custom(&cluster);
            }
        });
        self.absorb();
    }

    fn pass_until(&mut self, doing: &str, done: impl Fn(&Self) -> bool) -> Result<(), WorldError> {
        let deadline = self.model.now() + 120_000;
        while !done(self) {
            if self.next_at().is_none_or(|at| at > deadline) {
                return Err(failed(doing, "what was deleted is still there after 120 s"));
            }
            self.step();
        }
        Ok(())
    }

    fn node_of(&self, who: Who) -> Result<Name, WorldError> {
        let instance = self.instance(who)?;
        let pod = self.model.api().instance_pod(&instance);
        pod.and_then(|pod| pod.node.clone())
            .ok_or_else(|| failed("find the node", &format!("{instance} runs nowhere")))
    }

    fn instance(&self, who: Who) -> Result<Name, WorldError> {
        let cluster = self.model.api().cluster(CLUSTER);
        let primary = cluster.and_then(|cluster| cluster.status.current_primary.clone());
        match who {
            Who::Primary => primary.ok_or_else(|| failed("find the primary", "there is none")),
            Who::LastReplica => self
                .model
                .api()
                .pods()
                .filter(|pod| pod.job.is_none() && Some(&pod.instance) != primary.as_ref())
                .max_by_key(|pod| serial_of(&pod.instance))
                .map(|pod| pod.instance.clone())
                .ok_or_else(|| failed("find a replica", "there is none")),
        }
    }

    /// Rows until the primary's file system is this full: 20 to 50 MiB a second.
    fn fill(&mut self, volume: &VolumeName, percent: u8) -> Result<(), WorldError> {
        let (cluster, volume): (Name, Volume) = (CLUSTER.into(), translate::model_volume(volume));
        let primary = self.instance(Who::Primary)?;
        let capacity = self.model.file_system(&primary, &volume);
        let goal = Goal::Content(
            (u128::from(capacity) * u128::from(percent)).div_ceil(100).try_into().unwrap_or(u64::MAX),
        );
        let rate = self.model.draws.range(Subsystem::Application, &"fill".into(), 20, 50) * MIB;
        self.model.change(|model| model.set_filler(&cluster, volume, rate, goal));
        self.absorb();
        Ok(())
    }

    fn fill_until_refused(&mut self, volume: &VolumeName, stop_at: Bytes) {
        let (cluster, volume): (Name, Volume) = (CLUSTER.into(), translate::model_volume(volume));
        let goal = Goal::Refused { stop_at: stop_at.get() };
        let rate = self.model.draws.range(Subsystem::Application, &"fill".into(), 20, 50) * MIB;
        self.model.change(|model| model.set_filler(&cluster, volume, rate, goal));
    }

    fn patch_claim(&mut self, who: Who, volume: &VolumeName, to: Bytes) -> Result<(), WorldError> {
        let claim = claim_name(&self.instance(who)?, &translate::model_volume(volume));
        let patched = self.model.change(|model| model.api.patch_claim(&claim, None, to.get()));
        patched.map(|_| ()).map_err(|error| failed("patch the claim", &format!("{error:?}")))
    }

    /// All data, once there is a primary to ask.
    pub(super) fn verify(&mut self) {
        let cluster: Name = CLUSTER.into();
        if !self.model.serving(&cluster) {
            self.queue.push(self.model.now() + 1000, Wire::Verify);
            return;
        }
        self.record_rows();
        let (acknowledged, lost) = (self.model.acknowledged(&cluster), self.model.lost(&cluster));
        // The contents' checks are the model's: there are rows and no pages.
        self.push(What::Verified { acknowledged, lost, sentinel_ok: true, amcheck_clean: None });
    }

    /// Says how many rows are acknowledged, if that has changed.
    pub(super) fn record_rows(&mut self) {
        let rows = self.model.acknowledged(&CLUSTER.into());
        if rows > self.rows_told {
            self.rows_told = rows;
            self.push(What::Acknowledged(rows));
        }
    }
}

/// The Cluster of a fixture with a data volume of this size.
fn cluster_spec(fixture: &Fixture, data: Bytes) -> ClusterSpec {
    let mut sizes = BTreeMap::from([(Volume::Data, data.get())]);
    sizes.extend(fixture.wal.map(|size| (Volume::Wal, size.get())));
    sizes.extend(fixture.tablespace.map(|size| (Volume::Tablespace(storage::TABLESPACE.into()), size.get())));
    ClusterSpec {
        enable_pdb: fixture.enable_pdb,
        supervised: fixture.supervised,
        synchronous: u32::from(fixture.synchronous),
        snapshots_online: match fixture.backups {
            Some(BackupMode::Online) => Some(true),
            Some(BackupMode::Offline) => Some(false),
            Some(BackupMode::Store) | None => None,
        },
        object_store: fixture.backups == Some(BackupMode::Store),
        ..ClusterSpec::new(fixture.topology.instances(), sizes)
    }
}

/// A user's change of the Cluster.
fn edit(cluster: &mut Cluster, act: &Act) {
    let spec = &mut cluster.spec;
    if let Act::Scale { instances } = act {
        cluster.rescaled &= spec.instances == *instances;
        spec.instances = *instances;
    }
    if let Act::SetClusterSize { volume, size } = act {
        spec.sizes.insert(translate::model_volume(volume), size.get());
    }
    if let Act::WalLogHints { on } = act {
        spec.wal_log_hints = *on;
        spec.parameters += 1;
    }
    if let Act::BreakArchive { on } = act {
        spec.archive_broken = *on;
    }
    if *act == Act::UpgradeImage {
        spec.image = NEWER_IMAGE.into();
    }
    if let Act::Reconciliation { enabled } = act {
        spec.reconcile = *enabled;
    }
}

pub(super) fn failed(doing: &str, why: &str) -> WorldError {
    WorldError { doing: doing.to_owned(), why: why.to_owned() }
}
