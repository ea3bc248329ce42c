//! The node service.

use headroom_csi::gate::{Command, Step, VolumeSelector};
use headroom_csi::generated::csi::node_service_capability::{Type, rpc};
use headroom_csi::generated::csi::{
    NodeExpandVolumeRequest, NodeGetCapabilitiesRequest, NodeGetInfoRequest, NodeGetVolumeStatsRequest,
    NodePublishVolumeRequest, NodeStageVolumeRequest, NodeUnpublishVolumeRequest, NodeUnstageVolumeRequest,
};
use tonic::Code;

use crate::requests::{Driver, GIB, capability, check_code, done, expand, node_expand, publish, stage};

fn unstage(staging: &str) -> NodeUnstageVolumeRequest {
    NodeUnstageVolumeRequest { volume_id: "pvc-1".into(), staging_target_path: staging.into() }
}

fn unpublish(target: &str) -> NodeUnpublishVolumeRequest {
    NodeUnpublishVolumeRequest { volume_id: "pvc-1".into(), target_path: target.into() }
}

fn stats(path: &str) -> NodeGetVolumeStatsRequest {
    NodeGetVolumeStatsRequest { volume_id: "pvc-1".into(), volume_path: path.into(), ..Default::default() }
}

#[tokio::test]
async fn each_call_made_twice_does_its_work_once() {
    let mut driver = Driver::new();
    driver.create().await;
    let (staging, target) = (driver.path("staging"), driver.path("target"));
    for _ in 0..2 {
        driver.n1.node_stage_volume(stage(&staging)).await.unwrap();
    }
    assert_eq!(driver.host.take_log(), [format!("mount nouuid,allocsize=64k {staging}")]);
    for _ in 0..2 {
        driver.n1.node_publish_volume(publish(&staging, &target)).await.unwrap();
    }
    assert_eq!(driver.host.take_log(), [format!("bind {target}")]);
    for _ in 0..2 {
        driver.n1.node_unpublish_volume(unpublish(&target)).await.unwrap();
    }
    assert_eq!(driver.host.take_log(), [format!("unmount {target}")]);
    assert!(!std::path::Path::new(&target).exists());
    for _ in 0..2 {
        driver.n1.node_unstage_volume(unstage(&staging)).await.unwrap();
    }
    assert_eq!(driver.host.take_log(), [format!("unmount {staging}")]);
    assert!(driver.host.machine().loops.is_empty());
}

#[tokio::test]
async fn mount_options_of_the_class_are_used() {
    let mut driver = Driver::new();
    driver.create().await;
    let staging = driver.path("staging");
    let mut request = stage(&staging);
    if let Some(capability) = &mut request.volume_capability {
        let mut mount = headroom_csi::generated::csi::volume_capability::MountVolume::default();
        mount.mount_flags.push("noatime".into());
        capability.access_type =
            Some(headroom_csi::generated::csi::volume_capability::AccessType::Mount(mount));
    }
    driver.n1.node_stage_volume(request).await.unwrap();
    assert_eq!(driver.host.take_log(), [format!("mount nouuid,allocsize=64k,noatime {staging}")]);
}

#[tokio::test]
async fn a_volume_moves_once_it_is_unstaged() {
    let mut driver = Driver::new();
    driver.create().await;
    let (here, there) = (driver.path("n1"), driver.path("n2"));
    driver.n1.node_stage_volume(stage(&here)).await.unwrap();
    check_code(driver.n2.node_stage_volume(stage(&there)).await, Code::FailedPrecondition);
    driver.n2.node_unstage_volume(unstage(&here)).await.unwrap();
    check_code(driver.n2.node_stage_volume(stage(&there)).await, Code::FailedPrecondition);
    driver.n1.node_unstage_volume(unstage(&here)).await.unwrap();
    driver.n2.node_stage_volume(stage(&there)).await.unwrap();
}

#[tokio::test]
async fn a_loop_device_left_by_a_dead_node_is_no_obstacle() {
    let mut driver = Driver::new();
    driver.create().await;
    driver.host.machine().attach(&driver.images.path().join("pvc-1.img"));
    let staging = driver.path("staging");
    driver.n1.node_stage_volume(stage(&staging)).await.unwrap();
    assert_eq!(
        driver.host.take_log(),
        ["detach".to_owned(), format!("mount nouuid,allocsize=64k {staging}")]
    );
    assert_eq!(driver.host.machine().loops.len(), 1);
}

#[tokio::test]
async fn a_mount_that_failed_is_made_by_the_next_call() {
    let mut driver = Driver::new();
    driver.create().await;
    let staging = driver.path("staging");
    driver.host.machine().fail = Some("mount");
    check_code(driver.n1.node_stage_volume(stage(&staging)).await, Code::Internal);
    driver.n1.node_stage_volume(stage(&staging)).await.unwrap();
}

#[tokio::test]
async fn publishing_needs_the_staged_volume_and_a_free_target() {
    let mut driver = Driver::new();
    driver.create().await;
    let (staging, target) = (driver.path("staging"), driver.path("target"));
    check_code(driver.n1.node_publish_volume(publish(&staging, &target)).await, Code::FailedPrecondition);
    driver.n1.node_stage_volume(stage(&staging)).await.unwrap();
    driver.n1.node_publish_volume(publish(&staging, &target)).await.unwrap();
    let read_only = NodePublishVolumeRequest { readonly: true, ..publish(&staging, &target) };
    check_code(driver.n1.node_publish_volume(read_only.clone()).await, Code::AlreadyExists);
    let target = driver.path("read-only");
    driver.host.take_log();
    let read_only = NodePublishVolumeRequest { target_path: target.clone(), ..read_only };
    driver.n1.node_publish_volume(read_only).await.unwrap();
    assert_eq!(driver.host.take_log(), [format!("bind ro {target}")]);
}

#[tokio::test]
async fn the_file_system_grows_after_the_device_by_either_path() {
    let mut driver = Driver::new();
    driver.publish().await;
    let (staging, target) = (driver.path("staging"), driver.path("target"));
    let sizes = [(&staging, 2 * GIB), (&target, 3 * GIB)];
    for (path, size) in sizes {
        driver.controller.controller_expand_volume(expand(size)).await.unwrap();
        let grown = driver.n1.node_expand_volume(node_expand(path, size)).await.unwrap().into_inner();
        assert_eq!(grown.capacity_bytes, size);
        assert_eq!(driver.host.take_log(), ["refresh".to_owned(), format!("growfs {path}")]);
        assert_eq!(i64::try_from(driver.host.machine().size_at(&staging)), Ok(size));
        driver.n1.node_expand_volume(node_expand(path, size)).await.unwrap();
        driver.host.take_log();
    }
}

#[tokio::test]
async fn a_node_step_without_its_controller_step_is_out_of_range() {
    let mut driver = Driver::new();
    driver.publish().await;
    let target = driver.path("target");
    check_code(driver.n1.node_expand_volume(node_expand(&target, 2 * GIB)).await, Code::OutOfRange);
    assert!(driver.host.take_log().is_empty());
}

#[tokio::test]
async fn a_held_node_step_grows_nothing_until_it_is_released() {
    let mut driver = Driver::new();
    driver.publish().await;
    driver.controller.controller_expand_volume(expand(2 * GIB)).await.unwrap();
    let target = driver.path("target");
    let (step, volume) = (Step::Node, VolumeSelector::Handle("pvc-1".into()));
    done(&driver.node_gates.obey(Command::Hold { step, volume: volume.clone() }).await);
    let (mut caller, request) = (driver.n1.clone(), node_expand(&target, 2 * GIB));
    let growing = tokio::spawn(async move { caller.node_expand_volume(request).await });
    let reached = Command::WaitReached { step, volume: volume.clone(), attempts: 1, timeout_ms: 10_000 };
    driver.node_gates.obey(reached).await;
    assert!(driver.host.take_log().is_empty());
    driver.node_gates.obey(Command::Release { step, volume }).await;
    growing.await.unwrap().unwrap();
    assert_eq!(driver.host.machine().size_at(&target), 2 << 30);
}

#[tokio::test]
async fn usage_is_told_in_bytes_and_inodes() {
    let mut driver = Driver::new();
    driver.publish().await;
    let target = driver.path("target");
    let usage = driver.n1.node_get_volume_stats(stats(&target)).await.unwrap().into_inner().usage;
    let seen: Vec<_> =
        usage.iter().map(|one| (one.unit().as_str_name(), one.total, one.available, one.used)).collect();
    assert_eq!(seen, [("BYTES", GIB, GIB - 5000, 4000), ("INODES", 1000, 990, 10)]);
}

#[tokio::test]
async fn calls_for_what_is_not_there_are_refused() {
    let mut driver = Driver::new();
    driver.create().await;
    let path = driver.path("nowhere");
    check_code(driver.n1.node_get_volume_stats(stats(&path)).await, Code::NotFound);
    check_code(driver.n1.node_expand_volume(node_expand(&path, GIB)).await, Code::NotFound);
    let missing = NodeStageVolumeRequest { volume_id: "pvc-2".into(), ..stage(&path) };
    check_code(driver.n1.node_stage_volume(missing).await, Code::NotFound);
    let missing = NodePublishVolumeRequest { volume_id: "pvc-2".into(), ..publish(&path, &path) };
    check_code(driver.n1.node_publish_volume(missing).await, Code::NotFound);
    let missing = NodeExpandVolumeRequest { volume_id: "pvc-2".into(), ..node_expand(&path, GIB) };
    check_code(driver.n1.node_expand_volume(missing).await, Code::NotFound);
}

#[tokio::test]
async fn calls_that_lack_something_are_refused() {
    let mut driver = Driver::new();
    driver.create().await;
    let invalid = Code::InvalidArgument;
    check_code(driver.n1.node_stage_volume(stage("")).await, invalid);
    check_code(driver.n1.node_stage_volume(stage("not/absolute")).await, invalid);
    let no_capability = NodeStageVolumeRequest { volume_capability: None, ..stage("/staging") };
    check_code(driver.n1.node_stage_volume(no_capability).await, invalid);
    let no_volume = NodeStageVolumeRequest { volume_id: String::new(), ..stage("/staging") };
    check_code(driver.n1.node_stage_volume(no_volume).await, invalid);
    check_code(driver.n1.node_publish_volume(publish("", "/target")).await, invalid);
    check_code(driver.n1.node_publish_volume(publish("/staging", "")).await, invalid);
    let no_capability =
        NodePublishVolumeRequest { volume_capability: None, ..publish("/staging", "/target") };
    check_code(driver.n1.node_publish_volume(no_capability).await, invalid);
    check_code(driver.n1.node_unstage_volume(unstage("")).await, invalid);
    let no_volume = NodeUnstageVolumeRequest { volume_id: String::new(), ..unstage("/staging") };
    check_code(driver.n1.node_unstage_volume(no_volume).await, invalid);
    check_code(driver.n1.node_unpublish_volume(unpublish("")).await, invalid);
    check_code(driver.n1.node_get_volume_stats(stats("")).await, invalid);
    check_code(driver.n1.node_expand_volume(node_expand("", GIB)).await, invalid);
    check_code(driver.n1.node_expand_volume(node_expand("/target", -1)).await, invalid);
}

#[tokio::test]
async fn the_node_names_itself_its_capabilities_and_no_topology() {
    let mut driver = Driver::new();
    let info = driver.n2.node_get_info(NodeGetInfoRequest {}).await.unwrap().into_inner();
    assert_eq!((info.node_id.as_str(), info.accessible_topology), ("n2", None));
    let named = driver.n1.node_get_capabilities(NodeGetCapabilitiesRequest {}).await.unwrap().into_inner();
    let kinds = named.capabilities.into_iter().map(|one| match one.r#type.unwrap() {
        Type::Rpc(rpc) => rpc.r#type(),
    });
    assert!(kinds.eq([rpc::Type::StageUnstageVolume, rpc::Type::GetVolumeStats, rpc::Type::ExpandVolume]));
    assert_eq!(capability().access_mode.unwrap().mode().as_str_name(), "SINGLE_NODE_WRITER");
}
