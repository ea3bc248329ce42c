//! What users and applications do.

use headroom_core::{Bytes, names::VolumeName};
use headroom_scenario::{Act, Wait, What, World as _, WorldError, script::PolicyChange};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

use super::{ClusterWorld, Stopped};
use crate::cluster::{
    ballast,
    connect::failed,
    manifests::{self, NAME, TABLESPACE},
    nodes,
    sql::Refusal,
    writer::Writer,
};

impl ClusterWorld {
    pub(super) fn act(&mut self, act: &Act) -> Result<(), WorldError> {
        let runtime = self.connection.runtime.clone();
        match act {
            Act::StartWriter { rows_per_second } => {
                let _guard = runtime.enter();
                let writer = Writer::start(self.pods(), self.recorder.clone(), *rows_per_second);
                self.writer = Some(writer);
                Ok(())
            }
            Act::Fill { volume, used_percent } => self.fill(volume, *used_percent),
            Act::FillUntilRefused { volume, stop_at } => {
                self.fill_until_refused(volume, self.scale.up(*stop_at))
            }
            Act::Truncate { volume } => self.truncate(volume),
            Act::StopOperator => self.run_operators(0),
            Act::StartOperator => self.run_operators(1),
            Act::PatchClaim { who, volume, to } => {
                let claim = Self::claim_name(&self.instance(*who)?, volume);
                let patch =
                    json!({"spec": {"resources": {"requests": {"storage": self.scale.up(*to).to_string()}}}});
                self.merge("PersistentVolumeClaim", &claim, &patch)
            }
            Act::Scale { instances } => {
                self.merge("Cluster", NAME, &json!({"spec": {"instances": instances}}))
            }
            Act::SetPolicy(change) => self.set_policy(self.scaled(*change)),
            Act::SetClusterSize { volume, size } => self.set_cluster_size(volume, self.scale.up(*size)),
            Act::UpgradeImage => {
                let image = self.connection.upgrade_image()?;
                self.merge("Cluster", NAME, &json!({"spec": {"imageName": image}}))
            }
            Act::WalLogHints { on } => {
                let word = if *on { "on" } else { "off" };
                let patch = json!({"spec": {"postgresql": {"parameters": {"wal_log_hints": word}}}});
                self.merge("Cluster", NAME, &patch)
            }
            Act::BreakArchive { on } => self.break_archive(*on),
            Act::Reconciliation { enabled } => {
                let word = if *enabled { Value::Null } else { json!("disabled") };
                let patch = json!({"metadata": {"annotations": {"cnpg.io/reconciliationLoop": word}}});
                self.merge("Cluster", NAME, &patch)
            }
            Act::StartBackup => self.start_backup(),
            Act::Restore { size } => self.restore(self.scale.up(*size)),
            Act::DeleteStorage => self.delete_storage(),
            Act::CreateStorage => self.make_storage_again(),
            Act::Uncordon => self.uncordon(),
            Act::ForbidDisruptions { on } => self.forbid_disruptions(*on),
            Act::ProviderLimit { on } => self.refuse_growth(*on),
            Act::SilenceKubelet(_) | Act::PassTime(_) => {
                Err(failed(&act.to_string(), &"only the simulator has kubelets and a clock of its own"))
            }
            Act::Verify => self.verify(),
        }
    }

    fn merge(&self, kind: &str, name: &str, patch: &Value) -> Result<(), WorldError> {
        self.connection.runtime.block_on(self.patch(kind, name, patch))
    }

    /// Each instance's own archiver asks for a Secret that is not there. Only a switched segment is archived.
    fn break_archive(&self, on: bool) -> Result<(), WorldError> {
        let key = |key: &str| json!({"name": "no-such-secret", "key": key});
        let store = json!({
            "destinationPath": "s3://no-such-bucket/",
            "s3Credentials": {"accessKeyId": key("id"), "secretAccessKey": key("key")},
        });
        let store = if on { store } else { Value::Null };
        self.merge("Cluster", NAME, &json!({"spec": {"backup": {"barmanObjectStore": store}}}))?;
        let (runtime, limit, pods) = (self.connection.runtime.clone(), self.limit(Wait::Strike), self.pods());
        self.server(&pods, |server| runtime.block_on(server.archive_until(on, limit)))
    }

    fn run_operators(&mut self, count: u32) -> Result<(), WorldError> {
        if count == 0 {
            self.stopped.insert(Stopped::Headroom);
        } else {
            self.stopped.remove(&Stopped::Headroom);
        }
        self.connection.runtime.block_on(self.operator.scale(count))
    }

    fn set_cluster_size(&self, volume: &VolumeName, size: Bytes) -> Result<(), WorldError> {
        let place = match volume {
            VolumeName::Data => "/spec/storage/size",
            VolumeName::Wal => "/spec/walStorage/size",
            // A fixture has one at most.
            VolumeName::Tablespace(_) => "/spec/tablespaces/0/storage/size",
        };
        let patch = json!([{"op": "replace", "path": place, "value": size.to_string()}]);
        let patch = serde_json::from_value(patch).map_err(|error| failed("write a patch", &error))?;
        let clusters = self.api("Cluster")?;
        let (params, patch) = (PatchParams::default(), Patch::<Value>::Json(patch));
        let set = self.connection.runtime.block_on(clusters.patch(NAME, &params, &patch));
        set.map(drop).map_err(|error| failed(&format!("set the size of {volume} in the Cluster"), &error))
    }

    fn start_backup(&mut self) -> Result<(), WorldError> {
        self.backups += 1;
        self.rows_before_backup = self.writer.as_ref().map_or(0, Writer::count);
        let backup = manifests::backup(&self.backup_name());
        self.connection.runtime.block_on(self.create("Backup", &backup))
    }

    pub(super) fn backup_name(&self) -> String {
        format!("backup-{}", self.backups)
    }

    /// Gives back the nodes that this scenario has cordoned.
    pub(super) fn uncordon(&mut self) -> Result<(), WorldError> {
        let client = self.connection.client.clone();
        for node in std::mem::take(&mut self.cordoned) {
            self.connection.runtime.block_on(nodes::uncordon(&client, &node))?;
            self.recorder.push(What::Node { name: node, cordoned: false });
        }
        Ok(())
    }

    pub(super) fn refuse_growth(&mut self, refuse: bool) -> Result<(), WorldError> {
        if !self.connection.is_lab {
            return Err(failed("let the storage refuse growth", &"only the lab's driver can be told to"));
        }
        self.growth_refused = refuse;
        self.storage_gates().refuse_growth(refuse)
    }

    fn verify(&mut self) -> Result<(), WorldError> {
        let runtime = self.connection.runtime.clone();
        let acknowledged = self.writer.as_ref().map(Writer::acknowledged).unwrap_or_default();
        let expected = self.sentinel.clone();
        let recorder = self.recorder.clone();
        let pods = self.pods();
        self.server(&pods, |server| {
            runtime.block_on(async {
                let found = server.count_rows(&acknowledged).await?;
                let sentinel = server.sentinel().await?;
                let count = acknowledged.len() as u64;
                recorder.push(What::Verified {
                    acknowledged: count,
                    lost: count.saturating_sub(found),
                    sentinel_ok: Some(&sentinel) == expected.as_ref(),
                    amcheck_clean: Some(server.amcheck().await?),
                });
                Ok(())
            })
        })
    }

    /// Changes the block of the data volume and that of the tablespace.
    fn set_policy(&self, change: PolicyChange) -> Result<(), WorldError> {
        if let PolicyChange::Paused(paused) = change {
            let mode = if paused { "Paused" } else { "Apply" };
            return self.merge("DynamicStorage", NAME, &json!({"spec": {"mode": mode}}));
        }
        let object = self.object("DynamicStorage", NAME);
        let spec = object.as_ref().and_then(|object| object.get("spec"));
        let mut patch = json!({"storage": changed(change)});
        if let Some(tablespaces) = spec.and_then(|spec| spec.get("tablespaces")).and_then(Value::as_array) {
            // A merge patch replaces a list as a whole.
            let mut tablespaces = tablespaces.clone();
            for block in tablespaces.iter_mut().filter(|block| block["name"] == TABLESPACE) {
                merged(block, &changed(change));
            }
            patch["tablespaces"] = json!(tablespaces);
        }
        self.merge("DynamicStorage", NAME, &json!({"spec": patch}))
    }

    fn scaled(&self, change: PolicyChange) -> PolicyChange {
        match change {
            PolicyChange::Limit(limit) => PolicyChange::Limit(self.scale.up(limit)),
            PolicyChange::EmergencyLimit(limit) => PolicyChange::EmergencyLimit(self.scale.up(limit)),
            PolicyChange::Request(request) => PolicyChange::Request(self.scale.up(request)),
            PolicyChange::TargetBuffer(_)
            | PolicyChange::Budget(..)
            | PolicyChange::Shrink(_)
            | PolicyChange::Paused(_) => change,
        }
    }

    fn truncate(&self, volume: &VolumeName) -> Result<(), WorldError> {
        let (runtime, pods) = (self.connection.runtime.clone(), self.pods());
        if self.rows_beside.is_some() {
            runtime.block_on(ballast::give_back(&pods, &self.members(), volume))?;
        }
        self.server(&pods, |server| runtime.block_on(server.truncate(volume)))
    }

    pub(super) fn fill(&self, volume: &VolumeName, percent: u8) -> Result<(), WorldError> {
        let (runtime, limit, pods) = (self.connection.runtime.clone(), self.limit(Wait::Fill), self.pods());
        self.set_aside(&pods, volume, percent)?;
        self.server(&pods, |mut server| runtime.block_on(server.fill(volume, percent, limit)))
    }

    /// So much that rows of a bounded size do the rest up to `percent`, where rows need not do it all.
    fn set_aside(&self, pods: &Api<Pod>, volume: &VolumeName, percent: u8) -> Result<(), WorldError> {
        let Some(rows) = self.rows_beside else { return Ok(()) };
        let members = self.members();
        self.connection.runtime.block_on(ballast::set_aside(pods, &members, volume, percent, rows))
    }

    fn fill_until_refused(&self, volume: &VolumeName, stop_at: Bytes) -> Result<(), WorldError> {
        let (runtime, limit, pods) = (self.connection.runtime.clone(), self.limit(Wait::Fill), self.pods());
        self.set_aside(&pods, volume, ballast::BEFORE_THE_END)?;
        let recorder = self.recorder.clone();
        self.server(&pods, |mut server| {
            match runtime.block_on(server.fill_until_refused(volume, stop_at, limit))? {
                // The first refusal is in the trace already.
                Refusal::NoSpace => {}
                Refusal::Stopped => recorder.push(What::InsertFailed { no_space: false }),
                Refusal::Grown => recorder.push(What::Note("the volume grew under the inserts".to_owned())),
            }
            Ok(())
        })
    }
}

/// The changed fields of a block.
fn changed(change: PolicyChange) -> Value {
    match change {
        PolicyChange::Limit(limit) => json!({"limit": limit.to_string()}),
        PolicyChange::TargetBuffer(percent) => json!({"targetBuffer": percent}),
        PolicyChange::Budget(per_day, reserved) => {
            json!({"budget": {"actionsPerDay": per_day, "reservedForEmergency": reserved}})
        }
        PolicyChange::Request(request) => json!({"request": request.to_string()}),
        PolicyChange::Shrink(enabled) => json!({"shrink": {"enabled": enabled}}),
        // It is the object's, not a block's.
        PolicyChange::Paused(_) => json!({}),
        PolicyChange::EmergencyLimit(limit) => {
            json!({"emergencyGrow": {"emergencyLimit": limit.to_string()}})
        }
    }
}

/// Puts the fields of `change` into `object`, deeply.
fn merged(object: &mut Value, change: &Value) {
    match (object, change) {
        (Value::Object(object), Value::Object(change)) => {
            for (key, value) in change {
                merged(object.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (object, change) => object.clone_from(change),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_a_block_leaves_its_other_fields_alone() {
        let mut block = json!({"name": "idx", "limit": "4Gi", "budget": {"actionsPerDay": 4}, "emergencyGrow": {"enabled": true}});
        merged(&mut block, &changed(PolicyChange::EmergencyLimit(Bytes::gibi(6))));
        merged(&mut block, &changed(PolicyChange::Budget(2, 1)));
        let expected = json!({
            "name": "idx", "limit": "4Gi", "budget": {"actionsPerDay": 2, "reservedForEmergency": 1},
            "emergencyGrow": {"enabled": true, "emergencyLimit": "6Gi"},
        });
        assert_eq!(block, expected);
    }
}
