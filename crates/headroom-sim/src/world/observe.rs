//! What the trace keeps: objects as far as the checkers look at them, samples, rows, Kubernetes Events.

use headroom_api::events::{self, EventText};
use headroom_core::{
    Bytes,
    names::{InstanceName, VolumeName},
};
use headroom_engine::note::{About, Note, NoteKind};
use headroom_scenario::{
    What,
    trace::{BackupState, ClaimState, ClusterState, PodState},
};

use super::{SimWorld, storage, translate};
use crate::model::{
    Happened,
    apiserver::{Change, Object},
    object::{Claim, Cluster, Container, Job, Pod, Role},
    stats::Measured,
};

impl SimWorld {
    /// Appends an entry.
    pub(super) fn push(&mut self, what: What) {
        self.trace.push(self.now(), what);
        self.view.catch_up(&self.trace);
    }

    /// Takes what has happened in the model into the trace and towards the watches.
    pub(super) fn absorb(&mut self) {
        for happened in self.model.take_happened() {
            match happened {
                Happened::Changed(change) => {
                    self.record_change(&change);
                    self.watch(&change);
                }
                Happened::Measured(instance, measured) => self.record_usage(&instance, &measured),
                Happened::InsertFailed { no_space } => {
                    self.record_rows();
                    self.push(What::InsertFailed { no_space });
                }
                Happened::FillDone => self.push(What::Note("the fill has reached its mark".to_owned())),
                Happened::Node { name, cordoned } => {
                    self.push(What::Node { name: name.to_string(), cordoned });
                }
                Happened::EvictionRefused(instance) => {
                    self.push(What::EvictionRefused(InstanceName::from(&*instance)));
                }
                Happened::Drained(node) => self.push(What::Drained(node.to_string())),
                Happened::Backup(backup) => self.push(What::Backup(BackupState {
                    name: backup.name.to_string(),
                    phase: backup.phase.to_owned(),
                    error: backup.error.as_deref().map(str::to_owned),
                })),
            }
        }
        self.look_at_model_gates();
    }

    fn record_change(&mut self, change: &Change) {
        match &change.object {
            Object::Claim(claim) => self.record_claim(claim, change.gone),
            Object::Pod(pod) => self.record_pod(pod, change.gone),
            Object::Cluster(_) if change.gone => self.push(What::ClusterGone),
            Object::Cluster(cluster) => {
                let state = cluster_state(cluster);
                if self.view.cluster.as_ref() != Some(&state) {
                    self.push(What::Cluster(state));
                }
            }
            Object::Custom(_) if change.gone => self.push(What::StorageGone),
            Object::Custom(custom) => {
                let state = storage::shown(custom);
                if self.view.storage.as_ref() != Some(&state) {
                    self.push(What::Storage(state));
                }
            }
            Object::Job(job) => self.record_job(job, change.gone),
            Object::Class(..) => {}
        }
    }

    /// What matters of a job is that its pods fail.
    fn record_job(&mut self, job: &Job, gone: bool) {
        let key = job.meta.name.clone();
        let known = self.job_failures.get(&key).copied().unwrap_or(0);
        if gone {
            self.job_failures.remove(&key);
        } else if job.failed > known && !job.initdb {
            self.job_failures.insert(key, job.failed);
            self.push(What::JoinFailed(InstanceName::from(&*job.instance), job.failed));
        }
    }

    fn record_claim(&mut self, claim: &Claim, gone: bool) {
        let state = claim_state(claim);
        let key = (state.instance.clone(), state.volume.clone());
        if gone {
            self.push(What::ClaimGone(key.0, key.1));
        } else if self.view.claims.get(&key) != Some(&state) {
            self.push(What::Claim(state));
        }
    }

    fn record_pod(&mut self, pod: &Pod, gone: bool) {
        if let Some(job) = &pod.job {
            let runs = !gone && matches!(pod.container, Container::Running(_));
            let joins = self.model.api().job(job).is_some_and(|job| !job.initdb);
            if runs && joins {
                self.push(What::JoinBegan(InstanceName::from(&*pod.instance)));
            }
            return;
        }
        let state = pod_state(pod);
        if gone {
            self.push(What::PodGone(state.instance));
        } else if self.view.pods.get(&state.instance) != Some(&state) {
            self.push(What::Pod(state));
        }
    }

    fn record_usage(&mut self, instance: &str, measured: &Measured) {
        for (_, volume, capacity, available) in &measured.volumes {
            let what = What::Usage {
                instance: InstanceName::from(instance),
                volume: translate::volume_name(volume),
                capacity: Bytes::new(*capacity),
                available: Bytes::new(*available),
            };
            self.push(what);
        }
    }

    /// A message of the engine as the Kubernetes Event it becomes.
    pub(super) fn announce(&mut self, note: &Note) {
        let EventText { kind, reason, message } = words(&note.what);
        let on: &[&str] = match note.what.about() {
            About::Storage => &["DynamicStorage"],
            About::Cluster => &["Cluster"],
            About::Both => &["DynamicStorage", "Cluster"],
        };
        for on in on {
            self.push(What::Event {
                kind: kind.as_str().to_owned(),
                reason: reason.to_owned(),
                on: (*on).to_owned(),
                message: message.clone(),
            });
        }
    }
}

fn words(note: &NoteKind) -> EventText {
    match note {
        NoteKind::GrowthStarted { volume, cause, from, to } => {
            events::growth_started(volume, *cause, *from, *to)
        }
        NoteKind::GrowthCompleted { volume, from, to } => events::growth_completed(volume, *from, *to),
        NoteKind::GrowthStopped { volume, reason } => events::growth_stopped(volume, reason),
        NoteKind::ShrinkCompleted { volume, from, to } => events::shrink_completed(volume, *from, *to),
        NoteKind::ShrinkTurnedBack { volume, from } => events::shrink_turned_back(volume, *from),
        NoteKind::Repairing { volume, instance, to } => events::repairing(volume, instance, *to),
        NoteKind::StateEntered { volume, state, reason } => events::state_entered(volume, *state, reason),
        NoteKind::PlanRefused(codes) => events::plan_refused(codes),
        NoteKind::Trapped { primary, by } => events::trapped(primary, by),
        NoteKind::Denied { cause, words } => events::denied(*cause, words),
        NoteKind::SessionExhausted => events::session_exhausted(),
        NoteKind::Quarantined(words) => events::quarantined(words.as_str()),
        NoteKind::Refused { reason, message } => events::refused(reason, message.as_str()),
    }
}

fn claim_state(claim: &Claim) -> ClaimState {
    ClaimState {
        instance: InstanceName::from(&*claim.instance),
        volume: VolumeName::clone(&translate::volume_name(&claim.volume)),
        uid: format!("uid-{}", claim.meta.uid),
        requested: Bytes::new(claim.requested),
        capacity: claim.capacity.map(Bytes::new),
        terminating: claim.meta.deleting,
        file_system_pending: claim.file_system_pending,
    }
}

fn pod_state(pod: &Pod) -> PodState {
    PodState {
        instance: InstanceName::from(&*pod.instance),
        uid: format!("uid-{}", pod.meta.uid),
        ready: pod.ready,
        primary: pod.role == Some(Role::Primary),
        restarts: pod.restarts,
        last_exit: pod.last_exit.map(|exit| exit.code),
        terminating: pod.meta.deleting,
        image: pod.image.to_string(),
    }
}

fn cluster_state(cluster: &Cluster) -> ClusterState {
    let status = &cluster.status;
    ClusterState {
        phase: status.phase.unwrap_or("").to_owned(),
        wanted: cluster.spec.instances,
        instances: status.instances,
        ready: status.ready,
        primary: status.current_primary.as_deref().map(str::to_owned),
        target_primary: status.target_primary.as_deref().map(str::to_owned),
        image: cluster.spec.image.to_string(),
    }
}
