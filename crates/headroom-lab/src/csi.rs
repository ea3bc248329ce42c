//! The storage driver inside the lab: the hidden commands that run it, and `gate`, which steers it.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use headroom_csi::gate::{BlockingClient, Step, VolumeSelector};
use headroom_csi::{ControllerConfig, NodeConfig, ProvisionerConfig, run_controller, run_node};

use crate::args::{CsiControllerArgs, CsiNodeArgs, GateAction, GateArgs, GateStep, GateVolume};
use crate::inspect::say;
use crate::layout::Layout;
use crate::state::State;

/// Runs a node's storage plugin until it is asked to end.
pub(crate) fn node(args: &CsiNodeArgs) -> Result<ExitCode> {
    make_parents([&args.csi_socket, &args.registration_socket, &args.gate_socket])?;
    let config = NodeConfig {
        node: args.node.clone(),
        images: args.images.clone(),
        csi_socket: args.csi_socket.clone(),
        registration_socket: Some(args.registration_socket.clone()),
        gate_socket: args.gate_socket.clone(),
        copy_sockets: args.copy_sockets.clone(),
    };
    serve(async |shutdown| run_node(config, shutdown).await)
}

/// Runs the storage controller until it is asked to end.
pub(crate) fn controller(args: &CsiControllerArgs) -> Result<ExitCode> {
    make_parents([&args.csi_socket, &args.gate_socket])?;
    let config = ControllerConfig {
        images: args.images.clone(),
        csi_socket: args.csi_socket.clone(),
        gate_socket: args.gate_socket.clone(),
        copy_sockets: args.copy_sockets.clone(),
        capacity_limit: None,
        provisioner: Some(ProvisionerConfig { kubeconfig: args.kubeconfig.clone() }),
    };
    serve(async |shutdown| run_controller(config, shutdown).await)
}

fn make_parents<'a>(sockets: impl IntoIterator<Item = &'a std::path::PathBuf>) -> Result<()> {
    sockets.into_iter().filter_map(|socket| socket.parent()).try_for_each(crate::files::create_dir)
}

type Shutdown = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

fn serve<E: std::error::Error + Send + Sync + 'static>(
    run: impl AsyncFnOnce(Shutdown) -> std::result::Result<(), E>,
) -> Result<ExitCode> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    runtime.block_on(async {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        let shutdown: Shutdown = Box::pin(async move {
            terminate.recv().await;
        });
        run(shutdown).await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Holds, fails, releases or waits for a step.
pub(crate) fn gate(layout: &Layout, args: &GateArgs) -> Result<ExitCode> {
    let state = State::require(layout)?;
    let sockets =
        std::iter::once(layout.controller_gate()).chain(state.nodes().map(|node| layout.node_gate(node)));
    let client = BlockingClient::new(sockets);
    match &args.action {
        GateAction::Hold { step, volume } => client.hold(step.into(), &selector(volume)?)?,
        GateAction::Release { step, volume } => {
            let waiting = client.release(step.into(), &selector(volume)?)?;
            say(&format!("released; {waiting} waited"))?;
        }
        GateAction::Fail { step, volume, code, message, times } => {
            client.fail(step.into(), &selector(volume)?, code.parse()?, message, *times)?;
        }
        GateAction::Wait { step, volume, timeout } => {
            let reached =
                client.wait_reached(step.into(), &selector(volume)?, Duration::from_secs(*timeout))?;
            let Some(gate) = reached else { return Ok(ExitCode::FAILURE) };
            say(&serde_json::to_string(&gate)?)?;
        }
        GateAction::Clear => client.clear()?,
        GateAction::List => {
            for gate in client.list()? {
                say(&serde_json::to_string(&gate)?)?;
            }
            for event in client.events()? {
                say(&serde_json::to_string(&event)?)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl From<&GateStep> for Step {
    fn from(step: &GateStep) -> Self {
        match step {
            GateStep::Controller => Self::Controller,
            GateStep::Node => Self::Node,
            GateStep::Snapshot => Self::Snapshot,
        }
    }
}

fn selector(volume: &GateVolume) -> Result<VolumeSelector> {
    let text = match (&volume.claim, &volume.handle) {
        (Some(claim), _) => format!("claim:{claim}"),
        (None, Some(handle)) => format!("handle:{handle}"),
        (None, None) => "any".to_owned(),
    };
    Ok(text.parse()?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[track_caller]
    fn selects(claim: Option<&str>, handle: Option<&str>, expected: Option<&str>) {
        let volume = GateVolume { claim: claim.map(str::to_owned), handle: handle.map(str::to_owned) };
        assert_eq!(selector(&volume).ok().map(|s| s.to_string()), expected.map(str::to_owned));
    }

    #[test]
    fn a_gate_without_a_volume_is_for_every_volume() {
        selects(None, None, Some("any"));
        selects(Some("default/pg-1"), None, Some("claim:default/pg-1"));
        selects(None, Some("v1"), Some("handle:v1"));
        selects(Some("no-namespace"), None, None);
    }
}
