//! What the owner gives the engine.

use headroom_core::Span;

use crate::storage::{DigestStatus, ResolveWindow};

/// What the owner gives the engine: two functions and the limits.
#[derive(Clone, Copy, Debug)]
pub struct EngineConfig {
    /// Resolves maintenance windows.
    pub resolve: ResolveWindow,
    /// Digests a status.
    pub digest: DigestStatus,
    /// Writes in the lanes `Running`, `Planned` and `Look`.
    pub ordinary_writes: Rate,
    /// Writes in the lanes `RepairPrimary` and `Emergency`: 1,000 volumes that fill at once need 2,000 writes, and the
    /// last of them must not wait for longer than 30 s (design §8).
    pub urgent_writes: Rate,
    /// Quorum reads and reads of the status endpoint.
    pub reads: Rate,
    /// Requests in flight, polls aside; one per Cluster at most.
    pub max_in_flight: usize,
    /// Kubelet polls in flight; one per node at most.
    pub max_polls: usize,
    /// Requests that one session may make before it has to rest for [`EngineConfig::exhausted_rest`].
    pub asks: u8,
    /// The rest of a session that used up its requests.
    pub exhausted_rest: Span,
    /// Watches quiet for longer than this are not trusted for a write: a quorum read comes first. Longer than the 62 s
    /// and a bit that may lie between two bookmarks of a healthy API server: one a minute, and one 2 s before a watch
    /// ends and is begun anew.
    pub watch_age: Span,
    /// The first looks after a lease change are spread over at most this (one second per 100 Clusters).
    pub first_look_spread: Span,
    /// How long a changed detail (a size, a reason) may stay unpublished while no state changed; keeps the status
    /// writes of one growth at two.
    pub verdict_delay: Span,
    /// How long after a lease change a verdict waits for the first answers of the kubelets, so that a restart does not
    /// publish `WaitingForUsage` for everybody.
    pub settle: Span,
    /// How long to wait for the watch to show our own write where versions cannot be compared; then a quorum read.
    pub own_write_wait: Span,
    /// A lane that waits is served at the latest after this many grants to others.
    pub served_once_in: u32,
}

/// A rate with a burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Tokens per second.
    pub per_second: u32,
    /// Tokens that can be saved up.
    pub burst: u32,
}

impl EngineConfig {
    /// The defaults: ordinary writes 20/s (burst 40), urgent writes 100/s (burst 100), reads 50/s (burst 100),
    /// 16 requests and 32 polls in flight, 32 requests per session, else 30 s of rest, watches trusted for 75 s, first
    /// looks within 10 s, details published after 30 s, every lane served once in 8.
    pub const fn new(resolve: ResolveWindow, digest: DigestStatus) -> Self {
        Self {
            resolve,
            digest,
            ordinary_writes: Rate { per_second: 20, burst: 40 },
            urgent_writes: Rate { per_second: 100, burst: 100 },
            reads: Rate { per_second: 50, burst: 100 },
            max_in_flight: 16,
            max_polls: 32,
            asks: 32,
            exhausted_rest: Span::seconds(30),
            watch_age: Span::seconds(75),
            first_look_spread: Span::seconds(10),
            verdict_delay: Span::seconds(30),
            settle: Span::seconds(30),
            own_write_wait: Span::seconds(30),
            served_once_in: 8,
        }
    }
}
