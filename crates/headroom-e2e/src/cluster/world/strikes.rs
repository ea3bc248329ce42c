//! Disturbances, by the plain APIs that people and nodes use.

use std::{sync::PoisonError, time::Duration};

use headroom_scenario::{Strike, What, Who, WorldError};
use k8s_openapi::{api::policy::v1::PodDisruptionBudget, apimachinery::pkg::apis::meta::v1::MicroTime, jiff};
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::{ClusterWorld, Stopped};
use crate::cluster::{
    cnpg,
    connect::failed,
    manifests::NAME,
    nodes::{self, Victim},
    parse, pod, wait,
};

impl ClusterWorld {
    pub(super) fn disturb(&mut self, strike: &Strike) -> Result<(), WorldError> {
        let runtime = self.connection.runtime.clone();
        match strike {
            Strike::KillOperator => runtime.block_on(self.operator.kill()),
            Strike::DeletePod(who) => self.delete_pod(*who, &DeleteParams::default()),
            Strike::SwitchOver => self.switch_over(),
            Strike::FailOver => self.delete_pod(Who::Primary, &DeleteParams::default().grace_period(0)),
            Strike::Drain(who) => self.drain(*who),
            Strike::Cordon(who) => {
                let node = self.node(*who)?;
                self.cordon(node)
            }
            Strike::CordonAll => {
                let names = runtime.block_on(nodes::names(&self.connection.client, self.lane()))?;
                names.into_iter().try_for_each(|node| self.cordon(node))
            }
            Strike::CnpgAway(span) => self.stop_cnpg(*span),
            Strike::BreakData(who) => self.break_data(*who),
            Strike::Change(act) => self.act(act),
        }
    }

    /// What the script does meanwhile, it does without CloudNativePG; after `span` that is started again.
    fn stop_cnpg(&mut self, span: Duration) -> Result<(), WorldError> {
        let client = self.connection.client.clone();
        self.stopped.insert(Stopped::CloudNativePg);
        self.connection.runtime.block_on(cnpg::stop(&client))?;
        let recorder = self.recorder.clone();
        self.tasks.push(self.connection.runtime.spawn(async move {
            wait::pause(span).await;
            if let Err(error) = cnpg::start(&client).await {
                recorder.push(What::Note(error.to_string()));
            }
        }));
        Ok(())
    }

    /// The control file goes, and the server without a chance to write it anew.
    fn break_data(&self, who: Who) -> Result<(), WorldError> {
        const BREAK: &str =
            r#"rm "$PGDATA/global/pg_control" && kill -KILL "$(head -n 1 "$PGDATA/postmaster.pid")""#;
        let (pods, instance) = (self.pods(), self.instance(who)?);
        let command = ["bash", "-c", BREAK];
        let broken = pod::exec(&pods, &instance, "postgres", &command, Duration::from_secs(20));
        let output = self.connection.runtime.block_on(broken)?;
        if output.success { Ok(()) } else { Err(failed("damage a data directory", &output.stderr.trim())) }
    }

    /// A PodDisruptionBudget of a user's over all instances.
    pub(super) fn forbid_disruptions(&self, on: bool) -> Result<(), WorldError> {
        let budgets: Api<PodDisruptionBudget> =
            Api::namespaced(self.connection.client.clone(), &self.namespace);
        let budget = json!({
            "metadata": {"name": "keep"},
            "spec": {"maxUnavailable": 0, "selector": {"matchLabels": {"cnpg.io/cluster": NAME}}},
        });
        let budget =
            serde_json::from_value(budget).map_err(|error| failed("write a PodDisruptionBudget", &error))?;
        let done = self.connection.runtime.block_on(async {
            if on {
                budgets.create(&PostParams::default(), &budget).await.map(drop)
            } else {
                budgets.delete("keep", &DeleteParams::default()).await.map(drop)
            }
        });
        done.map_err(|error| failed("create or delete a PodDisruptionBudget", &error))
    }

    fn delete_pod(&self, who: Who, how: &DeleteParams) -> Result<(), WorldError> {
        let (pods, pod) = (self.pods(), self.instance(who)?);
        let deleted = self.connection.runtime.block_on(pods.delete(&pod, how));
        deleted.map(|_| ()).map_err(|error| failed(&format!("delete pod {pod}"), &error))
    }

    /// What `kubectl cnpg promote` writes: one update of the status (trace 07).
    fn switch_over(&self) -> Result<(), WorldError> {
        let target = self.instance(Who::LastReplica)?;
        let patch = json!({"status": {
            "targetPrimary": target,
            "targetPrimaryTimestamp": MicroTime(jiff::Timestamp::now()),
            "phase": "Switchover in progress",
            "phaseReason": format!("Switching over to {target}"),
        }});
        let clusters = self.api("Cluster")?;
        let (params, patch) = (PatchParams::default(), Patch::Merge(patch));
        let promoted = self.connection.runtime.block_on(clusters.patch_status(NAME, &params, &patch));
        promoted.map(drop).map_err(|error| failed(&format!("promote {target}"), &error))
    }

    fn cordon(&mut self, node: String) -> Result<(), WorldError> {
        self.connection.runtime.block_on(nodes::cordon(&self.connection.client, &node))?;
        self.cordoned.push(node.clone());
        self.recorder.push(What::Node { name: node, cordoned: true });
        Ok(())
    }

    fn drain(&mut self, who: Who) -> Result<(), WorldError> {
        let node = self.node(who)?;
        let victims = self.instances_on(&node);
        self.cordon(node.clone())?;
        let pods = Api::namespaced(self.connection.unretried.clone(), &self.namespace);
        let drain = nodes::drain(pods, node, victims, self.recorder.clone());
        self.tasks.push(self.connection.runtime.spawn(drain));
        Ok(())
    }

    fn instances_on(&self, node: &str) -> Vec<Victim> {
        let objects = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let pods = objects.iter().filter(|((kind, _), pod)| *kind == "Pod" && node_of(pod) == Some(node));
        pods.filter_map(|(_, pod)| parse::pod(pod))
            .map(|pod| Victim { instance: pod.instance.as_str().to_owned(), uid: pod.uid })
            .collect()
    }

    /// The node that an instance runs on.
    fn node(&self, who: Who) -> Result<String, WorldError> {
        let instance = self.instance(who)?;
        let pod = self.object("Pod", &instance);
        let node = pod.as_ref().and_then(node_of).map(str::to_owned);
        node.ok_or_else(|| failed(&format!("find the node of {instance}"), &"it has none"))
    }
}

fn node_of(pod: &Value) -> Option<&str> {
    pod.pointer("/spec/nodeName").and_then(Value::as_str)
}
