//! Conditions by kstatus.

use headroom_core::{
    Report, Timestamp,
    names::VolumeName,
    report::{ClusterVerdict, VolumeReport},
};

use super::{clip, signed};
use crate::{
    names::{ConditionType, ReasonName, state},
    prose::{self, Standing},
    time,
    v1alpha1::{Condition, DynamicStorageStatus},
};

/// Why no decision can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal<'a> {
    /// The condition reason, one of [`ReasonName`] for which [`ReasonName::is_refusal`] holds. Another word is stored
    /// as `InternalError`, so that a stored refusal is always known as one.
    pub reason: &'a str,
    /// What is wrong.
    pub message: &'a str,
    /// What to do about it.
    pub hint: &'a str,
}

/// What the three conditions say.
struct Summary {
    standing: Standing,
    reason: &'static str,
    message: String,
}

/// The conditions of a decision, without transition times.
pub(super) fn of_report(report: &Report) -> Vec<Condition> {
    conditions(&summary(report), report.generation)
}

/// The conditions of a refusal, without transition times.
pub(super) fn of_refusal(refusal: &Refusal<'_>, generation: u64) -> Vec<Condition> {
    let Refusal { reason, message, hint } = refusal;
    let known = ReasonName::from_word(reason).filter(|reason| reason.is_refusal());
    let message = if hint.is_empty() { (*message).to_owned() } else { format!("{message}: {hint}") };
    let summary = Summary {
        standing: Standing::Stalled,
        reason: known.unwrap_or(ReasonName::InternalError).as_str(),
        message,
    };
    conditions(&summary, generation)
}

/// Whether the stored status says that nothing was decided or that a plan was refused. `Stalled` alone says less: a volume
/// at its limit is stalled, too.
pub fn is_refused(status: &DynamicStorageStatus) -> bool {
    let stalled = |condition: &&Condition| {
        condition.type_ == ConditionType::Stalled.as_str() && condition.status == "True"
    };
    let reason =
        status.conditions.iter().find(stalled).and_then(|found| ReasonName::from_word(&found.reason));
    reason.is_some_and(|reason| reason.is_refusal() || reason == ReasonName::PlanRefused)
}

/// Sets transition times: kept where the status did not change, else `now`.
pub(super) fn date(conditions: &mut [Condition], previous: Option<&DynamicStorageStatus>, now: Timestamp) {
    for condition in conditions {
        let kept = previous
            .and_then(|status| status.conditions.iter().find(|before| before.type_ == condition.type_))
            .filter(|before| before.status == condition.status)
            .and_then(|before| before.last_transition_time.clone());
        condition.last_transition_time = Some(kept.unwrap_or_else(|| time::to_text(now)));
    }
}

fn conditions(summary: &Summary, generation: u64) -> Vec<Condition> {
    let Summary { standing, reason, message } = summary;
    let (ready, reconciling, stalled) = match standing {
        Standing::Fine | Standing::Waiting => ("True", "False", "False"),
        Standing::Progressing => ("Unknown", "True", "False"),
        Standing::Unknown => ("Unknown", "False", "False"),
        Standing::Urgent => ("False", "True", "False"),
        Standing::LeftAlone => ("False", "False", "False"),
        Standing::Stalled => ("False", "False", "True"),
    };
    let condition = |type_: ConditionType, status: &str| Condition {
        type_: type_.as_str().to_owned(),
        status: status.to_owned(),
        observed_generation: Some(signed(generation)),
        last_transition_time: None,
        reason: (*reason).to_owned(),
        message: clip::condition(message.clone()),
    };
    vec![
        condition(ConditionType::Ready, ready),
        condition(ConditionType::Reconciling, reconciling),
        condition(ConditionType::Stalled, stalled),
    ]
}

fn summary(report: &Report) -> Summary {
    let Report { generation: _, volumes, wal: _, cluster } = report;
    let plain = |standing, reason: ReasonName, message: String| Summary {
        standing,
        reason: reason.as_str(),
        message,
    };
    match cluster {
        ClusterVerdict::Fine => of_volumes(volumes.iter()),
        ClusterVerdict::Advising => {
            let inner = of_volumes(volumes.iter());
            let message = format!("mode is Advise, nothing is changed; {}", inner.message);
            match inner.standing {
                Standing::Fine | Standing::Waiting => plain(Standing::Waiting, ReasonName::Advising, message),
                // Nothing progresses while nothing is changed.
                Standing::Progressing | Standing::Urgent => {
                    plain(Standing::LeftAlone, ReasonName::Advising, message)
                }
                Standing::Unknown | Standing::LeftAlone | Standing::Stalled => Summary { message, ..inner },
            }
        }
        ClusterVerdict::Suspended(suspension) => {
            plain(Standing::LeftAlone, ReasonName::from(*suspension), prose::suspension(*suspension))
        }
        ClusterVerdict::Paused => plain(Standing::LeftAlone, ReasonName::Paused, prose::paused(volumes)),
        ClusterVerdict::Releasing => plain(Standing::Progressing, ReasonName::Releasing, prose::releasing()),
        ClusterVerdict::Trapped { primary, by } => {
            plain(Standing::Stalled, ReasonName::from(by), prose::trapped(primary, by))
        }
        ClusterVerdict::Refused { cause, words } => {
            let inner = of_volumes(volumes.iter());
            let message = format!("{}; {}", prose::refused(*cause, words), inner.message);
            plain(Standing::Stalled, ReasonName::from(*cause), message)
        }
        ClusterVerdict::PlanRefused(codes) => {
            plain(Standing::Stalled, ReasonName::PlanRefused, prose::plan_refused(codes))
        }
    }
}

/// The worst volume gives reason and message; others that need looking at are named after it.
fn of_volumes<'a>(volumes: impl Iterator<Item = (&'a VolumeName, &'a VolumeReport)>) -> Summary {
    let mut judged: Vec<_> = volumes.map(|(name, volume)| (prose::standing(volume), name, volume)).collect();
    judged.sort_by_key(|(standing, name, _)| (std::cmp::Reverse(*standing), *name));
    let Some(((standing, name, worst), others)) = judged.split_first() else {
        return Summary {
            standing: Standing::Unknown,
            reason: ReasonName::NothingSeen.as_str(),
            message: "no volume has been judged yet: the Cluster and its claims are being read".to_owned(),
        };
    };
    let mut message = format!("{name}: {}", prose::volume(name, worst));
    for (standing, name, volume) in others {
        if *standing > Standing::Fine {
            let reason = ReasonName::from(&volume.reason).as_str();
            message = format!("{message}; {name}: {} ({reason})", state(volume.state));
        }
    }
    Summary { standing: *standing, reason: ReasonName::from(&worst.reason).as_str(), message }
}
