//! The world of one scenario on a real cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use headroom_core::{Bytes, names::VolumeName};
use headroom_scenario::{
    Act, Ended, Fact, Fixture, Gate, Scenario, Shared, Strike, Trace, View, Wait, What, Who, World,
    WorldError, evaluate::holds,
};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::{DynamicObject, Patch, PatchParams, PostParams},
};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::scale::Scale;

use super::{
    ballast,
    connect::{Connection, failed},
    lanes::Lane,
    manifests::NAME,
    names,
    observe::{self, Newest},
    operator::Operator,
    parse,
    recorder::Recorder,
    writer::Writer,
};

mod acts;
mod end;
mod gates;
mod prepare;
mod restore;
mod strikes;

/// Who can be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stopped {
    /// headroom's operator.
    Headroom,
    /// CloudNativePG's.
    CloudNativePg,
}

/// One scenario's namespace and everything that runs for it.
pub(crate) struct ClusterWorld {
    connection: Connection,
    namespace: String,
    /// The gates that the script will hold.
    wanted: Vec<Gate>,
    scale: Scale,
    /// What is left to rows in each fill, when the rest is set aside.
    rows_beside: Option<Bytes>,
    recorder: Recorder,
    newest: Newest,
    trace: Trace,
    view: View,
    tasks: Vec<JoinHandle<()>>,
    /// The fixture as it was made: scaled.
    fixture: Option<Fixture>,
    writer: Option<Writer>,
    sentinel: Option<String>,
    held: Vec<Gate>,
    reached: Vec<Gate>,
    /// What this scenario has stopped and not started again.
    stopped: BTreeSet<Stopped>,
    /// Who looks after the volumes.
    operator: Operator,
    /// It is the scenario's own.
    own_operator: bool,
    /// The nodes that it keeps to, if it drains some.
    lane: Option<Lane>,
    growth_refused: bool,
    /// Nodes that this scenario has cordoned.
    cordoned: Vec<String>,
    /// Backups made so far; each is named after its number.
    backups: u32,
    /// Rows acknowledged before the newest Backup.
    rows_before_backup: usize,
}

impl ClusterWorld {
    /// A world in a namespace of its own, named after the scenario's full id.
    ///
    /// # Errors
    /// When its sizes cannot be had here.
    pub(crate) fn new(connection: Connection, scenario: &Scenario) -> Result<Self, String> {
        let scale = Scale::of(scenario, connection.profile)?;
        let namespace = names::namespace(&scenario.full_id());
        let own_operator = scenario.touches() == Shared::Operator;
        let operator = if own_operator {
            Operator::of_scenario(&connection.client, &namespace)
        } else {
            Operator::installed(&connection.client)
        };
        let drains = scenario.touches() == Shared::Nodes;
        let lane = if drains { connection.lanes.take() } else { None };
        Ok(Self {
            connection,
            namespace,
            operator,
            own_operator,
            lane,
            wanted: gates::of(&scenario.script),
            scale,
            rows_beside: ballast::rows_beside(scenario, scale),
            recorder: Recorder::new(scale),
            newest: Arc::new(Mutex::new(BTreeMap::new())),
            view: View::of(&Trace::new()),
            trace: Trace::new(),
            tasks: Vec::new(),
            fixture: None,
            writer: None,
            sentinel: None,
            held: Vec::new(),
            reached: Vec::new(),
            stopped: BTreeSet::new(),
            growth_refused: false,
            cordoned: Vec::new(),
            backups: 0,
            rows_before_backup: 0,
        })
    }

    fn lane(&self) -> Option<&str> {
        self.lane.as_ref().map(Lane::name)
    }

    fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.connection.client.clone(), &self.namespace)
    }

    fn api(&self, kind: &str) -> Result<Api<DynamicObject>, WorldError> {
        observe::api(&self.connection.client, &self.namespace, kind)
            .ok_or_else(|| failed("use the API", &format!("{kind} is not a watched kind")))
    }

    fn object(&self, kind: &'static str, name: &str) -> Option<Value> {
        let objects = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        objects.get(&(kind, name.to_owned())).cloned()
    }

    fn sync(&mut self, patience: Duration) {
        let new = self.recorder.since(self.trace.entries.len(), patience);
        self.trace.entries.extend(new);
        self.view.catch_up(&self.trace);
    }

    fn primary(&self) -> Result<String, WorldError> {
        let cluster = self.object("Cluster", NAME).map(|object| parse::cluster(&object));
        cluster
            .and_then(|cluster| cluster.primary)
            .ok_or_else(|| failed("find the primary", &"status.currentPrimary is empty"))
    }

    fn instance(&self, who: Who) -> Result<String, WorldError> {
        let primary = self.primary()?;
        match who {
            Who::Primary => Ok(primary),
            Who::LastReplica => {
                let last = self.others(&primary).into_iter().max();
                last.ok_or_else(|| failed("find a replica", &"there is none"))
            }
        }
    }

    /// Names of all instances that have a pod.
    fn members(&self) -> Vec<String> {
        let objects = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let pods = objects.iter().filter(|((kind, _), _)| *kind == "Pod");
        pods.filter_map(|(_, pod)| Some(parse::pod(pod)?.instance.as_str().to_owned())).collect()
    }

    /// The instances that are not the primary.
    fn others(&self, primary: &str) -> Vec<String> {
        self.members().into_iter().filter(|name| *name != primary).collect()
    }

    fn claim_name(instance: &str, volume: &VolumeName) -> String {
        match volume {
            VolumeName::Data => instance.to_owned(),
            VolumeName::Wal => format!("{instance}-wal"),
            VolumeName::Tablespace(name) => format!("{instance}-tbs-{name}"),
        }
    }

    async fn create(&self, kind: &str, object: &Value) -> Result<(), WorldError> {
        let parsed: DynamicObject = serde_json::from_value(object.clone())
            .map_err(|error| failed(&format!("write a {kind}"), &error))?;
        let created = self.api(kind)?.create(&PostParams::default(), &parsed).await;
        created.map(|_| ()).map_err(|error| failed(&format!("create the {kind}"), &error))
    }

    async fn patch(&self, kind: &str, name: &str, patch: &Value) -> Result<(), WorldError> {
        let patched = self.api(kind)?.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await;
        patched.map(|_| ()).map_err(|error| failed(&format!("patch the {kind} {name}"), &error))
    }
}

impl World for ClusterWorld {
    fn can_hold(&self, gate: Gate) -> bool {
        self.gate_can_be_held(gate)
    }

    fn prepare(&mut self, fixture: &Fixture) -> Result<(), WorldError> {
        let fixture = self.scale.fixture(fixture);
        self.fixture = Some(fixture.clone());
        self.make_objects(&fixture)?;
        self.expect(&Fact::Accepted, Wait::Decision)?;
        self.recorder.push(What::FixtureReady);
        Ok(())
    }

    fn perform(&mut self, act: &Act) -> Result<(), WorldError> {
        self.recorder.push(What::Acted(act.clone()));
        self.act(act)
    }

    fn hold(&mut self, gate: Gate) -> Result<(), WorldError> {
        self.hold_gate(gate)?;
        self.held.push(gate);
        self.recorder.push(What::GateHeld(gate));
        Ok(())
    }

    fn strike(&mut self, strike: &Strike) -> Result<(), WorldError> {
        self.recorder.push(What::Struck(strike.clone()));
        self.disturb(strike)
    }

    fn release(&mut self, gate: Gate) -> Result<(), WorldError> {
        self.let_gate_go(gate)?;
        self.held.retain(|held| *held != gate);
        self.recorder.push(What::GateReleased(gate));
        Ok(())
    }

    fn advance(&mut self, until: &Fact, limit: Duration) -> Ended {
        let deadline = Instant::now() + limit;
        loop {
            self.look_at_gates();
            self.sync(Duration::ZERO);
            let still = match holds(until, &self.view, self.quiet_span()) {
                Ok(()) => return Ended::Met,
                Err(still) => still,
            };
            let now = Instant::now();
            if now >= deadline {
                return Ended::TimedOut { still };
            }
            // Quiet facts change by time alone: look at least once a second.
            self.sync((deadline - now).min(Duration::from_secs(1)));
        }
    }

    fn limit(&self, wait: Wait) -> Duration {
        self.connection.profile.limit(wait)
    }

    fn quiet_span(&self) -> Duration {
        self.connection.profile.quiet_span()
    }

    fn trace(&self) -> &Trace {
        &self.trace
    }

    fn finish(&mut self, keep_evidence: bool) {
        self.end(keep_evidence);
    }
}
