//! The run as people read it: trigger, disruption, what followed, completion.

use std::collections::BTreeMap;

use headroom_core::{
    Bytes,
    names::{InstanceName, VolumeName},
};

use crate::{
    Act, What,
    checkers::{Case, completed_ms},
    trace::{ACCURACY_MS, BackupState, ClaimState, ClusterState, Entry, PodState, StorageState, Written},
    view::View,
    words,
};

/// One line of the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Milliseconds since the fixture began to be made.
    pub at_ms: u64,
    /// What happened.
    pub what: String,
}

/// The timeline of a run; `why` says why it could not go on, if so.
pub fn of(case: &Case<'_>, why: Option<&str>) -> Vec<Moment> {
    let mut teller = Teller { view: View::new(), told: Vec::new(), ready: false };
    for entry in &case.trace.entries {
        if matches!(entry.what, What::FixtureReady) {
            teller.ready = true;
            let filled = &case.scenario.fixture.filled;
            let trigger =
                filled.as_ref().map(|(volume, percent)| format!("trigger: {volume} is {percent} % full"));
            teller.say(entry.at_ms, "the fixture is ready".to_owned());
            if let Some(trigger) = trigger {
                teller.say(entry.at_ms, trigger);
            }
        } else {
            teller.tell(entry.at_ms, &entry.what);
        }
        teller.view.take(entry);
    }
    let mut told = teller.told;
    for growth in growths(case) {
        told.push(Moment { at_ms: growth.grown_ms, what: growth.to_string() });
    }
    match (why, completed_ms(case.trace)) {
        (Some(why), _) => told.push(Moment { at_ms: case.end.now_ms, what: format!("inconclusive: {why}") }),
        (None, Some((_, at_ms))) => told.push(Moment { at_ms, what: "completion: settled".to_owned() }),
        (None, None) => {}
    }
    told.sort_by_key(|moment| moment.at_ms);
    told
}

struct Teller {
    view: View,
    told: Vec<Moment>,
    ready: bool,
}

impl Teller {
    fn say(&mut self, at_ms: u64, what: String) {
        self.told.push(Moment { at_ms, what });
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the timeline picks what people want to read")]
    fn tell(&mut self, at_ms: u64, what: &What) {
        let line = match what {
            What::Acted(act) => Some(acted(act)),
            What::Struck(strike) => Some(format!("disruption: {strike}")),
            What::GateHeld(gate) => Some(format!("gate {} is held", gate.name())),
            What::GateReached(gate) => Some(format!("gate {} is reached", gate.name())),
            What::GateReleased(gate) => Some(format!("gate {} is let go", gate.name())),
            What::Claim(claim) if self.ready => self.claim(claim),
            What::ClaimGone(instance, volume) => Some(format!("the {volume} claim of {instance} is gone")),
            What::Pod(pod) if self.ready => self.pod(pod),
            What::PodGone(instance) if self.ready => Some(format!("the pod of {instance} is gone")),
            What::Cluster(cluster) if self.ready => self.cluster(cluster),
            What::ClusterGone => Some("the Cluster is gone".to_owned()),
            What::Storage(status) => self.status(status),
            What::StorageGone => Some("the DynamicStorage is gone".to_owned()),
            What::Backup(backup) => Some(told(backup)),
            What::JoinBegan(instance) if self.ready => Some(format!("the join of {instance} runs")),
            What::JoinFailed(instance, times) => {
                Some(format!("the join of {instance} has failed (attempt {times})"))
            }
            What::Node { name, cordoned: true } => Some(format!("node {name} is cordoned")),
            What::Node { name, cordoned: false } => Some(format!("node {name} takes pods again")),
            What::EvictionRefused(instance) => Some(format!("an eviction of {instance} is refused")),
            What::Drained(node) => Some(format!("node {node} is drained")),
            What::OperatorWrote(Written::Claim { instance, volume, to }) => {
                Some(format!("the operator raises the {volume} claim of {instance} to {to}"))
            }
            What::OperatorWrote(Written::Deleted(what)) => Some(format!("the operator deletes {what}")),
            What::InsertFailed { no_space: true } if !self.view.refused => {
                Some("an insert is refused: no space left".to_owned())
            }
            What::Verified { acknowledged, lost, sentinel_ok, amcheck_clean } => Some(format!(
                "verified: {acknowledged} rows acknowledged, {lost} lost, sentinel {}{}",
                if *sentinel_ok { "unchanged" } else { "CHANGED" },
                amcheck_clean.map_or("", |clean| if clean {
                    ", pg_amcheck clean"
                } else {
                    ", pg_amcheck NOT clean"
                }),
            )),
            What::Event { kind, reason, on, message }
                if self.ready && (on == "DynamicStorage" || on == "Cluster") =>
            {
                let told = format!("{kind} Event {reason} on the {on}: {message}");
                // One message may be published on both objects.
                let again = self.told.iter().rev().any(|moment| {
                    at_ms.saturating_sub(moment.at_ms) < 2 * ACCURACY_MS && moment.what.ends_with(message)
                });
                (!again).then_some(told)
            }
            What::Note(text) => Some(text.clone()),
            _ => None,
        };
        if let Some(line) = line {
            self.say(at_ms, line);
        }
    }

    fn claim(&self, claim: &ClaimState) -> Option<String> {
        let ClaimState { instance, volume, requested, capacity, .. } = claim;
        let before = self.view.claims.get(&(instance.clone(), volume.clone()));
        let size = (*capacity)?;
        match before {
            None => Some(format!("the {volume} claim of {instance} is born with {requested}")),
            Some(before) if before.capacity != Some(size) => {
                Some(format!("{volume} of {instance} has {size}"))
            }
            Some(_) => None,
        }
    }

    fn pod(&self, pod: &PodState) -> Option<String> {
        let before = self.view.pods.get(&pod.instance);
        let same = before.filter(|before| before.uid == pod.uid);
        match (same, pod.last_exit) {
            (Some(before), Some(code))
                if before.restarts < pod.restarts || before.last_exit != Some(code) =>
            {
                Some(format!(
                    "the server of {} ended with exit code {code} (restart {})",
                    pod.instance, pod.restarts
                ))
            }
            (Some(before), _) if !before.ready && pod.ready => Some(format!("{} is ready", pod.instance)),
            (Some(before), _) if before.ready && !pod.ready => Some(format!("{} is not ready", pod.instance)),
            (None, _) => Some(format!("a pod of {} is there", pod.instance)),
            (Some(_), _) => None,
        }
    }

    fn cluster(&self, cluster: &ClusterState) -> Option<String> {
        let before = self.view.cluster.as_ref();
        if before.is_none_or(|before| before.primary != cluster.primary) {
            let primary = cluster.primary.as_deref().unwrap_or("nobody");
            return Some(format!("{primary} is primary"));
        }
        before
            .is_none_or(|before| before.phase != cluster.phase)
            .then(|| format!("Cluster phase: {}", cluster.phase))
    }

    fn status(&self, status: &StorageState) -> Option<String> {
        let before = self.view.storage.as_ref();
        let changed: Vec<String> = status
            .volumes
            .iter()
            .filter(|now| {
                let was = before.and_then(|was| was.volumes.iter().find(|was| was.volume == now.volume));
                was.is_none_or(|was| {
                    (was.state, &was.reason, was.target) != (now.state, &now.reason, now.target)
                })
            })
            .map(|now| {
                let target = now.target.map_or(String::new(), |target| format!(", target {target}"));
                format!("{}: {} ({}{target})", now.volume, words::state(now.state), now.reason)
            })
            .collect();
        (!changed.is_empty()).then(|| changed.join("; "))
    }
}

fn acted(act: &Act) -> String {
    match act {
        Act::Fill { .. } | Act::FillUntilRefused { .. } => format!("trigger: {act}"),
        Act::StopOperator
        | Act::PatchClaim { .. }
        | Act::Scale { .. }
        | Act::SetPolicy(_)
        | Act::SetClusterSize { .. }
        | Act::UpgradeImage
        | Act::WalLogHints { .. }
        | Act::BreakArchive { .. }
        | Act::ForbidDisruptions { .. }
        | Act::Reconciliation { .. }
        | Act::StartBackup
        | Act::Restore { .. }
        | Act::DeleteStorage
        | Act::ProviderLimit { .. }
        | Act::SilenceKubelet(_) => format!("disruption: {act}"),
        Act::StartWriter { .. }
        | Act::StartOperator
        | Act::CreateStorage
        | Act::Truncate { .. }
        | Act::Uncordon
        | Act::PassTime(_)
        | Act::Verify => act.to_string(),
    }
}

fn told(backup: &BackupState) -> String {
    let phase = if backup.phase.is_empty() { "asked for" } else { &backup.phase };
    match &backup.error {
        Some(error) => format!("Backup {}: {phase}: {error}", backup.name),
        None => format!("Backup {}: {phase}", backup.name),
    }
}

/// One growth by the operator, with the times that the marks of design §8 speak of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Growth {
    /// Which volume.
    pub volume: VolumeName,
    /// To which size.
    pub to: Bytes,
    /// When headroom could first know: a sample below the buffer, a stop of the server, or the fixture.
    pub crossed_ms: u64,
    /// When the first claim was raised.
    pub patched_ms: u64,
    /// When the last claim was raised.
    pub all_patched_ms: u64,
    /// When the last claim had the capacity.
    pub grown_ms: u64,
}

impl std::fmt::Display for Growth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let since = |at: u64| {
            let tenths = at.saturating_sub(self.crossed_ms).saturating_add(50) / 100;
            format!("{}.{} s", tenths / 10, tenths % 10)
        };
        let Self { volume, to, patched_ms, all_patched_ms, grown_ms, .. } = self;
        write!(
            f,
            "completion: {volume} has {to} everywhere; after the crossing: first claim raised {}, last {}, all grown {}",
            since(*patched_ms),
            since(*all_patched_ms),
            since(*grown_ms)
        )
    }
}

/// The growths of a run, oldest first.
pub fn growths(case: &Case<'_>) -> Vec<Growth> {
    let mut list: Vec<Growth> = Vec::new();
    let mut known_from = Crossings { list: BTreeMap::new(), floor_ms: case.end.ready_ms.unwrap_or(0) };
    for entry in &case.trace.entries {
        known_from.take(entry, case.scenario.fixture.policy.target_buffer);
        if let Some((_, volume, to)) = entry.what.raise() {
            let at = entry.at_ms;
            if let Some(known) = list.iter_mut().find(|known| known.volume == *volume && known.to == to) {
                known.all_patched_ms = at;
            } else {
                let crossed_ms = known_from.of(volume).unwrap_or(at);
                let volume = volume.clone();
                list.push(Growth {
                    volume,
                    to,
                    crossed_ms,
                    patched_ms: at,
                    all_patched_ms: at,
                    grown_ms: at,
                });
            }
        } else if let Some(claim) = entry.what.claim() {
            let is_it =
                |growth: &&mut Growth| growth.volume == claim.volume && claim.capacity == Some(growth.to);
            if let Some(growth) = list.iter_mut().find(is_it) {
                growth.grown_ms = growth.grown_ms.max(entry.at_ms);
            }
        }
    }
    list
}

/// Since when headroom could have known that a file system is below the buffer.
struct Crossings {
    list: BTreeMap<(InstanceName, VolumeName), u64>,
    /// When the fixture became ready, or the operator was started again.
    floor_ms: u64,
}

impl Crossings {
    fn take(&mut self, entry: &Entry, buffer: u8) {
        if let What::Usage { instance, volume, capacity, available } = &entry.what {
            let free = u128::from(available.get()).saturating_mul(100);
            let key = (instance.clone(), volume.clone());
            if free < u128::from(buffer).saturating_mul(u128::from(capacity.get())) {
                self.list.entry(key).or_insert(entry.at_ms);
            } else {
                self.list.remove(&key);
            }
        } else if let Some(pod) = entry.what.pod().filter(|pod| pod.last_exit.is_some()) {
            self.list.entry((pod.instance.clone(), VolumeName::Data)).or_insert(entry.at_ms);
        } else if let Some(Act::StartOperator) = entry.what.act() {
            self.floor_ms = entry.at_ms;
        }
    }

    fn of(&self, volume: &VolumeName) -> Option<u64> {
        let of_volume = self.list.iter().filter(|((_, of), _)| of == volume).map(|(_, at)| *at);
        of_volume.min().map(|at| at.max(self.floor_ms))
    }
}
