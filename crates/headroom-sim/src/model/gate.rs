//! Holds in the storage path: what arrives waits until it is let go.

use super::{Ev, Model, object::Name};

/// Gates of the model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gates {
    controller: Option<Vec<Name>>,
    node: Option<Vec<Name>>,
    provision: Option<Vec<Name>>,
}

/// A step of a growth that can be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// `ControllerExpandVolume`.
    Controller,
    /// `NodeExpandVolume`.
    Node,
    /// `CreateVolume`.
    Provision,
}

impl Gates {
    /// Holds a step from now on.
    pub fn hold(&mut self, step: Held) {
        self.list(step).get_or_insert_with(Vec::new);
    }

    /// Whether something waits at a held step.
    pub fn reached(&self, step: Held) -> bool {
        let list = match step {
            Held::Controller => &self.controller,
            Held::Node => &self.node,
            Held::Provision => &self.provision,
        };
        list.as_ref().is_some_and(|waiting| !waiting.is_empty())
    }

    pub(super) fn node_is_held(&self) -> bool {
        self.node.is_some()
    }

    pub(super) fn hold_controller(&mut self, claim: &Name) -> bool {
        Self::join(&mut self.controller, claim)
    }

    pub(super) fn hold_node(&mut self, claim: &Name) -> bool {
        Self::join(&mut self.node, claim)
    }

    pub(super) fn hold_provision(&mut self, claim: &Name) -> bool {
        Self::join(&mut self.provision, claim)
    }

    fn join(list: &mut Option<Vec<Name>>, claim: &Name) -> bool {
        let Some(waiting) = list else { return false };
        if !waiting.contains(claim) {
            waiting.push(claim.clone());
        }
        true
    }

    fn list(&mut self, step: Held) -> &mut Option<Vec<Name>> {
        match step {
            Held::Controller => &mut self.controller,
            Held::Node => &mut self.node,
            Held::Provision => &mut self.provision,
        }
    }
}

impl Model {
    /// Holds a step from now on, until [`Model::let_go`].
    pub fn hold(&mut self, step: Held) {
        self.gates.hold(step);
    }

    /// Lets a held step go; what waited goes on at once.
    pub fn let_go(&mut self, step: Held) {
        for claim in self.gates.list(step).take().unwrap_or_default() {
            let Some(uid) = self.api.claim(&claim).map(|claim| claim.meta.uid) else { continue };
            let event = match step {
                Held::Controller => Ev::ControllerExpand(claim, uid),
                Held::Node => Ev::NodeExpand(claim, uid),
                Held::Provision => Ev::Bind(claim, uid),
            };
            self.queue.push(self.now, event);
        }
    }
}
