//! Recordings: read, and replayed on the model from their own trigger markers.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use headroom_sim::model::{
    Happened, Model, Settings,
    apiserver::Object,
    object::{Claim, Cluster, ClusterSpec, Container, MIB, Name, Pod, PodPhase, Step, UNRECOVERABLE, Volume},
    postgres::Goal,
    size_text,
};
use serde_json::Value;

use crate::story::{ClaimView, ClusterView, JobView, PodView, Seen, Story, Teller};

/// A line of a recording.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) at_ms: i64,
    pub(crate) record: Value,
}

/// What a trigger does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trigger {
    Create(u32, u64),
    Scale(u32),
    PatchClaims(Vec<String>, u64),
    SetSize(u64),
    DeletePod(String),
    ForceDeletePod(String),
    DeleteClaim(String),
    DeleteJob(String),
    Destroy(String),
    Promote(String),
    Condemn(String),
    FillUntilStopped,
    Write(u64),
    Drain,
    Uncordon,
    SetParameter,
    RestartOperator,
    Backup,
    Nothing,
}

/// Reads a recording.
pub(crate) fn read(path: &Path) -> Vec<Line> {
    let text = std::fs::read_to_string(path).unwrap();
    let parse = |line: &str| {
        let record: Value = serde_json::from_str(line).unwrap();
        Line { at_ms: record["t_ms"].as_i64().unwrap(), record }
    };
    text.lines().filter(|line| !line.trim().is_empty()).map(parse).collect()
}

/// The triggers of a recording, or the first one that the model does not know.
pub(crate) fn triggers(lines: &[Line]) -> Result<Vec<(i64, Trigger)>, String> {
    let markers: Vec<(i64, &str)> =
        lines.iter().filter_map(|line| Some((line.at_ms, line.record["marker"].as_str()?))).collect();
    let mut found = Vec::new();
    for (index, (at, marker)) in markers.iter().enumerate() {
        let refused = markers.get(index + 1).is_some_and(|(_, next)| next.starts_with("result: rc=1"));
        match trigger(marker) {
            Some(_) if refused => {}
            Some(Trigger::Nothing) => {}
            Some(trigger) => found.push((*at, trigger)),
            None => return Err((*marker).to_owned()),
        }
    }
    Ok(found)
}

fn trigger(marker: &str) -> Option<Trigger> {
    if let Some(note) = marker.strip_prefix("note: ") {
        let mib = note.split_once(" MiB written into the data directory").map(|(count, _)| count.parse());
        return Some(mib.map_or(Trigger::Nothing, |count| Trigger::Write(count.unwrap())));
    }
    let Some(text) = marker.strip_prefix("trigger: ") else { return Some(Trigger::Nothing) };
    let words: Vec<&str> = text.split_whitespace().collect();
    let after = |start: &str| text.strip_prefix(start).and_then(|rest| rest.split_whitespace().next());
    if let Some(rest) = after("create Cluster pg instances=") {
        let size = text.split("storage.size=").nth(1)?;
        return Some(Trigger::Create(rest.parse().ok()?, bytes(size.split_whitespace().next()?)));
    }
    if let Some(count) = after("patch Cluster spec.instances=") {
        return count.parse().ok().map(Trigger::Scale);
    }
    if let Some(sizes) = after("patch Cluster spec.storage.size ") {
        return sizes.split("->").nth(1).map(|size| Trigger::SetSize(bytes(size)));
    }
    if text.starts_with("patch PVC ") {
        let claims = words.iter().filter(|word| word.starts_with("pg-")).map(|word| (*word).to_owned());
        let size = words.iter().find_map(|word| word.split("->").nth(1))?;
        return Some(Trigger::PatchClaims(claims.collect(), bytes(size)));
    }
    let pod = after("delete Pod ").or(after("kubectl delete pod ")).map(str::to_owned);
    if let Some(pod) = pod {
        let forced = text.contains("--force");
        return Some(if forced { Trigger::ForceDeletePod(pod) } else { Trigger::DeletePod(pod) });
    }
    if let Some(claim) = after("kubectl delete pvc ") {
        return Some(Trigger::DeleteClaim(claim.to_owned()));
    }
    if let Some(job) = after("kubectl delete job ") {
        return Some(Trigger::DeleteJob(job.to_owned()));
    }
    if let Some(instance) = after("kubectl cnpg destroy pg ") {
        return Some(Trigger::Destroy(instance.to_owned()));
    }
    if let Some(instance) = after("kubectl cnpg promote pg ") {
        return Some(Trigger::Promote(instance.to_owned()));
    }
    if let Some(pod) = after("annotate Pod ") {
        return text.ends_with(&format!(" {UNRECOVERABLE}=true")).then(|| Trigger::Condemn(pod.to_owned()));
    }
    if text.starts_with("kubectl drain ") {
        return Some(Trigger::Drain);
    }
    if text.starts_with("kubectl uncordon ") {
        return Some(Trigger::Uncordon);
    }
    if text.starts_with("patch Cluster spec.postgresql.parameters.max_connections") {
        return Some(Trigger::SetParameter);
    }
    if text.starts_with("delete the operator Pod") {
        return Some(Trigger::RestartOperator);
    }
    // The model knows Backups of a cluster that has snapshots, and of a Cluster that is not set up for any.
    if text.starts_with("create Backup ") && !text.contains("validation=disabled") {
        return Some(Trigger::Backup);
    }
    if text.starts_with("patch Cluster spec.backup.volumeSnapshot={}") {
        return Some(Trigger::Nothing);
    }
    if text.starts_with("fill the data volume of primary") {
        return Some(Trigger::FillUntilStopped);
    }
    text.starts_with("annotate Cluster cnpg.io/validation").then_some(Trigger::Nothing)
}

fn bytes(text: &str) -> u64 {
    headroom_core::quantity::parse(text).unwrap().get()
}

/// The story of a recording.
pub(crate) fn told(lines: &[Line]) -> Story {
    let mut teller = Teller::default();
    for line in lines {
        if let Some(seen) = recorded(&line.record) {
            teller.take(line.at_ms, seen);
        }
    }
    teller.story()
}

fn recorded(record: &Value) -> Option<Seen> {
    let (kind, name) = (record["kind"].as_str()?, record["name"].as_str()?.to_owned());
    let object = &record["obj"];
    let gone = record["type"] == "DELETED";
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let list = |value: &Value| value.as_array().into_iter().flatten().filter_map(text).collect();
    match kind {
        "Cluster" => {
            let status = &object["status"];
            Some(Seen::Cluster(ClusterView {
                phase: text(&status["phase"]),
                current: text(&status["currentPrimary"]),
                target: text(&status["targetPrimary"]),
                names: list(&status["instanceNames"]),
                healthy: list(&status["healthyPVC"]),
                dangling: list(&status["danglingPVC"]),
                resizing: list(&status["resizingPVC"]),
            }))
        }
        "PersistentVolumeClaim" => {
            let view = ClaimView {
                request: text(&object["request"])?,
                capacity: text(&object["capacity"]),
                step: text(&object["allocatedResourceStatuses"]["storage"]),
                deleting: object.get("deletionTimestamp").is_some(),
            };
            Some(Seen::Claim(name, (!gone).then_some(view)))
        }
        "Pod" if object["labels"]["cnpg.io/podRole"] == "instance" => {
            let waits = !object["waiting"].is_null();
            let exit = object["terminated"]["exitCode"].as_i64();
            let view = PodView {
                running: object["phase"] == "Running" && !waits && exit.is_none(),
                ready: object["ready"] == true,
                // A back-off goes on with the exit before it.
                exit: exit.or((object["waiting"] == "CrashLoopBackOff").then_some(-1)),
                deleting: object.get("deletionTimestamp").is_some(),
            };
            Some(Seen::Pod(name, (!gone).then_some(view)))
        }
        "Job" => {
            let view = JobView {
                succeeded: object["succeeded"] == 1,
                failed: object["failed"].as_u64().unwrap_or(0),
            };
            Some(Seen::Job(name, (!gone).then_some(view)))
        }
        "Backup" => {
            let status = &object["status"];
            let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            Some(Seen::Backup(word(&status["phase"]), word(&status["error"])))
        }
        _ => None,
    }
}

/// Replays the triggers on a model of this seed and tells its story until `end_ms`.
pub(crate) fn replayed(lines: &[Line], triggers: &[(i64, Trigger)], seed: u64, end_ms: i64) -> Story {
    let mut model = Model::new(seed, Settings::LAB);
    let mut teller = Teller::default();
    if let Some((instances, size)) = before(lines) {
        // The recording without a PodDisruptionBudget was made with `enablePDB: false` (trace 11d).
        let enable_pdb = lines.iter().any(|line| line.record["kind"] == "PodDisruptionBudget");
        model.create_cluster(&"pg".into(), ClusterSpec { enable_pdb, ..spec(instances, size) });
        run(&mut model, &mut teller, 200_000, i64::MAX);
    }
    let base = i64::try_from(model.now()).unwrap();
    let mut late = 0;
    for (at, trigger) in triggers {
        let due = u64::try_from(base + at + late).unwrap();
        run(&mut model, &mut teller, due, base);
        catch_up(&mut model, &mut teller, phase_at(lines, *at), base);
        late += i64::try_from(model.now() - due).unwrap();
        pull(&mut model, trigger);
    }
    run(&mut model, &mut teller, u64::try_from(base + end_ms + late).unwrap(), base);
    teller.story()
}

/// The Cluster's phase in the recording when a trigger was pulled.
fn phase_at(lines: &[Line], at_ms: i64) -> Option<&str> {
    let clusters = lines.iter().filter(|line| line.record["kind"] == "Cluster");
    clusters.take_while(|line| line.at_ms <= at_ms).last()?.record["obj"]["status"]["phase"].as_str()
}

/// Whoever recorded waited for something before the next trigger, and a quick machine was there sooner than the model:
/// gives the model a minute more to come to the same phase.
fn catch_up(model: &mut Model, teller: &mut Teller, phase: Option<&str>, base: i64) {
    let deadline = model.now() + 60_000;
    let there = |model: &Model| model.api().cluster("pg").is_none_or(|pg| pg.status.phase == phase);
    while phase.is_some() && !there(model) {
        let Some(next) = model.next_at().filter(|at| *at <= deadline) else { return };
        run(model, teller, next, base);
    }
}

/// Instances and size that a recording starts from.
fn before(lines: &[Line]) -> Option<(u32, u64)> {
    let cluster = lines.iter().find(|line| line.at_ms < 0 && line.record["kind"] == "Cluster")?;
    let spec = &cluster.record["obj"]["spec"];
    Some((u32::try_from(spec["instances"].as_u64()?).ok()?, bytes(spec["storage"]["size"].as_str()?)))
}

fn spec(instances: u32, size: u64) -> ClusterSpec {
    ClusterSpec::new(instances, BTreeMap::from([(Volume::Data, size)]))
}

fn pull(model: &mut Model, trigger: &Trigger) {
    let pg: Name = "pg".into();
    let name = |text: &String| Name::from(text.as_str());
    match trigger {
        Trigger::Create(instances, size) => model.create_cluster(&pg, spec(*instances, *size)),
        Trigger::Scale(instances) => model.change(|model| {
            model.edit_cluster(&pg, |cluster| cluster.spec.instances = *instances);
        }),
        Trigger::SetSize(size) => model.change(|model| {
            model.edit_cluster(&pg, |cluster| {
                cluster.spec.sizes.insert(Volume::Data, *size);
            });
        }),
        Trigger::PatchClaims(claims, size) => {
            for claim in claims {
                model.change(|model| model.patch_claim(claim, *size)).unwrap();
            }
        }
        Trigger::DeletePod(pod) => model.change(|model| model.delete_pod(&name(pod))),
        Trigger::ForceDeletePod(pod) => model.change(|model| model.force_delete_pod(&name(pod))),
        Trigger::DeleteClaim(claim) => model.change(|model| model.delete_claim(claim)),
        Trigger::DeleteJob(job) => model.change(|model| model.delete_job(&name(job))),
        Trigger::Destroy(instance) => model.change(|model| model.destroy(&name(instance))),
        Trigger::Promote(instance) => model.change(|model| model.switch_over(&pg, &name(instance))),
        Trigger::Condemn(pod) => model.change(|model| model.annotate_pod(pod, UNRECOVERABLE, "true")),
        // 128 to 160 MiB a second were written.
        Trigger::FillUntilStopped => model.change(|model| {
            model.set_filler(&pg, Volume::Data, 140 * MIB, Goal::Refused { stop_at: u64::MAX });
        }),
        Trigger::Write(mib) => model.change(|model| {
            let goal = model.content(&pg, &Volume::Data) + mib * MIB;
            model.set_filler(&pg, Volume::Data, 4096 * MIB, Goal::Content(goal));
        }),
        // Nodes have other names in the model: each recording drains the primary's.
        Trigger::Drain => {
            let primary = model.api().cluster("pg").and_then(|pg| pg.status.current_primary.clone()).unwrap();
            let node = model.api().instance_pod(&primary).and_then(|pod| pod.node.clone()).unwrap();
            model.change(|model| model.drain(&node));
        }
        Trigger::Uncordon => model.change(Model::uncordon_all),
        Trigger::SetParameter => {
            model.change(|model| model.edit_cluster(&pg, |cluster| cluster.spec.parameters += 1));
            // Recordings do not show parameters.
            model.take_happened();
        }
        Trigger::RestartOperator => model.restart_cnpg(6500),
        Trigger::Backup => model.change(|model| model.start_backup(&pg)),
        Trigger::Nothing => {}
    }
}

fn run(model: &mut Model, teller: &mut Teller, until: u64, base: i64) {
    loop {
        for happened in model.take_happened() {
            let seen = match &happened {
                Happened::Changed(change) => modelled(&change.object, change.gone),
                Happened::Backup(backup) => {
                    let error = backup.error.as_deref().unwrap_or_default();
                    Some(Seen::Backup(backup.phase.to_owned(), error.to_owned()))
                }
                Happened::Measured(..)
                | Happened::InsertFailed { .. }
                | Happened::FillDone
                | Happened::Node { .. }
                | Happened::EvictionRefused(_)
                | Happened::Drained(_) => None,
            };
            if let Some(seen) = seen {
                let at = if base == i64::MAX { -1 } else { i64::try_from(model.now()).unwrap() - base };
                teller.take(at, seen);
            }
        }
        if model.next_at().is_none_or(|at| at > until) {
            break;
        }
        model.step();
    }
    model.pass(until);
}

fn modelled(object: &Object, gone: bool) -> Option<Seen> {
    match object {
        Object::Cluster(cluster) => Some(Seen::Cluster(cluster_view(cluster))),
        Object::Claim(claim) => {
            Some(Seen::Claim(claim.meta.name.to_string(), (!gone).then(|| claim_view(claim))))
        }
        Object::Pod(pod) if pod.job.is_none() => {
            Some(Seen::Pod(pod.meta.name.to_string(), (!gone).then(|| pod_view(pod))))
        }
        Object::Job(job) => {
            let view = JobView { succeeded: job.succeeded, failed: u64::from(job.failed) };
            Some(Seen::Job(job.meta.name.to_string(), (!gone).then_some(view)))
        }
        Object::Pod(_) | Object::Custom(_) | Object::Class(..) => None,
    }
}

fn cluster_view(cluster: &Arc<Cluster>) -> ClusterView {
    let status = &cluster.status;
    let texts = |names: &[Name]| names.iter().map(ToString::to_string).collect();
    ClusterView {
        phase: status.phase.map(str::to_owned),
        current: status.current_primary.as_deref().map(str::to_owned),
        target: status.target_primary.as_deref().map(str::to_owned),
        names: texts(&status.names),
        healthy: texts(&status.healthy),
        dangling: texts(&status.dangling),
        resizing: texts(&status.resizing),
    }
}

fn claim_view(claim: &Claim) -> ClaimView {
    let step = match claim.step {
        Step::None => None,
        Step::ControllerInProgress => Some("ControllerResizeInProgress"),
        Step::ControllerInfeasible => Some("ControllerResizeInfeasible"),
        Step::NodePending => Some("NodeResizePending"),
        Step::NodeInProgress => Some("NodeResizeInProgress"),
        Step::NodeInfeasible => Some("NodeResizeInfeasible"),
    };
    ClaimView {
        request: claim.requested_text.to_string(),
        capacity: claim.capacity.map(size_text),
        step: step.map(str::to_owned),
        deleting: claim.meta.deleting,
    }
}

fn pod_view(pod: &Pod) -> PodView {
    let ended = matches!(pod.container, Container::Ended | Container::BackOff);
    PodView {
        running: matches!(pod.container, Container::Running(_)) && pod.phase == PodPhase::Running,
        ready: pod.ready,
        exit: pod.last_exit.filter(|_| ended).map(|exit| i64::from(exit.code)),
        deleting: pod.meta.deleting,
    }
}
