//! Words about a shrink.

use headroom_core::{
    Bytes,
    observation::SingleOnly,
    record::TurnedBack,
    report::{ShrinkReason, State, Unhealthy, VolumeReport},
};

use super::Standing;
use crate::time::to_text;

/// How a volume stands whose shrink does or waits for this.
pub(super) fn standing(reason: &ShrinkReason) -> Standing {
    match reason {
        ShrinkReason::SurgeReverted { .. } | ShrinkReason::PromoteByHand(_) | ShrinkReason::SingleOnly(_) => {
            Standing::Stalled
        }
        ShrinkReason::Advised
        | ShrinkReason::WindowTooShort { .. }
        | ShrinkReason::Rests { .. }
        | ShrinkReason::Gathers { .. }
        | ShrinkReason::NeedsSurge
        | ShrinkReason::NeedsConsent
        | ShrinkReason::NotHealthy(_)
        | ShrinkReason::Confirming
        | ShrinkReason::FactsUnknown
        | ShrinkReason::NodeCordoned(_)
        | ShrinkReason::BackupRunning
        | ShrinkReason::ArchiverFailing
        | ShrinkReason::DisruptionForbidden(_)
        | ShrinkReason::OldPrimaryNotReady { .. }
        | ShrinkReason::FromSnapshots
        | ShrinkReason::BornSmaller(_)
        | ShrinkReason::Behind(_)
        | ShrinkReason::MeasuringWal
        | ShrinkReason::Busy
        | ShrinkReason::JobRunning(_)
        | ShrinkReason::UsageUnknown(_) => Standing::Waiting,
        ShrinkReason::AddingInstance
        | ShrinkReason::Replacing(_)
        | ShrinkReason::Copying
        | ShrinkReason::SwitchingOver(_)
        | ShrinkReason::RemovingInstance
        | ShrinkReason::TurningBack(_) => Standing::Progressing,
    }
}

const NEEDS_SURGE: &str =
    "without a further instance too few replicas would remain: set shrink.surge to Auto, or add an instance";
const NEEDS_CONSENT: &str = "a single instance cannot shrink without a switchover, a write outage of some seconds: set \
     shrink.allowSwitchoverOnSingleInstance to true to accept it";
const ARCHIVER_FAILING: &str = "WAL archiving fails, and an old primary would not come back before it has archived what it has: repair the \
     archive";
const COPYING: &str = "CloudNativePG makes an instance, which copies the primary; the copy may wait some minutes for a checkpoint";
const FACTS_UNKNOWN: &str = "Jobs, nodes, Backups, PodDisruptionBudgets or the instances' status endpoints cannot be read: see that headroom's account has \
     the role headroom-shrink and that port 8000 of the instances can be reached";
const FROM_SNAPSHOTS: &str = "backups by volume snapshot are set up, and CloudNativePG makes new replicas from the newest snapshot, which \
     is larger than the target: this version does not shrink such a Cluster";

/// What a shrink does, or what it waits for and the next step.
pub(super) fn text(reason: &ShrinkReason, report: Option<&VolumeReport>) -> String {
    let to = report.and_then(|report| report.target).map_or_else(String::new, |to| format!(" to {to}"));
    let waits = |why: &str| format!("shrinking{to} waits: {why}");
    let does = |what: &str| {
        let held = report.is_some_and(|report| report.state == State::PendingShrink);
        if held { waits(what) } else { format!("shrinking{to}: {what}") }
    };
    match reason {
        ShrinkReason::Advised => waits("mode is Advise; set mode to Apply to begin"),
        ShrinkReason::WindowTooShort { minutes } => waits(&format!(
            "what is left of the maintenance window is shorter than the {minutes} minutes that one copy may take; \
             lengthen maintenanceWindow.duration if this repeats"
        )),
        ShrinkReason::Rests { until } => waits(&format!(
            "the last shrink was less than seven days ago; the next one begins after {}",
            to_text(*until)
        )),
        ShrinkReason::Gathers { volume, until } => {
            waits(&format!("{volume} may share the pass, if it is as empty at {}", to_text(*until)))
        }
        ShrinkReason::NeedsSurge => waits(NEEDS_SURGE),
        ShrinkReason::NeedsConsent => waits(NEEDS_CONSENT),
        ShrinkReason::PromoteByHand(instance) => waits(&format!(
            "primaryUpdateStrategy is supervised: run `kubectl cnpg promote` for {instance}, then it goes on"
        )),
        ShrinkReason::NotHealthy(why) => waits(&format!("{}; it goes on when that is over", unhealthy(why))),
        ShrinkReason::Confirming => does("a second look, five seconds after the first, must agree"),
        ShrinkReason::FactsUnknown => waits(FACTS_UNKNOWN),
        ShrinkReason::NodeCordoned(node) => {
            waits(&format!("node {node} is cordoned; it goes on when it is not"))
        }
        ShrinkReason::BackupRunning => waits("a Backup runs; it goes on when that has ended"),
        ShrinkReason::ArchiverFailing => waits(ARCHIVER_FAILING),
        ShrinkReason::DisruptionForbidden(budget) => waits(&format!(
            "PodDisruptionBudget {budget} allows no disruption: loosen it, or wait until it does"
        )),
        ShrinkReason::OldPrimaryNotReady { instance, until } => waits(&format!(
            "{instance}, the old primary, is not ready after the switchover; if it is still not at {}, it is removed with \
             its claims, as its successor holds everything",
            to_text(*until)
        )),
        ShrinkReason::FromSnapshots => waits(FROM_SNAPSHOTS),
        ShrinkReason::BornSmaller(volume) => waits(&format!(
            "claims of {volume} are larger than the Cluster's spec says, and new ones would be born smaller: raise that \
             size in the Cluster first"
        )),
        ShrinkReason::SingleOnly(parameter) => waits(&single_only(*parameter)),
        ShrinkReason::Behind(instance) => waits(&format!(
            "{instance} does not stream, or is more than one WAL segment behind; it goes on when it has caught up"
        )),
        ShrinkReason::MeasuringWal => does("how fast WAL is written is measured for a minute"),
        ShrinkReason::Busy => waits("a volume of the Cluster grows or is in emergency, which comes first"),
        ShrinkReason::JobRunning(instance) => {
            waits(&format!("a Job makes {instance}; it goes on when that has ended"))
        }
        ShrinkReason::UsageUnknown(instance) => waits(&format!(
            "how much {instance} holds, or whether it fills, is not known yet: if that lasts, see whether its pod runs and the kubelet of its node answers"
        )),
        ShrinkReason::SurgeReverted { declared } => waits(&format!(
            "somebody set spec.instances back to {declared}, perhaps GitOps: have it ignore /spec/instances while a \
             shrink runs (Argo CD: ignoreDifferences), then change the DynamicStorage to go on"
        )),
        ShrinkReason::AddingInstance => does("a further instance is added, so that redundancy stays"),
        ShrinkReason::Replacing(instance) => does(&format!("{instance} is replaced")),
        ShrinkReason::Copying => does(COPYING),
        ShrinkReason::SwitchingOver(instance) => does(&format!("{instance} becomes primary")),
        ShrinkReason::RemovingInstance => does("the number of instances is restored"),
        ShrinkReason::TurningBack(why) => turning_back(*why),
    }
}

/// What a shrink would cost and save.
pub(super) fn plan(to: Bytes, copies: u32, bytes: Bytes, minutes: u32, saving: Bytes) -> String {
    format!(
        "shrinking to {to} would copy the database {copies} times, {bytes} in all, in about {minutes} minutes, with one \
         switchover; it saves {saving} over all instances"
    )
}

fn single_only(parameter: SingleOnly) -> String {
    let (wrong, right) = match parameter {
        SingleOnly::WalLogHints => ("wal_log_hints is off", "set it to on"),
        SingleOnly::WalLevel => ("wal_level is minimal", "set it to replica or logical"),
    };
    format!(
        "{wrong} in the Cluster's postgresql.parameters, with which CloudNativePG accepts a single instance only: \
         {right} (the server restarts), then it goes on"
    )
}

fn unhealthy(why: &Unhealthy) -> String {
    match why {
        Unhealthy::Phase => "the Cluster is not in its healthy phase".to_owned(),
        Unhealthy::Instances => "wanted, existing and ready instances differ".to_owned(),
        Unhealthy::Primary => "the primary moves".to_owned(),
        Unhealthy::Pod(instance) => format!("the pod of {instance} is not ready or about to go"),
        Unhealthy::Claim(instance) => format!("a claim of {instance} is missing, not bound or being resized"),
        Unhealthy::LooseClaims => {
            "claims hang loose (status.danglingPVC, initializingPVC, unusablePVC)".to_owned()
        }
        Unhealthy::Fenced => "an instance is fenced".to_owned(),
        Unhealthy::Maintained => "a node maintenance window is open".to_owned(),
        Unhealthy::Follows => "it is a replica cluster, which this version does not shrink".to_owned(),
    }
}

fn turning_back(why: TurnedBack) -> String {
    let why = match why {
        TurnedBack::Emergency => "because a volume is in emergency",
        TurnedBack::TooSmall => {
            "because so much is used by now that smaller claims do not hold it or save too little"
        }
        TurnedBack::SpecChanged => "because the DynamicStorage asks for it",
        TurnedBack::Released => "because the DynamicStorage is being deleted",
        TurnedBack::External => "because somebody else raised a claim",
    };
    format!("the shrink turns back, {why}; claims grow in place")
}
