//! Instance pods and the pods of jobs.

use headroom_sim::model::job::job_name;
use headroom_sim::model::object::{Name, Volume, claim_name, serial_of};
use serde_json::{Value, json};

use super::{Build, meta};
use crate::cluster::Cluster;
use crate::names;

/// Where the program lies inside a pod, put there by the init container.
const PROGRAM: &str = "/stand-in/headroom-standin";
/// Largest count of start-up probes of 10 s: an hour.
const STARTUP_PROBES: u32 = 360;

/// The pod of an instance.
pub fn instance_pod(cluster: &Cluster, build: &Build, instance: &str) -> Value {
    let labels = [
        (names::INSTANCE, instance),
        (names::POD_ROLE, "instance"),
        ("app.kubernetes.io/instance", cluster.metadata.name.as_deref().unwrap_or_default()),
    ];
    let mut metadata = meta(cluster, instance, &labels, true);
    metadata["annotations"][names::SERIAL] = json!(serial_of(&Name::from(instance)).to_string());
    let mut spec = pod_spec(cluster, build, instance, "run", "postgres");
    spec["terminationGracePeriodSeconds"] = json!(1800);
    spec["affinity"] = json!({"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{
        "weight": 100,
        "podAffinityTerm": {
            "topologyKey": "kubernetes.io/hostname",
            "labelSelector": {"matchLabels": {names::CLUSTER: cluster.metadata.name, names::POD_ROLE: "instance"}},
        },
    }]}});
    let probe = |path: &str| json!({"httpGet": {"path": path, "port": names::STATUS_PORT, "scheme": "HTTPS"}, "timeoutSeconds": 5, "periodSeconds": 10});
    let container = &mut spec["containers"][0];
    // As recorded: 9 to 10 s from the container's start to Ready (traces' README, fact 5).
    container["startupProbe"] = probe("/startupz");
    container["startupProbe"]["failureThreshold"] = json!(STARTUP_PROBES);
    container["readinessProbe"] = probe("/readyz");
    container["ports"] = json!([{"name": "postgresql", "containerPort": 5432}, {"name": "status", "containerPort": names::STATUS_PORT}]);
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
}

/// The job that makes an instance.
pub fn job(cluster: &Cluster, build: &Build, instance: &str, initdb: bool) -> Value {
    let instance = Name::from(instance);
    let role = if initdb { "initdb" } else { "join" };
    let labels = [(names::INSTANCE, &*instance), (names::JOB_ROLE, role)];
    let metadata = meta(cluster, &job_name(&instance, initdb, false), &labels, true);
    let mut spec = pod_spec(cluster, build, &instance, role, role);
    spec["restartPolicy"] = json!("Never");
    spec["terminationGracePeriodSeconds"] = json!(30);
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            "backoffLimit": 6,
            "completions": 1,
            "parallelism": 1,
            "template": {"metadata": {"labels": metadata["labels"]}, "spec": spec},
        },
    })
}

fn pod_spec(cluster: &Cluster, build: &Build, instance: &str, word: &str, container: &str) -> Value {
    let name = cluster.metadata.name.as_deref().unwrap_or_default();
    let (mut volumes, mut mounts) = storage(cluster, instance);
    let scratch = json!({"name": "stand-in", "mountPath": "/stand-in"});
    volumes.push(json!({"name": "stand-in", "emptyDir": {}}));
    mounts.push(scratch.clone());
    let image = cluster.spec.image_name.as_deref().unwrap_or(&build.postgres);
    let restricted = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
    let secret = |variable: &str, secret: String, key: &str| json!({"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}});
    let login = cluster.spec.initdb().secret.map_or_else(|| names::application_secret(name), |own| own.name);
    let mut main = json!({
        "name": container,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": [PROGRAM, "instance", word],
        "env": [
            {"name": "STANDIN_CLUSTER", "value": name},
            {"name": "STANDIN_INSTANCE", "value": instance},
            {"name": "STANDIN_NAMESPACE", "value": cluster.metadata.namespace},
            secret("STANDIN_REPLICATION_PASSWORD", names::replication_secret(name), "password"),
            secret("STANDIN_APPLICATION_PASSWORD", login, "password"),
        ],
        "volumeMounts": mounts,
        "securityContext": restricted,
    });
    if let Some(resources) = &cluster.spec.resources {
        main["resources"] = resources.clone();
    }
    json!({
        "serviceAccountName": name,
        "hostname": instance,
        "securityContext": {
            "runAsNonRoot": true, "runAsUser": 26, "runAsGroup": 26, "fsGroup": 26,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "initContainers": [{
            "name": "install-stand-in",
            "image": build.image,
            "imagePullPolicy": "IfNotPresent",
            "command": ["/headroom-standin", "install", PROGRAM],
            "volumeMounts": [scratch],
            "securityContext": restricted,
        }],
        "containers": [main],
        "volumes": volumes,
    })
}

/// Volumes of an instance and where they are mounted.
fn storage(cluster: &Cluster, instance: &str) -> (Vec<Value>, Vec<Value>) {
    let mut places = vec![("pgdata".to_owned(), Volume::Data, names::DATA.to_owned())];
    if cluster.spec.wal_storage.is_some() {
        places.push(("pg-wal".to_owned(), Volume::Wal, names::WAL.to_owned()));
    }
    for tablespace in &cluster.spec.tablespaces {
        let volume = Volume::Tablespace(tablespace.name.as_str().into());
        let name = format!("tbs-{}", tablespace.name);
        places.push((name, volume, names::tablespace_mount(&tablespace.name)));
    }
    let volume = |(name, volume, _): &(String, Volume, String)| json!({"name": name, "persistentVolumeClaim": {"claimName": &*claim_name(instance, volume)}});
    let mount = |(name, _, path): &(String, Volume, String)| json!({"name": name, "mountPath": path});
    (places.iter().map(volume).collect(), places.iter().map(mount).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tests::{build, cluster};
    use super::*;

    #[test]
    fn a_pod_mounts_its_claims_under_the_recorded_names() {
        let cluster = cluster(&json!({
            "imageName": "pg:15", "storage": {"size": "1Gi"}, "walStorage": {"size": "1Gi"},
            "tablespaces": [{"name": "hot", "storage": {"size": "1Gi"}}],
        }));
        let pod = instance_pod(&cluster, &build(), "pg-2");
        let container = &pod["spec"]["containers"][0];
        assert_eq!((&container["name"], &container["image"]), (&json!("postgres"), &json!("pg:15")));
        let mounts: Vec<_> = container["volumeMounts"].as_array().unwrap().iter().take(3).cloned().collect();
        assert_eq!(
            json!(mounts),
            json!([
                {"name": "pgdata", "mountPath": "/var/lib/postgresql/data"},
                {"name": "pg-wal", "mountPath": "/var/lib/postgresql/wal"},
                {"name": "tbs-hot", "mountPath": "/var/lib/postgresql/tablespaces/hot"},
            ])
        );
        assert_eq!(pod["spec"]["volumes"][2]["persistentVolumeClaim"]["claimName"], "pg-2-tbs-hot");
        assert_eq!(pod["metadata"]["labels"]["cnpg.io/podRole"], "instance");
    }

    #[track_caller]
    fn password_comes_from(spec: &Value, expected: &str) {
        let pod = instance_pod(&cluster(spec), &build(), "pg-1");
        let variables = pod["spec"]["containers"][0]["env"].as_array().cloned().unwrap_or_default();
        let found = variables.iter().find(|variable| variable["name"] == "STANDIN_APPLICATION_PASSWORD");
        let secret = found.and_then(|variable| variable.pointer("/valueFrom/secretKeyRef/name")).cloned();
        assert_eq!(secret, Some(json!(expected)));
    }

    #[test]
    fn the_owners_password_comes_from_the_secret_that_the_spec_names() {
        let own = json!({"storage": {"size": "1Gi"}, "bootstrap": {"initdb": {"secret": {"name": "login"}}}});
        password_comes_from(&own, "login");
        password_comes_from(&json!({"storage": {"size": "1Gi"}}), "pg-app");
    }

    #[test]
    fn a_job_is_named_after_what_it_does_and_its_pod_is_no_instance() {
        let cluster = cluster(&json!({"storage": {"size": "1Gi"}}));
        let job = job(&cluster, &build(), "pg-3", false);
        assert_eq!(job["metadata"]["name"], "pg-3-join");
        let labels = &job["spec"]["template"]["metadata"]["labels"];
        assert_eq!((&labels["cnpg.io/jobRole"], labels.get("cnpg.io/podRole")), (&json!("join"), None));
        assert_eq!(job["spec"]["template"]["spec"]["containers"][0]["name"], "join");
    }
}
