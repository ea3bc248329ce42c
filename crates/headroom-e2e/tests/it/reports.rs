//! What the reports say of a hand-made matrix.

use expect_test::expect;
use headroom_e2e::{html, junit, machine, terminal};
use headroom_scenario::Outcome::{Blank, Failed, Inconclusive, Passed};
use serde_json::{Value, json};

use crate::made;

#[test]
fn the_table_shows_the_matrix_what_failed_and_how_to_replay_it() {
    let plain = anstream::adapter::strip_str(&terminal::table(&made::matrix())).to_string();
    expect![[r#"
        scenario       T1  T2  T3
        p0_00_grows     ✓   ✗   ?
        p0_00_repairs   –   ✓    

        ✗ p0_00_grows@t2
            storage: every data claim requests 2Gi; found: <1Gi> & "less"
            replay: cargo e2e --filter 'p0_00_grows@t2' --seed 7

        ? p0_00_grows@t3: nothing has reached the gate node-step
            replay: cargo e2e --filter 'p0_00_grows@t3' --seed 7

        – p0_00_repairs@t1: no sibling

        2 passed, 1 failed, 1 inconclusive, 1 skipped
    "#]]
    .assert_eq(&plain);
}

#[test]
fn json_has_exactly_the_promised_shape() {
    let value: Value = serde_json::from_str(&machine::json(&made::matrix())).expect("JSON");
    let keys =
        |value: &Value| value.as_object().map(|fields| fields.keys().cloned().collect::<Vec<_>>()).unwrap();
    assert_eq!(keys(&value), ["results", "seed", "world"]);
    let result = &value["results"][1];
    assert_eq!(
        keys(result),
        ["assertions", "id", "outcome", "scenario", "seconds", "timeline", "title", "topology", "trace_hash"]
    );
    assert_eq!((&result["id"], &result["outcome"]), (&json!("p0_00_grows@t2"), &json!("failed")));
    assert_eq!(result["seconds"], json!(12.345));
    assert_eq!(result["trace_hash"], json!("cbf29ce484222325"));
    assert_eq!(
        result["assertions"][0],
        json!({"class": "functional", "text": "as it should be", "held": true})
    );
    assert_eq!(result["timeline"][1], json!({"at": 2.5, "what": "disruption: kill the operator"}));
}

#[test]
fn yaml_says_the_same_as_json() {
    let matrix = made::matrix();
    let parsed: Value = serde_saphyr::from_str(&machine::yaml(&matrix)).expect("YAML");
    assert_eq!(parsed, machine::value(&matrix));
}

#[test]
fn junit_counts_failures_errors_and_skips_and_escapes_texts() {
    let xml = junit::render(&made::matrix()).expect("XML");
    for part in [
        r#"tests="5""#,
        r#"errors="1""#,
        r#"failures="1""#,
        "&lt;1Gi&gt;",
        "<skipped",
        "replay: cargo e2e",
        "disruption: kill the operator",
    ] {
        assert!(xml.contains(part), "{part} is missing in {xml}");
    }
}

#[test]
fn html_is_one_file_that_needs_no_network_and_escapes_texts() {
    let page = html::render(&made::matrix()).expect("HTML");
    for part in ["p0_00_grows@t2", "&lt;1Gi&gt;", "2 passed, 1 failed", "kill the operator", "no sibling"] {
        assert!(page.contains(part), "{part} is missing");
    }
    for foreign in ["http://", "https://", " src=", "<link", "@import", "url("] {
        assert!(!page.contains(foreign), "{foreign} must not be in it");
    }
}

#[test]
fn the_exit_code_tells_failed_from_inconclusive() {
    let code = |outcomes: &[_]| made::only(outcomes).exit_code();
    assert_eq!(code(&[Passed, Blank]), 0);
    assert_eq!(code(&[Passed, Inconclusive, Failed]), 1);
    assert_eq!(code(&[Passed, Inconclusive, Blank]), 2);
}
