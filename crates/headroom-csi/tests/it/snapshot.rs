//! Snapshots: taken by whoever may, kept, listed, and made into volumes.

use std::os::unix::fs::FileExt;

use headroom_csi::gate::{Command, Step, VolumeSelector};
use headroom_csi::generated::csi::volume_content_source::{SnapshotSource, Type, VolumeSource};
use headroom_csi::generated::csi::{
    CreateSnapshotRequest, CreateVolumeRequest, DeleteSnapshotRequest, DeleteVolumeRequest,
    ListSnapshotsRequest, NodeStageVolumeRequest, NodeUnstageVolumeRequest, Snapshot, VolumeContentSource,
};
use headroom_csi::store::{Mark, Store};
use tonic::Code;

use crate::requests::{Driver, GIB, check_code, create, done, expand, range, stage};

pub(crate) fn snapshot(name: &str, volume: &str) -> CreateSnapshotRequest {
    CreateSnapshotRequest { name: name.into(), source_volume_id: volume.into(), ..Default::default() }
}

fn delete(handle: &str) -> DeleteSnapshotRequest {
    DeleteSnapshotRequest { snapshot_id: handle.into(), ..Default::default() }
}

/// A request for a volume made of a snapshot.
pub(crate) fn restore(name: &str, required_bytes: i64, snapshot: &str) -> CreateVolumeRequest {
    let source = Type::Snapshot(SnapshotSource { snapshot_id: snapshot.into() });
    let volume_content_source = Some(VolumeContentSource { r#type: Some(source) });
    CreateVolumeRequest { volume_content_source, ..create(name, required_bytes) }
}

fn stage_of(volume: &str, staging: &str) -> NodeStageVolumeRequest {
    NodeStageVolumeRequest { volume_id: volume.into(), ..stage(staging) }
}

impl Driver {
    /// Makes the snapshot `s-1` of `pvc-1`.
    async fn snapshot(&mut self) -> Snapshot {
        self.create().await;
        let taken = self.controller.create_snapshot(snapshot("s-1", "pvc-1")).await.unwrap().into_inner();
        self.host.take_log();
        taken.snapshot.unwrap()
    }

    async fn list(&mut self, request: ListSnapshotsRequest) -> (Vec<String>, String) {
        let page = self.controller.list_snapshots(request).await.unwrap().into_inner();
        let ids = page.entries.into_iter().map(|entry| entry.snapshot.unwrap().snapshot_id);
        (ids.collect(), page.next_token)
    }

    fn store(&self) -> Store {
        Store::open(self.images.path(), None).unwrap()
    }
}

#[tokio::test]
async fn a_volume_that_nobody_has_mounted_is_copied_and_the_snapshot_is_ready_at_once() {
    let mut driver = Driver::new();
    driver.create().await;
    let image = std::fs::File::options().write(true).open(driver.images.path().join("pvc-1.img")).unwrap();
    image.write_all_at(b"before", 0).unwrap();
    let before = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let taken = driver.controller.create_snapshot(snapshot("s-1", "pvc-1")).await.unwrap();
    let taken = taken.into_inner().snapshot.unwrap();
    assert_eq!((taken.snapshot_id.as_str(), taken.source_volume_id.as_str()), ("s-1", "pvc-1"));
    assert_eq!((taken.size_bytes, taken.ready_to_use), (GIB, true));
    assert!(taken.creation_time.unwrap().seconds >= i64::try_from(before).unwrap());
    assert_eq!(driver.host.take_log(), ["copy pvc-1.img"]);
    image.write_all_at(b"after ", 0).unwrap();
    assert_eq!(&std::fs::read(driver.images.path().join("s-1.snap")).unwrap()[..6], b"before");
}

#[tokio::test]
async fn a_mounted_volume_is_copied_by_its_node_while_it_is_frozen() {
    let mut driver = Driver::new();
    driver.create().await;
    let staging = driver.path("staging");
    driver.n2.node_stage_volume(stage(&staging)).await.unwrap();
    driver.host.take_log();
    driver.controller.create_snapshot(snapshot("s-1", "pvc-1")).await.unwrap();
    let expected = [format!("freeze {staging}"), "copy pvc-1.img".to_owned(), format!("thaw {staging}")];
    assert_eq!(driver.host.take_log(), expected);
    assert!(
        driver.host.machine().frozen.is_empty() && driver.store().marked(Mark::Frozen).unwrap().is_empty()
    );
}

#[tokio::test]
async fn a_copy_that_fails_leaves_nothing_frozen_and_the_next_call_makes_it() {
    let mut driver = Driver::new();
    driver.publish().await;
    for (fail, code) in [("freeze", Code::Internal), ("copy", Code::Internal), ("thaw", Code::Internal)] {
        driver.host.machine().fail = Some(fail);
        check_code(driver.controller.create_snapshot(snapshot("s-1", "pvc-1")).await, code);
        assert_eq!(driver.host.machine().frozen.is_empty(), fail != "thaw", "{fail}");
        assert_eq!(driver.list(ListSnapshotsRequest::default()).await.0.len(), 0, "{fail}");
        driver.thaw().await;
        assert!(driver.host.machine().frozen.is_empty(), "{fail}");
    }
    driver.controller.create_snapshot(snapshot("s-1", "pvc-1")).await.unwrap();
}

impl Driver {
    /// What each node process does when it starts.
    async fn thaw(&self) {
        for node in ["n2", "n1"] {
            let gates = std::sync::Arc::clone(&self.node_gates);
            let host = self.host.on(node);
            headroom_csi::node::NodeService::new(node, self.store(), host, gates).thaw_leftovers().await;
        }
    }
}

#[tokio::test]
async fn a_node_process_that_died_half_way_thaws_when_it_starts_again() {
    let mut driver = Driver::new();
    driver.publish().await;
    let device = driver.host.machine().loops.keys().next().cloned().unwrap();
    driver.host.machine().frozen.insert(device);
    driver.store().mark("pvc-1", Mark::Frozen).unwrap();
    driver.thaw().await;
    assert!(driver.host.machine().frozen.is_empty());
    let staging = driver.path("staging");
    assert_eq!(driver.host.take_log(), [format!("thaw {staging}")]);
    driver.thaw().await;
    assert!(driver.host.take_log().is_empty());
}

#[tokio::test]
async fn a_mounted_volume_whose_node_is_silent_is_tried_again() {
    let mut driver = Driver::new();
    driver.publish().await;
    std::fs::remove_file(driver.copy_sockets.path().join("n1.sock")).unwrap();
    check_code(driver.controller.create_snapshot(snapshot("s-1", "pvc-1")).await, Code::Unavailable);
    assert!(driver.host.take_log().is_empty());
}

#[tokio::test]
async fn a_volume_is_not_mounted_while_it_is_copied_and_not_copied_while_it_is_mounted() {
    let mut driver = Driver::new();
    driver.create().await;
    let store = driver.store();
    let own = store.lock(&store.find("pvc-1").unwrap().unwrap()).unwrap();
    let staging = driver.path("staging");
    check_code(driver.n1.node_stage_volume(stage(&staging)).await, Code::Aborted);
    check_code(driver.controller.create_snapshot(snapshot("s-1", "pvc-1")).await, Code::Aborted);
    drop(own);
    driver.n1.node_stage_volume(stage(&staging)).await.unwrap();
    driver.controller.create_snapshot(snapshot("s-1", "pvc-1")).await.unwrap();
}

#[tokio::test]
async fn taking_again_gives_the_same_snapshot_also_when_its_volume_is_gone() {
    let mut driver = Driver::new();
    let first = driver.snapshot().await;
    driver.controller.controller_expand_volume(expand(2 * GIB)).await.unwrap();
    let again = driver.controller.create_snapshot(snapshot("s-1", "pvc-1")).await.unwrap().into_inner();
    assert_eq!(again.snapshot.as_ref(), Some(&first));
    let volume = DeleteVolumeRequest { volume_id: "pvc-1".into(), ..Default::default() };
    driver.controller.delete_volume(volume).await.unwrap();
    let again = driver.controller.create_snapshot(snapshot("s-1", "pvc-1")).await.unwrap().into_inner();
    assert_eq!(again.snapshot, Some(first));
    assert!(driver.host.take_log().is_empty());
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_is_refused() {
    let mut driver = Driver::new();
    driver.snapshot().await;
    driver.controller.create_volume(create("pvc-2", GIB)).await.unwrap();
    let cases = [
        (snapshot("", "pvc-1"), Code::InvalidArgument),
        (snapshot("s-2", ""), Code::InvalidArgument),
        (snapshot("s-2", "pvc-3"), Code::NotFound),
        (snapshot("s-2", "../pvc-1"), Code::NotFound),
        (snapshot("s-1", "pvc-2"), Code::AlreadyExists),
    ];
    for (request, code) in cases {
        check_code(driver.controller.create_snapshot(request).await, code);
    }
}

#[tokio::test]
async fn a_snapshot_has_the_size_of_its_volume_at_that_moment() {
    let mut driver = Driver::new();
    driver.create().await;
    driver.controller.controller_expand_volume(expand(2 * GIB)).await.unwrap();
    let taken = driver.controller.create_snapshot(snapshot("s-1", "pvc-1")).await.unwrap().into_inner();
    assert_eq!(taken.snapshot.unwrap().size_bytes, 2 * GIB);
}

#[tokio::test]
async fn deleting_leaves_the_volume_and_deleting_again_does_nothing() {
    let mut driver = Driver::new();
    driver.snapshot().await;
    let restored = driver.controller.create_volume(restore("pvc-2", GIB, "s-1")).await;
    restored.unwrap();
    for handle in ["s-1", "s-1", "never", "../other"] {
        driver.controller.delete_snapshot(delete(handle)).await.unwrap();
    }
    check_code(driver.controller.delete_snapshot(delete("")).await, Code::InvalidArgument);
    let mut left: Vec<_> = std::fs::read_dir(driver.images.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["pvc-1.img", "pvc-1.json", "pvc-2.img", "pvc-2.json", "pvc-2.unfilled"]);
}

#[tokio::test]
async fn snapshots_are_listed_by_page_by_volume_and_by_id() {
    let mut driver = Driver::new();
    driver.snapshot().await;
    driver.controller.create_volume(create("pvc-2", GIB)).await.unwrap();
    for (name, volume) in [("s-2", "pvc-2"), ("s-3", "pvc-1")] {
        driver.controller.create_snapshot(snapshot(name, volume)).await.unwrap();
    }
    let all = ListSnapshotsRequest::default;
    let first = ListSnapshotsRequest { max_entries: 2, ..all() };
    let rest = ListSnapshotsRequest { starting_token: "s-3".into(), ..all() };
    let of_volume = |volume: &str| ListSnapshotsRequest { source_volume_id: volume.into(), ..all() };
    let of_id = |id: &str| ListSnapshotsRequest { snapshot_id: id.into(), ..all() };
    let cases = [
        (all(), &["s-1", "s-2", "s-3"][..], ""),
        (first, &["s-1", "s-2"], "s-3"),
        (rest, &["s-3"], ""),
        (ListSnapshotsRequest { max_entries: 3, ..all() }, &["s-1", "s-2", "s-3"], ""),
        (ListSnapshotsRequest { max_entries: 1, ..of_volume("pvc-1") }, &["s-1"], "s-3"),
        (of_volume("pvc-1"), &["s-1", "s-3"], ""),
        (of_volume("pvc-9"), &[], ""),
        (of_id("s-2"), &["s-2"], ""),
        (of_id("s-9"), &[], ""),
    ];
    for (request, ids, token) in cases {
        let seen = driver.list(request.clone()).await;
        assert_eq!(seen, (ids.iter().map(ToString::to_string).collect(), token.to_owned()), "{request:?}");
    }
    let negative = ListSnapshotsRequest { max_entries: -1, ..all() };
    check_code(driver.controller.list_snapshots(negative).await, Code::InvalidArgument);
    let gone = ListSnapshotsRequest { starting_token: "s-4".into(), ..all() };
    check_code(driver.controller.list_snapshots(gone).await, Code::Aborted);
}

#[tokio::test]
async fn a_held_snapshot_copies_nothing_until_it_is_released_and_growth_goes_on() {
    let mut driver = Driver::new();
    driver.create().await;
    let (step, volume) = (Step::Snapshot, VolumeSelector::claim("default", "pg-1"));
    done(&driver.controller_gates.obey(Command::Hold { step, volume: volume.clone() }).await);
    let mut caller = driver.controller.clone();
    let taking = tokio::spawn(async move { caller.create_snapshot(snapshot("s-1", "pvc-1")).await });
    let reached = Command::WaitReached { step, volume: volume.clone(), attempts: 1, timeout_ms: 10_000 };
    driver.controller_gates.obey(reached).await;
    driver.controller.controller_expand_volume(expand(2 * GIB)).await.unwrap();
    assert!(driver.host.take_log().is_empty());
    driver.controller_gates.obey(Command::Release { step, volume }).await;
    let taken = taking.await.unwrap().unwrap().into_inner().snapshot.unwrap();
    assert_eq!(taken.size_bytes, 2 * GIB);
}

#[tokio::test]
async fn a_failed_snapshot_answers_its_code_and_is_taken_by_the_next_call() {
    let mut driver = Driver::new();
    driver.create().await;
    let (step, code) = (Step::Snapshot, "RESOURCE_EXHAUSTED".parse().unwrap());
    let message = "too many snapshots".to_owned();
    let fail = Command::Fail { step, volume: VolumeSelector::Any, code, message, times: Some(1) };
    done(&driver.controller_gates.obey(fail).await);
    let refused = driver.controller.create_snapshot(snapshot("s-1", "pvc-1")).await;
    check_code(refused, Code::ResourceExhausted);
    driver.controller.create_snapshot(snapshot("s-1", "pvc-1")).await.unwrap();
}

#[tokio::test]
async fn a_volume_of_a_snapshot_holds_its_bytes_and_is_filled_by_its_first_mount_only() {
    let mut driver = Driver::new();
    driver.snapshot().await;
    for _ in 0..2 {
        let made = driver.controller.create_volume(restore("pvc-2", 2 * GIB, "s-1")).await.unwrap();
        let made = made.into_inner().volume.unwrap();
        assert_eq!((made.volume_id.as_str(), made.capacity_bytes), ("pvc-2", 2 * GIB));
        assert_eq!(made.content_source, restore("pvc-2", 0, "s-1").volume_content_source);
    }
    assert_eq!(driver.host.take_log(), ["copy s-1.snap"]);
    let staging = driver.path("staging");
    driver.host.machine().fail = Some("growfs");
    check_code(driver.n1.node_stage_volume(stage_of("pvc-2", &staging)).await, Code::Internal);
    driver.n1.node_stage_volume(stage_of("pvc-2", &staging)).await.unwrap();
    let expected = [format!("mount nouuid,allocsize=64k {staging}"), format!("growfs {staging}")];
    assert_eq!(driver.host.take_log(), expected);
    let unstage =
        NodeUnstageVolumeRequest { volume_id: "pvc-2".into(), staging_target_path: staging.clone() };
    driver.n1.node_unstage_volume(unstage).await.unwrap();
    driver.n1.node_stage_volume(stage_of("pvc-2", &staging)).await.unwrap();
    assert_eq!(driver.host.take_log()[1..], [format!("mount nouuid,allocsize=64k {staging}")]);
}

#[tokio::test]
async fn a_restore_that_cannot_be_is_refused() {
    let mut driver = Driver::new();
    driver.snapshot().await;
    driver.controller.create_snapshot(snapshot("s-2", "pvc-1")).await.unwrap();
    driver.controller.create_volume(restore("pvc-2", GIB, "s-1")).await.unwrap();
    let limited =
        CreateVolumeRequest { capacity_range: Some(range(0, GIB / 2)), ..restore("pvc-3", 0, "s-1") };
    let from = |source: Option<Type>| {
        let volume_content_source = Some(VolumeContentSource { r#type: source });
        CreateVolumeRequest { volume_content_source, ..create("pvc-3", GIB) }
    };
    let clone = Type::Volume(VolumeSource { volume_id: "pvc-1".into() });
    let cases = [
        (restore("pvc-3", GIB - 4096, "s-1"), Code::OutOfRange),
        (limited, Code::OutOfRange),
        (restore("pvc-3", GIB, "s-3"), Code::NotFound),
        (restore("pvc-3", GIB, ""), Code::InvalidArgument),
        (from(None), Code::InvalidArgument),
        (from(Some(clone)), Code::InvalidArgument),
        (restore("pvc-2", GIB, "s-2"), Code::AlreadyExists),
        (create("pvc-2", GIB), Code::AlreadyExists),
        (restore("pvc-1", GIB, "s-1"), Code::AlreadyExists),
        (restore("pvc-2", 2 * GIB, "s-1"), Code::AlreadyExists),
    ];
    for (request, code) in cases {
        check_code(driver.controller.create_volume(request).await, code);
    }
    let unsized_ = restore("pvc-4", 0, "s-1");
    let made = driver.controller.create_volume(unsized_).await.unwrap().into_inner().volume.unwrap();
    assert_eq!(made.capacity_bytes, GIB);
}
