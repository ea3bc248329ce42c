//! `up`: build what is missing, make what is missing, start what does not run, wait until it is whole.

use std::cell::RefCell;
use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::args::UpArgs;
use crate::certs::Pki;
use crate::error::PrerequisiteError;
use crate::inspect::complain;
use crate::kubectl::Kubectl;
use crate::layout::{Layout, Node};
use crate::parts::{self, Programs};
use crate::progress::Progress;
use crate::state::State;
use crate::supervise::{PartSpec, Supervisor};
use crate::{
    addons, cgroup, cnpg, control_plane, files, images, mount_namespace, network, node, preflight, sysctl,
};

/// Preferred port of the forwarder; another one is taken when it is in use.
const PREFERRED_PORT: u16 = 16443;

/// Brings a lab up, or repairs one.
pub(crate) fn up(layout: &Layout, args: &UpArgs) -> Result<ExitCode> {
    preflight::check(args)?;
    files::create_dir(&layout.dir)?;
    files::create_dir(&layout.cache)?;
    let _lock = lock(layout)?;
    let progress = Progress::new();
    parts::apt::ensure(&progress, args.control_plane_only)?;
    let programs = parts::control_plane(layout, &progress)?;
    let state = prepare(layout, args)?;
    let nodes: Vec<Node> = state.nodes().collect();
    let own = own_program(layout)?;
    let supervisor = Supervisor::ensure(layout, &own)?;
    let own = own.display().to_string();
    let lab = Lab { layout, programs, state, nodes, own, supervisor, progress, started: RefCell::default() };
    lab.start_api()?;
    if !args.control_plane_only {
        lab.start_cluster(args)?;
        lab.supervisor.keep(lab.started.take())?;
    }
    complain(&format!(
        "the lab is up after {} s: cargo lab kubectl get nodes, or export KUBECONFIG={}",
        lab.progress.seconds(),
        layout.kubeconfig().display()
    ));
    Ok(ExitCode::SUCCESS)
}

/// A lab on its way up.
struct Lab<'a> {
    layout: &'a Layout,
    programs: Programs,
    state: State,
    nodes: Vec<Node>,
    own: String,
    supervisor: Supervisor,
    progress: Progress,
    /// Names of all parts of this `up`; what an earlier version of the lab ran beside them is ended.
    started: RefCell<Vec<String>>,
}

impl Lab<'_> {
    fn start(&self, parts: Vec<PartSpec>) -> Result<()> {
        self.started.borrow_mut().extend(parts.iter().map(|part| part.name.clone()));
        self.supervisor.run(parts).map(drop)
    }

    fn start_api(&self) -> Result<()> {
        self.progress.run("start etcd and kube-apiserver", || {
            self.start(control_plane::api_parts(self.layout, &self.programs, &self.state, &self.own)?)?;
            control_plane::wait(&Kubectl::new(self.layout))
        })
    }

    fn start_cluster(&self, args: &UpArgs) -> Result<()> {
        let kubectl = Kubectl::new(self.layout);
        let (programs, archives) = parts::everything(self.layout, &self.progress)?;
        self.progress.run("start controllers, DNS and storage", || {
            files::create_dir(&self.layout.volumes())?;
            addons::apply(&kubectl)?;
            self.start(control_plane::controller_parts(self.layout, &programs)?)?;
            self.start(addons::parts(self.layout, &programs, &self.own)?)
        })?;
        self.progress.run(format!("start {} nodes", self.nodes.len()), || {
            for node in &self.nodes {
                mount_namespace::ensure(self.layout, *node)?;
                let period = args.stats_period.duration();
                self.start(node::parts(self.layout, &programs, *node, period, &self.own)?)?;
            }
            images::import_new(self.layout, &self.nodes, &archives.pause)?;
            node::wait(&kubectl, &self.nodes)
        })?;
        self.progress.run("import the PostgreSQL image", || {
            images::import_new(self.layout, &self.nodes, &archives.postgres)
        })?;
        if let (Some(manifest), Some(image)) = (&args.cnpg_manifest, &args.cnpg_image) {
            cnpg::install(self.layout, &kubectl, &self.nodes, manifest, image, &self.progress)?;
            State { cnpg: true, ..self.state.clone() }.save(self.layout)?;
        }
        Ok(())
    }
}

/// One `up` or `down` at a time per directory.
pub(crate) fn lock(layout: &Layout) -> Result<File> {
    let dir = File::open(&layout.dir).with_context(|| format!("opening {}", layout.dir.display()))?;
    rustix::fs::flock(&dir, rustix::fs::FlockOperation::NonBlockingLockExclusive).map_err(|_| {
        PrerequisiteError::new(
            format!("another `cargo lab up` or `down` is at work in {}", layout.dir.display()),
            "wait for it to end",
        )
    })?;
    Ok(dir)
}

/// Everything on the host that the parts stand on. The state is written first, so that `down` finds what a crash left.
fn prepare(layout: &Layout, args: &UpArgs) -> Result<State> {
    let before = State::load(layout)?;
    let mut state = match before {
        Some(state) => state,
        None => State {
            nodes: 0,
            stats_period: String::new(),
            port: free_port()?,
            made_dirs: Vec::new(),
            sysctls: sysctl::snapshot(),
            cnpg: false,
        },
    };
    if !args.control_plane_only {
        // A node is never taken away by `up`: its volumes and pods would be lost without being asked for.
        state.nodes = state.nodes.max(args.nodes);
        state.stats_period = args.stats_period.duration().into();
    }
    state.save(layout)?;
    if state.nodes > 0 {
        state.made_dirs.extend(mount_namespace::make_mount_points()?);
        state.save(layout)?;
        sysctl::prepare();
    }
    let nodes: Vec<Node> = state.nodes().collect();
    cgroup::ensure(layout, &nodes)?;
    network::ensure(layout, &nodes)?;
    Pki::new(layout).ensure(&nodes)?;
    Ok(state)
}

fn free_port() -> Result<u16> {
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let listener =
        bind(PREFERRED_PORT).or_else(|_| bind(0)).context("looking for a free port on 127.0.0.1")?;
    Ok(listener.local_addr().context("looking for a free port on 127.0.0.1")?.port())
}

/// A copy of this program under a name of its content: a rebuild of the checkout neither breaks a running part nor goes
/// unnoticed, because the changed path restarts the parts that it holds.
fn own_program(layout: &Layout) -> Result<PathBuf> {
    let bytes = std::fs::read("/proc/self/exe").context("reading this program")?;
    let digest = hex::encode(Sha256::digest(&bytes));
    let path = layout.path("bin").join(format!("headroom-lab-{}", digest.get(..12).unwrap_or_default()));
    if !path.exists() {
        files::write(&path, &bytes)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))
            .with_context(|| format!("making {} executable", path.display()))?;
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_second_lock_on_the_same_directory_says_to_wait() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(Some(dir.path()), Some(dir.path())).unwrap();
        let held = lock(&layout).unwrap();
        assert!(lock(&layout).unwrap_err().to_string().contains("wait for it"));
        drop(held);
        assert!(lock(&layout).is_ok());
    }
}
