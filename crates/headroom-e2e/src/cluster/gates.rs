//! Gates that the lab's CSI driver can hold.

use std::path::{Path, PathBuf};

use headroom_csi::gate::{BlockingClient, Kind, Step, VolumeSelector};
use headroom_scenario::{Gate, WorldError};

use super::connect::failed;

/// What the storage says when it refuses for a limit of its own.
const PROVIDER_LIMIT: &str = "the limit of volume modifications is reached; try again later";

/// The gates of one fixture's claims.
pub(crate) struct Gates {
    client: BlockingClient,
    claims: Vec<VolumeSelector>,
}

impl Gates {
    /// Gates for these claims of a namespace, through the sockets of the lab at `lab`.
    pub(crate) fn new(lab: &Path, namespace: &str, claims: impl IntoIterator<Item = String>) -> Self {
        let claims = claims.into_iter().map(|claim| VolumeSelector::claim(namespace, claim)).collect();
        Self { client: BlockingClient::new(sockets(lab)), claims }
    }

    /// The step of the driver behind a gate; `None`: only a simulator can hold it.
    pub(crate) fn step(gate: Gate) -> Option<Step> {
        match gate {
            Gate::ControllerStep => Some(Step::Controller),
            Gate::NodeStep => Some(Step::Node),
            Gate::BeforePatch
            | Gate::BetweenClaims
            | Gate::BeforeCompletion
            | Gate::Provision
            | Gate::BeforeSurge
            | Gate::BeforeReplace
            | Gate::BeforePromotion
            | Gate::BeforeLower => None,
        }
    }

    /// Holds the gate for every claim.
    pub(crate) fn hold(&self, gate: Gate) -> Result<(), WorldError> {
        let step = Self::step(gate).ok_or_else(|| failed("hold the gate", &"a cluster cannot hold it"))?;
        self.claims.iter().try_for_each(|claim| {
            self.client.hold(step, claim).map_err(|error| failed("hold the gate", &error))
        })
    }

    /// Lets it go.
    pub(crate) fn release(&self, gate: Gate) -> Result<(), WorldError> {
        let step = Self::step(gate).ok_or_else(|| failed("release the gate", &"a cluster cannot hold it"))?;
        self.claims.iter().try_for_each(|claim| {
            let released = self.client.release(step, claim);
            released.map(|_| ()).map_err(|error| failed("release the gate", &error))
        })
    }

    /// Ends what an earlier run of the same cell, killed, has left for these claims.
    pub(crate) fn clear(&self) -> Result<(), WorldError> {
        let doing = "clear the gates of an earlier run";
        let left = self.client.list().map_err(|error| failed(doing, &error))?;
        // Every node's driver lists its own; what is ended is ended on all of them.
        let mut ended = Vec::new();
        for gate in left.iter().filter(|gate| self.claims.contains(&gate.volume)) {
            let this = (gate.kind, gate.step, &gate.volume);
            if ended.contains(&this) {
                continue;
            }
            match gate.kind {
                Kind::Hold => {
                    let released = self.client.release(gate.step, &gate.volume);
                    released.map(drop).map_err(|error| failed(doing, &error))?;
                }
                Kind::Fail => self.fail(gate.step, &gate.volume, Some(0))?,
            }
            ended.push(this);
        }
        Ok(())
    }

    /// Refuses that many further calls of a step, or all. None ends a refusal: it replaces the one before.
    fn fail(&self, step: Step, claim: &VolumeSelector, times: Option<u32>) -> Result<(), WorldError> {
        let doing = "let the storage refuse, or no longer";
        let code = "RESOURCE_EXHAUSTED".parse().map_err(|error| failed(doing, &error))?;
        let set = self.client.fail(step, claim, code, PROVIDER_LIMIT, times);
        set.map_err(|error| failed(doing, &error))
    }

    /// Whether a call of any of the claims has come to the gate since it is held.
    pub(crate) fn reached(&self, gate: Gate) -> bool {
        let (Some(step), Ok(gates)) = (Self::step(gate), self.client.list()) else { return false };
        gates.iter().any(|held| {
            held.kind == Kind::Hold
                && held.step == step
                && held.attempts > 0
                && self.claims.contains(&held.volume)
        })
    }

    /// From now on the storage refuses to grow the claims for a limit of its own, or no longer.
    pub(crate) fn refuse_growth(&self, refuse: bool) -> Result<(), WorldError> {
        let times = (!refuse).then_some(0);
        self.claims.iter().try_for_each(|claim| self.fail(Step::Controller, claim, times))
    }
}

/// The sockets of the lab's driver processes.
fn sockets(lab: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(lab.join("gates")) else { return Vec::new() };
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}
