//! What is deleted and made anew: the DynamicStorage alone, or with its Cluster, which recovers from the snapshots of a
//! Backup.

use std::time::Duration;

use headroom_core::Bytes;
use headroom_scenario::{Fixture, Wait, World as _, WorldError};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::{
    Api,
    api::{DeleteParams, ListParams},
};
use serde_json::Value;

use super::ClusterWorld;
use crate::cluster::{
    connect::failed,
    manifests::{self, NAME},
    wait,
};

const PERIOD: Duration = Duration::from_millis(500);

impl ClusterWorld {
    pub(super) fn restore(&mut self, size: Bytes) -> Result<(), WorldError> {
        let runtime = self.connection.runtime.clone();
        let backup = self.completed_backup()?;
        let Some(fixture) = self.fixture.clone() else {
            return Err(failed("restore the Cluster", &"there is no fixture"));
        };
        let image = self.connection.postgres_image();
        runtime.block_on(async {
            // The DynamicStorage first: it lets go of its Cluster in order.
            self.delete("DynamicStorage", self.limit(Wait::Decision)).await?;
            self.delete("Cluster", self.limit(Wait::Recovery)).await?;
            self.instances_gone().await
        })?;
        if let Some(writer) = &self.writer {
            writer.go_back_to(self.rows_before_backup);
        }
        let fixture = Fixture { data: size, ..fixture };
        let cluster =
            manifests::restored(&fixture, self.connection.offer(image.as_deref(), self.lane()), &backup);
        runtime.block_on(self.create("Cluster", &cluster))?;
        self.make_storage(&fixture)
    }

    pub(super) fn delete_storage(&mut self) -> Result<(), WorldError> {
        let runtime = self.connection.runtime.clone();
        // A shrink is brought to an end first.
        let shrinks = self.fixture.as_ref().is_some_and(|fixture| fixture.policy.shrink.is_some());
        let limit = self.limit(if shrinks { Wait::Shrink } else { Wait::Decision });
        runtime.block_on(self.delete("DynamicStorage", limit))
    }

    pub(super) fn make_storage_again(&mut self) -> Result<(), WorldError> {
        let fixture = self.fixture.as_ref();
        self.make_storage(fixture.ok_or_else(|| failed("make the DynamicStorage", &"there is no fixture"))?)
    }

    fn completed_backup(&self) -> Result<Value, WorldError> {
        let name = self.backup_name();
        let backup = self.object("Backup", &name);
        let completed =
            |backup: &Value| backup.pointer("/status/phase").and_then(Value::as_str) == Some("completed");
        backup
            .filter(completed)
            .ok_or_else(|| failed("restore the Cluster", &format!("{name} is not completed")))
    }

    async fn delete(&self, kind: &str, limit: Duration) -> Result<(), WorldError> {
        let doing = format!("delete the {kind}");
        let objects = self.api(kind)?;
        let deleted = objects.delete(NAME, &DeleteParams::default()).await;
        deleted.map_err(|error| failed(&doing, &error))?;
        let gone = wait::until(limit, PERIOD, || async {
            matches!(objects.get_opt(NAME).await, Ok(None)).then_some(())
        });
        gone.await.ok_or_else(|| failed(&doing, &format!("it is still there after {} s", limit.as_secs())))
    }

    /// Pods and claims follow their Cluster: only then its names are free.
    async fn instances_gone(&self) -> Result<(), WorldError> {
        let limit = self.limit(Wait::Recovery);
        let of_cluster = ListParams::default().labels(&format!("cnpg.io/cluster={NAME}"));
        let pods = self.pods();
        let claims =
            Api::<PersistentVolumeClaim>::namespaced(self.connection.client.clone(), &self.namespace);
        let gone = wait::until(limit, PERIOD, || async {
            let (pods, claims) = (pods.list(&of_cluster).await.ok()?, claims.list(&of_cluster).await.ok()?);
            (pods.items.is_empty() && claims.items.is_empty()).then_some(())
        });
        gone.await.ok_or_else(|| failed("delete the Cluster", &"its pods or claims do not go away"))
    }
}
