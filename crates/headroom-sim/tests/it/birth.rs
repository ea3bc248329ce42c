//! Size at birth in the model, case by case, and a replica of a grown volume with and without it.

use std::{collections::BTreeMap, sync::Arc};

use headroom_core::{Bytes, names::VolumeName};
use headroom_scenario::{Act, Ended, Fact, Fixture, Topology, Wait, World};
use headroom_sim::{
    SimWorld,
    model::{
        Model, Settings,
        apiserver::named,
        custom::Custom,
        object::{ClusterSpec, MIB, Volume},
    },
};
use serde_json::{Value, json};

use crate::determinism::fixture;

const GIB: u64 = 1024 * MIB;

/// What the second instance's claim of `volume` requests when it is made, where the first one's is 1Gi.
fn born(volume: &Volume, installed: bool, spec: &Value, sizing: &Value) -> u64 {
    let mut model = Model::new(1, Settings::LAB);
    model.set_size_at_birth(installed);
    let mut custom = Custom {
        meta: named(&"pg".into()),
        generation: 1,
        finalizer: false,
        spec: Arc::new(serde_json::from_value(spec.clone()).unwrap()),
        status: None,
    };
    let sizes = [Volume::Data, Volume::Wal, Volume::Tablespace("idx".into())].map(|volume| (volume, GIB));
    let spec = ClusterSpec::new(2, BTreeMap::from(sizes));
    model.create_cluster(&"pg".into(), spec);
    custom.status = Some(Arc::new(serde_json::from_value(json!({"storageSizing": sizing})).unwrap()));
    let claim = headroom_sim::model::object::claim_name("pg-2", volume);
    while model.api().claim("pg-1").is_none() {
        model.step();
    }
    model.insert_custom(custom);
    loop {
        model.step();
        if let Some(claim) = model.api().claim(&claim) {
            return claim.requested;
        }
    }
}

#[test]
fn a_claim_is_born_with_what_the_status_says_of_its_volume() {
    let idx = Volume::Tablespace("idx".into());
    let spec = || {
        let block = json!({"limit": "4Gi"});
        json!({"clusterRef": {"name": "pg"}, "storage": block, "tablespaces": [{"name": "idx", "limit": "8Gi"}]})
    };
    let with = |pointer: &str, value: Value| {
        let mut spec = spec();
        let (holder, field) = pointer.rsplit_once('/').unwrap();
        spec.pointer_mut(holder).unwrap()[field] = value;
        spec
    };
    let sizing = || {
        let size = |text: &str| json!({"effectiveSize": text});
        json!({"data": size("2Gi"), "tablespaces": [{"name": "idx", "effectiveSize": "6144Mi"}], "wal": size("3Gi")})
    };
    let data = |text: &str| json!({"data": {"effectiveSize": text}});
    for (what, volume, installed, spec, sizing, expected) in [
        ("data", &Volume::Data, true, spec(), sizing(), 2 * GIB),
        ("a tablespace", &idx, true, spec(), sizing(), 6 * GIB),
        ("WAL", &Volume::Wal, true, spec(), sizing(), GIB),
        ("without the policy", &Volume::Data, false, spec(), sizing(), GIB),
        ("without a record", &idx, true, spec(), data("2Gi"), GIB),
        ("smaller", &Volume::Data, true, spec(), data("512Mi"), GIB),
        ("in bytes", &Volume::Data, true, spec(), data("2147483648"), 2 * GIB),
        ("no quantity", &Volume::Data, true, spec(), data("lots"), GIB),
        ("advised", &Volume::Data, true, with("/mode", json!("Advise")), sizing(), GIB),
        (
            "above the limit",
            &Volume::Data,
            true,
            with("/storage/limit", json!("1536Mi")),
            sizing(),
            1536 * MIB,
        ),
        ("limit below it", &Volume::Data, true, with("/storage/limit", json!("512Mi")), sizing(), GIB),
        (
            "an emergency's",
            &Volume::Data,
            true,
            with("/storage/emergencyGrow", json!({"emergencyLimit": "8Gi"})),
            data("6Gi"),
            6 * GIB,
        ),
        (
            "an emergency's, switched off",
            &Volume::Data,
            true,
            with("/storage/emergencyGrow", json!({"emergencyLimit": "8Gi", "enabled": false})),
            data("6Gi"),
            4 * GIB,
        ),
    ] {
        assert_eq!(born(volume, installed, &spec, &sizing), expected, "{what}");
    }
}

#[track_caller]
fn wait(world: &mut SimWorld, fact: &Fact) {
    let limit = world.limit(Wait::Recovery);
    assert!(matches!(world.advance(fact, limit), Ended::Met), "{fact:?}");
}

#[test]
fn a_replica_of_a_grown_volume_is_born_large_or_repaired() {
    // 84 percent of 960 MiB: the growth goes to 1152Mi (the arithmetic is in the catalogue, `p0_00`).
    let grown = Bytes::mebi(1152);
    for (size_at_birth, born) in [(true, 1152 * MIB), (false, GIB)] {
        let mut world = SimWorld::new(4);
        world.prepare(&Fixture { size_at_birth, ..fixture(Topology::T1) }).unwrap();
        wait(&mut world, &Fact::EveryClaimHas(VolumeName::Data, grown));
        wait(&mut world, &Fact::Settled);
        world.perform(&Act::Scale { instances: 2 }).unwrap();
        while world.model().api().claim("pg-2").is_none() {
            world.step();
        }
        assert_eq!(world.model().api().claim("pg-2").unwrap().requested, born, "{size_at_birth}");
        wait(&mut world, &Fact::All(vec![Fact::Healthy, Fact::EveryClaimHas(VolumeName::Data, grown)]));
    }
}
