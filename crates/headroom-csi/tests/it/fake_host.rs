//! A machine without root: loop devices and mounts are entries of a table.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use headroom_csi::host::{Host, HostError, Mount, Statistics};

/// One node's view of a machine that several nodes share.
#[derive(Debug, Clone)]
pub(crate) struct FakeHost {
    machine: Arc<Mutex<Machine>>,
    node: &'static str,
}

/// What the machine is like.
#[derive(Debug, Default)]
pub(crate) struct Machine {
    /// Loop devices: image and size.
    pub(crate) loops: BTreeMap<PathBuf, (PathBuf, u64)>,
    /// Mounts by node.
    pub(crate) mounts: Vec<(&'static str, Mount)>,
    /// Sizes of file systems by device.
    pub(crate) file_systems: BTreeMap<PathBuf, u64>,
    /// Devices whose file system is frozen.
    pub(crate) frozen: BTreeSet<PathBuf>,
    /// What was changed, in order.
    pub(crate) log: Vec<String>,
    /// The next change that begins so fails.
    pub(crate) fail: Option<&'static str>,
}

impl FakeHost {
    pub(crate) fn new(node: &'static str) -> Self {
        Self { machine: Arc::default(), node }
    }

    /// The same machine as another node sees it.
    pub(crate) fn on(&self, node: &'static str) -> Self {
        Self { machine: Arc::clone(&self.machine), node }
    }

    pub(crate) fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap()
    }

    /// What was changed since the last call.
    pub(crate) fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut self.machine().log)
    }

    fn change(&self, what: String) -> Result<MutexGuard<'_, Machine>, HostError> {
        let mut machine = self.machine();
        if machine.fail.is_some_and(|fail| what.starts_with(fail)) {
            machine.fail = None;
            let source = std::io::Error::other("planted");
            return Err(HostError::Call { what: "a planted failure", path: what.into(), source });
        }
        machine.log.push(what);
        Ok(machine)
    }
}

impl Machine {
    /// Attaches a loop device without mounting it, as a node that died half-way leaves one.
    pub(crate) fn attach(&mut self, image: &Path) -> PathBuf {
        let free = (0..).map(|number| PathBuf::from(format!("/dev/loop{number}")));
        let device = free.into_iter().find(|device| !self.loops.contains_key(device)).unwrap();
        self.loops.insert(device.clone(), (image.to_owned(), std::fs::metadata(image).unwrap().len()));
        device
    }

    fn device_at(&self, target: &Path) -> PathBuf {
        let (_, mount) = self.mounts.iter().find(|(_, mount)| mount.target == target).unwrap();
        mount.source.clone()
    }

    /// The size of the file system mounted at a path.
    pub(crate) fn size_at(&self, target: &str) -> u64 {
        self.file_systems[&self.device_at(Path::new(target))]
    }
}

#[tonic::async_trait]
impl Host for FakeHost {
    async fn make_file_system(&self, _: &Path) -> Result<(), HostError> {
        self.change("mkfs".to_owned()).map(drop)
    }

    async fn copy_image(&self, from: &Path, to: &Path) -> Result<(), HostError> {
        let name = from.file_name().unwrap().to_str().unwrap();
        let machine = self.change(format!("copy {name}"))?;
        let used = |(device, (image, _)): (&PathBuf, &(PathBuf, u64))| {
            image == from && machine.mounts.iter().any(|(_, mount)| mount.source == *device)
        };
        let device = machine.loops.iter().find(|one| used(*one)).map(|(device, _)| device);
        assert!(device.is_none_or(|device| machine.frozen.contains(device)), "{name} is written to");
        std::fs::copy(from, to).unwrap();
        Ok(())
    }

    async fn loop_devices(&self, image: &Path) -> Result<Vec<PathBuf>, HostError> {
        let machine = self.machine();
        Ok(machine
            .loops
            .iter()
            .filter(|(_, (of, _))| of == image)
            .map(|(device, _)| device.clone())
            .collect())
    }

    async fn is_busy(&self, device: &Path) -> Result<bool, HostError> {
        Ok(self.machine().mounts.iter().any(|(_, mount)| mount.source == device))
    }

    async fn detach(&self, device: &Path) -> Result<(), HostError> {
        self.change("detach".to_owned())?.loops.remove(device);
        Ok(())
    }

    async fn refresh_size(&self, device: &Path) -> Result<(), HostError> {
        let mut machine = self.change("refresh".to_owned())?;
        let (image, size) = machine.loops.get_mut(device).unwrap();
        *size = std::fs::metadata(image).unwrap().len();
        Ok(())
    }

    async fn mount_image(&self, image: &Path, target: &Path, options: &[String]) -> Result<(), HostError> {
        let mut machine = self.change(format!("mount {} {}", options.join(","), target.display()))?;
        let source = machine.attach(image);
        let size = machine.loops[&source].1;
        machine.file_systems.entry(source.clone()).or_insert(size);
        let file_system = "xfs".to_owned();
        machine
            .mounts
            .push((self.node, Mount { target: target.to_owned(), source, file_system, read_only: false }));
        Ok(())
    }

    async fn bind(&self, source: &Path, target: &Path, read_only: bool) -> Result<(), HostError> {
        let mut machine =
            self.change(format!("bind {}{}", if read_only { "ro " } else { "" }, target.display()))?;
        let (_, staged) = machine.mounts.iter().find(|(_, mount)| mount.target == source).unwrap();
        let mount = Mount { target: target.to_owned(), read_only, ..staged.clone() };
        machine.mounts.push((self.node, mount));
        Ok(())
    }

    async fn unmount(&self, target: &Path) -> Result<(), HostError> {
        let mut machine = self.change(format!("unmount {}", target.display()))?;
        let at =
            machine.mounts.iter().rposition(|(node, mount)| *node == self.node && mount.target == target);
        let (_, gone) = machine.mounts.remove(at.unwrap());
        if !machine.mounts.iter().any(|(_, mount)| mount.source == gone.source) {
            machine.loops.remove(&gone.source);
        }
        Ok(())
    }

    async fn mounts(&self) -> Result<Vec<Mount>, HostError> {
        let machine = self.machine();
        Ok(machine
            .mounts
            .iter()
            .filter(|(node, _)| *node == self.node)
            .map(|(_, mount)| mount.clone())
            .collect())
    }

    async fn grow_file_system(&self, target: &Path) -> Result<(), HostError> {
        let mut machine = self.change(format!("growfs {}", target.display()))?;
        let device = machine.device_at(target);
        let size = machine.loops[&device].1;
        machine.file_systems.insert(device, size);
        Ok(())
    }

    async fn freeze(&self, target: &Path) -> Result<(), HostError> {
        let mut machine = self.change(format!("freeze {}", target.display()))?;
        let device = machine.device_at(target);
        assert!(machine.frozen.insert(device), "frozen already");
        Ok(())
    }

    async fn thaw(&self, target: &Path) -> Result<(), HostError> {
        let mut machine = self.change(format!("thaw {}", target.display()))?;
        let device = machine.device_at(target);
        machine.frozen.remove(&device);
        Ok(())
    }

    async fn statistics(&self, target: &Path) -> Result<Statistics, HostError> {
        let bytes_total = self.machine().size_at(target.to_str().unwrap());
        Ok(Statistics {
            bytes_total,
            bytes_available: bytes_total - 5000,
            bytes_used: 4000,
            inodes_total: 1000,
            inodes_free: 990,
        })
    }
}
