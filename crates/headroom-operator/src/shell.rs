//! The only loop: effects out, events in.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use futures::{
    StreamExt as _,
    future::BoxFuture,
    stream::{BoxStream, FuturesUnordered},
};
use headroom_core::{Timestamp, names::ClusterKey, observation::ObstacleCause};
use headroom_engine::{Effect, Engine, Event, Request, Role, Ticket};
use headroom_kube::{
    events::Sink,
    execute::{Executor, Summary},
    usage::Kubelets,
    watch::Watched,
};
use tokio::sync::{mpsc, watch};

use crate::{http::Ask, metrics::Metrics, ready::Readiness};

/// How long answers are waited for after SIGTERM.
const DRAIN: Duration = Duration::from_secs(10);

/// What time it is.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// Everything that the loop works with.
pub struct Shell {
    /// The operator as a value.
    pub engine: Engine,
    /// Performs requests.
    pub executor: Executor,
    /// Asks kubelets.
    pub kubelets: Kubelets,
    /// Tells people.
    pub events: Sink,
    /// Counts.
    pub metrics: Metrics,
    /// Whether the watches stand.
    pub readiness: Readiness,
    clock: Clock,
    in_flight: FuturesUnordered<BoxFuture<'static, Event>>,
}

/// What the loop listens to.
pub struct Inputs {
    /// The watches.
    pub watches: BoxStream<'static, Watched>,
    /// The lease.
    pub role: watch::Receiver<Role>,
    /// Questions of the HTTP server.
    pub asks: mpsc::Receiver<Ask>,
}

impl Shell {
    /// A shell with nothing in flight.
    pub fn new(
        engine: Engine,
        executor: Executor,
        kubelets: Kubelets,
        events: Sink,
        metrics: Metrics,
        clock: Clock,
    ) -> Self {
        Self {
            engine,
            executor,
            kubelets,
            events,
            metrics,
            readiness: Readiness::new(),
            clock,
            in_flight: FuturesUnordered::new(),
        }
    }

    /// Runs until `stop` is ready, then waits for what is in flight. Nothing new is sent after `stop`.
    pub async fn run(&mut self, mut inputs: Inputs, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        loop {
            self.perform_all();
            let wake = until(self.engine.wake_at(), (self.clock)());
            // Ordered: stopping first; answers before news, because they end what occupies a slot; the lease before
            // the watches, because it decides whether anything may be sent at all.
            let event = tokio::select! {
                biased;
                () = &mut stop => break,
                Some(answer) = self.in_flight.next() => Some(answer),
                Ok(()) = inputs.role.changed() => Some(Event::Lease(*inputs.role.borrow_and_update())),
                Some(ask) = inputs.asks.recv() => { self.reply(ask); None }
                Some(watched) = inputs.watches.next() => self.watched(watched),
                () = tokio::time::sleep(wake) => Some(Event::Tick),
            };
            if let Some(event) = event {
                self.handle(event);
            }
        }
        self.drain(&mut inputs.asks).await;
    }

    /// Takes the answers of what is in flight, for at most [`DRAIN`]; as a follower the engine sends nothing more.
    async fn drain(&mut self, asks: &mut mpsc::Receiver<Ask>) {
        tracing::info!(in_flight = self.in_flight.len(), "stopping: nothing new is sent");
        self.handle(Event::Lease(Role::Follower));
        let end = tokio::time::Instant::now() + DRAIN;
        while !self.in_flight.is_empty() {
            tokio::select! {
                Some(answer) = self.in_flight.next() => self.handle(answer),
                Some(ask) = asks.recv() => self.reply(ask),
                () = tokio::time::sleep_until(end) => {
                    tracing::warn!(in_flight = self.in_flight.len(), "some requests did not end in time");
                    break;
                }
            }
        }
    }

    fn watched(&mut self, watched: Watched) -> Option<Event> {
        if let Some(words) = self.readiness.take(&watched) {
            tracing::warn!("{words}");
        }
        match watched {
            Watched::Event(event) => Some(event),
            Watched::Failed { kind, words: _ } => {
                self.metrics.watch_failed(kind);
                None
            }
        }
    }

    /// One step of the engine. A panic sets the Cluster of this event aside and leaves the others alone.
    fn handle(&mut self, event: Event) {
        self.metrics.happened(&event);
        let key = self.key_of(&event);
        let now = seconds((self.clock)());
        let engine = &mut self.engine;
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| engine.handle(event, now))) {
            self.quarantine(key, &*panic);
        }
    }

    fn perform_all(&mut self) {
        loop {
            let now = seconds((self.clock)());
            let engine = &mut self.engine;
            match catch_unwind(AssertUnwindSafe(|| engine.poll(now))) {
                Ok(Some(effect)) => self.perform(effect),
                Ok(None) => return,
                Err(panic) => {
                    let key = self.engine.stepping().cloned();
                    if !self.quarantine(key, &*panic) {
                        return;
                    }
                }
            }
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Send(ticket, request) => self.send(ticket, request),
            Effect::Poll(node) => {
                let kubelets = self.kubelets.clone();
                self.in_flight.push(Box::pin(async move { kubelets.poll(node).await }));
            }
            Effect::Note(note) => {
                self.metrics.noted(&note);
                if !self.events.tell(note) {
                    self.metrics.event_dropped();
                }
            }
        }
    }

    fn send(&mut self, ticket: Ticket, request: Request) {
        let executor = self.executor.clone();
        let metrics = self.metrics.clone();
        let now = seconds((self.clock)());
        self.in_flight.push(Box::pin(async move {
            let begun = Instant::now();
            let response = executor.execute(&request, now).await;
            let summary = Summary::of(&response);
            metrics.answered(&request, summary, begun.elapsed());
            if summary == Summary::Refused(ObstacleCause::Forbidden) {
                tracing::warn!(?response, "the API server refuses what headroom's account asks for");
            }
            tracing::debug!(?request, ?summary, "answered");
            tracing::trace!(?response);
            Event::Answered(ticket, response)
        }));
    }

    /// Sets a Cluster aside. Answers `false` when the panic was of no Cluster: then nothing can be set aside.
    fn quarantine(&mut self, key: Option<ClusterKey>, panic: &(dyn std::any::Any + Send)) -> bool {
        let words = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no words".to_owned());
        self.metrics.quarantined();
        if let Some(key) = key {
            tracing::error!(cluster = %key, "an internal error: this Cluster is set aside: {words}");
            self.engine.quarantine(&key, &words);
            true
        } else {
            tracing::error!("an internal error that belongs to no Cluster: {words}");
            false
        }
    }

    /// The Cluster that a step is about.
    fn key_of(&self, event: &Event) -> Option<ClusterKey> {
        use headroom_engine::Seen;
        match event {
            Event::Seen(Seen::Storage(storage)) => Some(storage.key.clone()),
            Event::Seen(Seen::Cluster(key, _) | Seen::Claim { key, .. } | Seen::Pod(key, ..))
            | Event::Gone(_, key, _, _)
            | Event::Unreadable(_, key, _) => Some(key.clone()),
            Event::Seen(Seen::Class { .. })
            | Event::ListBegan(_)
            | Event::ListDone(_)
            | Event::Alive(_)
            | Event::Sampled(..)
            | Event::Answered(..)
            | Event::Lease(_)
            | Event::Tick => self.engine.stepping().cloned(),
        }
    }

    fn reply(&self, ask: Ask) {
        // Whoever asked may have gone away meanwhile.
        match ask {
            Ask::Alive(reply) => drop(reply.send(())),
            Ask::Ready(reply) => drop(reply.send(self.readiness.causes())),
            Ask::Metrics(reply) => {
                drop(reply.send(self.metrics.encode(&self.engine, self.in_flight.len())));
            }
        }
    }
}

/// A moment of the clock for the engine.
pub fn seconds(now: SystemTime) -> Timestamp {
    let seconds = match now.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |seconds| -seconds),
    };
    Timestamp::from_unix(seconds)
}

/// How long to sleep until `wake`: at least a little, so that a wake-up that is due cannot spin, and at most a minute, so
/// that a clock that was set back does not hang it.
fn until(wake: Option<Timestamp>, now: SystemTime) -> Duration {
    const SHORTEST: Duration = Duration::from_millis(5);
    const LONGEST: Duration = Duration::from_mins(1);
    let Some(wake) = wake else { return LONGEST };
    let Ok(wake) = u64::try_from(wake.unix()) else { return SHORTEST };
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    Duration::from_secs(wake).saturating_sub(now).clamp(SHORTEST, LONGEST)
}

#[cfg(test)]
mod tests;
