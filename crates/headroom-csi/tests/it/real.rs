//! The driver's real processes on the real machine: sockets, loop devices, XFS.

use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use headroom_csi::generated::csi::controller_client::ControllerClient;
use headroom_csi::generated::csi::identity_client::IdentityClient;
use headroom_csi::generated::csi::node_client::NodeClient;
use headroom_csi::generated::csi::{
    DeleteSnapshotRequest, DeleteVolumeRequest, GetPluginCapabilitiesRequest, GetPluginInfoRequest,
    NodeGetVolumeStatsRequest, NodeStageVolumeRequest, NodeUnpublishVolumeRequest, NodeUnstageVolumeRequest,
    ProbeRequest,
};
use headroom_csi::generated::registration::registration_client::RegistrationClient;
use headroom_csi::generated::registration::{InfoRequest, RegistrationStatus};
use headroom_csi::host::{Host, LinuxHost};
use headroom_csi::{
    ControllerConfig, DRIVER_NAME, NodeConfig, REGISTRATION_SOCKET, run_controller, run_node,
};
use tonic::Code;
use tonic::transport::{Channel, Endpoint};

use crate::requests::{GIB, check_code, create, expand, node_expand, publish, stage};
use crate::snapshot::{restore, snapshot};

/// A directory of the test's own, with the driver's three processes as tasks.
struct Machine {
    directory: tempfile::TempDir,
}

impl Machine {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let controller = ControllerConfig {
            images: at("images"),
            csi_socket: at("controller.sock"),
            gate_socket: at("controller.gate"),
            copy_sockets: at("copy"),
            capacity_limit: None,
            provisioner: None,
        };
        tokio::spawn(async { run_controller(controller, std::future::pending()).await.unwrap() });
        for node in ["n1", "n2"] {
            let config = NodeConfig {
                node: node.into(),
                images: at("images"),
                csi_socket: at(&format!("{node}.sock")),
                registration_socket: Some(at(&registration_socket(node))),
                gate_socket: at(&format!("{node}.gate")),
                copy_sockets: at("copy"),
            };
            tokio::spawn(async { run_node(config, std::future::pending()).await.unwrap() });
        }
        Self { directory }
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }

    /// Connects to a socket as soon as it is served.
    async fn channel(&self, socket: &str) -> Channel {
        let endpoint = Endpoint::try_from(format!("unix:{}", self.path(socket))).unwrap();
        let connecting = async {
            loop {
                match endpoint.connect().await {
                    Ok(channel) => return channel,
                    Err(_) => tokio::task::yield_now().await,
                }
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(10), connecting).await.unwrap()
    }
}

#[tokio::test]
async fn the_processes_name_the_driver_and_register_with_the_kubelet() {
    let machine = Machine::start();
    for socket in ["controller.sock", "n1.sock"] {
        let mut identity = IdentityClient::new(machine.channel(socket).await);
        let info = identity.get_plugin_info(GetPluginInfoRequest {}).await.unwrap().into_inner();
        assert_eq!(info.name, DRIVER_NAME);
        let named = identity.get_plugin_capabilities(GetPluginCapabilitiesRequest {}).await.unwrap();
        assert_eq!(named.into_inner().capabilities.len(), 2);
        assert_eq!(identity.probe(ProbeRequest {}).await.unwrap().into_inner().ready, Some(true));
    }
    let mut registration = RegistrationClient::new(machine.channel(&registration_socket("n1")).await);
    let info = registration.get_info(InfoRequest {}).await.unwrap().into_inner();
    assert_eq!((info.r#type.as_str(), info.name.as_str()), ("CSIPlugin", DRIVER_NAME));
    assert_eq!((info.endpoint, info.supported_versions), (machine.path("n1.sock"), vec!["1.0.0".to_owned()]));
    let refused = RegistrationStatus { plugin_registered: false, error: "a test".into() };
    registration.notify_registration_status(refused).await.unwrap();
}

fn registration_socket(node: &str) -> String {
    format!("{node}/plugins_registry/{REGISTRATION_SOCKET}")
}

#[tokio::test]
async fn the_kubelets_odd_authority_is_understood() {
    let machine = Machine::start();
    let socket = registration_socket("n1");
    machine.channel(&socket).await;
    // What gRPC for Go makes of a path that it was given without an authority.
    let authority = machine.path(&socket).replace('/', "%2F");
    let endpoint = Endpoint::try_from(format!("unix:{}", machine.path(&socket))).unwrap();
    let endpoint = endpoint.origin(format!("http://{authority}").parse().unwrap());
    let mut registration = RegistrationClient::new(endpoint.connect().await.unwrap());
    assert_eq!(registration.get_info(InfoRequest {}).await.unwrap().into_inner().name, DRIVER_NAME);
}

/// Why this machine cannot mount images, or nothing.
fn unable() -> Option<&'static str> {
    if !rustix::process::geteuid().is_root() {
        return Some("needs root and loop devices");
    }
    if !Path::new("/dev/loop-control").exists() {
        return Some("needs loop devices (/dev/loop-control is not there)");
    }
    let has = |program: &str| ["/sbin", "/usr/sbin"].iter().any(|at| Path::new(at).join(program).exists());
    if !has("mkfs.xfs") || !has("losetup") || !has("fsfreeze") {
        return Some(
            "needs mkfs.xfs, losetup and fsfreeze (Debian: apt-get install xfsprogs mount util-linux)",
        );
    }
    None
}

/// Ends mounts that a failed test left, so that its directory can go.
struct Unmount(Vec<String>);

impl Drop for Unmount {
    fn drop(&mut self) {
        for target in &self.0 {
            let _ = rustix::mount::unmount(target.as_str(), rustix::mount::UnmountFlags::DETACH);
        }
    }
}

#[tokio::test]
async fn a_real_volume_is_written_grows_while_mounted_and_moves() {
    if let Some(why) = unable() {
        // Written past the test harness, which hides what tests that pass print.
        writeln!(std::io::stderr(), "skipped: real::a_real_volume…: {why}").unwrap();
        return;
    }
    let machine = Machine::start();
    let (staging, target, there) = (machine.path("s1"), machine.path("t1"), machine.path("s2"));
    let _unmount = Unmount(vec![target.clone(), staging.clone(), there.clone()]);
    let mut controller = ControllerClient::new(machine.channel("controller.sock").await);
    let mut n1 = NodeClient::new(machine.channel("n1.sock").await);
    let mut n2 = NodeClient::new(machine.channel("n2.sock").await);
    let stats = |path: &str| NodeGetVolumeStatsRequest {
        volume_id: "pvc-1".into(),
        volume_path: path.into(),
        ..Default::default()
    };

    controller.create_volume(create("pvc-1", GIB)).await.unwrap();
    for _ in 0..2 {
        n1.node_stage_volume(stage(&staging)).await.unwrap();
        n1.node_publish_volume(publish(&staging, &target)).await.unwrap();
    }
    check_code(n2.node_stage_volume(stage(&there)).await, Code::FailedPrecondition);
    let delete = DeleteVolumeRequest { volume_id: "pvc-1".into(), ..Default::default() };
    check_code(controller.delete_volume(delete.clone()).await, Code::FailedPrecondition);
    let file = std::fs::File::create(PathBuf::from(&target).join("written")).unwrap();
    file.write_all_at(&vec![7; 64 << 20], 0).unwrap();
    file.sync_all().unwrap();
    drop(file);

    let before = n1.node_get_volume_stats(stats(&target)).await.unwrap().into_inner().usage;
    assert!(before[0].total < GIB && before[0].total > GIB * 9 / 10, "{before:?}");
    assert!(
        before[0].used > 64 << 20 && before[0].used + before[0].available <= before[0].total,
        "{before:?}"
    );
    assert_eq!(before[1].used + before[1].available, before[1].total, "{before:?}");

    for _ in 0..2 {
        controller.controller_expand_volume(expand(2 * GIB)).await.unwrap();
        let grown = n1.node_expand_volume(node_expand(&target, 2 * GIB)).await.unwrap().into_inner();
        assert_eq!(grown.capacity_bytes, 2 * GIB);
    }
    let after = n1.node_get_volume_stats(stats(&target)).await.unwrap().into_inner().usage;
    assert_eq!(after[0].total - before[0].total, GIB, "{after:?}");

    let unpublish = NodeUnpublishVolumeRequest { volume_id: "pvc-1".into(), target_path: target.clone() };
    n1.node_unpublish_volume(unpublish).await.unwrap();
    n1.node_unstage_volume(unstage(&staging)).await.unwrap();
    n2.node_stage_volume(stage(&there)).await.unwrap();
    assert_eq!(std::fs::read(PathBuf::from(&there).join("written")).unwrap(), vec![7; 64 << 20]);
    let moved = n2.node_get_volume_stats(stats(&there)).await.unwrap().into_inner().usage;
    assert_eq!(moved[0].total, after[0].total);
    n2.node_unstage_volume(unstage(&there)).await.unwrap();
    controller.delete_volume(delete).await.unwrap();
    assert_eq!(std::fs::read_dir(machine.path("images")).unwrap().count(), 0);
}

fn unstage(staging: &str) -> NodeUnstageVolumeRequest {
    NodeUnstageVolumeRequest { volume_id: "pvc-1".into(), staging_target_path: staging.into() }
}

/// Appends one numbered line after the other, mostly without a sync, until it is told to stop.
struct Writer {
    stop: Arc<AtomicBool>,
    written: Arc<AtomicU64>,
    thread: std::thread::JoinHandle<()>,
}

impl Writer {
    fn start(path: PathBuf) -> Self {
        let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, count) = (Arc::clone(&stop), Arc::clone(&written));
        let thread = std::thread::spawn(move || {
            let mut file = std::fs::File::create(path).unwrap();
            while !stopped.load(Ordering::Relaxed) {
                let number = count.load(Ordering::Acquire);
                file.write_all(format!("{number:>15}\n").as_bytes()).unwrap();
                count.store(number + 1, Ordering::Release);
                if number % 1000 == 999 {
                    // Bounds how much there is to read back.
                    file.sync_data().unwrap();
                }
            }
        });
        Self { stop, written, thread }
    }

    /// How many lines are written, at least one.
    async fn written(&self) -> u64 {
        loop {
            match self.written.load(Ordering::Acquire) {
                0 => tokio::task::yield_now().await,
                lines => return lines,
            }
        }
    }

    fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
    }
}

/// The lines of a [`Writer`] in a copy: all up to some number, and nothing else.
fn lines(path: &str) -> u64 {
    let text = std::fs::read_to_string(PathBuf::from(path).join("lines")).unwrap();
    let count = u64::try_from(text.lines().count()).unwrap();
    assert!(text.lines().enumerate().all(|(at, line)| line.trim() == at.to_string()), "a line is not whole");
    assert_eq!(u64::try_from(text.len()).unwrap(), count * 16);
    count
}

#[tokio::test]
async fn a_real_snapshot_of_a_volume_in_use_is_one_moment_of_it_and_fills_a_larger_volume() {
    if let Some(why) = unable() {
        writeln!(std::io::stderr(), "skipped: real::a_real_snapshot…: {why}").unwrap();
        return;
    }
    let machine = Machine::start();
    let [source, same, larger, grown] = ["source", "same", "larger", "grown"].map(|name| machine.path(name));
    let _unmount = Unmount([&source, &same, &larger, &grown].map(Clone::clone).to_vec());
    let mut controller = ControllerClient::new(machine.channel("controller.sock").await);
    let mut n1 = NodeClient::new(machine.channel("n1.sock").await);
    let mut n2 = NodeClient::new(machine.channel("n2.sock").await);
    let stage_of =
        |volume: &str, staging: &str| NodeStageVolumeRequest { volume_id: volume.into(), ..stage(staging) };

    controller.create_volume(create("pvc-1", GIB)).await.unwrap();
    n1.node_stage_volume(stage(&source)).await.unwrap();
    let kept = vec![7; 32 << 20];
    std::fs::write(PathBuf::from(&source).join("kept"), &kept).unwrap();
    let writer = Writer::start(PathBuf::from(&source).join("lines"));
    let before = writer.written().await;
    let taken = controller.create_snapshot(snapshot("s-1", "pvc-1")).await.unwrap().into_inner();
    let after = writer.written().await;
    assert_eq!(taken.snapshot.map(|taken| (taken.size_bytes, taken.ready_to_use)), Some((GIB, true)));
    // The controller's step of a growth, whose node step is still to come.
    controller.controller_expand_volume(expand(2 * GIB)).await.unwrap();
    controller.create_snapshot(snapshot("s-2", "pvc-1")).await.unwrap();
    writer.stop();
    let image = std::fs::metadata(PathBuf::from(machine.path("images")).join("s-1.snap")).unwrap();
    assert!(image.blocks() * 512 < 1 << 29, "the copy is not sparse: {} blocks", image.blocks());

    // All are mounted at once, beside the volume that they are copies of.
    let restored = [("pvc-2", &same, "s-1", 1), ("pvc-3", &larger, "s-1", 2), ("pvc-4", &grown, "s-2", 2)];
    for (volume, staging, from, gib) in restored {
        controller.create_volume(restore(volume, gib * GIB, from)).await.unwrap();
        n2.node_stage_volume(stage_of(volume, staging)).await.unwrap();
        assert!(std::fs::read(PathBuf::from(staging).join("kept")).unwrap() == kept, "{volume}");
        let request = NodeGetVolumeStatsRequest {
            volume_id: volume.into(),
            volume_path: staging.clone(),
            ..Default::default()
        };
        let usage = n2.node_get_volume_stats(request).await.unwrap().into_inner().usage;
        assert!(usage[0].total < gib * GIB && usage[0].total > gib * GIB * 9 / 10, "{volume} {usage:?}");
    }
    check_code(controller.create_volume(restore("pvc-5", GIB, "s-2")).await, Code::OutOfRange);
    assert!((before..=after).contains(&lines(&same)), "{before} {} {after}", lines(&same));
    assert_eq!(lines(&larger), lines(&same));
    assert!(lines(&grown) >= lines(&same) && lines(&source) >= lines(&grown));
    std::fs::write(PathBuf::from(&larger).join("new"), &kept).unwrap();

    n1.node_unstage_volume(unstage(&source)).await.unwrap();
    // Nobody has it mounted now.
    controller.create_snapshot(snapshot("s-3", "pvc-1")).await.unwrap();
    for (volume, staging) in [("pvc-2", &same), ("pvc-3", &larger), ("pvc-4", &grown)] {
        let unstage = NodeUnstageVolumeRequest { volume_id: volume.into(), ..unstage(staging) };
        n2.node_unstage_volume(unstage).await.unwrap();
    }
    for volume in ["pvc-1", "pvc-2", "pvc-3", "pvc-4"] {
        let delete = DeleteVolumeRequest { volume_id: volume.into(), ..Default::default() };
        controller.delete_volume(delete).await.unwrap();
    }
    for snapshot_id in ["s-1", "s-2", "s-3"] {
        let delete = DeleteSnapshotRequest { snapshot_id: snapshot_id.into(), ..Default::default() };
        controller.delete_snapshot(delete).await.unwrap();
    }
    assert_eq!(std::fs::read_dir(machine.path("images")).unwrap().count(), 0);
}

#[tokio::test]
async fn thawing_what_is_not_frozen_is_no_error_and_freezing_twice_is_one() {
    if let Some(why) = unable() {
        writeln!(std::io::stderr(), "skipped: real::thawing…: {why}").unwrap();
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let (image, target) = (directory.path().join("image"), directory.path().join("mounted"));
    std::fs::File::create(&image).unwrap().set_len(300 << 20).unwrap();
    std::fs::create_dir(&target).unwrap();
    let _unmount = Unmount(vec![target.to_str().unwrap().to_owned()]);
    let host = LinuxHost::new();
    host.make_file_system(&image).await.unwrap();
    host.mount_image(&image, &target, &[]).await.unwrap();
    host.thaw(&target).await.unwrap();
    host.freeze(&target).await.unwrap();
    let twice = host.freeze(&target).await;
    for _ in 0..2 {
        host.thaw(&target).await.unwrap();
    }
    assert!(twice.is_err());
    std::fs::write(target.join("file"), "written").unwrap();
    host.unmount(&target).await.unwrap();
}
