//! What people do to a Cluster, as the model has it: upgrades, drains, Backups, recovery.

use headroom_sim::model::{
    Happened, Model,
    backup::Backup,
    gate::Held,
    object::{ClusterSpec, MIB, NEWER_IMAGE, Volume, phase},
    postgres::Goal,
};

use crate::model::{GIB, healthy, pass, pg, phase_of, ready, until};

const LIMIT: u64 = 200_000;

fn edit(model: &mut Model, edit: impl FnOnce(&mut ClusterSpec)) {
    model.change(|model| model.edit_cluster(&pg(), |cluster| edit(&mut cluster.spec)));
}

fn primary(model: &Model) -> String {
    let cluster = model.api().cluster("pg").unwrap();
    cluster.status.current_primary.as_deref().unwrap().to_owned()
}

fn on_new_image(model: &Model) -> Vec<String> {
    let pods = model.api().pods().filter(|pod| pod.job.is_none() && &*pod.image == NEWER_IMAGE);
    pods.map(|pod| pod.meta.name.to_string()).collect()
}

/// Runs until the newest Backup has ended; how it did.
fn backup_ended(model: &mut Model) -> Backup {
    let mut newest = None;
    let deadline = model.now() + LIMIT;
    loop {
        for happened in model.take_happened() {
            if let Happened::Backup(backup) = happened {
                newest = Some(backup);
            }
        }
        match &newest {
            Some(backup) if ["completed", "failed"].contains(&backup.phase) => break,
            Some(_) | None => {}
        }
        assert!(model.next_at().is_some_and(|at| at <= deadline), "the Backup ends; it is {newest:?}");
        model.step();
    }
    newest.unwrap()
}

#[test]
fn an_image_upgrade_replaces_replicas_first_and_then_the_primary_whom_nobody_follows() {
    let mut model = healthy(1, 3, &[]);
    edit(&mut model, |spec| spec.image = NEWER_IMAGE.into());
    let mut order: Vec<String> = Vec::new();
    let done = until(&mut model, LIMIT, |model| {
        let new = on_new_image(model);
        order.extend(new.iter().filter(|name| !order.contains(name)).cloned().collect::<Vec<_>>());
        assert_eq!(primary(model), "pg-1");
        new.len() == 3 && phase_of(model) == Some(phase::HEALTHY)
    });
    assert!(done.is_some());
    assert_eq!(order, ["pg-3", "pg-2", "pg-1"]);
}

#[test]
fn a_supervised_upgrade_waits_for_a_switchover() {
    let mut model = healthy(2, 2, &[]);
    edit(&mut model, |spec| {
        spec.supervised = true;
        spec.image = NEWER_IMAGE.into();
    });
    assert!(until(&mut model, LIMIT, |model| phase_of(model) == Some(phase::WAITING_FOR_USER)).is_some());
    pass(&mut model, 60_000);
    assert_eq!(on_new_image(&model), ["pg-2"]);
    model.change(|model| model.switch_over(&pg(), &"pg-2".into()));
    let done = |model: &Model| on_new_image(model).len() == 2 && phase_of(model) == Some(phase::HEALTHY);
    assert!(until(&mut model, LIMIT, done).is_some());
    assert_eq!(primary(&model), "pg-2");
}

#[test]
fn without_reconciliation_nothing_follows_from_a_change_until_it_is_back() {
    let mut model = healthy(3, 1, &[]);
    edit(&mut model, |spec| {
        spec.reconcile = false;
        spec.instances = 2;
    });
    pass(&mut model, 60_000);
    assert!(model.api().claim("pg-2").is_none());
    edit(&mut model, |spec| spec.reconcile = true);
    assert!(until(&mut model, LIMIT, |model| ready(model, "pg-2")).is_some());
}

#[test]
fn a_cordoned_primary_moves_only_to_a_node_that_takes_pods() {
    let mut model = healthy(4, 2, &[]);
    model.change(Model::cordon_all);
    pass(&mut model, 60_000);
    assert_eq!(primary(&model), "pg-1");
    model.change(Model::uncordon_all);
    pass(&mut model, 60_000);
    assert_eq!(primary(&model), "pg-1", "the end of a cordon moves nobody");
}

#[test]
fn sizes_in_the_spec_wait_for_a_join_to_end() {
    let mut model = healthy(5, 1, &[]);
    edit(&mut model, |spec| spec.instances = 2);
    let joins = |model: &Model| model.api().jobs().any(|job| !job.succeeded && !job.initdb);
    assert!(until(&mut model, LIMIT, joins).is_some());
    edit(&mut model, |spec| {
        spec.sizes.insert(Volume::Data, 2 * GIB);
    });
    let raised = |model: &Model| model.api().claim("pg-1").is_some_and(|claim| claim.requested == 2 * GIB);
    until(&mut model, LIMIT, |model| raised(model) || !joins(model));
    assert!(!raised(&model));
    assert!(until(&mut model, LIMIT, raised).is_some());
}

#[test]
fn a_backup_without_a_backup_section_fails_at_once_and_says_why() {
    let mut model = healthy(6, 1, &[]);
    model.change(|model| model.start_backup(&pg()));
    let backup = backup_ended(&mut model);
    assert_eq!(backup.phase, "failed");
    assert!(backup.error.unwrap().contains("no backup section"));
}

#[test]
fn a_backup_survives_a_restart_before_its_snapshots_and_fails_after_one_behind_them() {
    for (wait, ends) in [(1_000, "completed"), (12_000, "failed")] {
        let mut model = healthy(7, 1, &[]);
        edit(&mut model, |spec| spec.snapshots_online = Some(true));
        model.change(|model| model.start_backup(&pg()));
        let end = model.now() + wait;
        while model.next_at().is_some_and(|at| at <= end) {
            model.step();
        }
        model.change(|model| model.delete_pod(&"pg-1".into()));
        let backup = backup_ended(&mut model);
        assert_eq!((backup.phase, backup.error.is_some()), (ends, ends == "failed"));
    }
}

#[test]
fn an_offline_backup_fences_its_instance_and_nobody_is_promoted_for_it() {
    let mut model = healthy(8, 1, &[]);
    edit(&mut model, |spec| spec.snapshots_online = Some(false));
    model.change(|model| model.start_backup(&pg()));
    let fenced =
        |model: &Model| !model.api().cluster("pg").unwrap().fenced.is_empty() && !ready(model, "pg-1");
    assert!(until(&mut model, LIMIT, fenced).is_some());
    let done = |model: &Model| model.completed_backup().is_some() && ready(model, "pg-1");
    assert!(until(&mut model, LIMIT, done).is_some());
    assert_eq!(primary(&model), "pg-1");
}

#[test]
fn a_recovered_cluster_has_the_rows_and_bytes_of_its_backup() {
    let mut model = healthy(9, 1, &[]);
    edit(&mut model, |spec| spec.snapshots_online = Some(false));
    model.change(|model| model.set_filler(&pg(), Volume::Data, 100 * MIB, Goal::Content(500 * MIB)));
    pass(&mut model, 20_000);
    model.change(|model| model.start_backup(&pg()));
    assert!(until(&mut model, LIMIT, |model| model.completed_backup().is_some()).is_some());
    let backup = model.completed_backup().unwrap();
    model.change(|model| model.set_filler(&pg(), Volume::Data, 100 * MIB, Goal::Content(700 * MIB)));
    pass(&mut model, 30_000);
    let spec = model.api().cluster("pg").unwrap().spec.clone();
    model.delete_cluster(&pg());
    let gone = |model: &Model| model.api().claims().next().is_none() && model.api().pods().next().is_none();
    assert!(until(&mut model, LIMIT, gone).is_some());
    model.recover_cluster(&pg(), &backup, spec);
    assert!(until(&mut model, LIMIT, |model| phase_of(model) == Some(phase::HEALTHY)).is_some());
    assert_eq!(model.content(&pg(), &Volume::Data), 500 * MIB);
}

#[test]
fn a_claim_smaller_than_its_snapshot_stays_pending() {
    let mut model = healthy(10, 1, &[]);
    edit(&mut model, |spec| spec.snapshots_online = Some(false));
    model.change(|model| model.patch_claim("pg-1", 2 * GIB)).unwrap();
    pass(&mut model, 60_000);
    model.change(|model| model.start_backup(&pg()));
    assert!(until(&mut model, LIMIT, |model| model.completed_backup().is_some()).is_some());
    let backup = model.completed_backup().unwrap();
    let spec = model.api().cluster("pg").unwrap().spec.clone();
    model.delete_cluster(&pg());
    assert!(until(&mut model, LIMIT, |model| model.api().claims().next().is_none()).is_some());
    model.recover_cluster(&pg(), &backup, spec);
    pass(&mut model, LIMIT);
    assert_eq!(model.api().claim("pg-1").and_then(|claim| claim.capacity), None);
}

#[test]
fn a_held_provisioner_binds_when_it_is_let_go() {
    let mut model = healthy(11, 1, &[]);
    model.hold(Held::Provision);
    edit(&mut model, |spec| spec.instances = 2);
    pass(&mut model, 30_000);
    assert_eq!(model.api().claim("pg-2").and_then(|claim| claim.capacity), None);
    model.change(|model| model.let_go(Held::Provision));
    assert!(until(&mut model, LIMIT, |model| ready(model, "pg-2")).is_some());
}

#[test]
fn a_required_standby_that_is_away_stops_the_commits() {
    let mut model = healthy(12, 2, &[]);
    // The number is read when the Cluster is made: here it is made anew.
    model.delete_cluster(&pg());
    assert!(until(&mut model, LIMIT, |model| model.api().claims().next().is_none()).is_some());
    let sizes = [(Volume::Data, GIB)].into();
    model.create_cluster(&pg(), ClusterSpec { synchronous: 1, ..ClusterSpec::new(2, sizes) });
    assert!(until(&mut model, LIMIT, |model| phase_of(model) == Some(phase::HEALTHY)).is_some());
    model.change(|model| model.set_writer(&pg(), Some(10)));
    pass(&mut model, 10_000);
    assert!(model.rows_flow(&pg()));
    model.change(|model| model.delete_pod(&"pg-2".into()));
    pass(&mut model, 3_000);
    assert!(!model.rows_flow(&pg()) && model.serving(&pg()));
    assert!(until(&mut model, LIMIT, |model| model.rows_flow(&pg())).is_some());
}
