//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

/// A real Kubernetes cluster on one Linux machine, without Docker.
#[derive(Debug, Parser)]
#[command(
    name = "cargo lab",
    bin_name = "cargo lab",
    version,
    after_help = "Examples:
  cargo lab up                                      three nodes, storage, DNS
  cargo lab up --cnpg-manifest cnpg-1.30.0.yaml --cnpg-image cnpg-image.tar
  cargo lab up --cnpg stand-in                      with a stand-in for CloudNativePG, built from this checkout
  cargo lab kubectl get pods -A
  KUBECONFIG=$(cargo lab kubeconfig) headroom operator
  cargo lab gate hold node --claim default/pg-1     stop the node's file system growth of one volume
  cargo lab down                                    nothing is left behind

Exit codes: 0 done, 1 failed, 2 bad usage, 3 something is missing (the message says what and the next step), 4 no lab is up."
)]
pub(crate) struct Args {
    /// Directory of all run-time state; `down` removes it
    #[arg(long, global = true, env = "HEADROOM_LAB_DIR", value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Directory of built parts, by version; `down` keeps it
    #[arg(long, global = true, env = "HEADROOM_LAB_CACHE", value_name = "DIR")]
    pub(crate) cache: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Build what is missing and start what does not run; safe to repeat
    Up(UpArgs),
    /// Say what runs and what does not
    Status,
    /// Run the lab's kubectl
    #[command(disable_help_flag = true)]
    Kubectl {
        /// Arguments for kubectl
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Run a command in the management network namespace with KUBECONFIG set
    Exec {
        /// Command and its arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        args: Vec<String>,
    },
    /// Import image archives (docker-archive or OCI tar) on every node
    LoadImage {
        /// Archive files
        #[arg(required = true, value_name = "TAR")]
        images: Vec<PathBuf>,
    },
    /// Show the log of a part (no part: list them)
    Logs {
        /// Name of the part, as `status` prints it
        part: Option<String>,
        /// Go on as lines arrive
        #[arg(long, short)]
        follow: bool,
    },
    /// Print the path of the kubeconfig
    Kubeconfig {
        /// The one for use inside the lab's network namespaces
        #[arg(long)]
        inside: bool,
    },
    /// Print shell exports: KUBECONFIG, PATH to kubectl, gate sockets, images
    Env,
    /// Hold, fail or release a step of the CSI driver
    Gate(GateArgs),
    /// Stop or start one supervised part, such as n2/kubelet
    Part(PartArgs),
    /// Remove the lab and everything it made
    Down,
    #[command(hide = true)]
    PackImage(PackArgs),
    #[command(hide = true)]
    Supervise,
    #[command(hide = true)]
    Forward(ForwardArgs),
    #[command(hide = true)]
    CsiNode(CsiNodeArgs),
    #[command(hide = true)]
    CsiController(CsiControllerArgs),
}

/// How often kubelets read the volumes' usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StatsPeriod {
    /// Quick: 10 s
    #[value(name = "10s")]
    Seconds10,
    /// The stock setting: 60 s
    #[value(name = "60s")]
    Seconds60,
}

impl StatsPeriod {
    /// As a kubelet duration.
    pub(crate) const fn duration(self) -> &'static str {
        match self {
            Self::Seconds10 => "10s",
            Self::Seconds60 => "1m0s",
        }
    }
}

/// What serves Clusters when it is not CloudNativePG.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Cnpg {
    /// The simulator's model of CloudNativePG with real PostgreSQL pods; for tests only
    StandIn,
}

#[derive(Debug, clap::Args)]
pub(crate) struct UpArgs {
    /// Number of nodes [default: 3, or as many as there are]
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=9))]
    pub(crate) nodes: Option<u8>,
    /// Kubelet usage and sync period [default: 10s, or as it is]
    #[arg(long, value_enum)]
    pub(crate) stats_period: Option<StatsPeriod>,
    /// Serve Clusters by a stand-in for CloudNativePG instead, where no image of it is at hand
    #[arg(long, value_enum, conflicts_with = "cnpg_manifest")]
    pub(crate) cnpg: Option<Cnpg>,
    /// Release manifest of stock CloudNativePG
    #[arg(long, value_name = "FILE", requires = "cnpg_image")]
    pub(crate) cnpg_manifest: Option<PathBuf>,
    /// Operator image of CloudNativePG as an archive
    #[arg(long, value_name = "TAR", requires = "cnpg_manifest")]
    pub(crate) cnpg_image: Option<PathBuf>,
    /// Only etcd and kube-apiserver: quick, and enough for API tests
    #[arg(long, conflicts_with_all = ["cnpg", "cnpg_manifest", "nodes"])]
    pub(crate) control_plane_only: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PartArgs {
    #[command(subcommand)]
    pub(crate) action: PartAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PartAction {
    /// Stop it and keep it stopped
    Stop {
        /// Name of the part, as `status` prints it
        part: String,
    },
    /// Start it again
    Start {
        /// Name of the part, as `status` prints it
        part: String,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct PackArgs {
    /// Image reference, such as example.org/app:1
    #[arg(long)]
    pub(crate) tag: String,
    /// User of the container, `uid[:gid]`
    #[arg(long, default_value = "0:0")]
    pub(crate) user: String,
    /// File to put in: `source:destination[:octal mode]`
    #[arg(long = "file", value_name = "SRC:DST", required = true)]
    pub(crate) files: Vec<String>,
    /// Entry point, once per word
    #[arg(long)]
    pub(crate) entrypoint: Vec<String>,
    /// Environment of the container, `NAME=value`
    #[arg(long)]
    pub(crate) env: Vec<String>,
    /// Archive to write
    #[arg(long, short)]
    pub(crate) output: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ForwardArgs {
    /// Where to listen, in the network namespace the command starts in
    #[arg(long)]
    pub(crate) listen: SocketAddr,
    /// Network namespace to connect in
    #[arg(long)]
    pub(crate) netns: PathBuf,
    /// Where to connect to
    #[arg(long)]
    pub(crate) to: SocketAddr,
}

#[derive(Debug, clap::Args)]
pub(crate) struct GateArgs {
    #[command(subcommand)]
    pub(crate) action: GateAction,
}

/// The step that a gate stands before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GateStep {
    /// The volume itself becomes larger (asked for by csi-resizer)
    Controller,
    /// The file system becomes larger (asked for by the kubelet)
    Node,
    /// A snapshot is taken of the volume (asked for by csi-snapshotter)
    Snapshot,
}

/// Which volume a gate is for; none given: every volume.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
pub(crate) struct GateVolume {
    /// Volumes of one claim
    #[arg(long, value_name = "NAMESPACE/NAME")]
    pub(crate) claim: Option<String>,
    /// The volume with this CSI handle
    #[arg(long)]
    pub(crate) handle: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GateAction {
    /// Hold a step until it is released
    Hold {
        /// The step
        step: GateStep,
        #[command(flatten)]
        volume: GateVolume,
    },
    /// Let a held or failing step pass
    Release {
        /// The step
        step: GateStep,
        #[command(flatten)]
        volume: GateVolume,
    },
    /// Answer a gRPC code instead of doing the step
    Fail {
        /// The step
        step: GateStep,
        #[command(flatten)]
        volume: GateVolume,
        /// gRPC code, such as RESOURCE_EXHAUSTED
        #[arg(long)]
        code: String,
        /// Text of the error
        #[arg(long, default_value = "failed on purpose by a gate")]
        message: String,
        /// For so many calls; without it until released
        #[arg(long)]
        times: Option<u32>,
    },
    /// Wait until a step arrives at its gate (exit code 1: it did not)
    Wait {
        /// The step
        step: GateStep,
        #[command(flatten)]
        volume: GateVolume,
        /// At most so many seconds
        #[arg(long, default_value_t = 60)]
        timeout: u64,
    },
    /// Open all gates
    Clear,
    /// Print gates and what happened at them, one JSON object per line
    List,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CsiNodeArgs {
    #[arg(long)]
    pub(crate) node: String,
    #[arg(long)]
    pub(crate) images: PathBuf,
    #[arg(long)]
    pub(crate) csi_socket: PathBuf,
    #[arg(long)]
    pub(crate) registration_socket: PathBuf,
    #[arg(long)]
    pub(crate) gate_socket: PathBuf,
    #[arg(long)]
    pub(crate) copy_sockets: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CsiControllerArgs {
    #[arg(long)]
    pub(crate) images: PathBuf,
    #[arg(long)]
    pub(crate) csi_socket: PathBuf,
    #[arg(long)]
    pub(crate) gate_socket: PathBuf,
    #[arg(long)]
    pub(crate) copy_sockets: PathBuf,
    #[arg(long)]
    pub(crate) kubeconfig: PathBuf,
}
