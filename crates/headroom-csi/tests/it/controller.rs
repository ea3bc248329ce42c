//! The controller service.

use headroom_csi::gate::{Command, Step, VolumeSelector};
use headroom_csi::generated::csi::controller_service_capability::{Type, rpc};
use headroom_csi::generated::csi::volume_capability::access_mode::Mode;
use headroom_csi::generated::csi::volume_capability::{AccessMode, AccessType, BlockVolume, MountVolume};
use headroom_csi::generated::csi::{
    ControllerExpandVolumeRequest, ControllerGetCapabilitiesRequest, CreateVolumeRequest,
    DeleteVolumeRequest, GetCapacityRequest, ListVolumesRequest, ValidateVolumeCapabilitiesRequest,
    VolumeCapability, VolumeContentSource,
};
use tonic::Code;

use crate::requests::{Driver, GIB, capability, check_code, create, done, expand, range, stage};

fn delete(handle: &str) -> DeleteVolumeRequest {
    DeleteVolumeRequest { volume_id: handle.into(), ..Default::default() }
}

#[tokio::test]
async fn a_volume_is_a_sparse_file_of_exactly_the_size_that_is_required() {
    let mut driver = Driver::new();
    let volume =
        driver.controller.create_volume(create("pvc-1", GIB + 4096)).await.unwrap().into_inner().volume;
    assert_eq!(
        volume.map(|volume| (volume.volume_id, volume.capacity_bytes)),
        Some(("pvc-1".into(), GIB + 4096))
    );
    let image = std::fs::metadata(driver.images.path().join("pvc-1.img")).unwrap();
    assert_eq!(i64::try_from(image.len()), Ok(GIB + 4096));
    assert_eq!(driver.host.take_log(), ["mkfs"]);
}

#[tokio::test]
async fn creating_again_gives_the_same_volume_and_does_nothing() {
    let mut driver = Driver::new();
    driver.create().await;
    for (required, limit) in [(GIB, 0), (0, 0), (GIB / 2, GIB), (GIB / 2, 2 * GIB)] {
        let request =
            CreateVolumeRequest { capacity_range: Some(range(required, limit)), ..create("pvc-1", 0) };
        let volume = driver.controller.create_volume(request).await.unwrap().into_inner().volume.unwrap();
        assert_eq!((volume.volume_id.as_str(), volume.capacity_bytes), ("pvc-1", GIB));
    }
    assert!(driver.host.take_log().is_empty());
}

#[tokio::test]
async fn creating_again_with_a_size_that_does_not_fit_is_refused() {
    let mut driver = Driver::new();
    driver.create().await;
    check_code(driver.controller.create_volume(create("pvc-1", 2 * GIB)).await, Code::AlreadyExists);
    let below = CreateVolumeRequest { capacity_range: Some(range(0, GIB / 2)), ..create("pvc-1", 0) };
    check_code(driver.controller.create_volume(below).await, Code::AlreadyExists);
}

#[tokio::test]
async fn a_name_that_makes_no_file_name_gives_a_handle_that_does() {
    let mut driver = Driver::new();
    for _ in 0..2 {
        let volume =
            driver.controller.create_volume(create("../a b", GIB)).await.unwrap().into_inner().volume;
        assert_eq!(volume.unwrap().volume_id, "vol-2c2c791a0618990cda10212193801a5c");
    }
}

#[tokio::test]
async fn a_volume_whose_file_system_was_not_made_is_no_volume() {
    let mut driver = Driver::new();
    driver.host.machine().fail = Some("mkfs");
    check_code(driver.controller.create_volume(create("pvc-1", GIB)).await, Code::Internal);
    check_code(driver.controller.controller_expand_volume(expand(GIB)).await, Code::NotFound);
    driver.controller.create_volume(create("pvc-1", 2 * GIB)).await.unwrap();
}

#[tokio::test]
async fn what_a_volume_cannot_be_is_refused() {
    let of = |mode: Mode, access| VolumeCapability {
        access_mode: Some(AccessMode { mode: mode.into() }),
        access_type: access,
    };
    let mount = |fs_type: &str| {
        Some(AccessType::Mount(MountVolume { fs_type: fs_type.into(), ..Default::default() }))
    };
    let with =
        |capability| CreateVolumeRequest { volume_capabilities: vec![capability], ..create("pvc-1", GIB) };
    let source = Some(VolumeContentSource::default());
    let refused = [
        create("", GIB),
        CreateVolumeRequest { volume_capabilities: vec![], ..create("pvc-1", GIB) },
        CreateVolumeRequest { volume_content_source: source, ..create("pvc-1", GIB) },
        create("pvc-1", -1),
        with(of(Mode::SingleNodeWriter, mount("ext4"))),
        with(of(Mode::SingleNodeWriter, Some(AccessType::Block(BlockVolume {})))),
        with(of(Mode::SingleNodeWriter, None)),
        with(of(Mode::MultiNodeMultiWriter, mount("xfs"))),
        with(of(Mode::Unknown, mount("xfs"))),
    ];
    let mut driver = Driver::new();
    for request in refused {
        check_code(driver.controller.create_volume(request).await, Code::InvalidArgument);
    }
    check_code(driver.controller.create_volume(create("pvc-1", 299 << 20)).await, Code::OutOfRange);
    assert!(driver.host.take_log().is_empty());
}

#[tokio::test]
async fn all_volumes_together_stay_within_the_capacity_limit() {
    let mut driver = Driver::with_limit(Some(3 << 30));
    driver.create().await;
    check_code(driver.controller.create_volume(create("pvc-2", 2 * GIB + 4096)).await, Code::OutOfRange);
    check_code(driver.controller.controller_expand_volume(expand(3 * GIB + 4096)).await, Code::OutOfRange);
    driver.controller.controller_expand_volume(expand(2 * GIB)).await.unwrap();
    let left = driver.controller.get_capacity(GetCapacityRequest::default()).await.unwrap().into_inner();
    assert_eq!(left.available_capacity, GIB);
    driver.controller.create_volume(create("pvc-2", GIB)).await.unwrap();
    check_code(driver.controller.create_volume(create("pvc-3", GIB)).await, Code::OutOfRange);
    driver.controller.delete_volume(delete("pvc-2")).await.unwrap();
    driver.controller.create_volume(create("pvc-3", GIB)).await.unwrap();
}

#[tokio::test]
async fn a_volume_grows_to_exactly_what_is_required_and_growing_again_does_nothing() {
    let mut driver = Driver::new();
    driver.create().await;
    for required in [2 * GIB, 2 * GIB, GIB] {
        let grown = driver.controller.controller_expand_volume(expand(required)).await.unwrap().into_inner();
        assert_eq!((grown.capacity_bytes, grown.node_expansion_required), (2 * GIB, true));
    }
    let image = std::fs::metadata(driver.images.path().join("pvc-1.img")).unwrap();
    assert_eq!(i64::try_from(image.len()), Ok(2 * GIB));
}

#[tokio::test]
async fn growth_that_cannot_be_is_refused() {
    let mut driver = Driver::new();
    driver.create().await;
    let missing = ControllerExpandVolumeRequest { volume_id: "pvc-2".into(), ..expand(GIB) };
    check_code(driver.controller.controller_expand_volume(missing).await, Code::NotFound);
    let outside = ControllerExpandVolumeRequest { volume_id: "../pvc-1".into(), ..expand(GIB) };
    check_code(driver.controller.controller_expand_volume(outside).await, Code::NotFound);
    let unnamed = ControllerExpandVolumeRequest { volume_id: String::new(), ..expand(GIB) };
    check_code(driver.controller.controller_expand_volume(unnamed).await, Code::InvalidArgument);
    let no_range = ControllerExpandVolumeRequest { capacity_range: None, ..expand(GIB) };
    check_code(driver.controller.controller_expand_volume(no_range).await, Code::InvalidArgument);
    let below = ControllerExpandVolumeRequest { capacity_range: Some(range(0, GIB / 2)), ..expand(0) };
    check_code(driver.controller.controller_expand_volume(below).await, Code::OutOfRange);
    let reversed = ControllerExpandVolumeRequest { capacity_range: Some(range(2 * GIB, GIB)), ..expand(0) };
    check_code(driver.controller.controller_expand_volume(reversed).await, Code::InvalidArgument);
}

#[tokio::test]
async fn a_held_controller_step_grows_nothing_until_it_is_released() {
    let mut driver = Driver::new();
    driver.create().await;
    let (step, volume) = (Step::Controller, VolumeSelector::claim("default", "pg-1"));
    done(&driver.controller_gates.obey(Command::Hold { step, volume: volume.clone() }).await);
    let mut caller = driver.controller.clone();
    let growing = tokio::spawn(async move { caller.controller_expand_volume(expand(2 * GIB)).await });
    let reached = Command::WaitReached { step, volume: volume.clone(), attempts: 1, timeout_ms: 10_000 };
    driver.controller_gates.obey(reached).await;
    let image = driver.images.path().join("pvc-1.img");
    assert_eq!(std::fs::metadata(&image).unwrap().len(), 1 << 30);
    driver.controller_gates.obey(Command::Release { step, volume }).await;
    growing.await.unwrap().unwrap();
    assert_eq!(std::fs::metadata(&image).unwrap().len(), 2 << 30);
}

#[tokio::test]
async fn a_failed_controller_step_answers_its_code_and_grows_nothing() {
    let mut driver = Driver::new();
    driver.create().await;
    let (step, volume, code) = (Step::Controller, VolumeSelector::Any, "RESOURCE_EXHAUSTED".parse().unwrap());
    let fail = Command::Fail { step, volume, code, message: "no more disks".into(), times: Some(1) };
    done(&driver.controller_gates.obey(fail).await);
    let status = driver.controller.controller_expand_volume(expand(2 * GIB)).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::ResourceExhausted, "no more disks"));
    assert_eq!(std::fs::metadata(driver.images.path().join("pvc-1.img")).unwrap().len(), 1 << 30);
    driver.controller.controller_expand_volume(expand(2 * GIB)).await.unwrap();
}

#[tokio::test]
async fn deleting_leaves_no_file_and_deleting_again_does_nothing() {
    let mut driver = Driver::new();
    driver.create().await;
    for handle in ["pvc-1", "pvc-1", "never", "../other"] {
        driver.controller.delete_volume(delete(handle)).await.unwrap();
    }
    assert_eq!(std::fs::read_dir(driver.images.path()).unwrap().count(), 0);
    check_code(driver.controller.delete_volume(delete("")).await, Code::InvalidArgument);
}

#[tokio::test]
async fn a_mounted_volume_is_not_deleted() {
    let mut driver = Driver::new();
    driver.create().await;
    let staging = driver.path("staging");
    driver.n1.node_stage_volume(stage(&staging)).await.unwrap();
    check_code(driver.controller.delete_volume(delete("pvc-1")).await, Code::FailedPrecondition);
    assert!(driver.images.path().join("pvc-1.img").exists());
}

#[tokio::test]
async fn a_loop_device_that_nothing_uses_does_not_keep_a_volume() {
    let mut driver = Driver::new();
    driver.create().await;
    driver.host.machine().attach(&driver.images.path().join("pvc-1.img"));
    driver.controller.delete_volume(delete("pvc-1")).await.unwrap();
    assert!(driver.host.machine().loops.is_empty());
}

#[tokio::test]
async fn capabilities_are_confirmed_only_when_all_are_possible() {
    let mut driver = Driver::new();
    driver.create().await;
    let many = VolumeCapability {
        access_mode: Some(AccessMode { mode: Mode::MultiNodeMultiWriter.into() }),
        ..capability()
    };
    let request = |handle: &str, volume_capabilities| ValidateVolumeCapabilitiesRequest {
        volume_id: handle.into(),
        volume_capabilities,
        ..Default::default()
    };
    let good =
        driver.controller.validate_volume_capabilities(request("pvc-1", vec![capability()])).await.unwrap();
    assert_eq!(good.into_inner().confirmed.unwrap().volume_capabilities, [capability()]);
    let mixed = request("pvc-1", vec![capability(), many]);
    let bad = driver.controller.validate_volume_capabilities(mixed).await.unwrap().into_inner();
    assert!(bad.confirmed.is_none() && bad.message.contains("one node at a time"), "{bad:?}");
    let missing = request("pvc-2", vec![capability()]);
    check_code(driver.controller.validate_volume_capabilities(missing).await, Code::NotFound);
    let none = request("pvc-1", vec![]);
    check_code(driver.controller.validate_volume_capabilities(none).await, Code::InvalidArgument);
}

#[tokio::test]
async fn what_is_not_named_as_a_capability_is_unimplemented() {
    let mut driver = Driver::new();
    let named =
        driver.controller.controller_get_capabilities(ControllerGetCapabilitiesRequest {}).await.unwrap();
    let kinds = named.into_inner().capabilities.into_iter().map(|one| match one.r#type.unwrap() {
        Type::Rpc(rpc) => rpc.r#type(),
    });
    let expected = [
        rpc::Type::CreateDeleteVolume,
        rpc::Type::ExpandVolume,
        rpc::Type::GetCapacity,
        rpc::Type::CreateDeleteSnapshot,
        rpc::Type::ListSnapshots,
    ];
    assert!(kinds.eq(expected));
    check_code(driver.controller.list_volumes(ListVolumesRequest::default()).await, Code::Unimplemented);
}
