//! What the engine asks of its owner: the only door out.

use headroom_core::names::NodeName;

use crate::{Request, Ticket, note::Note};

/// Do this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Send a request and answer with [`crate::Event::Answered`].
    Send(Ticket, Request),
    /// Ask this node's kubelet for usage and answer with [`crate::Event::Sampled`].
    Poll(NodeName),
    /// Tell people: a Kubernetes Event, a metric or a log line. May be lost.
    Note(Note),
}
