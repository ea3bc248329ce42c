//! Carries out what the model plans.

use std::time::Duration;

use headroom_sim::model::cnpg::plan::{Memory, Move, Situation, plan};
use headroom_sim::model::cnpg::{born, status};
use headroom_sim::model::object::{Name, PENDING, Role, Volume};
use headroom_sim::model::queue::Millis;
use headroom_sim::model::{apiserver::ApiServer, size_text};
use kube::{Error, ResourceExt as _};
use serde_json::json;

use super::round::Round;
use crate::{names, objects};

/// A part of the making of an instance that was cut short by the end of a controller.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Missing {
    /// Claims have no job: it is the first instance, or a further one.
    Job(Name),
    /// A job has no claims, or not all.
    Claims(Name),
}

/// What is missing of instances that are being made (trace 14: creation goes on where it stopped).
fn missing(api: &ApiServer, volumes: usize) -> Vec<Missing> {
    let mut found = Vec::new();
    for claim in api.claims().filter(|claim| claim.volume == Volume::Data && !claim.meta.deleting) {
        let instance = &claim.instance;
        let has_job = api.jobs().any(|job| job.instance == *instance);
        if !claim.ready && !has_job && api.instance_pod(instance).is_none() {
            found.push(Missing::Job(instance.clone()));
        }
    }
    for job in api.jobs().filter(|job| !job.succeeded) {
        if api.claims_of(&job.instance).count() < volumes {
            found.push(Missing::Claims(job.instance.clone()));
        }
    }
    found
}

/// A former primary restarts in its pod, and the kubelet calls the pod Ready for up to a probe longer; it is not, before it
/// has reported again and its label has followed (trace 07: the phase stays at the switchover until it is Ready).
fn without_stale_readiness(api: &ApiServer) -> ApiServer {
    let mut api = api.clone();
    let former = api.pods().filter(|pod| pod.role == Some(Role::Unhealthy));
    let former: Vec<Name> = former.map(|pod| pod.meta.name.clone()).collect();
    for name in former {
        api.update_pod(&name, |pod| pod.ready = false);
    }
    api
}

/// Milliseconds since 1970, the model's clock here.
fn now() -> Millis {
    Millis::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0)
}

impl Round<'_> {
    /// Completes what was begun by a controller that ended.
    pub(super) async fn resume(&self) -> Result<(), Error> {
        for part in missing(&self.api, self.seen.spec.sizes.len()) {
            match part {
                Missing::Job(instance) => {
                    let first = self.seen.status.current_primary.is_none();
                    self.create_job(&instance, first).await?;
                }
                Missing::Claims(instance) => self.create_claims(&instance).await?,
            }
        }
        Ok(())
    }

    /// Asks the model and does it, in its order.
    pub(super) async fn act(&mut self) -> Result<(), Error> {
        let uid = self.cluster.uid().unwrap_or_default();
        let down = status::primary_down(&self.api, &self.seen);
        let now = now();
        let primary_down = self.shared.remember(&uid, |memory| {
            memory.primary_down = down.then(|| memory.primary_down.unwrap_or(now));
            memory.primary_down
        });
        let moving = status::moving(&self.seen.status);
        let memory = Memory { primary_down, moving, creating: false, raising: false, parameters: 0 };
        let api = without_stale_readiness(&self.api);
        let (cluster, cordoned) = (&self.seen, &self.cordoned);
        let steps = plan(&Situation { api: &api, cluster, memory, cordoned, now });
        for step in steps {
            self.carry_out(step).await?;
        }
        self.move_primary().await
    }

    async fn carry_out(&mut self, step: Move) -> Result<(), Error> {
        match step {
            Move::Phase(phase, reason) => {
                self.show(|status| {
                    status.phase = Some(phase);
                    status.reason = reason;
                })
                .await?;
            }
            Move::Raise(claim, to) => {
                let patch = json!({"spec": {"resources": {"requests": {"storage": size_text(to)}}}});
                self.writer.merge("PersistentVolumeClaim", &claim, &patch).await?;
            }
            Move::First(instance) => {
                self.create_claims(&instance).await?;
                self.show(|status| {
                    status.target_primary = Some(instance.clone());
                    status::setting_up(&instance, status);
                })
                .await?;
                self.create_job(&instance, true).await?;
            }
            Move::Join(instance) => {
                self.create_job(&instance, false).await?;
                self.create_claims(&instance).await?;
            }
            Move::Adopt(instance) => self.adopt(&instance).await?,
            Move::Remove(instance) | Move::Replace(instance) => {
                // Claims first, then the pod (traces 04, 10).
                for claim in self.api.claims_of(&instance) {
                    self.writer.delete("PersistentVolumeClaim", &claim.meta.name).await?;
                }
                self.writer.delete("Pod", &instance).await?;
            }
            Move::DropJobs => {
                for job in self.api.jobs().filter(|job| job.succeeded) {
                    self.writer.delete("Job", &job.meta.name).await?;
                }
            }
            Move::FailOver(_) => {
                // Whom the real servers' positions speak for is elected once none of them receives any more.
                self.show(|status| {
                    status::failing_over(status);
                    status.target_primary = Some(PENDING.into());
                })
                .await?;
                self.label_old_primary().await?;
            }
            Move::SwitchOver(to, reason) => {
                self.show(|status| status::switching_over(reason, status)).await?;
                self.show(|status| status.target_primary = Some(to)).await?;
                self.label_old_primary().await?;
            }
            Move::Remake(instance) => self.writer.delete("Pod", &instance).await?,
            // Never planned here: no revision of parameters is told to the model, because none is rolled out.
            Move::RestartInPlace(_) => {}
            Move::Again(delay) => self.again = self.again.min(Duration::from_millis(delay)),
        }
        Ok(())
    }

    async fn label_old_primary(&self) -> Result<(), Error> {
        match self.seen.status.current_primary.clone() {
            Some(old) => self.put_role(&old, Role::Unhealthy).await,
            None => Ok(()),
        }
    }

    async fn adopt(&self, instance: &Name) -> Result<(), Error> {
        let ready = json!({"metadata": {"annotations": {names::PVC_STATUS: "ready"}}});
        for claim in self.api.claims_of(instance).filter(|claim| !claim.ready) {
            self.writer.merge("PersistentVolumeClaim", &claim.meta.name, &ready).await?;
        }
        self.writer.create(&objects::instance_pod(&self.cluster, &self.shared.build, instance)).await
    }

    async fn create_claims(&self, instance: &Name) -> Result<(), Error> {
        for claim in born(&self.seen.meta.name, instance, &self.seen.spec) {
            if self.api.claim(&claim.meta.name).is_none() {
                self.writer.create(&objects::claim(&self.cluster, &claim)).await?;
            }
        }
        Ok(())
    }

    async fn create_job(&self, instance: &Name, initdb: bool) -> Result<(), Error> {
        self.writer.create(&objects::job(&self.cluster, &self.shared.build, instance, initdb)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headroom_sim::model::apiserver::named;
    use headroom_sim::model::object::{ClusterSpec, Job};
    use std::collections::BTreeMap;

    fn api(claims: bool, job: bool, sizes: &BTreeMap<Volume, u64>) -> ApiServer {
        let mut api = ApiServer::new();
        let (cluster, instance): (Name, Name) = ("pg".into(), "pg-2".into());
        if claims {
            let spec = ClusterSpec::new(2, sizes.clone());
            born(&cluster, &instance, &spec).into_iter().take(1).for_each(|claim| api.insert_claim(claim));
        }
        if job {
            api.insert_job(Job {
                meta: named(&"pg-2-join".into()),
                cluster,
                instance,
                initdb: false,
                succeeded: false,
                failed: 0,
            });
        }
        api
    }

    #[test]
    fn a_creation_that_was_cut_short_goes_on_where_it_stopped() {
        let sizes = BTreeMap::from([(Volume::Data, 1 << 30), (Volume::Wal, 1 << 30)]);
        let look = |claims, job| missing(&api(claims, job, &sizes), sizes.len());
        assert_eq!(look(false, true), [Missing::Claims("pg-2".into())]);
        assert_eq!(look(true, true), [Missing::Claims("pg-2".into())]);
        assert_eq!(look(true, false), [Missing::Job("pg-2".into())]);
        assert_eq!(look(false, false), []);
    }
}
