//! The program as scripts meet it: exit codes, streams, files.

use std::process::{Command, Output};

use serde_json::Value;

fn e2e(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_headroom-e2e"));
    command.args(words).env("NO_COLOR", "1").output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// Runs it and demands an exit code and a part of what is said on standard error.
#[track_caller]
fn check(words: &[&str], code: i32, said: &str) -> String {
    let output = e2e(words);
    let (data, talk) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{words:?}\n{data}\n{talk}");
    assert!(talk.contains(said), "{said:?} is not said: {talk}");
    assert!(!data.contains('\u{1b}') && !talk.contains('\u{1b}'), "no colour outside a terminal");
    data
}

#[test]
fn a_cell_that_passes_ends_with_zero_and_a_plain_closing_line() {
    let data = check(&["--filter", "p0_00_at_the_limit@t1"], 0, "took");
    assert_eq!(data.lines().last(), Some("1 passed, 0 failed"), "{data}");
}

#[test]
fn a_blank_is_skipped_and_its_reason_is_printed() {
    let data = check(&["--filter", "p0_00_smaller_member_is_repaired@t1"], 0, "");
    assert!(data.contains("one instance has no sibling"), "{data}");
    assert_eq!(data.lines().last(), Some("0 passed, 0 failed, 1 skipped"), "{data}");
}

#[test]
fn a_filter_that_matches_nothing_is_bad_usage_with_a_suggestion() {
    let data = check(&["--filter", "p0_00_at_the_limmit"], 3, "did you mean p0_00_at_the_limit,");
    assert_eq!(data, "");
    check(&["--filter", "*repaired@t1", "--topology", "t2"], 3, "matches nothing in these topologies");
}

#[test]
fn an_unknown_topology_or_option_is_bad_usage() {
    check(&["--topology", "t4"], 3, "possible values: t1, t2, t3");
    check(&["--world", "clutser"], 3, "a similar value exists: 'cluster'");
    check(&["--nonsense"], 3, "unexpected argument");
}

#[test]
fn seeds_are_for_the_simulator() {
    let data =
        check(&["--filter", "p0_00_at_the_limit@t1", "--seeds", "3"], 0, "1 cells × 3 seeds, each twice");
    assert!(data.starts_with("6 runs of 3 seeds, 0 findings"), "{data}");
}

#[test]
fn one_run_with_faults_passes_and_says_so() {
    let words = [
        "--filter",
        "p0_00_at_the_limit@t1",
        "--faults",
        "stock-kubelet,crash-after@4,conflict@6",
        "--seed",
        "2",
    ];
    let data = check(&words, 0, "simulated");
    assert_eq!(data, "1 runs, 0 findings\n");
}

#[test]
fn every_fault_at_every_request_of_a_cell_is_counted() {
    let data = check(&["--filter", "*limit@t1", "--faults", "reply-lost,crash-before"], 0, "took");
    assert!(data.contains(" faults at ") && data.ends_with(" 0 findings\n"), "{data}");
}

#[test]
fn a_swarm_keeps_nothing_when_nothing_goes_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("kept.txt");
    std::fs::write(&file, "# mine\n").expect("written");
    let words = ["--filter", "*limit*", "--swarm", "4", "--keep", file.to_str().expect("UTF-8")];
    assert_eq!(check(&words, 0, "took"), "4 runs, 0 findings\n");
    assert_eq!(std::fs::read_to_string(&file).expect("read"), "# mine\n");
}

#[test]
fn a_wrong_fault_lists_those_there_are() {
    check(&["--faults", "crash"], 3, "there are all, crash-before, crash-after");
    check(&["--faults", "all,conflict@3"], 3, "cannot be mixed");
    check(&["--swarm", "3", "--faults", "all"], 3, "cannot be used with");
}

#[test]
fn help_shows_examples_and_exit_codes_on_standard_output() {
    let data = check(&["--help"], 0, "");
    for part in [
        "Examples:",
        "cargo e2e --world cluster",
        "Exit codes: 0 all passed",
        "--seeds",
        "--faults all",
        "--swarm",
    ] {
        assert!(data.contains(part), "{part} is missing");
    }
}

#[test]
fn a_list_names_each_cell_and_runs_nothing() {
    let data = check(&["--list", "--topology", "T2"], 0, "");
    assert!(data.lines().all(|line| line.contains("@t2 ") || line.contains("@t2/")), "{data}");
    let cells = headroom_scenario::catalogue::select("*", &[headroom_scenario::Topology::T2]);
    assert_eq!(data.lines().count(), cells.len());
    let line = |id: &str| data.lines().find(|line| line.starts_with(id)).expect("a line").to_owned();
    assert!(line("p0_01_operator_restart@t2/node-step").contains("  medium  own operator  "), "{data}");
    assert!(line("p1_02_rolling_upgrade@t2/node-step").contains("  slow            "), "{data}");
}

#[test]
fn json_on_standard_output_is_the_report_and_the_report_folder_holds_three_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = folder.path().join("deep/report");
    let words = [
        "--filter",
        "p0_00_at_the_limit@t2",
        "-o",
        "json",
        "--report",
        report.to_str().expect("UTF-8"),
        "--seed",
        "5",
    ];
    let data = check(&words, 0, "report.html");
    let value: Value = serde_json::from_str(&data).expect("JSON");
    assert_eq!((value["seed"].as_u64(), value["world"].as_str()), (Some(5), Some("sim")));
    let classes: std::collections::BTreeSet<&str> = value["results"][0]["assertions"]
        .as_array()
        .expect("assertions")
        .iter()
        .filter_map(|one| one["class"].as_str())
        .collect();
    assert_eq!(classes, ["control", "data", "functional", "storage", "timing"].into());
    let read = |name: &str| std::fs::read_to_string(report.join(name)).expect(name);
    assert_eq!(read("report.json"), data);
    assert!(read("junit.xml").starts_with("<?xml"));
    assert!(read("report.html").contains("<svg"));
}

#[test]
fn a_report_folder_that_cannot_be_made_is_named() {
    check(&["--filter", "p0_00_at_the_limit@t1", "--report", "/proc/nowhere"], 3, "/proc/nowhere");
}

#[test]
fn a_run_that_goes_on_runs_only_cells_that_have_not_ended() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = folder.path().to_str().expect("UTF-8");
    let words = ["--filter", "p0_00_at_the_limit", "--topology", "t1,t2", "--report", report];
    let again = |code, said: &str| check(&[&words[..], &["--resume"]].concat(), code, said);
    check(&words, 0, "report.html");
    // A mark in one result shows that it was taken over, one that is gone is made again.
    let kept = |topology| folder.path().join(format!("cells/p0_00_at_the_limit@{topology}.json"));
    let text = std::fs::read_to_string(kept("t1")).expect("the cell's file").replace("passed", "failed");
    std::fs::write(kept("t1"), text).expect("the mark");
    std::fs::remove_file(kept("t2")).expect("one result less");
    let data = again(1, "1 of 2 cells have ended");
    assert_eq!(data.lines().last(), Some("1 passed, 1 failed"), "{data}");
    assert!(kept("t2").exists(), "the new result is kept");
    std::fs::write(kept("t2"), "{").expect("half a file");
    again(3, "delete it to run its cell again");
    // Without --resume all is run anew.
    check(&words, 0, "");
    check(&["--resume"], 3, "--report <DIR>");
}
