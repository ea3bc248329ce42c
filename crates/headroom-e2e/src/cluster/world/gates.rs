//! Gates of a scenario: those of the storage driver and those before writes of the operator.

use headroom_core::names::VolumeName;
use headroom_scenario::{Gate, Step, What, WorldError};

use super::ClusterWorld;
use crate::cluster::{
    admission::{WriteGates, stands_before_writes},
    connect::failed,
    gates::Gates,
    manifests::{NAME, TABLESPACE},
};

/// So many instances may a scenario add.
const ADDED: u32 = 2;

/// The gates that a script holds.
pub(super) fn of(script: &[Step]) -> Vec<Gate> {
    script.iter().filter_map(|step| if let Step::Hold(gate) = step { Some(*gate) } else { None }).collect()
}

impl ClusterWorld {
    pub(super) fn gate_can_be_held(&self, gate: Gate) -> bool {
        if stands_before_writes(gate) {
            self.connection.writes.is_some()
        } else {
            self.connection.is_lab && Gates::step(gate).is_some()
        }
    }

    /// Makes the API server ask about the operator's writes, where the script will hold them. Before the DynamicStorage
    /// is there, so that not one write is missed.
    pub(super) fn register_webhook(&self) -> Result<(), WorldError> {
        let wanted = self.wanted.iter().any(|gate| stands_before_writes(*gate));
        let Some(writes) = self.connection.writes.as_ref().filter(|_| wanted) else { return Ok(()) };
        let claim = Self::claim_name(&self.primary()?, &VolumeName::Data);
        let client = &self.connection.client;
        self.connection.runtime.block_on(writes.register(client, &self.namespace, &claim))
    }

    pub(super) fn unregister_webhook(&self) -> Result<(), WorldError> {
        let wanted = self.wanted.iter().any(|gate| stands_before_writes(*gate));
        let Some(writes) = self.connection.writes.as_ref().filter(|_| wanted) else { return Ok(()) };
        self.connection.runtime.block_on(writes.unregister(&self.connection.client, &self.namespace))
    }

    fn writes(&self) -> Result<&WriteGates, WorldError> {
        let writes = self.connection.writes.as_deref();
        writes.ok_or_else(|| failed("use the gate", &"this cluster cannot hold writes of the operator"))
    }

    pub(super) fn hold_gate(&self, gate: Gate) -> Result<(), WorldError> {
        if stands_before_writes(gate) {
            self.writes()?.hold(&self.namespace, gate);
            return Ok(());
        }
        self.storage_gates().hold(gate)
    }

    pub(super) fn let_gate_go(&self, gate: Gate) -> Result<(), WorldError> {
        if !stands_before_writes(gate) {
            return self.storage_gates().release(gate);
        }
        if self.writes()?.release(&self.namespace, gate) {
            Ok(())
        } else {
            Err(failed("release the gate", &"it was not held"))
        }
    }

    fn reached(&self, gate: Gate) -> bool {
        if stands_before_writes(gate) {
            self.writes().is_ok_and(|writes| writes.reached(&self.namespace, gate))
        } else {
            self.storage_gates().reached(gate)
        }
    }

    pub(super) fn look_at_gates(&mut self) {
        for gate in self.held.clone() {
            if !self.reached.contains(&gate) && self.reached(gate) {
                self.reached.push(gate);
                self.recorder.push(What::GateReached(gate));
            }
        }
    }

    pub(super) fn storage_gates(&self) -> Gates {
        let instances = self.fixture.as_ref().map_or(0, |fixture| fixture.topology.instances());
        let volumes = [VolumeName::Data, VolumeName::Tablespace(TABLESPACE.into())];
        // Instances that are added later have their gates from the start.
        let claims = (1..=instances + ADDED).flat_map(|serial| {
            let instance = format!("{NAME}-{serial}");
            volumes.iter().map(move |volume| Self::claim_name(&instance, volume)).collect::<Vec<_>>()
        });
        Gates::new(&self.connection.options.lab_dir, &self.namespace, claims)
    }
}
