//! Planned growth (design §5 rule 3), on the plain path.

use headroom_core::{
    Span,
    ledger::Cause,
    names::VolumeName,
    report::{Reason, State},
    usage::{Sample, Samples},
    window::Windows,
};

use crate::world::{World, file_system, gi, instance, mi};

#[test]
fn a_volume_with_enough_free_is_left_alone() {
    let mut world = World::new(3);
    assert_eq!(world.settle(), vec![]);
    world.assert_says(State::Balanced, &Reason::EnoughFree);
}

#[test]
fn a_single_instance_grows_to_the_buffer_plus_two_points() {
    let mut world = World::new(1);
    world.set_used_all(90);
    // 0.9 × 9.9375 GiB ÷ 0.78 = 11.47 GiB of file system, 11.54 GiB of claim.
    assert_eq!(world.finish(), vec![(instance(1), gi(12))]);
    assert_eq!(world.effective(), gi(12));
    assert_eq!(world.outcomes(), vec![(Cause::Planned, "completed")]);
    world.assert_says(State::Balanced, &Reason::EnoughFree);
}

#[test]
fn a_growth_is_at_least_a_tenth() {
    let mut world = World::new(1);
    world.set_size(1, gi(50));
    world.record.volumes.clear();
    world.set_used_all(81);
    assert_eq!(world.finish(), vec![(instance(1), gi(55))]);
}

#[test]
fn small_volumes_grow_in_steps_of_64_mebibytes() {
    let mut world = World::new(1);
    world.rules().limit = gi(4);
    world.rules().unit = mi(64);
    world.set_size(1, gi(1));
    world.seen.cluster.volumes.values_mut().for_each(|spec| spec.size = Some(gi(1)));
    world.record.volumes.clear();
    world.set_used(1, 85);
    // 816 MiB ÷ 0.78 = 1046.2 MiB of file system × 1024 ÷ 960 = 1115.9 MiB, rounded up to 64.
    assert_eq!(world.finish(), vec![(instance(1), mi(1152))]);
}

#[test]
fn one_sample_below_the_buffer_is_confirmed_by_a_second_kubelet_time() {
    let mut world = World::new(1);
    let capacity = file_system(gi(10));
    let sample = |age: u32, free: u64| Sample {
        at: world.now.minus(Span::seconds(age)),
        capacity,
        available: capacity.scaled_up(free, 100).unwrap(),
    };
    let (before, first, second) = (sample(70, 21), sample(10, 19), sample(0, 19));
    let mut samples = Samples::none();
    samples.push(before);
    samples.push(first);
    world.set_samples(1, samples.clone());
    let record = world.record.clone();
    assert_eq!(world.settle(), vec![]);
    world.assert_says(State::Balanced, &Reason::EnoughFree);
    assert_eq!(world.record, record, "a lone sample is not worth a write");
    samples.push(second);
    world.set_samples(1, samples);
    assert_eq!(world.settle(), vec![(instance(1), gi(11))]);
}

#[test]
fn the_very_first_sample_below_the_buffer_says_what_it_waits_for() {
    let mut world = World::new(1);
    world.record.volumes.clear();
    let capacity = file_system(gi(10));
    let mut samples = Samples::none();
    samples.push(Sample { at: world.now, capacity, available: capacity.scaled_up(10, 100).unwrap() });
    world.set_samples(1, samples);
    assert_eq!(world.settle(), vec![]);
    world.assert_says(State::PendingGrowth, &Reason::Confirming);
}

/// The operator starts anew and has seen `free` percent once, a minute later.
fn restarted(world: &mut World, free: u64) {
    world.forget_samples(1);
    world.advance(Span::seconds(60));
    let capacity = file_system(gi(10));
    let mut samples = Samples::none();
    samples.push(Sample { at: world.now, capacity, available: capacity.scaled_up(free, 100).unwrap() });
    world.set_samples(1, samples);
}

#[test]
fn a_restarted_operator_takes_what_is_recorded_for_the_earlier_sample() {
    let mut world = World::new(1);
    world.seen.windows.insert(VolumeName::Data, Windows::Never);
    world.set_used(1, 90);
    world.settle();
    world.assert_says(State::PendingGrowth, &Reason::NoWindowAhead);
    let record = world.record.clone();
    for free in [10, 21, 10] {
        restarted(&mut world, free);
        assert_eq!(world.settle(), vec![]);
        world.assert_says(State::PendingGrowth, &Reason::NoWindowAhead);
        assert_eq!(world.record, record, "nothing new is worth a write");
    }
    world.seen.windows.insert(VolumeName::Data, Windows::Always);
    assert_eq!(world.settle(), vec![(instance(1), gi(12))]);
}

#[test]
fn a_volume_that_hovers_at_its_buffer_outside_the_window_is_written_once() {
    let mut world = World::new(1);
    world.seen.windows.insert(VolumeName::Data, Windows::Never);
    world.set_used(1, 79);
    let capacity = file_system(gi(10));
    let mut written = Vec::new();
    let mut states = Vec::new();
    for (index, free) in [21, 19, 21, 19, 19, 21, 19, 21, 19, 19, 21].into_iter().enumerate() {
        world.advance(Span::seconds(60));
        let uid = world.claim(1).id.uid.clone();
        let available = capacity.scaled_up(free, 100).unwrap();
        let samples = world.seen.evidence.samples.get_mut(&uid).unwrap();
        samples.push(Sample { at: world.now, capacity, available });
        let before = world.record.clone();
        assert_eq!(world.settle(), vec![]);
        if world.record != before {
            written.push(index);
        }
        let state = world.report().state;
        if states.last() != Some(&state) {
            states.push(state);
        }
    }
    assert_eq!(written, [4], "when two samples agreed");
    assert_eq!(states, [State::Balanced, State::PendingGrowth]);
    // Two samples with room end it.
    world.advance(Span::seconds(60));
    world.set_used(1, 70);
    world.settle();
    world.assert_says(State::Balanced, &Reason::EnoughFree);
}

#[test]
fn the_worst_member_decides_and_all_get_the_same() {
    let mut world = World::new(3);
    world.set_used(3, 92);
    let patches = world.finish();
    assert_eq!(patches, vec![(instance(2), gi(12)), (instance(3), gi(12)), (instance(1), gi(12))]);
    assert_eq!(world.outcomes(), vec![(Cause::Planned, "completed")]);
}

#[test]
fn worst_is_by_share_not_by_bytes() {
    let mut world = World::new(2);
    let capacity = file_system(gi(10));
    // The primary's ext4 has fewer free bytes but is the smaller one by share.
    world.set_available(1, gi(9), gi(2));
    world.set_available(2, capacity, capacity.scaled_up(21, 100).unwrap());
    assert_eq!(world.settle(), vec![]);
    world.assert_says(State::Balanced, &Reason::EnoughFree);
}

#[test]
fn a_raised_request_is_grown_to_without_usage() {
    let mut world = World::new(1);
    world.forget_samples(1);
    world.rules().request = Some(gi(15));
    assert_eq!(world.settle(), vec![(instance(1), gi(15))]);
    world.storage_works();
    world.settle();
    assert_eq!(world.effective(), gi(15));
    world.assert_says(State::WaitingForUsage, &Reason::NoUsage);
}

#[test]
fn a_growth_in_progress_says_what_it_waits_for() {
    let mut world = World::new(1);
    world.set_used_all(90);
    world.settle();
    let reason = Reason::WaitingForStorage { instance: instance(1), node_step: false };
    world.assert_says(State::Growing, &reason);
    world.claim(1).resize.file_system_pending = true;
    let reason = Reason::WaitingForStorage { instance: instance(1), node_step: true };
    world.assert_says(State::Growing, &reason);
}

#[test]
fn a_growth_of_more_than_a_day_keeps_its_entry_and_frees_its_slot() {
    let mut world = World::new(1);
    world.set_used_all(90);
    world.settle();
    world.claim(1).resize.step = headroom_core::observation::ResizeStep::NodePending;
    world.advance(Span::hours(25));
    world.set_used(1, 96);
    world.settle();
    assert_eq!(world.outcomes(), vec![(Cause::Planned, "running")], "written again for the worse usage");
    assert_eq!(world.report().budget.used, 0);
    world.finish();
    assert_eq!(world.effective(), gi(12));
}

#[test]
fn done_needs_capacity_no_pending_file_system_and_a_sample_that_grew() {
    let mut world = World::new(1);
    world.set_used_all(90);
    world.settle();
    world.claim(1).capacity = Some(gi(12));
    world.claim(1).resize.file_system_pending = true;
    world.settle();
    assert_eq!(world.outcomes(), vec![(Cause::Planned, "running")], "the file system is pending");
    world.claim(1).resize.file_system_pending = false;
    world.settle();
    assert_eq!(world.outcomes(), vec![(Cause::Planned, "running")], "the sample is the old one");
    world.advance(Span::seconds(20));
    world.sample_again();
    world.settle();
    assert_eq!(world.outcomes(), vec![(Cause::Planned, "completed")]);
}

#[test]
fn done_does_not_wait_for_a_sample_of_a_stopped_container() {
    let mut world = World::new(1);
    world.set_used_all(90);
    world.settle();
    world.claim(1).capacity = Some(gi(12));
    world.stop_server(1, 0, 0);
    world.pod(1).last_exit = None;
    world.settle();
    assert_eq!(world.outcomes(), vec![(Cause::Planned, "completed")]);
}

#[test]
fn a_sample_from_before_the_growth_asks_for_nothing_more() {
    let mut world = World::new(1);
    world.set_used_all(90);
    world.settle();
    world.advance(Span::seconds(5));
    world.claim(1).capacity = Some(gi(12));
    world.stop_server(1, 0, 400);
    world.settle();
    assert_eq!(world.outcomes(), vec![(Cause::Planned, "completed")]);
    assert_eq!(world.settle(), vec![]);
    world.assert_says(State::Balanced, &Reason::EnoughFree);
}
