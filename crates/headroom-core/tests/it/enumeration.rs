//! Every combination of the decision's inputs: members × usage × claim state × window × budget × operation.
//!
//! For each: the second opinion has no objection, deciding and doing comes to rest within a bound, no wake-up lies in
//! the past, nothing exceeds its ceiling, no request is lowered, and no other condition hides an emergency that can be
//! acted on.

use std::thread;

use headroom_core::{
    Span, Timestamp,
    ledger::{ActionId, Cause, LedgerEntry, Outcome},
    names::{Text, VolumeName},
    observation::{ClaimPhase, ResizeStep},
    record::Growth,
    report::State,
    usage::{Sample, Samples},
    window::Windows,
};

use crate::world::{Done, World, file_system, gi, instance};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Using {
    Ample,
    Below,
    Critical,
    Stale,
    Mismatch,
    Never,
    StoppedFull,
}

pub(crate) const USING: [Using; 7] = [
    Using::Ample,
    Using::Below,
    Using::Critical,
    Using::Stale,
    Using::Mismatch,
    Using::Never,
    Using::StoppedFull,
];

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Claim {
    AsWanted,
    Small,
    InFlight,
    Infeasible,
    Unmounted,
    Pending,
}

pub(crate) const CLAIMS: [Claim; 6] =
    [Claim::AsWanted, Claim::Small, Claim::InFlight, Claim::Infeasible, Claim::Unmounted, Claim::Pending];

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Slots {
    Free,
    ReserveOnly,
    Spent,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Operation {
    None,
    Canary,
    NoCanary,
    Emergency,
    OlderSpec,
    StoppedBefore,
}

pub(crate) const OPERATIONS: [Operation; 6] = [
    Operation::None,
    Operation::Canary,
    Operation::NoCanary,
    Operation::Emergency,
    Operation::OlderSpec,
    Operation::StoppedBefore,
];

pub(crate) type Member = (Using, Claim);

fn all_members() -> Vec<Member> {
    USING.iter().flat_map(|using| CLAIMS.iter().map(|claim| (*using, *claim))).collect()
}

/// Those of which a third member adds something that two cannot show.
const THIRD: [Member; 4] = [
    (Using::Ample, Claim::AsWanted),
    (Using::Critical, Claim::AsWanted),
    (Using::Never, Claim::Small),
    (Using::StoppedFull, Claim::Infeasible),
];

fn place(world: &mut World, number: usize, (using, claim): Member) {
    let now = world.now;
    match claim {
        Claim::AsWanted | Claim::Unmounted => {}
        Claim::Small => world.set_size(number, gi(8)),
        Claim::InFlight | Claim::Infeasible => {
            let seen = world.claim(number);
            seen.requested = gi(12);
            seen.requested_text = Text::from("12Gi");
            seen.resize.step = ResizeStep::ControllerInProgress;
            if claim == Claim::Infeasible {
                seen.resize.step = ResizeStep::ControllerInfeasible;
                seen.resize.error = Some(Text::from("no room"));
            }
            let uid = seen.id.uid.clone();
            world.seen.evidence.waiting_since.insert(uid, now.minus(Span::minutes(1)));
        }
        Claim::Pending => {
            world.set_size(number, gi(8));
            world.claim(number).phase = ClaimPhase::Pending;
            world.claim(number).capacity = None;
        }
    }
    let fs = file_system(world.claim(number).capacity.unwrap_or(gi(8)));
    let percent = |free: u64| fs.scaled_up(free, 100).unwrap();
    match using {
        Using::Ample => world.set_available(number, fs, percent(50)),
        Using::Below => world.set_available(number, fs, percent(15)),
        Using::Critical => world.set_available(number, fs, percent(3)),
        Using::Stale => {
            let mut samples = Samples::none();
            samples.push(Sample { at: now.minus(Span::minutes(7)), capacity: fs, available: percent(15) });
            world.set_samples(number, samples);
        }
        Using::Mismatch => world.set_available(number, gi(200), gi(10)),
        Using::Never => world.forget_samples(number),
        Using::StoppedFull => {
            world.set_available(number, fs, percent(46));
            world.stop_server(number, 4, 3);
        }
    }
    if claim == Claim::Unmounted {
        world.seen.members.get_mut(&instance(number)).unwrap().pod = None;
    }
}

fn operate(world: &mut World, operation: Operation, slots: Slots) {
    let spent = match slots {
        Slots::Free => 0_u8,
        Slots::ReserveOnly => 3,
        Slots::Spent => 4,
    };
    let (cause, to, canary, generation) = match operation {
        Operation::None | Operation::StoppedBefore => (None, gi(12), None, 1),
        Operation::Canary => (Some(Cause::Planned), gi(12), Some(instance(2)), 1),
        Operation::NoCanary => (Some(Cause::Planned), gi(12), None, 1),
        Operation::Emergency => (Some(Cause::Emergency), gi(13), None, 1),
        Operation::OlderSpec => (Some(Cause::Planned), gi(14), Some(instance(2)), 0),
    };
    let started = world.now.minus(Span::minutes(2));
    world.record.sequence = 9;
    let running = u8::from(cause.is_some());
    for _ in 0..spent.saturating_sub(running) {
        world.spend_slot(3600);
    }
    if let Some(cause) = cause {
        world.record.sequence += 1;
        let id = ActionId(world.record.sequence);
        let entry = LedgerEntry { id, cause, from: gi(10), to, started, outcome: Outcome::Running };
        let record = world.volume_record();
        record.ledger.entries.push(entry);
        record.growth = Some(Growth { id, cause, generation, started, from: gi(10), to, canary });
    }
    if operation == Operation::StoppedBefore {
        world.record.sequence += 1;
        let id = ActionId(world.record.sequence);
        let outcome = Outcome::Refunded { at: started };
        let entry = LedgerEntry { id, cause: Cause::Planned, from: gi(10), to, started, outcome };
        world.volume_record().ledger.entries.push(entry);
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) members: Vec<Member>,
    pub(crate) open: bool,
    pub(crate) slots: Slots,
    pub(crate) operation: Operation,
}

pub(crate) fn build(base: &World, case: &Case) -> World {
    let mut world = base.clone();
    world.record.volumes.clear();
    for (index, member) in case.members.iter().enumerate() {
        place(&mut world, index + 1, *member);
    }
    // The record is older than what is seen: 10Gi is what every claim should have.
    world.volume_record();
    operate(&mut world, case.operation, case.slots);
    world.label = format!("{case:?}");
    if !case.open {
        let (start, end) = (world.now.plus(Span::hours(3)), world.now.plus(Span::hours(5)));
        world.seen.windows.insert(VolumeName::Data, Windows::Next { start, end });
    }
    world
}

fn check(base: &World, case: &Case) -> usize {
    let mut world = build(base, case);
    let requested = |world: &World| -> Vec<_> {
        world.seen.members.values().map(|member| member.claims[&VolumeName::Data].requested).collect()
    };
    let before = requested(&world);
    let mut steps = 0;
    while let Some(done) = world.step() {
        steps += 1;
        assert!(steps < 24, "comes to no rest: {case:?} {done:?}");
        if let Done::Acted(action) = done {
            assert!(case.slots != Slots::Spent || steps < 24, "{action:?}");
        }
    }
    let after = requested(&world);
    assert!(before.iter().zip(&after).all(|(before, after)| before <= after), "{case:?}");
    assert!(after.iter().all(|size| *size <= gi(100)), "{case:?}");
    let report = world.report();
    for (index, (using, claim)) in case.members.iter().enumerate() {
        let alarmed = matches!(using, Using::Critical | Using::StoppedFull);
        let reachable = !matches!(claim, Claim::Unmounted | Claim::Pending);
        if alarmed && reachable && world.seen.members[&instance(index + 1)].pod.is_some() {
            let patched = after[index] >= gi(11);
            let cannot = case.slots == Slots::Spent || report.state == State::Blocked;
            let by_repair = *claim == Claim::Small && after[index] >= gi(10);
            assert!(patched || cannot || by_repair, "an emergency is hidden: {case:?} {report:#?}");
            assert_ne!(report.state, State::Balanced, "{case:?}");
        }
    }
    steps + 1
}

fn run(first: &[Member]) -> usize {
    let mut count = 0;
    for size in 1..=3_usize {
        let base = World::new(size);
        let seconds = if size >= 2 { all_members() } else { vec![(Using::Ample, Claim::AsWanted)] };
        let thirds = if size == 3 { THIRD.to_vec() } else { THIRD[..1].to_vec() };
        for (first, second, third) in first.iter().flat_map(|first| {
            seconds.iter().flat_map({
                let thirds = &thirds;
                move |second| thirds.iter().map(move |third| (*first, *second, *third))
            })
        }) {
            let members = [first, second, third][..size].to_vec();
            for operation in OPERATIONS {
                for slots in [Slots::Free, Slots::ReserveOnly, Slots::Spent] {
                    for open in [true, false] {
                        let case = Case { members: members.clone(), open, slots, operation };
                        count += check(&base, &case);
                    }
                }
            }
        }
    }
    count
}

#[test]
fn every_combination_is_sound_and_comes_to_rest() {
    let members = all_members();
    let (left, right) = members.split_at(members.len() / 2);
    let decisions: usize = thread::scope(|scope| {
        let left = scope.spawn(|| run(left));
        let right = run(right);
        left.join().unwrap() + right
    });
    assert!(decisions > 500_000, "only {decisions} decisions were looked at");
}

#[test]
fn time_is_where_the_fixture_says() {
    assert_eq!(World::new(1).now, Timestamp::from_unix(crate::world::NOON));
}
