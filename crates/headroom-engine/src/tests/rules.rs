//! Toy rules: small enough that every outcome of the engine's tests is plain.
//!
//! Below 15 percent free: planned growth by 1Gi. Below 5 percent: emergency growth by 2Gi. A claim below the effective size is
//! raised. A refused claim waits for ten seconds.

use alloc::{collections::BTreeMap, vec::Vec};

use headroom_core::{
    Action, Bytes, Decision, Observation, Policy, Record, Report, Span, Timestamp,
    action::Resize,
    decision::{Attention, Lane, Need},
    ledger::{ActionId, Cause, Ledger, LedgerEntry, Outcome},
    lint::{Finding, Severity},
    names::{InstanceName, VolumeName},
    observation::{Freshness, MemberSeen},
    record::{Calm, Growth, Peak, VolumeRecord},
    report::{BudgetReport, ClusterVerdict, InTheWay, Reason, State, VolumeReport},
};

use crate::session::Rules;

pub(super) fn toy() -> Rules {
    Rules { decide, lint: |_, _, _, _, _| Vec::new() }
}

/// The same with a second opinion that objects to every growth.
pub(super) fn objecting() -> Rules {
    Rules {
        decide,
        lint: |_, _, before, decision, _| {
            if decision.record == *before {
                return Vec::new();
            }
            Vec::from([Finding { severity: Severity::Fatal, code: "Planted" }])
        },
    }
}

/// The same where CNPG makes no pod for the primary.
pub(super) fn trapped() -> Rules {
    Rules {
        decide: |policy, seen, record, now| {
            let mut decision = decide(policy, seen, record, now);
            let by = InTheWay::PendingPod(InstanceName::from("a-2"));
            decision.report.cluster = ClusterVerdict::Trapped { primary: InstanceName::from("a-1"), by };
            decision
        },
        lint: |_, _, _, _, _| Vec::new(),
    }
}

/// The same, and the most that was used is another one at each look.
pub(super) fn peaking() -> Rules {
    Rules {
        decide: |policy, seen, record, now| {
            let mut decision = decide(policy, seen, record, now);
            for volume in decision.record.volumes.values_mut() {
                let since = Timestamp::from_unix(0);
                let used = volume.calm.map_or(Bytes::ZERO, |calm| calm.peak.used).plus(Bytes::mebi(1));
                volume.calm = Some(Calm { since, peak: Peak { since, used, before: Bytes::ZERO } });
            }
            decision
        },
        lint: |_, _, _, _, _| Vec::new(),
    }
}

/// Rules that never come to an end: each decision wants another record.
pub(super) fn endless() -> Rules {
    Rules {
        decide: |policy, seen, record, now| {
            let mut decision = decide(policy, seen, record, now);
            decision.record.sequence = record.sequence + 1;
            decision
        },
        lint: |_, _, _, _, _| Vec::new(),
    }
}

/// The same, but WAL facts must be known first.
pub(super) fn curious() -> Rules {
    Rules {
        decide: |policy, seen, record, now| {
            let needs = if seen.evidence.wal.is_none() { Some(Need::Wal) } else { None };
            Decision { needs, ..decide(policy, seen, record, now) }
        },
        lint: |_, _, _, _, _| Vec::new(),
    }
}

/// The same, but every action rests on a quorum read.
pub(super) fn careful() -> Rules {
    Rules {
        decide: |policy, seen, record, now| {
            let decision = decide(policy, seen, record, now);
            let cached = seen.freshness == Freshness::Cached && !decision.actions.is_empty();
            Decision { needs: cached.then_some(Need::Quorum), ..decision }
        },
        lint: |_, _, _, _, _| Vec::new(),
    }
}

/// The same, but what surrounds the instances is looked at every half minute.
pub(super) fn watchful() -> Rules {
    Rules {
        decide: |policy, seen, record, now| {
            let again = seen.evidence.survey.as_ref().map(|survey| survey.at.plus(Span::seconds(30)));
            let needs = again.is_none_or(|again| again <= now).then_some(Need::Survey);
            let decision = decide(policy, seen, record, now);
            Decision { needs, wake: decision.wake.into_iter().chain(again).min(), ..decision }
        },
        lint: |_, _, _, _, _| Vec::new(),
    }
}

pub(super) fn decide(policy: &Policy, seen: &Observation, record: &Record, now: Timestamp) -> Decision {
    let claims = || seen.members.values().filter_map(|member| member.claims.get(&VolumeName::Data));
    let largest = claims().map(|claim| claim.requested).max().unwrap_or(Bytes::ZERO);
    let mut record = record.clone();
    let volume = record.volumes.entry(VolumeName::Data).or_insert_with(|| VolumeRecord {
        effective: largest,
        ledger: Ledger { entries: Vec::new() },
        growth: None,
        calm: None,
        members: BTreeMap::new(),
    });
    let samples = claims().filter_map(|claim| {
        let newest = seen.evidence.samples.get(&claim.id.uid)?.newest()?;
        (Some(newest.capacity) == claim.capacity).then_some(newest)
    });
    let worst =
        samples.map(|sample| (sample.available.get() * 1000 / sample.capacity.get(), sample.available)).min();
    if let Some(growth) = &volume.growth
        && claims().all(|claim| claim.capacity >= Some(growth.to))
    {
        volume.effective = growth.to;
        for entry in volume.ledger.entries.iter_mut().filter(|entry| entry.id == growth.id) {
            entry.outcome = Outcome::Completed { at: now };
        }
        volume.growth = None;
    } else if volume.growth.is_none()
        && let Some((free, _)) = worst.filter(|(free, _)| *free < 150)
    {
        record.sequence += 1;
        let id = ActionId(record.sequence);
        let cause = if free < 50 { Cause::Emergency } else { Cause::Planned };
        let step = Bytes::gibi(if free < 50 { 2 } else { 1 });
        let (from, to) = (volume.effective, volume.effective.plus(step));
        volume.ledger.entries.push(LedgerEntry {
            id,
            cause,
            from,
            to,
            started: now,
            outcome: Outcome::Running,
        });
        let generation = policy.generation;
        volume.growth = Some(Growth { id, cause, generation, started: now, from, to, canary: None });
    }
    let known = claims().any(|claim| seen.evidence.samples.contains_key(&claim.id.uid));
    let target = volume.growth.as_ref().map_or(volume.effective, |growth| growth.to);
    let (actions, wake) = resizes(seen, target, now);
    let emergency = volume.growth.as_ref().is_some_and(|growth| growth.cause == Cause::Emergency);
    let (lane, state) = match (emergency, volume.growth.is_some(), actions.is_empty()) {
        (true, _, _) => (Lane::Emergency, State::Emergency),
        (false, true, _) => (Lane::Running, State::Growing),
        (false, false, false) => (Lane::RepairPrimary, State::Balanced),
        (false, false, true) => (Lane::Look, if known { State::Balanced } else { State::WaitingForUsage }),
    };
    // One mebibyte left is one second left.
    let seconds = worst.map(|(_, available)| u32::try_from(available.get() >> 20).unwrap());
    let report = report(policy, volume, state);
    let attention = Attention { lane, time_to_full: seconds.map(Span::seconds), poll: Span::seconds(30) };
    Decision { record, needs: None, actions, report, wake, attention }
}

fn resizes(seen: &Observation, target: Bytes, now: Timestamp) -> (Vec<Action>, Option<Timestamp>) {
    let mut actions = Vec::new();
    let mut wake: Option<Timestamp> = None;
    for (instance, MemberSeen { claims, .. }) in &seen.members {
        let Some(claim) = claims.get(&VolumeName::Data).filter(|claim| claim.requested < target) else {
            continue;
        };
        let obstacle =
            seen.evidence.obstacles.get(&claim.id.uid).filter(|obstacle| obstacle.wanted == target);
        if let Some(until) =
            obstacle.map(|obstacle| obstacle.at.plus(Span::seconds(10))).filter(|until| *until > now)
        {
            wake = Some(wake.map_or(until, |wake| wake.min(until)));
            continue;
        }
        actions.push(Action::Resize(Resize {
            instance: instance.clone(),
            volume: VolumeName::Data,
            claim: claim.id.clone(),
            from_text: claim.requested_text.clone(),
            from: claim.requested,
            to: target,
        }));
    }
    (actions, wake)
}

fn report(policy: &Policy, volume: &VolumeRecord, state: State) -> Report {
    let budget = BudgetReport { used: 0, planned: 3, emergency: 4, next_planned: None, next_emergency: None };
    let told = VolumeReport {
        state,
        reason: Reason::EnoughFree,
        effective: Some(volume.effective),
        target: volume.growth.as_ref().map(|growth| growth.to),
        ceiling: Bytes::gibi(100),
        members: BTreeMap::new(),
        budget,
        window: None,
        running: volume.growth.as_ref().map(|growth| (growth.id, growth.cause)),
        notices: Vec::new(),
    };
    Report {
        generation: policy.generation,
        volumes: BTreeMap::from([(VolumeName::Data, told)]),
        wal: None,
        cluster: ClusterVerdict::Fine,
    }
}
