//! `up`: build what is missing, make what is missing, start what does not run, wait until it is whole.

use std::cell::RefCell;
use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::args::{StatsPeriod, UpArgs};
use crate::certs::Pki;
use crate::error::PrerequisiteError;
use crate::inspect::complain;
use crate::kubectl::Kubectl;
use crate::layout::{Layout, Node};
use crate::parts::{self, Images, Programs};
use crate::progress::Progress;
use crate::state::State;
use crate::supervise::{PartSpec, Supervisor};
use crate::{
    addons, cgroup, cnpg, control_plane, files, host, images, mount_namespace, network, node, preflight,
    readiness, standin,
};

/// Preferred port of the forwarder; another one is taken when it is in use.
const PREFERRED_PORT: u16 = 16443;

const DEFAULT_NODES: u8 = 3;

/// Brings a lab up, or repairs one.
pub(crate) fn up(layout: &Layout, args: &UpArgs) -> Result<ExitCode> {
    preflight::check(args)?;
    files::create_dir(&layout.dir)?;
    files::create_dir(&layout.cache)?;
    let _lock = lock(layout)?;
    let progress = Progress::new();
    parts::apt::ensure(&progress, args.control_plane_only)?;
    let before = State::load(layout)?;
    let stand_in = args.cnpg.is_some() || before.as_ref().is_some_and(|state| state.stand_in);
    if let Some(state) = &before {
        standin::exclude(state, args.cnpg.is_some(), args.cnpg_manifest.is_some())?;
    }
    let archives = build(layout, args, &progress)?;
    let stand_in = stand_in.then(|| standin::build(layout, &progress)).transpose()?;
    let programs = Programs::new(layout);
    let state = prepare(layout, args)?;
    let nodes: Vec<Node> = state.nodes().collect();
    let own = own_program(layout)?;
    let supervisor = Supervisor::ensure(layout, &own)?;
    let own = own.display().to_string();
    let lab = Lab { layout, programs, state, nodes, own, supervisor, progress, started: RefCell::default() };
    lab.start_api()?;
    if let Some(archives) = archives {
        lab.start_cluster(args, &archives, stand_in.as_ref())?;
        lab.supervisor.keep(lab.started.take())?;
        forget_old_programs(layout, Path::new(&lab.own));
    }
    let running = lab.supervisor.status()?.iter().filter(|part| part.process.is_some()).count();
    complain(&format!(
        "the lab is up after {} s, {running} parts run: cargo lab kubectl get nodes, or export KUBECONFIG={}",
        lab.progress.seconds(),
        layout.kubeconfig().display()
    ));
    Ok(ExitCode::SUCCESS)
}

/// Builds what the cache lacks; the images only for a lab with nodes. Labs of other directories wait for each other here.
fn build(layout: &Layout, args: &UpArgs, progress: &Progress) -> Result<Option<Images>> {
    let cache = File::open(&layout.cache).with_context(|| format!("opening {}", layout.cache.display()))?;
    rustix::fs::flock(&cache, rustix::fs::FlockOperation::LockExclusive).context("locking the cache")?;
    for entry in std::fs::read_dir(&layout.cache).context("reading the cache")? {
        let entry = entry.context("reading the cache")?;
        // An interrupted build; nobody builds there while the cache is locked.
        if entry.file_name().to_string_lossy().starts_with("build-") {
            std::fs::remove_dir_all(entry.path())
                .with_context(|| format!("removing {}", entry.path().display()))?;
        }
    }
    parts::control_plane(layout, progress)?;
    if args.control_plane_only { Ok(None) } else { parts::everything(layout, progress).map(Some) }
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
            readiness::wait(self.layout, Duration::from_mins(2))
        })
    }

    fn start_cluster(
        &self,
        args: &UpArgs,
        archives: &Images,
        stand_in: Option<&standin::StandIn>,
    ) -> Result<()> {
        let kubectl = Kubectl::new(self.layout);
        let programs = &self.programs;
        self.progress.run("start controllers, DNS and storage", || {
            files::create_dir(&self.layout.volumes())?;
            addons::apply(&kubectl, programs)?;
            self.start(control_plane::controller_parts(self.layout, programs)?)?;
            self.start(addons::parts(self.layout, programs, &self.own)?)
        })?;
        self.progress.run(format!("start {} nodes", self.nodes.len()), || {
            for node in &self.nodes {
                mount_namespace::ensure(self.layout, *node)?;
                self.start(node::parts(self.layout, programs, *node, &self.state.stats_period, &self.own)?)?;
            }
            images::import_new(self.layout, &self.nodes, &archives.pause)?;
            node::wait(&kubectl, &self.nodes)
        })?;
        self.progress.run("import the PostgreSQL image", || {
            images::import_new(self.layout, &self.nodes, &archives.postgres)?;
            images::tag(self.layout, &self.nodes, parts::POSTGRES_IMAGE, parts::POSTGRES_NEXT_IMAGE)
        })?;
        if let (Some(manifest), Some(image)) = (&args.cnpg_manifest, &args.cnpg_image) {
            cnpg::install(self.layout, &kubectl, &self.nodes, manifest, image, &self.progress)?;
            State { cnpg: true, ..self.state.clone() }.save(self.layout)?;
        }
        if let Some(built) = stand_in {
            State { stand_in: true, ..self.state.clone() }.save(self.layout)?;
            self.start(vec![standin::install(self.layout, &kubectl, &self.nodes, built, &self.progress)?])?;
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
        None => {
            State { nodes: 0, stats_period: String::new(), port: free_port()?, cnpg: false, stand_in: false }
        }
    };
    if !args.control_plane_only {
        choose(&mut state, args);
    }
    state.save(layout)?;
    if state.nodes > 0 {
        host::prepare()?;
    }
    let nodes: Vec<Node> = state.nodes().collect();
    cgroup::ensure(layout, &nodes)?;
    network::ensure(layout, &nodes)?;
    Pki::new(layout).ensure(&nodes)?;
    Ok(state)
}

/// What is asked for, else what is, else the default.
fn choose(state: &mut State, args: &UpArgs) {
    let wanted = args.nodes.unwrap_or(if state.nodes == 0 { DEFAULT_NODES } else { state.nodes });
    if wanted < state.nodes {
        // A node's pods would be lost without being asked for.
        complain(&format!("the lab keeps its {} nodes; for fewer: cargo lab down", state.nodes));
    }
    state.nodes = state.nodes.max(wanted);
    if let Some(period) = args.stats_period {
        period.duration().clone_into(&mut state.stats_period);
    } else if state.stats_period.is_empty() {
        StatsPeriod::Seconds10.duration().clone_into(&mut state.stats_period);
    }
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

/// Removes the copies of earlier builds; a process that still runs one keeps its own hold on it.
fn forget_old_programs(layout: &Layout, own: &Path) {
    let copies = std::fs::read_dir(layout.path("bin")).into_iter().flatten().filter_map(Result::ok);
    for old in copies.map(|entry| entry.path()).filter(|path| path != own) {
        // One that stays costs some space until `down`.
        let _ = std::fs::remove_file(old);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[track_caller]
    fn chooses(
        before: (u8, &str),
        nodes: Option<u8>,
        stats_period: Option<StatsPeriod>,
        expected: (u8, &str),
    ) {
        let args = UpArgs {
            nodes,
            stats_period,
            cnpg: None,
            cnpg_manifest: None,
            cnpg_image: None,
            control_plane_only: false,
        };
        let mut state = State {
            nodes: before.0,
            stats_period: before.1.to_owned(),
            port: 1,
            cnpg: false,
            stand_in: false,
        };
        choose(&mut state, &args);
        assert_eq!((state.nodes, state.stats_period.as_str()), expected);
    }

    #[test]
    fn a_repeated_up_keeps_what_it_is_not_asked_to_change() {
        chooses((0, ""), None, None, (3, "10s"));
        chooses((0, ""), Some(1), Some(StatsPeriod::Seconds60), (1, "1m0s"));
        chooses((1, "1m0s"), None, None, (1, "1m0s"));
        chooses((1, "1m0s"), Some(2), Some(StatsPeriod::Seconds10), (2, "10s"));
        chooses((3, "10s"), Some(1), None, (3, "10s"));
    }

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
