//! `down`: removes the lab and everything it made, then looks whether anything is left.
//!
//! Works after a crash of `up` and when called twice: it goes by the recorded processes and by what the machine itself
//! shows, and the state file only marks the directory as a lab's.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::error::PrerequisiteError;
use crate::inspect::complain;
use crate::layout::Layout;
use crate::progress::Progress;
use crate::state::State;
use crate::supervise::Supervisor;
use crate::{cgroup, host, leftovers, mount_namespace, network, run, up};

/// How long each kind of thing may take to go.
const LIMIT: Duration = Duration::from_secs(30);

/// Removes the lab of a directory.
pub(crate) fn down(layout: &Layout) -> Result<ExitCode> {
    if !rustix::process::geteuid().is_root() {
        return Err(PrerequisiteError::new("removing the lab needs root", "sudo -E cargo lab down").into());
    }
    let progress = Progress::new();
    let marked = State::marks(layout);
    let _lock = if layout.dir.exists() { Some(up::lock(layout)?) } else { None };
    progress.run("end every process", || end_processes(layout))?;
    progress.run("unmount and detach", || release_storage(layout))?;
    progress.run("remove namespaces and cgroups", || {
        retry("network namespaces", || network::remove(layout))?;
        retry("cgroups", || cgroup::remove(layout))
    })?;
    for name in host::restore(layout)? {
        complain(&format!("headroom-lab: kernel setting {name} could not be put back"));
    }
    if marked {
        progress.run(format!("remove {}", layout.dir.display()), || {
            std::fs::remove_dir_all(&layout.dir).with_context(|| format!("removing {}", layout.dir.display()))
        })?;
    } else {
        // An `up` that ended before it noted anything leaves an empty directory; any other one is not ours.
        let _ = std::fs::remove_dir(&layout.dir);
    }
    report(layout)
}

fn report(layout: &Layout) -> Result<ExitCode> {
    let left = leftovers::describe(layout);
    if left.is_empty() {
        complain("nothing of the lab is left: no process, mount, loop device, network namespace or cgroup");
        return Ok(ExitCode::SUCCESS);
    }
    bail!("still there: {}", left.join(", "))
}

fn end_processes(layout: &Layout) -> Result<()> {
    if let Some(supervisor) = Supervisor::find(layout) {
        // It would start again what is ended now. If it does not listen it is ended with the others.
        let _ = supervisor.release();
    }
    retry("processes", || {
        let found = leftovers::processes(layout);
        for process in &found {
            process.signal(Signal::KILL);
        }
        mount_namespace::thaw(layout);
        found
    })
}

/// A mount namespace and all its mounts go with its file, once no process lives in it.
fn release_storage(layout: &Layout) -> Result<()> {
    retry("mounts", || {
        let mounts = mount_namespace::mounts_below(&layout.dir).unwrap_or_default();
        for mount in &mounts {
            run::succeeds(run::command("umount", [""; 0]).arg(mount));
        }
        mounts
    })?;
    retry("loop devices", || {
        let devices = leftovers::loop_devices(Path::new(&layout.dir));
        for device in &devices {
            leftovers::detach(device);
        }
        devices
    })
}

/// Repeats until nothing is left; each round tells what it found.
fn retry<T: std::fmt::Debug>(what: &str, mut round: impl FnMut() -> Vec<T>) -> Result<()> {
    let end = Instant::now() + LIMIT;
    loop {
        let left = round();
        if left.is_empty() {
            return Ok(());
        }
        if Instant::now() > end {
            bail!("{what} do not go: {left:?}");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removal_goes_on_until_nothing_is_found() {
        let mut rounds = vec![vec![1], vec![1, 2]];
        assert!(retry("things", || rounds.pop().unwrap_or_default()).is_ok());
        assert!(rounds.is_empty());
    }
}
