//! `targetBuffer` and `limit`, each raised and lowered.

use std::time::Duration;

use headroom_core::{Bytes, ledger::Cause, report::State};

use crate::{
    Act, Fact, Fixture, Gate, Strike, Topology, Wait,
    catalogue::{
        common::{GI_1, GI_4, MI_1088, MI_1280, filled, until},
        gated::Made,
        strike::{Kind, Struck, calm, sizes, strike},
    },
    expect::{Control, Functional, Storage, Timing, all},
    fixture::PolicyFixture,
    script::PolicyChange,
};

const MI_1216: Bytes = Bytes::mebi(1216);
const MI_1472: Bytes = Bytes::mebi(1472);

/// The change is seen, and what follows from it is decided, while the gate is still held. Where the gate holds the write of
/// the status itself that cannot be told by the status: it shows once the gate is let go.
fn change(change: PolicyChange, gate: Gate) -> Vec<crate::Step> {
    let mut steps = vec![strike(Strike::Change(Act::SetPolicy(change)))];
    if gate != Gate::BeforeCompletion {
        steps.push(until(Fact::Accepted, Wait::Decision));
    }
    steps
}

/// How long a patch of before a change of the spec may still be on its way: a watch shows the change up to 24 s late in
/// the simulator, and the operator gives up on a request after 10 s.
const ON_ITS_WAY: Duration = Duration::from_secs(40);

/// The same for what is given up or made smaller by the change. Where two processes lead for a moment, one may have sent
/// a patch that the other, which saw the change first, takes back: whether it arrives before or after the change is a
/// race that nobody can decide. So none is at the gate any more when it is let go.
fn taken_back(to: PolicyChange, gate: Gate) -> Vec<crate::Step> {
    let mut steps = change(to, gate);
    if gate == Gate::BeforePatch {
        steps.push(until(Fact::Calm(ON_ITS_WAY), Wait::Decision));
    }
    steps
}

fn quiet_servers() -> Vec<Functional> {
    all([
        Functional::Healthy,
        Functional::Promotions(0),
        Functional::NoServerRestart,
        Functional::PodsMade(0, 0),
    ])
}

/// 20 → 30: the running growth ends as it was meant, the next one follows.
pub(in crate::catalogue) fn buffer_raised(topology: Topology, gate: Gate) -> Made {
    let title =
        "targetBuffer is raised while a growth runs: the growth ends, and a second one gives the new buffer";
    let kind = Kind::of(topology, gate, 0);
    let volume = kind.volume();
    let strikes = change(PolicyChange::TargetBuffer(30), gate);
    let struck = Struck::new("p0_04_buffer_raised", title, kind, topology, strikes);
    let mut control = twice(&struck);
    control.extend(calm(&volume, kind));
    let mut storage = sizes(&volume, MI_1280, MI_1472);
    storage.push(Storage::FreeAtLeast(volume, 30));
    Ok(Struck { least: MI_1280, storage, control, functional: quiet_servers(), timing: longer(), ..struck }
        .at(gate))
}

/// 20 → 10: before anything is patched the growth is given up, and its slot comes back; what is patched is kept.
pub(in crate::catalogue) fn buffer_lowered(topology: Topology, gate: Gate) -> Made {
    let title = "targetBuffer is lowered while a growth runs: nothing patched, nothing grown; what is patched is kept";
    let kind = Kind::of(topology, gate, 1);
    let volume = kind.volume();
    let strikes = taken_back(PolicyChange::TargetBuffer(10), gate);
    let struck = Struck::new("p0_04_buffer_lowered", title, kind, topology, strikes);
    let mut control = all([
        Control::PassedThrough(volume.clone(), State::Growing),
        Control::NeverShown(volume.clone(), State::Emergency),
        Control::LedgerEntries(volume.clone(), Cause::Emergency, 0),
    ]);
    control.extend(calm(&volume, kind));
    control.push(Control::LedgerEntries(volume.clone(), Cause::Planned, 1));
    let (least, storage) = if gate == Gate::BeforePatch {
        control.push(Control::NoPatch(volume.clone()));
        let storage = all([
            Storage::EveryClaimRequests(volume.clone(), GI_1),
            Storage::NeverOutside(volume.clone(), GI_1, GI_1),
            Storage::FreeAtLeast(volume.clone(), 10),
        ]);
        (GI_1, storage)
    } else {
        control.push(Control::PatchesPerClaim(volume.clone(), 1));
        (struck.least, struck.storage)
    };
    Ok(Struck { least, storage, control, functional: quiet_servers(), ..struck }.at(gate))
}

/// 1088Mi → 4Gi while the volume grows to its limit: the rest follows as an operation of its own.
pub(in crate::catalogue) fn limit_raised(topology: Topology, gate: Gate) -> Made {
    let title =
        "limit is raised while a growth to the old limit runs: the growth ends, and the next one goes on";
    let kind = Kind::of(topology, gate, 2);
    let volume = kind.volume();
    let strikes = change(PolicyChange::Limit(GI_4), gate);
    let struck = Struck::new("p0_04_limit_raised", title, kind, topology, strikes);
    let plain = filled(struck.fixture.clone(), volume.clone(), 88);
    // The tablespace's neighbour has 2Gi, and the same policy.
    let policy = PolicyFixture { limit: MI_1088, critical_threshold: 99, ..plain.policy.clone() };
    let fixture = Fixture { policy, ..plain };
    let mut control = twice(&struck);
    control.extend(calm(&volume, kind));
    let storage = sizes(&volume, MI_1216, MI_1280);
    let (least, timing, functional) = (MI_1216, longer(), quiet_servers());
    Ok(Struck { fixture, least, functional, storage, control, timing, ..struck }.at(gate))
}

/// 4Gi → 1088Mi: no patch goes beyond it that was not made before.
pub(in crate::catalogue) fn limit_lowered(topology: Topology, gate: Gate) -> Made {
    let title =
        "limit is lowered while a growth runs: what is not patched yet stays below it, all claims end alike";
    let kind = Kind::of(topology, gate, 0);
    let volume = kind.volume();
    let strikes = taken_back(PolicyChange::Limit(MI_1088), gate);
    let struck = Struck::new("p0_04_limit_lowered", title, kind, topology, strikes);
    let early = gate == Gate::BeforePatch;
    let mut control = all([
        Control::PassedThrough(volume.clone(), State::Growing),
        Control::NeverShown(volume.clone(), State::Emergency),
        Control::LedgerEntries(volume.clone(), Cause::Emergency, 0),
        Control::NoDestructiveAct,
        Control::QuietAtTheEnd,
    ]);
    control.extend(kind.untouched());
    control.extend([
        Control::LedgerEntries(volume.clone(), Cause::Planned, 1),
        Control::PatchesPerClaim(volume.clone(), 1),
    ]);
    let (least, storage) = if early {
        // 21 % are free then, less on a real server, which may say that the limit is reached.
        let storage = all([
            Storage::EveryClaimRequests(volume.clone(), MI_1088),
            Storage::NeverOutside(volume.clone(), GI_1, MI_1088),
        ]);
        (MI_1088, storage)
    } else {
        control.push(Control::EndsAs(volume.clone(), State::Balanced, "EnoughFree"));
        (struck.least, struck.storage)
    };
    Ok(Struck { least, storage, control, functional: quiet_servers(), ..struck }.at(gate))
}

/// Two planned actions, two patches per claim.
fn twice(struck: &Struck) -> Vec<Control> {
    let volume = struck.kind.volume();
    all([
        Control::PassedThrough(volume.clone(), State::Growing),
        Control::NeverShown(volume.clone(), State::Emergency),
        Control::LedgerEntries(volume.clone(), Cause::Planned, 2),
        Control::LedgerEntries(volume.clone(), Cause::Emergency, 0),
        Control::PatchesPerClaim(volume, 2),
    ])
}

fn longer() -> Vec<Timing> {
    all([Timing::WithinSum(&[Wait::Growth, Wait::Decision, Wait::Growth])])
}
