//! Refusals: one call each, and the cause by code and words.

use headroom_sim::{
    http::{Fault, Resource},
    model::object::MIB,
};

use crate::world::{Operator, World};

fn refuse(code: u16, message: &str, retry_after_s: Option<u32>) -> Fault {
    Fault::Refuse { code, message: message.to_owned(), retry_after_s }
}

#[tokio::test(start_paused = true)]
async fn a_throttled_request_is_one_call_and_comes_again_when_it_was_told_to() {
    let world = World::filled(1, 84);
    world.server.next("PATCH", "/persistentvolumeclaims/pg-1", refuse(429, "slow down", Some(17)));
    let _operator = world.operator("one");
    world.until_grown("1152Mi").await;
    let [refused, done] = world.raises().try_into().expect("two calls");
    assert_eq!((refused.status, done.status), (429, 200));
    assert!(done.at >= refused.at + 17_000, "{} ms later", done.at - refused.at);
}

/// A refusal of a growth: what is set up, and the reason and words that the DynamicStorage shows.
struct Case {
    what: &'static str,
    prepare: fn(&World),
    reason: &'static str,
    words: &'static str,
}

/// The API server refuses with these words for as long as it is asked.
fn forbidden(world: &World, words: &str) {
    for _ in 0..50 {
        let words = format!("persistentvolumeclaims \"pg-1\" is forbidden: {words}");
        world.server.next("PATCH", "/persistentvolumeclaims/pg-1", refuse(403, &words, None));
    }
}

const CASES: [Case; 5] = [
    Case {
        what: "a quota",
        prepare: |world| world.server.model(|model| model.set_quota(Some(1100 * MIB))),
        reason: "QuotaExceeded",
        words: "limited: requests.storage=1100Mi",
    },
    Case {
        what: "a LimitRange",
        prepare: |world| world.server.model(|model| model.set_limit_range(Some(1100 * MIB))),
        reason: "LimitRangeExceeded",
        words: "is 1100Mi, but request is 1152Mi",
    },
    Case {
        what: "a class that was changed meanwhile",
        prepare: |world| {
            forbidden(world, "only dynamically provisioned pvc can be resized and the storageclass");
        },
        reason: "ExpansionRefused",
        words: "only dynamically provisioned pvc",
    },
    Case {
        what: "RBAC",
        prepare: |world| forbidden(world, "User \"headroom\" cannot patch resource"),
        reason: "Forbidden",
        words: "cannot patch resource",
    },
    Case {
        what: "an admission policy",
        prepare: |world| {
            forbidden(world, "ValidatingAdmissionPolicy 'x' with binding 'x' denied request: no");
        },
        reason: "Forbidden",
        words: "denied request: no",
    },
];

/// Runs an operator until it shows the refusal.
async fn refused(case: &Case) -> (World, Operator) {
    let Case { what, prepare, reason, words } = *case;
    let world = World::filled(1, 84);
    prepare(&world);
    let operator = world.operator("one");
    let storage = world
        .until(Resource::Storages, "pg", what, |storage| {
            storage["status"]["storageSizing"]["data"]["reason"] == reason
        })
        .await;
    let message = storage["status"]["storageSizing"]["data"]["message"].as_str().unwrap_or("");
    assert!(message.contains(words), "{what}: {message}");
    (world, operator)
}

#[tokio::test(start_paused = true)]
async fn each_refusal_of_a_growth_is_told_by_its_cause() {
    for case in &CASES {
        let (world, operator) = refused(case).await;
        operator.stop().await;
        assert_eq!(world.raises().len(), 1, "{}", case.what);
    }
}

#[tokio::test(start_paused = true)]
async fn a_growth_that_was_refused_at_its_first_claim_is_tried_again_after_an_hour() {
    let (world, _operator) = refused(&CASES[0]).await;
    world.server.model(|model| model.set_quota(None));
    world.until_grown("1152Mi").await;
    let [refused, done] = world.raises().try_into().expect("two calls");
    assert_eq!((refused.status, done.status), (403, 200));
    assert!(done.at >= refused.at + 3_600_000, "{} ms later", done.at - refused.at);
}
