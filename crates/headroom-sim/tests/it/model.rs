//! The model's rules one by one, each against the experiment it stands on.

use std::collections::BTreeMap;

use headroom_sim::model::{
    Model, Settings,
    apiserver::ApiError,
    object::{ClusterSpec, Container, MIB, Name, Step, Volume, phase},
    postgres::Goal,
    storage::DriverError,
};

pub(crate) const GIB: u64 = 1024 * MIB;

pub(crate) fn pg() -> Name {
    "pg".into()
}

pub(crate) fn healthy(seed: u64, instances: u32, more: &[(Volume, u64)]) -> Model {
    let mut sizes = BTreeMap::from([(Volume::Data, GIB)]);
    sizes.extend(more.iter().cloned());
    let mut model = Model::new(seed, Settings::LAB);
    let spec = ClusterSpec::new(instances, sizes);
    model.create_cluster(&pg(), spec);
    let ready = |model: &Model| phase_of(model) == Some(phase::HEALTHY);
    assert!(until(&mut model, 200_000, ready).is_some(), "the Cluster becomes healthy");
    model
}

pub(crate) fn phase_of(model: &Model) -> Option<&'static str> {
    model.api().cluster("pg").and_then(|cluster| cluster.status.phase)
}

/// Runs until the condition holds; how long that took, or `None` when it did not within `limit` milliseconds.
pub(crate) fn until(model: &mut Model, limit: u64, mut holds: impl FnMut(&Model) -> bool) -> Option<u64> {
    let start = model.now();
    while !holds(model) {
        if model.next_at().is_none_or(|at| at > start + limit) {
            model.pass(start + limit);
            return None;
        }
        model.step();
        model.take_happened();
    }
    Some(model.now() - start)
}

pub(crate) fn pass(model: &mut Model, span: u64) {
    assert_eq!(until(model, span, |_| false), None);
}

fn patch(model: &mut Model, claim: &str, to: u64) -> Result<(), ApiError> {
    model.change(|model| model.patch_claim(claim, to))
}

fn capacity(model: &Model, claim: &str) -> u64 {
    model.api().claim(claim).and_then(|claim| claim.capacity).unwrap_or(0)
}

fn step(model: &Model, claim: &str) -> Step {
    model.api().claim(claim).map_or(Step::None, |claim| claim.step)
}

fn last_exit(model: &Model, pod: &str) -> Option<i32> {
    model.api().pod(pod).and_then(|pod| pod.last_exit).map(|exit| exit.code)
}

pub(crate) fn ready(model: &Model, pod: &str) -> bool {
    model.api().pod(pod).is_some_and(|pod| pod.ready)
}

fn fill_until_refused(model: &mut Model, volume: Volume) {
    model.change(|model| model.set_filler(&pg(), volume, 100 * MIB, Goal::Refused { stop_at: u64::MAX }));
}

#[test]
fn a_size_lowered_before_the_controller_acts_is_the_one_that_counts() {
    let mut model = healthy(1, 1, &[]);
    patch(&mut model, "pg-1", 2 * GIB).unwrap();
    patch(&mut model, "pg-1", 1536 * MIB).unwrap();
    pass(&mut model, 60_000);
    assert_eq!(capacity(&model, "pg-1"), 1536 * MIB);
}

#[test]
fn a_size_lowered_after_the_controller_acted_grows_all_the_same_and_cannot_go_below_capacity() {
    let mut model = healthy(1, 1, &[]);
    patch(&mut model, "pg-1", 2560 * MIB).unwrap();
    until(&mut model, 5_000, |model| step(model, "pg-1") == Step::NodePending).unwrap();
    patch(&mut model, "pg-1", 2 * GIB).unwrap();
    pass(&mut model, 60_000);
    assert_eq!(capacity(&model, "pg-1"), 2560 * MIB);
    assert_eq!(step(&model, "pg-1"), Step::None);
    for to in [1536 * MIB, GIB] {
        assert!(matches!(patch(&mut model, "pg-1", to), Err(ApiError::Invalid(_))));
    }
    patch(&mut model, "pg-1", 2304 * MIB).unwrap();
    pass(&mut model, 60_000);
    assert_eq!((capacity(&model, "pg-1"), step(&model, "pg-1")), (2560 * MIB, Step::None));
    patch(&mut model, "pg-1", 2624 * MIB).unwrap();
    pass(&mut model, 60_000);
    assert_eq!(capacity(&model, "pg-1"), 2624 * MIB);
}

#[test]
fn a_second_growth_waits_for_the_first_one() {
    let mut model = healthy(1, 1, &[]);
    patch(&mut model, "pg-1", 2 * GIB).unwrap();
    until(&mut model, 5_000, |model| step(model, "pg-1") == Step::NodePending).unwrap();
    patch(&mut model, "pg-1", 3 * GIB).unwrap();
    until(&mut model, 60_000, |model| capacity(model, "pg-1") > GIB).unwrap();
    assert_eq!(capacity(&model, "pg-1"), 2 * GIB);
    pass(&mut model, 60_000);
    assert_eq!(capacity(&model, "pg-1"), 3 * GIB);
}

#[test]
fn the_drivers_codes_show_as_the_resizer_shows_them() {
    #[track_caller]
    fn check(error: DriverError, shown: Step, words: bool, healed_within: u64) {
        let mut model = healthy(1, 1, &[]);
        model.driver_answers(vec![error]);
        patch(&mut model, "pg-1", 2 * GIB).unwrap();
        pass(&mut model, 1_000);
        let claim = model.api().claim("pg-1").unwrap().clone();
        assert_eq!((claim.step, claim.error.is_some()), (shown, words));
        assert!(until(&mut model, healed_within, |model| capacity(model, "pg-1") == 2 * GIB).is_some());
    }
    check(DriverError::Infeasible("code = OutOfRange"), Step::ControllerInfeasible, true, 330_000);
    check(DriverError::Final("code = Internal"), Step::ControllerInProgress, true, 30_000);
    check(DriverError::Uncertain("code = Unavailable"), Step::ControllerInProgress, false, 30_000);
}

#[test]
fn an_infeasible_size_can_be_lowered_to_one_that_the_driver_gives() {
    let mut model = healthy(1, 1, &[]);
    model.set_largest_volume(Some(2 * GIB));
    patch(&mut model, "pg-1", 4 * GIB).unwrap();
    pass(&mut model, 2_000);
    assert_eq!(step(&model, "pg-1"), Step::ControllerInfeasible);
    patch(&mut model, "pg-1", 2 * GIB).unwrap();
    pass(&mut model, 30_000);
    assert_eq!((capacity(&model, "pg-1"), step(&model, "pg-1")), (2 * GIB, Step::None));
}

#[test]
fn refusals_carry_the_words_of_kubernetes() {
    #[track_caller]
    fn check(prepare: impl FnOnce(&mut Model), words: &str) {
        let mut model = healthy(1, 1, &[]);
        prepare(&mut model);
        match patch(&mut model, "pg-1", 2 * GIB) {
            Err(ApiError::Forbidden(said)) => assert!(said.contains(words), "{said}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(model.api().claim("pg-1").unwrap().requested, GIB);
    }
    check(
        |model| model.set_quota(Some(1536 * MIB)),
        "exceeded quota: storage, requested: requests.storage=1Gi",
    );
    check(
        |model| model.set_limit_range(Some(1536 * MIB)),
        "maximum storage usage per PersistentVolumeClaim is 1536Mi",
    );
    check(|model| model.set_class(false), "only dynamically provisioned pvc can be resized");
}

#[test]
fn an_unbound_claim_cannot_be_raised() {
    let mut model = Model::new(1, Settings::LAB);
    let sizes = BTreeMap::from([(Volume::Data, GIB)]);
    model.create_cluster(&pg(), ClusterSpec::new(1, sizes));
    until(&mut model, 5_000, |model| model.api().claim("pg-1").is_some()).unwrap();
    assert!(matches!(patch(&mut model, "pg-1", 2 * GIB), Err(ApiError::Invalid(_))));
}

#[test]
fn a_full_volume_stops_the_server_with_code_4_and_restarts_come_ever_later() {
    let mut model = healthy(1, 2, &[]);
    fill_until_refused(&mut model, Volume::Data);
    let mut starts = Vec::new();
    until(&mut model, 200_000, |model| {
        if let Some(Container::Running(since)) = model.api().pod("pg-1").map(|pod| pod.container)
            && starts.last() != Some(&since)
        {
            starts.push(since);
        }
        false
    });
    let gaps: Vec<u64> =
        starts.windows(2).skip(1).map(|pair| pair[1].saturating_sub(pair[0]) / 1000).collect();
    assert!(gaps.len() >= 4, "{gaps:?}");
    for (gap, expected) in gaps.iter().zip([10, 20, 40, 80]) {
        assert!((expected..=expected + 4).contains(gap), "{gaps:?}");
    }
    assert_eq!(last_exit(&model, "pg-1"), Some(4));
    assert_eq!(phase_of(&model), Some(phase::DISK));
    assert!(
        model.summary("n1").iter().all(|line| &*line.claim != "pg-1"),
        "hidden while the container is down"
    );
    let status = &model.api().cluster("pg").unwrap().status;
    assert_eq!(status.target_primary.as_deref(), Some("pg-1"), "no failover");
}

#[test]
fn a_full_data_volume_beside_its_wal_fails_over_nine_seconds_after_the_stop() {
    let mut model = healthy(1, 2, &[(Volume::Wal, GIB)]);
    fill_until_refused(&mut model, Volume::Data);
    until(&mut model, 700_000, |model| last_exit(model, "pg-1") == Some(0)).unwrap();
    let failing = until(&mut model, 60_000, |model| phase_of(model) == Some(phase::FAILING_OVER)).unwrap();
    assert!((7_000..=12_000).contains(&failing), "{failing}");
    let current = |model: &Model| model.api().cluster("pg").unwrap().status.current_primary.clone();
    until(&mut model, 10_000, |model| current(model).as_deref() == Some("pg-2")).unwrap();
    patch(&mut model, "pg-1", 2 * GIB).unwrap();
    pass(&mut model, 400_000);
    assert!(!ready(&model, "pg-1"), "it has to be rebuilt");
}

#[test]
fn a_full_tablespace_stops_nothing() {
    let tablespace = Volume::Tablespace("idx".into());
    let mut model = healthy(1, 2, &[(tablespace.clone(), GIB)]);
    fill_until_refused(&mut model, tablespace.clone());
    pass(&mut model, 120_000);
    assert_eq!(phase_of(&model), Some(phase::HEALTHY));
    assert!(model.available(&pg(), &"pg-1".into(), &tablespace) <= 20 << 10);
}

#[test]
fn cnpg_sometimes_lowers_a_request_that_it_had_read_smaller() {
    let lowered = (1..=36).filter(|seed| {
        let mut model = healthy(*seed, 1, &[]);
        model.change(|model| {
            model.edit_cluster(&pg(), |cluster| {
                cluster.spec.sizes.insert(Volume::Data, 2 * GIB);
            });
        });
        pass(&mut model, 300);
        patch(&mut model, "pg-1", 3 * GIB).unwrap();
        pass(&mut model, 3_000);
        model.api().claim("pg-1").unwrap().requested == 2 * GIB
    });
    let count = lowered.count();
    assert!((3..=28).contains(&count), "{count} of 36 (10 of 36 were seen)");
}
