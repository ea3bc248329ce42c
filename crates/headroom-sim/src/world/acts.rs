//! What users and applications do, and what strikes.

use std::{collections::BTreeMap, sync::Arc};

use headroom_core::{Bytes, names::VolumeName};
use headroom_scenario::{
    Act, Ended, Fact, Fixture, Strike, Wait, What, Who, World, WorldError, fixture::FILL_TOLERANCE,
};

use super::{SimWorld, Wire, storage, translate};
use crate::model::{
    apiserver::named,
    custom::Custom,
    draw::Subsystem,
    object::{ClusterSpec, MIB, Name, Volume, claim_name, serial_of},
    postgres::Goal,
};

/// The one Cluster of a scenario.
pub(super) const CLUSTER: &str = "pg";

impl SimWorld {
    pub(super) fn make(&mut self, fixture: &Fixture) -> Result<(), WorldError> {
        self.start_process();
        let mut sizes = BTreeMap::from([(Volume::Data, fixture.data.get())]);
        sizes.extend(fixture.wal.map(|size| (Volume::Wal, size.get())));
        sizes.extend(
            fixture.tablespace.map(|size| (Volume::Tablespace(storage::TABLESPACE.into()), size.get())),
        );
        let spec = ClusterSpec {
            instances: fixture.topology.instances(),
            sizes,
            resize_in_use: true,
            class: "csi".into(),
        };
        self.model.create_cluster(&CLUSTER.into(), spec);
        self.absorb();
        self.expect(&Fact::Healthy, Wait::Ready)?;
        if let Some((volume, percent)) = &fixture.filled {
            self.fill(volume, *percent)?;
            self.expect(
                &Fact::EveryMemberUsedAtLeast(volume.clone(), percent.saturating_sub(FILL_TOLERANCE)),
                Wait::Decision,
            )?;
        }
        let custom = Custom {
            meta: named(&CLUSTER.into()),
            generation: 1,
            finalizer: false,
            spec: Arc::new(storage::spec(fixture, CLUSTER, translate::timestamp(self.model.now()))),
            status: None,
        };
        self.model.change(|model| model.api.insert_custom(custom));
        self.absorb();
        self.expect(&Fact::Accepted, Wait::Decision)?;
        self.push(What::FixtureReady);
        Ok(())
    }

    fn expect(&mut self, fact: &Fact, wait: Wait) -> Result<(), WorldError> {
        let limit = self.limit(wait);
        match self.advance(fact, limit) {
            Ended::Met => Ok(()),
            Ended::TimedOut { still } => Err(failed("make the fixture", &still)),
            Ended::Impossible { why } => Err(failed("make the fixture", &why)),
        }
    }

    pub(super) fn act(&mut self, act: &Act) -> Result<(), WorldError> {
        self.push(What::Acted(act.clone()));
        let cluster: Name = CLUSTER.into();
        match act {
            Act::StartWriter { rows_per_second } => {
                let rows = *rows_per_second;
                self.model.change(|model| model.set_writer(&cluster, Some(rows)));
                self.queue.push(self.model.now() + super::ROWS_EVERY, Wire::Rows);
            }
            Act::Fill { volume, used_percent } => self.fill(volume, *used_percent)?,
            Act::FillUntilRefused { volume, stop_at } => self.fill_until_refused(volume, *stop_at),
            Act::StopOperator => self.stop_process(true),
            Act::StartOperator => self.start_process(),
            Act::PatchClaim { who, volume, to } => self.patch_claim(*who, volume, *to)?,
            Act::Scale { instances } => {
                let wanted = *instances;
                self.model.change(|model| model.api.update_cluster(&cluster, |c| c.spec.instances = wanted));
            }
            Act::SetPolicy(change) => {
                self.model.change(|model| {
                    model.api.update_custom(&cluster, |custom| {
                        custom.spec = Arc::new(storage::changed(&custom.spec, *change));
                        custom.generation += 1;
                    })
                });
            }
            Act::Verify => self.queue.push(self.model.now(), Wire::Verify),
            Act::Truncate { .. }
            | Act::SetClusterSize { .. }
            | Act::UpgradeImage
            | Act::Reconciliation { .. }
            | Act::StartBackup
            | Act::Restore { .. }
            | Act::Uncordon
            | Act::ProviderLimit { .. }
            | Act::SilenceKubelet(_)
            | Act::PassTime(_) => return Err(failed(&act.to_string(), "this world cannot do it yet")),
        }
        self.absorb();
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
            Strike::SwitchOver
            | Strike::FailOver
            | Strike::Drain(_)
            | Strike::CordonAll
            | Strike::Change(_) => {
                return Err(failed(&strike.to_string(), "this world cannot do it yet"));
            }
        }
        self.absorb();
        Ok(())
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

pub(super) fn failed(doing: &str, why: &str) -> WorldError {
    WorldError { doing: doing.to_owned(), why: why.to_owned() }
}
