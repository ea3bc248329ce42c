//! Metrics. Every label is an enumeration, so the number of series does not grow with Clusters or claims, and an error's
//! text is never a label. What was *not* done is counted too.

mod labels;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use headroom_core::ledger::Cause;
use headroom_engine::{
    Engine, Event, Kind, Request, Role,
    note::{Note, NoteKind},
};
use headroom_kube::execute::Summary;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
        info::Info,
    },
    registry::Registry,
};

use labels::{
    ByCause, ByLane, ByNote, ByObstacle, ByRequest, ByState, ByWatch, RequestOutcome, growth, lane, noted,
    obstacle, outcome, state, watch,
};
pub use labels::{RequestKind, request_kind};

/// All metrics of the process. Clones count together.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    requests: Family<RequestOutcome, Counter>,
    seconds: Family<ByRequest, Histogram, fn() -> Histogram>,
    refusals: Family<ByObstacle, Counter>,
    polls: Counter,
    failed_polls: Counter,
    samples: Counter,
    watch_failures: Family<ByWatch, Counter>,
    unreadable: Family<ByWatch, Counter>,
    notes: Family<ByNote, Counter>,
    growths_started: Family<ByCause, Counter>,
    growths_completed: Counter,
    shrinks_started: Counter,
    shrinks_completed: Counter,
    shrinks_turned_back: Counter,
    events_dropped: Counter,
    quarantined: Counter,
    now: Now,
}

/// What is read from the engine when somebody asks.
#[derive(Clone)]
struct Now {
    leader: Gauge,
    working: Gauge,
    clusters: Gauge,
    volumes: Family<ByState, Gauge>,
    waiting: Family<ByLane, Gauge>,
    in_flight: Gauge,
    alarms: Gauge,
    nodes: Gauge,
    silent_nodes: Gauge,
    decisions: Counter,
    exhausted: Counter,
    stale_events: Counter,
    foreign_samples: Counter,
    notes_lost: Counter,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

/// From 1 ms to 10 s, which is the limit of a call.
fn histogram() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.5, 11))
}

impl Metrics {
    /// Metrics that have counted nothing.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("headroom");
        let r = &mut registry;
        let requests = family(r, "requests", "Requests to the API server by what became of them");
        let seconds = Family::new_with_constructor(histogram as fn() -> Histogram);
        r.register("request_seconds", "How long requests took", seconds.clone());
        r.register("build", "The running version", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        Self {
            requests,
            seconds,
            refusals: family(r, "refusals", "Requests that the API server refused, by cause"),
            polls: counter(r, "polls", "Kubelets asked for usage"),
            failed_polls: counter(r, "polls_failed", "Kubelets that did not answer"),
            samples: counter(r, "samples", "Measurements that kubelets gave"),
            watch_failures: family(r, "watch_failures", "Watches that failed and go on"),
            unreadable: family(
                r,
                "unreadable_objects",
                "Objects that could not be read; their Clusters are left alone",
            ),
            notes: family(r, "notes", "What people were told by Events"),
            growths_started: family(r, "growths_started", "Growths started"),
            growths_completed: counter(r, "growths_completed", "Growths seen complete"),
            shrinks_started: counter(r, "shrinks_started", "Shrinks started, each volume for itself"),
            shrinks_completed: counter(r, "shrinks_completed", "Shrinks seen complete"),
            shrinks_turned_back: counter(r, "shrinks_turned_back", "Shrinks that ended at the size before"),
            events_dropped: counter(r, "events_dropped", "Events not sent because too many waited"),
            quarantined: counter(r, "internal_errors", "Panics; their Clusters are set aside"),
            now: Now::new(r),
            registry: Arc::new(registry),
        }
    }

    /// A request was answered after `took`.
    pub fn answered(&self, request: &Request, summary: Summary, took: Duration) {
        let kind = request_kind(request);
        self.requests.get_or_create(&RequestOutcome { request: kind, outcome: outcome(summary) }).inc();
        self.seconds.get_or_create(&ByRequest { request: kind }).observe(took.as_secs_f64());
        if let Summary::Refused(cause) = summary {
            self.refusals.get_or_create(&ByObstacle { cause: obstacle(cause) }).inc();
        }
    }

    /// The engine is told of an event.
    pub fn happened(&self, event: &Event) {
        match event {
            Event::Sampled(_, answer) => {
                self.polls.inc();
                match answer {
                    Ok(samples) => {
                        self.samples.inc_by(u64::try_from(samples.len()).unwrap_or(u64::MAX));
                    }
                    Err(_) => {
                        self.failed_polls.inc();
                    }
                }
            }
            Event::Unreadable(kind, ..) => {
                self.unreadable.get_or_create(&ByWatch { kind: watch(*kind) }).inc();
            }
            Event::Seen(_)
            | Event::Gone(..)
            | Event::ListBegan(_)
            | Event::ListDone(_)
            | Event::Alive(_)
            | Event::Answered(..)
            | Event::Lease(_)
            | Event::Tick => {}
        }
    }

    /// People were told something.
    pub fn noted(&self, note: &Note) {
        self.notes.get_or_create(&ByNote { note: noted(&note.what) }).inc();
        match &note.what {
            NoteKind::GrowthStarted { cause: Cause::Shrink, .. } => {
                self.shrinks_started.inc();
            }
            NoteKind::GrowthStarted { cause, .. } => {
                if let Some(cause) = growth(*cause) {
                    self.growths_started.get_or_create(&ByCause { cause }).inc();
                }
            }
            NoteKind::GrowthCompleted { .. } => {
                self.growths_completed.inc();
            }
            NoteKind::ShrinkCompleted { .. } => {
                self.shrinks_completed.inc();
            }
            NoteKind::ShrinkTurnedBack { .. } => {
                self.shrinks_turned_back.inc();
            }
            NoteKind::GrowthStopped { .. }
            | NoteKind::Repairing { .. }
            | NoteKind::StateEntered { .. }
            | NoteKind::PlanRefused(_)
            | NoteKind::Trapped { .. }
            | NoteKind::Denied { .. }
            | NoteKind::SessionExhausted
            | NoteKind::Quarantined(_)
            | NoteKind::Refused { .. } => {}
        }
    }

    /// A watch failed.
    pub fn watch_failed(&self, kind: Kind) {
        self.watch_failures.get_or_create(&ByWatch { kind: watch(kind) }).inc();
    }

    /// An Event was not sent.
    pub fn event_dropped(&self) {
        self.events_dropped.inc();
    }

    /// A panic was caught.
    pub fn quarantined(&self) {
        self.quarantined.inc();
    }

    /// Everything as OpenMetrics text; `in_flight` calls are open, polls included.
    pub fn encode(&self, engine: &Engine, in_flight: usize) -> String {
        self.now.read(engine, in_flight);
        let mut text = String::new();
        // Writing to a `String` cannot fail.
        if encode(&mut text, &self.registry).is_err() {
            tracing::error!("the metrics could not be written");
        }
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Now {
    fn new(r: &mut Registry) -> Self {
        Self {
            leader: gauge(r, "leader", "1 if this process holds the lease"),
            working: gauge(r, "working", "1 if this process holds the lease and every kind was listed"),
            clusters: gauge(r, "clusters", "Clusters with a DynamicStorage"),
            volumes: family(r, "volumes", "Volumes by state"),
            waiting: family(r, "waiting", "Clusters that want a request, by lane"),
            in_flight: gauge(r, "in_flight", "Calls that are open"),
            alarms: gauge(r, "alarms", "Clusters that will be looked at at a known time"),
            nodes: gauge(r, "nodes", "Nodes whose kubelets are asked"),
            silent_nodes: gauge(r, "nodes_silent", "Nodes whose kubelet does not answer"),
            decisions: counter(r, "decisions", "Decisions made"),
            exhausted: counter(r, "sessions_exhausted", "Sessions that used up their requests"),
            stale_events: counter(r, "stale_events", "Reports dropped because something newer is known"),
            foreign_samples: counter(
                r,
                "foreign_samples",
                "Measurements by another pod than the one that mounts the claim",
            ),
            notes_lost: counter(r, "notes_lost", "Messages lost inside the engine"),
        }
    }

    fn read(&self, engine: &Engine, in_flight: usize) {
        let view = engine.snapshot();
        let set = |gauge: &Gauge, value: usize| gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        set(&self.leader, usize::from(view.role == Role::Leader));
        set(&self.working, usize::from(view.working));
        set(&self.clusters, view.clusters.len());
        set(&self.in_flight, in_flight);
        set(&self.alarms, view.alarms);
        set(&self.nodes, view.nodes);
        set(&self.silent_nodes, view.silent_nodes.len());
        let mut volumes: BTreeMap<_, usize> = BTreeMap::new();
        for told in view.clusters.values().flat_map(|cluster| &cluster.volumes) {
            let count = volumes.entry(state(told.state)).or_insert(0);
            *count = count.saturating_add(1);
        }
        self.volumes.clear();
        for (state, count) in volumes {
            set(&self.volumes.get_or_create(&ByState { state }), count);
        }
        self.waiting.clear();
        for (waiting, count) in &view.waiting {
            set(&self.waiting.get_or_create(&ByLane { lane: lane(*waiting) }), *count);
        }
        let totals = &view.totals;
        raise(&self.decisions, totals.decisions);
        raise(&self.exhausted, totals.exhausted);
        raise(&self.stale_events, totals.stale_events);
        raise(&self.foreign_samples, totals.foreign_samples);
        raise(&self.notes_lost, totals.notes_lost);
    }
}

/// Brings a counter to what the engine has counted.
fn raise(counter: &Counter, total: u64) {
    let cell: &AtomicU64 = counter.inner();
    cell.fetch_max(total, std::sync::atomic::Ordering::Relaxed);
}

fn counter(registry: &mut Registry, name: &str, help: &str) -> Counter {
    let counter = Counter::default();
    registry.register(name, help, counter.clone());
    counter
}

fn gauge(registry: &mut Registry, name: &str, help: &str) -> Gauge {
    let gauge = Gauge::default();
    registry.register(name, help, gauge.clone());
    gauge
}

fn family<S, M>(registry: &mut Registry, name: &str, help: &str) -> Family<S, M>
where
    S: Clone + std::hash::Hash + Eq + EncodeLabelSet + fmt::Debug + Send + Sync + 'static,
    M: Default
        + prometheus_client::encoding::EncodeMetric
        + prometheus_client::metrics::TypedMetric
        + fmt::Debug
        + Send
        + Sync
        + 'static,
{
    let family = Family::default();
    registry.register(name, help, family.clone());
    family
}
