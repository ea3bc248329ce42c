//! Provisioner and csi-resizer 2.3: claims become bound, and grow on the controller side.

use super::{
    Ev, Model,
    draw::Subsystem,
    object::{Claim, MIB, Name, Step},
    queue::Millis,
};

/// The volume behind a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Size of the device.
    pub device: u64,
    /// Size of the device up to which the file system reaches.
    pub formatted: u64,
}

/// What XFS made at 1Gi and then grown takes for itself: constant (experiments G1).
pub const FILE_SYSTEM_OVERHEAD: u64 = 64 * MIB;

/// A refused volume is asked for again.
const PROVISION_AGAIN: Millis = 30_000;

impl Disk {
    /// Size of the file system as `statvfs` says.
    pub fn capacity(self) -> u64 {
        self.formatted.saturating_sub(FILE_SYSTEM_OVERHEAD)
    }
}

/// A gRPC answer of the driver's `ControllerExpandVolume` other than OK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriverError {
    /// InvalidArgument, OutOfRange, NotFound: the resizer calls them infeasible.
    Infeasible(&'static str),
    /// Another final error (Internal, FailedPrecondition, PermissionDenied …).
    Final(&'static str),
    /// Canceled, DeadlineExceeded, Unavailable, ResourceExhausted, Aborted: may still be in progress.
    Uncertain(&'static str),
}

impl Model {
    /// A new claim is bound 0.05 to 0.6 s later (traces 01, 03). What the resizer was doing for one of the same name that
    /// is gone does not concern it.
    pub(super) fn claim_created(&mut self, claim: &Claim) {
        self.resizer_busy.remove(&claim.meta.name);
        self.final_errors.remove(&claim.meta.name);
        let delay = self.draws.range(Subsystem::Storage, &claim.meta.name, 50, 600);
        self.queue.push(self.now + delay, Ev::Bind(claim.meta.name.clone(), claim.meta.uid));
    }

    /// The provisioner refuses a claim that is smaller than the snapshot it is made from, and tries again (S:
    /// external-provisioner, "requested volume size is less than the size for the source snapshot").
    pub(super) fn bind(&mut self, name: &Name) {
        let Some(claim) = self.api.claim(name).cloned().filter(|claim| claim.capacity.is_none()) else {
            return;
        };
        if claim.meta.deleting || self.gates.hold_provision(name) {
            return;
        }
        let size = claim.requested;
        if claim.restore_size.is_some_and(|least| size < least) {
            self.queue.push(self.now + PROVISION_AGAIN, Ev::Bind(name.clone(), claim.meta.uid));
            return;
        }
        self.disks.insert(name.clone(), Disk { device: size, formatted: size });
        self.api.update_claim(name, |claim| claim.capacity = Some(size));
    }

    /// The resizer's informer saw a request above the capacity (0.02 to 0.08 s, experiments G4).
    pub(super) fn request_changed(&mut self, claim: &Claim) {
        let grows = claim.capacity.is_some_and(|capacity| claim.requested > capacity);
        let expandable = claim.class.as_ref().is_some_and(|class| self.dynamic.contains(class));
        // What is being tried, or was refused, is repeated by its own timer.
        let tried = claim.allocated == Some(claim.requested)
            && matches!(claim.step, Step::ControllerInProgress | Step::ControllerInfeasible);
        if grows && !tried && expandable && !self.resizer_busy.contains(&claim.meta.name) {
            self.resizer_busy.insert(claim.meta.name.clone());
            let delay = self.draws.range(Subsystem::Storage, &claim.meta.name, 15, 80);
            self.queue.push(self.now + delay, Ev::ControllerMark(claim.meta.name.clone(), claim.meta.uid));
        }
    }

    /// `markControllerResizeInProgress`, then the call to the driver.
    pub(super) fn controller_mark(&mut self, name: &Name) {
        self.resizer_busy.remove(name);
        let Some(claim) = self.api.claim(name).cloned() else { return };
        let Some(device) = self.disks.get(name).map(|disk| disk.device) else { return };
        let Some(target) = next_size(&claim, device, self.final_errors.contains(name)) else { return };
        self.api.update_claim(name, |claim| {
            claim.allocated = Some(target);
            claim.resizing = true;
            claim.step = Step::ControllerInProgress;
            claim.error = None;
        });
        let delay = self.draws.range(Subsystem::Storage, name, 12, 60);
        self.resizer_busy.insert(name.clone());
        self.queue.push(self.now + delay, Ev::ControllerExpand(name.clone(), claim.meta.uid));
    }

    /// `ControllerExpandVolume`: held by the gate, refused by the script, or done.
    pub(super) fn controller_expand(&mut self, name: &Name) {
        if self.gates.hold_controller(name) {
            return;
        }
        self.resizer_busy.remove(name);
        let Some(target) = self.api.claim(name).and_then(|claim| claim.allocated) else { return };
        if let Some(error) = self.driver_error(target) {
            self.controller_failed(name, error);
            return;
        }
        self.final_errors.remove(name);
        if let Some(disk) = self.disks.get_mut(name) {
            disk.device = disk.device.max(target);
        }
        self.api.update_claim(name, |claim| {
            claim.step = Step::NodePending;
            claim.file_system_pending = true;
        });
        self.plan_node_expansion(name);
    }

    fn driver_error(&mut self, target: u64) -> Option<DriverError> {
        if self.provider_limit {
            return Some(DriverError::Uncertain(
                "rpc error: code = ResourceExhausted desc = the provider's limit of modifications is reached",
            ));
        }
        if self.largest_volume.is_some_and(|most| target > most) {
            return Some(DriverError::Infeasible(
                "rpc error: code = OutOfRange desc = volume would exceed the pool",
            ));
        }
        if self.driver_errors.is_empty() { None } else { Some(self.driver_errors.remove(0)) }
    }

    /// `callResizeOnPlugin`'s error branches (csi-resizer 2.3, pkg/controller/expand_and_recover.go).
    fn controller_failed(&mut self, name: &Name, error: DriverError) {
        let (words, infeasible, retry): (&str, bool, Millis) = match error {
            // The slow set retries an infeasible size once in its maximal interval, 5 min.
            DriverError::Infeasible(words) => (words, true, 300_000),
            DriverError::Final(words) | DriverError::Uncertain(words) => (words, false, 5_000),
        };
        let uncertain = matches!(error, DriverError::Uncertain(_));
        if uncertain {
            self.final_errors.remove(name);
        } else {
            self.final_errors.insert(name.clone());
            let message: Name = format!("failed to expand pvc with {words}").into();
            self.api.update_claim(name, |claim| {
                if infeasible {
                    claim.step = Step::ControllerInfeasible;
                }
                claim.error = Some(message);
            });
        }
        let Some(uid) = self.api.claim(name).map(|claim| claim.meta.uid) else { return };
        self.queue.push(self.now + retry, Ev::ControllerMark(name.clone(), uid));
    }

    /// A growth has ended on the node: the claim shows it, and a newer request starts its own (one in flight).
    pub(super) fn growth_ended(&mut self, name: &Name, size: u64) {
        self.api.update_claim(name, |claim| {
            claim.capacity = Some(size);
            claim.step = Step::None;
            claim.resizing = false;
            claim.file_system_pending = false;
            claim.error = None;
        });
    }
}

/// The size the resizer asks for next (`expandAndRecover`), if it calls the driver at all.
fn next_size(claim: &Claim, device: u64, final_error: bool) -> Option<u64> {
    let allocated = claim.allocated.unwrap_or(claim.requested);
    if device < claim.requested {
        match claim.step {
            // The growth before must end first (one in flight): experiments G5.
            Step::NodePending | Step::NodeInProgress => None,
            Step::NodeInfeasible => Some(allocated),
            Step::ControllerInProgress => Some(if final_error { claim.requested } else { allocated }),
            Step::None | Step::ControllerInfeasible => Some(claim.requested),
        }
    } else {
        match claim.step {
            Step::NodePending | Step::NodeInProgress => None,
            Step::None if claim.capacity >= Some(device) => None,
            Step::None | Step::ControllerInProgress | Step::ControllerInfeasible | Step::NodeInfeasible => {
                Some(allocated.max(device))
            }
        }
    }
}
