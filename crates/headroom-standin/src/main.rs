//! `headroom-standin`: a stand-in for CloudNativePG in the lab, for CI only.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use headroom_standin::objects::Build;
use headroom_standin::{controller, instance, record};

/// A stand-in for CloudNativePG in headroom's lab, for CI only. It is not CloudNativePG.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:
  cargo lab up --cnpg stand-in                                   builds and runs it in the lab
  headroom-standin controller --kubeconfig FILE --image IMAGE    what the lab runs
  headroom-standin record --output recordings create-t1          then HEADROOM_RECORDINGS=recordings cargo test -p headroom-sim"
)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the Clusters of a cluster
    Controller {
        /// How to reach the cluster, with all rights
        #[arg(long, value_name = "FILE")]
        kubeconfig: PathBuf,
        /// Image that holds this program as /headroom-standin
        #[arg(long)]
        image: String,
        /// Image of PostgreSQL for Clusters that name none
        #[arg(long, default_value = "headroom.dev/lab/postgresql:15")]
        postgres: String,
    },
    /// Record the stories that every CNPG tells alike, from any cluster that serves `Cluster`
    Record {
        /// How to reach the cluster
        #[arg(long, env = "KUBECONFIG", value_name = "FILE")]
        kubeconfig: PathBuf,
        /// Folder for the recordings
        #[arg(long, value_name = "DIR")]
        output: PathBuf,
        /// Stories; all of them if none is named
        #[arg(value_parser = clap::builder::PossibleValuesParser::new(record::names()))]
        stories: Vec<String>,
    },
    /// Copy this program to a path: an init container's work
    Install {
        /// Where to
        to: PathBuf,
    },
    /// Work inside an instance's pod
    #[command(subcommand)]
    Instance(Instance),
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Instance {
    /// Make the first instance's database
    Initdb,
    /// Make a further instance as a copy of the primary
    Join,
    /// Run the server
    Run,
}

/// An instance that does not answer yet is ordinary; the client would call each try an error.
const LEVELS: &str = "info,kube_client=off,kube_runtime=warn";

fn main() -> ExitCode {
    let levels = std::env::var("RUST_LOG").unwrap_or_else(|_| LEVELS.to_owned());
    tracing_subscriber::fmt().with_env_filter(levels).with_writer(std::io::stderr).with_ansi(false).init();
    match dispatch(Args::parse().command) {
        Ok(code) => code,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: Command) -> Result<ExitCode> {
    // Another provider may have been chosen by a library first; then that one serves.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    match command {
        Command::Controller { kubeconfig, image, postgres } => {
            runtime.block_on(controller::run(&kubeconfig, Build { image, postgres }))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Record { kubeconfig, output, mut stories } => {
            if stories.is_empty() {
                stories = record::names().map(str::to_owned).collect();
            }
            let written = runtime.block_on(record::record(&kubeconfig, &output, &stories))?;
            tracing::info!("{} recordings in {}", written.len(), output.display());
            Ok(ExitCode::SUCCESS)
        }
        Command::Install { to } => instance::install(&to),
        Command::Instance(work) => {
            let identity = instance::Identity::from_environment()?;
            let code = runtime.block_on(async {
                match work {
                    Instance::Initdb => instance::initdb(&identity).await.map(|()| ExitCode::SUCCESS),
                    Instance::Join => instance::join(&identity).await.map(|()| ExitCode::SUCCESS),
                    Instance::Run => instance::run(&identity).await,
                }
            });
            // A server that was told to stop may leave tasks that wait for it.
            runtime.shutdown_background();
            code
        }
    }
}
