//! The world of one scenario on a real cluster.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use headroom_core::names::VolumeName;
use headroom_scenario::{
    Act, Ended, Fact, Fixture, Gate, Strike, Topology, Trace, View, Wait, What, Who, World, WorldError,
    evaluate::holds, fixture::FILL_TOLERANCE, script::PolicyChange,
};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::{
    Api,
    api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::{
    connect::{Connection, failed},
    gates::Gates,
    kubelet,
    manifests::{self, NAME},
    observe::{self, Newest},
    operator, parse,
    recorder::Recorder,
    sql::{Refusal, Server},
    wait,
    writer::Writer,
};

/// One scenario's namespace and everything that runs for it.
pub(crate) struct ClusterWorld {
    connection: Connection,
    namespace: String,
    recorder: Recorder,
    newest: Newest,
    trace: Trace,
    view: View,
    tasks: Vec<JoinHandle<()>>,
    fixture: Option<Fixture>,
    writer: Option<Writer>,
    sentinel: Option<String>,
    held: Vec<Gate>,
    reached: Vec<Gate>,
    operator_stopped: bool,
}

impl ClusterWorld {
    /// A world in a namespace of its own, named after the scenario.
    pub(crate) fn new(connection: Connection, id: &str, topology: Topology) -> Self {
        let stem: String = id.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let namespace = format!("{}-{}", stem.trim_end_matches('-'), topology.name());
        Self {
            connection,
            namespace: namespace.chars().take(63).collect(),
            recorder: Recorder::new(),
            newest: Arc::new(Mutex::new(BTreeMap::new())),
            view: View::of(&Trace::new()),
            trace: Trace::new(),
            tasks: Vec::new(),
            fixture: None,
            writer: None,
            sentinel: None,
            held: Vec::new(),
            reached: Vec::new(),
            operator_stopped: false,
        }
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

    /// The instances that are not the primary.
    fn others(&self, primary: &str) -> Vec<String> {
        let objects = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let pods = objects.iter().filter(|((kind, _), _)| *kind == "Pod");
        let instances = pods.filter_map(|(_, pod)| Some(parse::pod(pod)?.instance.as_str().to_owned()));
        instances.filter(|name| *name != primary).collect()
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

    async fn make_namespace(&self) -> Result<(), WorldError> {
        let doing = format!("make the namespace {}", self.namespace);
        let namespaces = Api::<Namespace>::all(self.connection.client.clone());
        let gone = wait::until(Duration::from_mins(3), Duration::from_secs(1), || async {
            match namespaces.get_opt(&self.namespace).await {
                Ok(None) => Some(()),
                Ok(Some(namespace)) => {
                    if namespace.metadata.deletion_timestamp.is_none() {
                        // A namespace of an earlier run; a refusal shows as the time-out below.
                        let _ = namespaces.delete(&self.namespace, &DeleteParams::default()).await;
                    }
                    None
                }
                Err(_) => None,
            }
        });
        gone.await.ok_or_else(|| failed(&doing, &"one of an earlier run does not go away"))?;
        let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": self.namespace}}))
            .map_err(|error| failed(&doing, &error))?;
        let made = namespaces.create(&PostParams::default(), &namespace).await;
        made.map(|_| ()).map_err(|error| failed(&doing, &error))
    }

    fn server(
        &self,
        pods: &Api<Pod>,
        f: impl FnOnce(Server<'_>) -> Result<(), WorldError>,
    ) -> Result<(), WorldError> {
        let fixture = self.fixture.as_ref();
        let marks = fixture.map(|fixture| &fixture.policy).map(|policy| {
            Vec::from([100_u8.saturating_sub(policy.target_buffer), policy.critical_threshold])
        });
        let primary = self.primary()?;
        f(Server {
            pods,
            replicas: self.others(&primary),
            pod: primary,
            separate_wal: fixture.is_some_and(|fixture| fixture.wal.is_some()),
            operator_stopped: self.operator_stopped,
            recorder: &self.recorder,
            marks: marks.unwrap_or_default(),
        })
    }

    fn make_data(&mut self, fixture: &Fixture) -> Result<(), WorldError> {
        let runtime = self.connection.runtime.clone();
        let pods = self.pods();
        let mut sentinel = None;
        self.server(&pods, |server| {
            runtime.block_on(async {
                server.prepare(fixture.tablespace.is_some()).await?;
                sentinel = Some(server.sentinel().await?);
                Ok(())
            })
        })?;
        self.sentinel = sentinel;
        Ok(())
    }

    fn make_objects(&mut self, fixture: &Fixture) -> Result<(), WorldError> {
        let runtime = self.connection.runtime.clone();
        let image = self.connection.postgres_image();
        runtime.block_on(self.make_namespace())?;
        let _guard = runtime.enter();
        self.tasks = observe::start(&self.connection.client, &self.namespace, &self.recorder, &self.newest);
        self.tasks.push(tokio::spawn(kubelet::follow(
            self.connection.client.clone(),
            self.namespace.clone(),
            self.recorder.clone(),
            self.newest.clone(),
        )));
        let cluster = manifests::cluster(fixture, &self.connection.class, image.as_deref());
        runtime.block_on(self.create("Cluster", &cluster))?;
        self.expect(&Fact::Healthy, Wait::Ready)?;
        let image = image.map_or_else(|| self.running_image(), Ok)?;
        runtime.block_on(self.create("Pod", &manifests::client(&image)))?;
        self.make_data(fixture)?;
        if let Some((volume, percent)) = &fixture.filled {
            self.fill(volume, *percent)?;
            // What the kubelets say lags behind by a period or two: the operator must find it told.
            self.expect(
                &Fact::EveryMemberUsedAtLeast(volume.clone(), percent.saturating_sub(FILL_TOLERANCE)),
                Wait::Decision,
            )?;
        }
        let storage = manifests::dynamic_storage(fixture, now());
        runtime.block_on(self.create("DynamicStorage", &storage))
    }

    /// The image that CloudNativePG chose for the primary.
    fn running_image(&self) -> Result<String, WorldError> {
        let pod = self.object("Pod", &self.primary()?);
        let image =
            pod.as_ref().and_then(|pod| pod.pointer("/spec/containers/0/image")).and_then(Value::as_str);
        image
            .map(str::to_owned)
            .ok_or_else(|| failed("find the image of PostgreSQL", &"the primary's pod has none"))
    }

    fn expect(&mut self, fact: &Fact, limit: Wait) -> Result<(), WorldError> {
        match self.advance(fact, self.limit(limit)) {
            Ended::Met => Ok(()),
            Ended::TimedOut { still } => Err(failed("make the fixture", &still)),
            Ended::Impossible { why } => Err(failed("make the fixture", &why)),
        }
    }

    fn verify(&mut self) -> Result<(), WorldError> {
        let runtime = self.connection.runtime.clone();
        let acknowledged = self.writer.as_ref().map(Writer::acknowledged).unwrap_or_default();
        let expected = self.sentinel.clone();
        let recorder = self.recorder.clone();
        let pods = self.pods();
        self.server(&pods, |server| {
            runtime.block_on(async {
                let found = server.count_rows(&acknowledged).await?;
                let sentinel = server.sentinel().await?;
                let count = acknowledged.len() as u64;
                recorder.push(What::Verified {
                    acknowledged: count,
                    lost: count.saturating_sub(found),
                    sentinel_ok: Some(&sentinel) == expected.as_ref(),
                    amcheck_clean: Some(server.amcheck().await?),
                });
                Ok(())
            })
        })
    }

    fn set_policy(&self, change: PolicyChange) -> Result<(), WorldError> {
        let storage = match change {
            PolicyChange::Limit(limit) => json!({"limit": limit.to_string()}),
            PolicyChange::TargetBuffer(percent) => json!({"targetBuffer": percent}),
            PolicyChange::Budget(per_day, reserved) => {
                json!({"budget": {"actionsPerDay": per_day, "reservedForEmergency": reserved}})
            }
            PolicyChange::EmergencyLimit(limit) => {
                json!({"emergencyGrow": {"emergencyLimit": limit.to_string()}})
            }
        };
        let patch = json!({"spec": {"storage": storage}});
        self.connection.runtime.block_on(self.patch("DynamicStorage", NAME, &patch))
    }

    fn fill(&self, volume: &VolumeName, percent: u8) -> Result<(), WorldError> {
        let (runtime, limit, pods) = (self.connection.runtime.clone(), self.limit(Wait::Fill), self.pods());
        self.server(&pods, |mut server| runtime.block_on(server.fill(volume, percent, limit)))
    }

    fn fill_until_refused(
        &self,
        volume: &VolumeName,
        stop_at: headroom_core::Bytes,
    ) -> Result<(), WorldError> {
        let (runtime, limit, pods) = (self.connection.runtime.clone(), self.limit(Wait::Fill), self.pods());
        let recorder = self.recorder.clone();
        self.server(&pods, |mut server| {
            match runtime.block_on(server.fill_until_refused(volume, stop_at, limit))? {
                // The first refusal is in the trace already.
                Refusal::NoSpace => {}
                Refusal::Stopped => recorder.push(What::InsertFailed { no_space: false }),
                Refusal::Grown => recorder.push(What::Note("the volume grew under the inserts".to_owned())),
            }
            Ok(())
        })
    }
}

impl World for ClusterWorld {
    fn can_hold(&self, gate: Gate) -> bool {
        self.connection.is_lab && Gates::step(gate).is_some()
    }

    fn prepare(&mut self, fixture: &Fixture) -> Result<(), WorldError> {
        self.fixture = Some(fixture.clone());
        self.make_objects(fixture)?;
        self.expect(&Fact::Accepted, Wait::Decision)?;
        self.recorder.push(What::FixtureReady);
        Ok(())
    }

    fn perform(&mut self, act: &Act) -> Result<(), WorldError> {
        self.recorder.push(What::Acted(act.clone()));
        let runtime = self.connection.runtime.clone();
        if matches!(act, Act::StopOperator | Act::StartOperator) {
            self.operator_stopped = *act == Act::StopOperator;
        }
        match act {
            Act::StartWriter { rows_per_second } => {
                let _guard = runtime.enter();
                let writer = Writer::start(self.pods(), self.recorder.clone(), *rows_per_second);
                self.writer = Some(writer);
                Ok(())
            }
            Act::Fill { volume, used_percent } => self.fill(volume, *used_percent),
            Act::FillUntilRefused { volume, stop_at } => self.fill_until_refused(volume, *stop_at),
            Act::StopOperator => runtime.block_on(operator::scale(&self.connection.client, 0)),
            Act::StartOperator => runtime.block_on(operator::scale(&self.connection.client, 1)),
            Act::PatchClaim { who, volume, to } => {
                let claim = Self::claim_name(&self.instance(*who)?, volume);
                let patch = json!({"spec": {"resources": {"requests": {"storage": to.to_string()}}}});
                runtime.block_on(self.patch("PersistentVolumeClaim", &claim, &patch))
            }
            Act::Scale { instances } => {
                runtime.block_on(self.patch("Cluster", NAME, &json!({"spec": {"instances": instances}})))
            }
            Act::SetPolicy(change) => self.set_policy(*change),
            Act::Verify => self.verify(),
            Act::Truncate { .. }
            | Act::SetClusterSize { .. }
            | Act::UpgradeImage
            | Act::Reconciliation { .. }
            | Act::StartBackup
            | Act::Restore { .. }
            | Act::Uncordon
            | Act::ProviderLimit { .. }
            | Act::SilenceKubelet(_)
            | Act::PassTime(_) => Err(failed(&act.to_string(), &"this world cannot do it yet")),
        }
    }

    fn hold(&mut self, gate: Gate) -> Result<(), WorldError> {
        self.gates().hold(gate)?;
        self.held.push(gate);
        self.recorder.push(What::GateHeld(gate));
        Ok(())
    }

    fn strike(&mut self, strike: &Strike) -> Result<(), WorldError> {
        self.recorder.push(What::Struck(strike.clone()));
        let runtime = self.connection.runtime.clone();
        match strike {
            Strike::KillOperator => runtime.block_on(operator::kill(&self.connection.client)),
            Strike::DeletePod(who) => {
                let (pods, pod) = (self.pods(), self.instance(*who)?);
                let deleted = runtime.block_on(pods.delete(&pod, &DeleteParams::default()));
                deleted.map(|_| ()).map_err(|error| failed(&format!("delete pod {pod}"), &error))
            }
            Strike::SwitchOver
            | Strike::FailOver
            | Strike::Drain(_)
            | Strike::CordonAll
            | Strike::Change(_) => Err(failed(&strike.to_string(), &"this world cannot do it yet")),
        }
    }

    fn release(&mut self, gate: Gate) -> Result<(), WorldError> {
        self.gates().release(gate)?;
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
        Duration::from_secs(match wait {
            // Two samples of a stock kubelet are 60 to 120 s apart.
            Wait::Ready
            | Wait::Decision
            | Wait::Growth
            | Wait::Window
            | Wait::Fill
            | Wait::Drain
            | Wait::Backup
            | Wait::Join => 300,
            Wait::Strike => 180,
            // A crash-loop back-off lasts up to five minutes, and promotion or rewind comes on top.
            Wait::Recovery | Wait::Stall | Wait::Upgrade | Wait::Restore => 600,
            Wait::Quiet => 120,
            Wait::Slot => 25 * 3600,
        })
    }

    fn trace(&self) -> &Trace {
        &self.trace
    }

    fn finish(&mut self, keep_evidence: bool) {
        self.sync(Duration::ZERO);
        if let Some(writer) = self.writer.take() {
            writer.stop();
        }
        for gate in std::mem::take(&mut self.held) {
            if let Err(error) = self.gates().release(gate) {
                crate::talk(&error.to_string());
            }
        }
        for task in self.tasks.drain(..) {
            task.abort();
        }
        if keep_evidence {
            crate::talk(&format!("evidence kept in namespace {}", self.namespace));
            return;
        }
        let namespaces = Api::<Namespace>::all(self.connection.client.clone());
        let deleted =
            self.connection.runtime.block_on(namespaces.delete(&self.namespace, &DeleteParams::default()));
        if let Err(error) = deleted {
            crate::talk(&format!("could not delete namespace {}: {error}", self.namespace));
        }
    }
}

impl ClusterWorld {
    fn gates(&self) -> Gates {
        let instances = self.fixture.as_ref().map_or(0, |fixture| fixture.topology.instances());
        let volumes = [VolumeName::Data, VolumeName::Tablespace(manifests::TABLESPACE.into())];
        let claims = (1..=instances).flat_map(|serial| {
            let instance = format!("{NAME}-{serial}");
            volumes.iter().map(move |volume| Self::claim_name(&instance, volume)).collect::<Vec<_>>()
        });
        Gates::new(&self.connection.options.lab_dir, &self.namespace, claims)
    }

    fn look_at_gates(&mut self) {
        for gate in self.held.clone() {
            if !self.reached.contains(&gate) && self.gates().reached(gate, Duration::from_millis(100)) {
                self.reached.push(gate);
                self.recorder.push(What::GateReached(gate));
            }
        }
    }
}

/// Unix seconds.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
