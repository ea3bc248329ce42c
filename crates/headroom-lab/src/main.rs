//! `headroom-lab`: a real Kubernetes cluster on one Linux machine, without Docker.
//!
//! Control plane and nodes are ordinary processes in network namespaces that the lab makes; every part is built from its
//! Go module or installed from Debian, and cached by version outside the checkout. `down` removes all of it.

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

mod addons;
mod archive;
mod args;
mod certs;
mod cgroup;
mod cnpg;
mod control_plane;
mod csi;
mod down;
mod enter;
mod error;
mod exec;
mod files;
mod forward;
mod host;
mod identity;
mod images;
mod inspect;
mod kubeconfig;
mod kubectl;
mod layout;
mod leftovers;
mod mount_namespace;
mod network;
mod node;
mod parts;
mod preflight;
mod progress;
mod readiness;
mod run;
mod standin;
mod state;
mod status;
mod supervise;
mod sysctl;
mod template;
mod up;

use args::{Args, Command};

fn main() -> ExitCode {
    let args = Args::parse();
    match dispatch(args) {
        Ok(code) => code,
        Err(error) => {
            inspect::complain(&format!("headroom-lab: {error:#}"));
            error::exit_code(&error)
        }
    }
}

fn dispatch(args: Args) -> Result<ExitCode> {
    let layout = layout::Layout::new(args.dir.as_deref(), args.cache.as_deref())?;
    match args.command {
        Command::Up(up) => up::up(&layout, &up),
        Command::Down => down::down(&layout),
        Command::Status => status::status(&layout),
        Command::Kubectl { args } => exec::kubectl(&layout, &args),
        Command::Exec { args } => exec::exec(&layout, &args),
        Command::LoadImage { images } => images::load_image(&layout, &images),
        Command::Logs { part, follow } => inspect::logs(&layout, part.as_deref(), follow),
        Command::Kubeconfig { inside } => inspect::kubeconfig(&layout, inside),
        Command::Env => inspect::env(&layout),
        Command::Gate(gate) => csi::gate(&layout, &gate),
        Command::Part(part) => inspect::part(&layout, &part),
        Command::PackImage(pack) => images::pack(&pack),
        Command::Supervise => supervise::supervise(&layout),
        Command::Forward(forward) => forward::forward(&forward),
        Command::CsiNode(node) => csi::node(&node),
        Command::CsiController(controller) => csi::controller(&controller),
    }
}
