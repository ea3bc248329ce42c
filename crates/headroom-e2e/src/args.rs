//! The command line.

use std::{ffi::OsString, num::NonZeroUsize, path::PathBuf, time::Duration};

use clap::{Parser, ValueEnum};
use headroom_scenario::Topology;
use headroom_sim::explore::plan::Plan;

use crate::{exit, profile::Profile};

/// Runs the acceptance matrix of headroom on the simulator or on a real cluster.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "cargo e2e",
    bin_name = "cargo e2e",
    version,
    after_help = "Examples:
  cargo e2e                                       the whole matrix on the simulator
  cargo e2e --list                                what there is to run
  cargo e2e --filter 'p0_00_*' --topology t1,t3   some of it
  cargo e2e --filter 'p0_0*,!*drain*'             several globs; ! leaves out
  cargo e2e --one-gate                            each scenario once in each topology: quick, as in CI
  cargo e2e --report report                       with report.html, report.json and junit.xml
  cargo e2e --report report --resume              go on with a run that was interrupted
  cargo e2e --seeds 200                           each cell with 200 seeds, twice: equal trace hashes
  cargo e2e --faults all                          every fault at every request, compared with the undisturbed run
  cargo e2e --filter 'shrink_plain' --faults pairs
                                                  two faults around each step that cannot be undone
  cargo e2e --filter 'p0_00_at_the_limit@t2' --faults crash-after@12,stock-kubelet
                                                  one run with one fault at the twelfth request
  cargo e2e --swarm 1000 --jobs 2                 random faults and conditions, one run a seed
  cargo e2e --world cluster --filter 'p0_00_*'    on the lab (`cargo lab up`) or any cluster
  cargo e2e --world cluster --profile aws         on EKS; docs/acceptance-on-providers.md says more

Exit codes: 0 all passed, 1 failed, 2 inconclusive, 3 bad usage or no world."
)]
pub struct Args {
    /// Where to run.
    #[arg(long, value_enum, default_value = "sim")]
    pub world: WorldName,
    /// Scenarios whose id matches, with or without topology and gate (`*` any text, `?` one character); several globs
    /// are separated by commas, and one with `!` before it leaves out what it matches.
    #[arg(long, default_value = "*", value_delimiter = ',', value_name = "GLOB")]
    pub filter: Vec<String>,
    /// Of each scenario and topology strike at one gate, not at all of them: at another one from scenario to scenario.
    #[arg(long)]
    pub one_gate: bool,
    /// Topologies, separated by commas.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "t1,t2,t3", ignore_case = true)]
    pub topology: Vec<TopologyName>,
    /// The seed of the simulator.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// Run each cell with this many seeds, from --seed on, each twice, and compare the trace hashes; with --faults explore
    /// each seed.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub seeds: Option<u64>,
    /// Try faults on the simulator: `all` or some, each at every request, one at a time (`crash-after,conflict`), or
    /// several in one run, each at its request (`crash-after@12,conflict@20`); `pairs`: two of them, the first at each
    /// request of a shrink that cannot be undone, the second at one of the next three; among them the conditions
    /// `stock-kubelet`, `slow-watches`, `spring`, `eve`, `autumn`. A wrong name lists all.
    #[arg(long, value_name = "LIST")]
    pub faults: Option<Plan>,
    /// With --faults: try so many of each cell's faults at most, evenly chosen over requests and faults, other ones with
    /// another --seed. What was left out is counted.
    #[arg(long, value_name = "N", requires = "faults", value_parser = clap::value_parser!(u64).range(1..))]
    pub at_most: Option<u64>,
    /// Run this many seeds on the simulator, from --seed on, on the cells in turn: each draws its own conditions and one
    /// to four faults.
    #[arg(long, value_name = "SEEDS", conflicts_with_all = ["faults", "seeds"], value_parser = clap::value_parser!(u64).range(1..))]
    pub swarm: Option<u64>,
    /// Add each run that goes wrong to this file, one a line (crates/headroom-sim/seeds/ holds those that tests replay).
    #[arg(long, value_name = "FILE")]
    pub keep: Option<PathBuf>,
    /// Write report.html, report.json and junit.xml into this folder.
    #[arg(long, value_name = "DIR")]
    pub report: Option<PathBuf>,
    /// Go on with a run that was interrupted: cells that have ended in the report's folder, well or not, are not run
    /// again.
    #[arg(long, requires = "report")]
    pub resume: bool,
    /// Say what would be run, and run nothing.
    #[arg(long)]
    pub list: bool,
    /// What to print.
    #[arg(short, long, value_enum, default_value = "table")]
    pub output: Output,
    /// How many cells run at once [default: all cores on the simulator, 2 on a cluster].
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// How to reach the cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// Options that only `--world cluster` looks at.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Options of --world cluster")]
pub struct ClusterArgs {
    /// The kubeconfig [default: the lab's; with --profile of a provider $KUBECONFIG, else ~/.kube/config].
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// The image of PostgreSQL [default: CloudNativePG's; in the lab its own].
    #[arg(long, value_name = "IMAGE")]
    pub postgres_image: Option<String>,
    /// Another image of the same version, for rolling upgrades [default: in the lab a second name of its own].
    #[arg(long, value_name = "IMAGE")]
    pub postgres_upgrade_image: Option<String>,
    /// The VolumeSnapshotClass [default: one of the StorageClass's driver].
    #[arg(long, value_name = "NAME")]
    pub snapshot_class: Option<String>,
    /// The kind of cluster: StorageClass, sizes and limits of waits [default: by the StorageClass's driver].
    #[arg(long, value_enum)]
    pub profile: Option<Profile>,
    /// The StorageClass [default: the profile's, else the cluster's default].
    #[arg(long, value_name = "NAME")]
    pub storage_class: Option<String>,
    /// Where the lab keeps its state.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/headroom-lab")]
    pub lab_dir: PathBuf,
    /// Whether to build and install this checkout's operator, which only the lab can take.
    #[arg(long, value_enum, default_value = "missing")]
    pub install: Install,
    /// Kill the operator about this often (seconds) at random moments while scenarios run.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub kill_operator_every: Option<Duration>,
}

/// Whether to install headroom before scenarios begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Install {
    /// When it is missing.
    Missing,
    /// Always: build and install this checkout.
    Always,
    /// Never.
    Never,
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.trim_end_matches('s').parse() {
        Ok(count) if count > 0 => Ok(Duration::from_secs(count)),
        Ok(_) | Err(_) => Err(format!("{text:?} is not a number of seconds above zero")),
    }
}

/// Where to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WorldName {
    /// The deterministic simulator.
    Sim,
    /// A real cluster by kubeconfig.
    Cluster,
}

impl WorldName {
    /// `sim` or `cluster`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sim => "sim",
            Self::Cluster => "cluster",
        }
    }
}

/// A topology as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TopologyName {
    /// One instance.
    T1,
    /// A primary and a replica.
    T2,
    /// A primary and two replicas.
    T3,
}

impl From<TopologyName> for Topology {
    fn from(name: TopologyName) -> Self {
        match name {
            TopologyName::T1 => Self::T1,
            TopologyName::T2 => Self::T2,
            TopologyName::T3 => Self::T3,
        }
    }
}

/// What to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// A matrix for people.
    Table,
    /// What report.json holds.
    Json,
    /// The same as YAML.
    Yaml,
}

/// Why there are no arguments: help, version, or bad usage.
#[derive(Clone, Debug)]
pub struct Unread {
    /// What to say.
    pub text: String,
    /// The exit code.
    pub code: u8,
    /// Help is data, complaints are talk.
    pub on_stdout: bool,
}

impl Args {
    /// Reads the command line.
    ///
    /// # Errors
    /// Help and version with code 0, bad usage with code 3.
    pub fn read(words: impl IntoIterator<Item = OsString>) -> Result<Self, Unread> {
        Self::try_parse_from(words).map_err(|error| {
            let on_stdout = !error.use_stderr();
            let code = if on_stdout { exit::PASSED } else { exit::USAGE };
            Unread { text: error.render().ansi().to_string(), code, on_stdout }
        })
    }

    /// How many cells run at once.
    pub fn jobs(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        match (self.jobs, self.world) {
            (Some(jobs), _) => jobs.get(),
            (None, WorldName::Sim) => cores(),
            (None, WorldName::Cluster) => 2,
        }
    }

    /// The topologies asked for.
    pub fn topologies(&self) -> Vec<Topology> {
        self.topology.iter().copied().map(Topology::from).collect()
    }
}
