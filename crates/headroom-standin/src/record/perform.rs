//! Plays a story on a real cluster.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use headroom_sim::model::object::UNRECOVERABLE;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{AttachParams, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;

use super::story::{Act, Part, Story};
use super::tape::{Tape, api};

/// How long a cluster may take to settle.
const LIMIT: Duration = Duration::from_mins(6);
/// How long nothing may have changed in a settled one: longer than between two probes of a pod.
const QUIET: Duration = Duration::from_secs(6);
const LOOK: Duration = Duration::from_millis(500);

/// The namespace that a story is played in.
pub(super) struct Stage {
    client: Client,
    namespace: String,
    tape: Tape,
}

impl Stage {
    /// Makes the namespace and begins to record.
    pub(super) async fn set(client: &Client, story: &str) -> Result<Self> {
        let namespaces = Api::<Namespace>::all(client.clone());
        let name = format!("conformance-{story}");
        let deadline = Instant::now() + LIMIT;
        // One of an earlier run that was cut short.
        while let Some(left) = namespaces.get_opt(&name).await? {
            if left.metadata.deletion_timestamp.is_none() {
                namespaces.delete(&name, &DeleteParams::default()).await?;
            }
            anyhow::ensure!(Instant::now() < deadline, "namespace {name} of an earlier run does not go away");
            tokio::time::sleep(LOOK).await;
        }
        let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": name}}))?;
        namespaces.create(&PostParams::default(), &namespace).await.context("making the namespace")?;
        let tape = Tape::start(client, &name);
        Ok(Self { client: client.clone(), namespace: name, tape })
    }

    /// Deletes the namespace and gives the recording.
    pub(super) async fn clear(self) -> Result<String> {
        let namespaces = Api::<Namespace>::all(self.client.clone());
        namespaces
            .delete(&self.namespace, &DeleteParams::default())
            .await
            .context("removing the namespace")?;
        Ok(self.tape.text())
    }

    /// Plays it.
    pub(super) async fn play(&mut self, story: &Story) -> Result<()> {
        if story.before > 0 {
            self.create(story.before).await?;
            self.settle().await?;
        }
        for part in story.parts {
            match part {
                Part::Do(act) => {
                    self.tape.act(&act.marker());
                    self.perform(*act).await.with_context(|| act.marker())?;
                }
                Part::Settle => self.settle().await?,
                Part::Joining(instance) => {
                    self.until("an instance to be joined", |tape| joining(tape, instance)).await?;
                }
                Part::Still => {
                    self.until("nothing to change any more", |tape| {
                        if tape.quiet_for() >= QUIET {
                            Ok(())
                        } else {
                            Err("something still does".to_owned())
                        }
                    })
                    .await?;
                }
                Part::Full => {
                    self.until("a server to stop for want of space", |tape| {
                        let phase = cluster(tape)["status"]["phase"].clone();
                        if phase == "Not enough disk space" { Ok(()) } else { Err(phase.to_string()) }
                    })
                    .await?;
                }
            }
        }
        Ok(())
    }

    async fn perform(&self, act: Act) -> Result<()> {
        let claim =
            |name: &'static str| (name, json!({"spec": {"resources": {"requests": {"storage": "2Gi"}}}}));
        match act {
            Act::Create(instances) => self.create(instances).await,
            Act::Scale(instances) => {
                self.patch("Cluster", "pg", &json!({"spec": {"instances": instances}})).await
            }
            Act::RaiseSpec => {
                self.patch("Cluster", "pg", &json!({"spec": {"storage": {"size": "2Gi"}}})).await
            }
            Act::RaiseClaims(claims) => {
                for (name, patch) in claims.iter().map(|name| claim(name)) {
                    self.patch("PersistentVolumeClaim", name, &patch).await?;
                }
                Ok(())
            }
            Act::Promote(instance) => {
                let status = json!({"status": {
                    "targetPrimary": instance,
                    "phase": "Switchover in progress",
                    "phaseReason": format!("Switching over to {instance}"),
                }});
                let clusters = api(&self.client, &self.namespace, "Cluster");
                clusters.patch_status("pg", &PatchParams::default(), &Patch::Merge(status)).await?;
                Ok(())
            }
            Act::DeletePod(pod) => self.delete("Pod", pod).await,
            Act::Destroy(instance) => {
                for claim in self.tape.all("PersistentVolumeClaim") {
                    if claim["metadata"]["labels"]["cnpg.io/instanceName"] == instance {
                        let name = claim["metadata"]["name"].as_str().unwrap_or_default().to_owned();
                        self.delete("PersistentVolumeClaim", &name).await?;
                    }
                }
                self.delete("Pod", instance).await
            }
            Act::Condemn(instance) => {
                let mark = json!({"metadata": {"annotations": {UNRECOVERABLE: "true"}}});
                self.patch("Pod", instance, &mark).await
            }
            Act::DeleteJoin(instance) => {
                let jobs = api(&self.client, &self.namespace, "Job");
                jobs.delete(&format!("{instance}-join"), &DeleteParams::foreground()).await.map(drop)?;
                Ok(())
            }
            Act::DeleteClaim(claim) => self.delete("PersistentVolumeClaim", claim).await,
            Act::Fill => self.fill().await,
        }
    }

    async fn create(&self, instances: u32) -> Result<()> {
        let object: DynamicObject = serde_json::from_value(json!({
            "apiVersion": "postgresql.cnpg.io/v1",
            "kind": "Cluster",
            "metadata": {"name": "pg"},
            "spec": {
                "instances": instances,
                "imageName": "headroom.dev/lab/postgresql:15",
                "storage": {"size": "1Gi"},
                "resources": {"requests": {"cpu": "20m", "memory": "100Mi"}},
            },
        }))?;
        let clusters = api(&self.client, &self.namespace, "Cluster");
        clusters.create(&PostParams::default(), &object).await.map(drop).context("creating the Cluster")
    }

    async fn patch(&self, kind: &str, name: &str, patch: &Value) -> Result<()> {
        let objects = api(&self.client, &self.namespace, kind);
        objects.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }

    async fn delete(&self, kind: &str, name: &str) -> Result<()> {
        let objects = api(&self.client, &self.namespace, kind);
        objects.delete(name, &DeleteParams::default()).await.map(drop)?;
        Ok(())
    }

    /// Leaves no room in the volume, then writes WAL; both commands end badly, and the server with them.
    async fn fill(&self) -> Result<()> {
        let script = "dd if=/dev/zero of=/var/lib/postgresql/data/filling bs=1M; \
             while psql -U postgres -d postgres -qc 'select pg_switch_wal(); create table if not exists t (n int); insert into t values (1)'; \
             do :; done";
        let pods = Api::<Pod>::namespaced(self.client.clone(), &self.namespace);
        let params = AttachParams::default().container("postgres").stdout(true).stderr(false);
        let mut process = pods.exec("pg-1", ["sh", "-c", script], &params).await?;
        if let Some(mut output) = process.stdout() {
            // It breaks off with the container.
            let _ = output.read_to_end(&mut Vec::new()).await;
        }
        Ok(())
    }

    async fn settle(&self) -> Result<()> {
        self.until("the Cluster to settle", |tape| {
            unsettled(&cluster(tape), &tape.all("PersistentVolumeClaim"))?;
            if tape.quiet_for() >= QUIET { Ok(()) } else { Err("something still changes".to_owned()) }
        })
        .await
    }

    async fn until(&self, what: &str, met: impl Fn(&Tape) -> Result<(), String>) -> Result<()> {
        let deadline = Instant::now() + LIMIT;
        loop {
            let Err(still) = met(&self.tape) else { return Ok(()) };
            if Instant::now() >= deadline {
                bail!(
                    "waited {} s for {what}: {still}; look into namespace {}",
                    LIMIT.as_secs(),
                    self.namespace
                );
            }
            self.tape.next(LOOK).await;
        }
    }
}

fn cluster(tape: &Tape) -> Value {
    tape.all("Cluster").into_iter().next().unwrap_or_default()
}

fn joining(tape: &Tape, instance: &str) -> Result<(), String> {
    let there = |kind, name: &str| tape.all(kind).iter().any(|object| object["metadata"]["name"] == name);
    match (there("Job", &format!("{instance}-join")), there("PersistentVolumeClaim", instance)) {
        (true, true) => Ok(()),
        (false, _) => Err("there is no Job".to_owned()),
        (true, false) => Err("there is no claim".to_owned()),
    }
}

/// What is missing to a healthy, whole Cluster with claims as large as they are asked to be.
fn unsettled(cluster: &Value, claims: &[Value]) -> Result<(), String> {
    let (status, wanted) = (&cluster["status"], &cluster["spec"]["instances"]);
    if status["phase"] != "Cluster in healthy state" {
        return Err(format!("phase {}", status["phase"]));
    }
    if status["readyInstances"] != *wanted || status["instances"] != *wanted {
        return Err(format!("{} of {wanted} instances are ready", status["readyInstances"]));
    }
    let small = |claim: &&Value| {
        claim.pointer("/status/capacity/storage") != claim.pointer("/spec/resources/requests/storage")
    };
    match claims.iter().find(small) {
        Some(claim) => Err(format!("claim {} has not its size", claim["metadata"]["name"])),
        None if status.get("resizingPVC").is_some() => Err("a claim is being resized".to_owned()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn settled(cluster: &Value, claims: &Value, expected: bool) {
        let claims = claims.as_array().cloned().unwrap_or_default();
        assert_eq!(unsettled(cluster, &claims).is_ok(), expected);
    }

    #[test]
    fn a_cluster_is_settled_when_it_is_healthy_whole_and_as_large_as_asked() {
        let healthy = |ready: u32| json!({"spec": {"instances": 2}, "status": {"phase": "Cluster in healthy state", "instances": 2, "readyInstances": ready}});
        let claim = |capacity: &str| json!([{"spec": {"resources": {"requests": {"storage": "2Gi"}}}, "status": {"capacity": {"storage": capacity}}}]);
        settled(&healthy(2), &claim("2Gi"), true);
        settled(&healthy(1), &claim("2Gi"), false);
        settled(&healthy(2), &claim("1Gi"), false);
        settled(&json!({"spec": {"instances": 2}}), &json!([]), false);
    }
}
