//! The operator as a value.

use headroom_core::{Timestamp, names::ClusterKey};

use crate::{
    Effect, Event,
    storage::{DigestStatus, ResolveWindow},
};

/// What the owner gives the engine.
#[derive(Clone, Copy, Debug)]
pub struct EngineConfig {
    /// Resolves maintenance windows.
    pub resolve: ResolveWindow,
    /// Digests a status.
    pub digest: DigestStatus,
}

/// The operator as a value: index, agenda, sessions, limits. `Clone`, so that a run can be forked at any request.
#[derive(Clone, Debug)]
pub struct Engine {
    config: EngineConfig,
}

impl Engine {
    /// An engine that has seen nothing and follows until [`crate::Role::Leader`] is announced.
    pub fn new(config: EngineConfig) -> Self {
        Self { config }
    }

    /// Takes in what happened. Never blocks.
    pub fn handle(&mut self, event: Event, now: Timestamp) {
        let _ = (event, now, self.config);
    }

    /// The next effect to perform now; call until `None`.
    pub fn poll(&mut self, now: Timestamp) -> Option<Effect> {
        let _ = now;
        None
    }

    /// When to call [`Engine::handle`] with [`Event::Tick`] if nothing happens before.
    pub fn wake_at(&self) -> Option<Timestamp> {
        None
    }

    /// Sets a Cluster aside after a panic in one of its steps, so that one crafted object cannot stop the others.
    pub fn quarantine(&mut self, key: &ClusterKey, words: &str) {
        let _ = (key, words);
    }
}
