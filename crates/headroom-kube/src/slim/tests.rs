use kube::core::{ObjectList, WatchEvent};

use super::*;

const CLUSTER: &str = r#"{
    "apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster",
    "metadata": {
        "name": "pg", "namespace": "ns", "uid": "u1", "resourceVersion": "41", "generation": 3,
        "labels": {"team": "a", "cnpg.io/reload": "true"},
        "annotations": {"cnpg.io/hibernation": "off", "kubectl.kubernetes.io/last-applied-configuration": "{}"},
        "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:spec": {"f:instances": {}}}}]
    },
    "spec": {"instances": 3, "storage": {"size": "1Gi"}, "unheardOf": [{"a": 1}]},
    "status": {"phase": "Cluster in healthy state", "currentPrimary": "pg-1", "conditions": []}
}"#;

/// The same object with a `spec` that is none.
fn malformed() -> String {
    CLUSTER.replace(r#"{"instances": 3, "storage": {"size": "1Gi"}, "unheardOf": [{"a": 1}]}"#, r#""three""#)
}

#[test]
fn only_what_is_read_is_kept() {
    let object: Slim<Cluster> = serde_json::from_str(CLUSTER).expect("an object");
    assert_eq!((object.head.name.as_str(), object.head.generation), ("pg", 3));
    assert_eq!(object.head.labels.keys().collect::<Vec<_>>(), ["cnpg.io/reload"]);
    assert_eq!(object.head.annotations.keys().collect::<Vec<_>>(), ["cnpg.io/hibernation"]);
    assert_eq!(object.meta().resource_version.as_deref(), Some("41"));
    assert_eq!(object.body.expect("a Cluster").spec.instances, 3);
}

#[test]
fn a_malformed_object_keeps_its_name_and_its_siblings() {
    let list = format!(
        r#"{{"kind": "ClusterList", "apiVersion": "v1", "metadata": {{"resourceVersion": "9"}}, "items": [{}, {CLUSTER}]}}"#,
        malformed()
    );
    let list: ObjectList<Slim<Cluster>> = serde_json::from_str(&list).expect("the list goes on");
    let [bad, good] = list.items.as_slice() else { panic!("two items") };
    assert_eq!(bad.head.name, "pg");
    assert!(bad.body.as_ref().is_err_and(|words| words.contains("invalid type")), "{:?}", bad.body);
    assert!(good.body.is_ok());
}

#[test]
fn a_malformed_object_in_a_watch_is_an_event() {
    let line = format!(r#"{{"type": "MODIFIED", "object": {}}}"#, malformed());
    let event: WatchEvent<Slim<Cluster>> = serde_json::from_str(&line).expect("the watch goes on");
    let WatchEvent::Modified(object) = event else { panic!("not modified") };
    assert!(object.body.is_err());
    assert_eq!(object.meta().resource_version.as_deref(), Some("41"));
}

#[test]
fn an_empty_list_may_be_null() {
    let list: SlimList<Cluster> = serde_json::from_str(r#"{"items": null}"#).expect("a list");
    assert!(list.items.is_empty());
}

#[test]
fn paths_are_those_of_the_api() {
    let paths = [
        path::<Cluster>("ns", Some("pg")),
        path::<Storage>("ns", Some("pg")),
        path::<Claim>("ns", None),
        path::<Pod>("", None),
        path::<Class>("", None),
        path::<Node>("", Some("n1")),
    ];
    assert_eq!(
        paths,
        [
            "/apis/postgresql.cnpg.io/v1/namespaces/ns/clusters/pg",
            "/apis/headroom.dev/v1alpha1/namespaces/ns/dynamicstorages/pg",
            "/api/v1/namespaces/ns/persistentvolumeclaims",
            "/api/v1/pods",
            "/apis/storage.k8s.io/v1/storageclasses",
            "/api/v1/nodes/n1",
        ]
    );
}

/// Our subsets of kinds that the generated schema names too must agree with it.
#[test]
fn our_kind_is_the_one_in_the_schema() {
    use kube::CustomResourceExt as _;
    let crd = headroom_api::DynamicStorage::crd();
    assert_eq!(
        (Storage::GROUP, Storage::KIND, Storage::PLURAL),
        (crd.spec.group.as_str(), crd.spec.names.kind.as_str(), crd.spec.names.plural.as_str())
    );
    assert_eq!(crd.spec.versions[0].name, Storage::VERSION);
}
