//! What is kept of a run that did not pass: objects, logs and the whole trace, as files.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use headroom_scenario::Trace;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::{
    Api, Client, ResourceExt as _,
    api::{ApiResource, DynamicObject, GroupVersionKind, ListParams, LogParams},
};

use super::{cnpg, operator};

/// Kinds of the scenario's namespace: group, version, kind, plural. No secrets.
const KINDS: [(&str, &str, &str, &str); 11] = [
    ("postgresql.cnpg.io", "v1", "Cluster", "clusters"),
    ("postgresql.cnpg.io", "v1", "Backup", "backups"),
    ("headroom.dev", "v1alpha1", "DynamicStorage", "dynamicstorages"),
    ("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
    ("", "v1", "Pod", "pods"),
    ("batch", "v1", "Job", "jobs"),
    ("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    ("", "v1", "Endpoints", "endpoints"),
    ("snapshot.storage.k8s.io", "v1", "VolumeSnapshot", "volumesnapshots"),
    ("storage.k8s.io", "v1", "VolumeAttachment", "volumeattachments"),
    ("events.k8s.io", "v1", "Event", "events"),
];

/// One scenario's evidence.
pub(crate) struct Evidence<'a> {
    pub(crate) client: &'a Client,
    /// The scenario's namespace.
    pub(crate) namespace: &'a str,
    /// How long the scenario took: logs of the operators are kept from its begin.
    pub(crate) age: Duration,
}

impl Evidence<'_> {
    /// Writes everything into the folder. What cannot be had is named in `missing.txt`: a namespace that is half gone is
    /// evidence, too.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(crate) async fn keep(&self, folder: &Path, trace: &Trace) -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let mut written = Written { folder: folder.to_owned(), missing: String::new() };
        written.file("trace.txt", &told(trace))?;
        for (group, version, kind, plural) in KINDS {
            let gvk = GroupVersionKind::gvk(group, version, kind);
            let resource = ApiResource::from_gvk_with_plural(&gvk, plural);
            let objects = if kind == "VolumeAttachment" {
                Api::<DynamicObject>::all_with(self.client.clone(), &resource)
            } else {
                Api::namespaced_with(self.client.clone(), self.namespace, &resource)
            };
            match objects.list(&ListParams::default()).await {
                Ok(list) => written.file(&format!("{plural}.json"), &spelled(list.items))?,
                Err(error) => written.lacks(plural, &error),
            }
        }
        for (namespace, since) in
            [(self.namespace, None), (operator::NAMESPACE, Some(self.age)), (cnpg::NAMESPACE, Some(self.age))]
        {
            self.logs(namespace, since, &mut written).await?;
        }
        let missing = std::mem::take(&mut written.missing);
        if missing.is_empty() { Ok(()) } else { written.file("missing.txt", &missing) }
    }

    async fn logs(
        &self,
        namespace: &str,
        since: Option<Duration>,
        written: &mut Written,
    ) -> std::io::Result<()> {
        let pods = Api::<Pod>::namespaced(self.client.clone(), namespace);
        let list = match pods.list(&ListParams::default()).await {
            Ok(list) => list.items,
            Err(error) => {
                written.lacks(&format!("logs of {namespace}"), &error);
                return Ok(());
            }
        };
        for pod in list {
            let name = pod.name_any();
            let status = pod.status.unwrap_or_default();
            let containers =
                status.container_statuses.into_iter().chain(status.init_container_statuses).flatten();
            for ContainerStatus { name: container, restart_count, .. } in containers {
                for previous in [false, true].into_iter().take(if restart_count > 0 { 2 } else { 1 }) {
                    let since_seconds = since.and_then(|since| i64::try_from(since.as_secs()).ok());
                    let container = Some(container.clone());
                    let file = log_file(namespace, &name, container.as_deref().unwrap_or(""), previous);
                    let params = LogParams {
                        container,
                        previous,
                        since_seconds,
                        timestamps: true,
                        ..LogParams::default()
                    };
                    match pods.logs(&name, &params).await {
                        Ok(text) => written.file(&file, &text)?,
                        Err(error) => written.lacks(&file, &error),
                    }
                }
            }
        }
        Ok(())
    }
}

fn log_file(namespace: &str, pod: &str, container: &str, previous: bool) -> String {
    format!("logs/{namespace}/{pod}.{container}{}.log", if previous { ".previous" } else { "" })
}

/// A folder that is being written.
struct Written {
    folder: PathBuf,
    missing: String,
}

impl Written {
    fn file(&self, name: &str, text: &str) -> std::io::Result<()> {
        let path = self.folder.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, text)
    }

    fn lacks(&mut self, what: &str, why: &dyn std::fmt::Display) {
        let _ = writeln!(self.missing, "{what}: {why}");
    }
}

/// Objects as JSON, without the book-keeping of field managers.
fn spelled(mut objects: Vec<DynamicObject>) -> String {
    for object in &mut objects {
        object.metadata.managed_fields = None;
    }
    serde_json::to_string_pretty(&objects).unwrap_or_else(|error| error.to_string())
}

/// Every entry of a trace, one a line.
fn told(trace: &Trace) -> String {
    let mut text = String::new();
    for entry in &trace.entries {
        let _ = writeln!(text, "{:>7}.{:03}  {:?}", entry.at_ms / 1000, entry.at_ms % 1000, entry.what);
    }
    text
}

#[cfg(test)]
mod tests {
    use headroom_scenario::What;

    use super::*;

    #[test]
    fn a_log_is_named_after_its_container_and_life() {
        assert_eq!(log_file("ns", "pg-1", "postgres", false), "logs/ns/pg-1.postgres.log");
        assert_eq!(log_file("ns", "pg-1", "postgres", true), "logs/ns/pg-1.postgres.previous.log");
    }

    #[test]
    fn the_trace_is_told_in_full() {
        let mut trace = Trace::new();
        trace.push(1_500, What::FixtureReady);
        trace.push(2_000, What::Acknowledged(3));
        assert_eq!(told(&trace), "      1.500  FixtureReady\n      2.000  Acknowledged(3)\n");
    }
}
