//! The model against recordings of stock CloudNativePG: from the same triggers the same story.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::{
    replay::{Line, Trigger, read, replayed, told, triggers},
    story::Story,
};

const SEEDS: u64 = 12;

/// Recordings whose triggers the model must know.
const COVERED: [&str; 26] = [
    "01-create-1",
    "02-create-3",
    "03-scale-up",
    "04-scale-down",
    "05-pvc-patched-directly",
    "05b-join-into-smaller-volume",
    "06-storage-size-raised",
    "07-switchover-promote",
    "08a-primary-deleted-t1",
    "08b-primary-deleted-t3",
    "09-primary-force-deleted-t3",
    "10a-replica-destroyed-t3",
    "10b-replica-destroyed-t2",
    "10c-middle-replica-destroyed-t3",
    "11a-drain-t1",
    "11b-drain-t2",
    "11c-drain-t3",
    "11d-drain-t1-no-pdb",
    "12a-volume-full-t1",
    "12b-volume-full-t3",
    "12c-volume-full-t3-pod-deleted",
    "13-config-restart",
    "14-operator-deleted-during-create",
    "15-replica-pvc-deleted",
    "16-storage-size-lowered",
    "17-backup-objects",
];

fn recordings(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"))
        .collect();
    found.sort();
    found
}

/// Whether how long it took counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// It does: the model's times are from this set-up.
    Recorded,
    /// It does not: another machine, perhaps a busy one.
    Another,
}

/// Where the model's story differs from the recorded one.
fn differences(recorded: &Story, model: &Story, pace: Pace) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |what: &str, recorded: String, model: String| {
        if recorded != model {
            found.push(format!("{what}\n    recorded {recorded}\n    model    {model}"));
        }
    };
    compare("phases", format!("{:?}", recorded.phases), format!("{:?}", model.phases));
    compare("primaries", format!("{:?}", recorded.primaries), format!("{:?}", model.primaries));
    compare("claims", format!("{:?}", recorded.claims), format!("{:?}", model.claims));
    compare("pods", pods(recorded, pace), pods(model, pace));
    compare("jobs", format!("{:?}", recorded.jobs), format!("{:?}", model.jobs));
    compare("backups", format!("{:?}", recorded.backups), format!("{:?}", model.backups));
    compare("order of readiness", format!("{:?}", recorded.ready), format!("{:?}", model.ready));
    compare("resizing", format!("{:?}", recorded.resized), format!("{:?}", model.resized));
    compare("lists at the end", format!("{:?}", recorded.last), format!("{:?}", model.last));
    if pace == Pace::Another {
        return found;
    }
    let (low, high) = (recorded.ended_ms * 55 / 100 - 4_000, recorded.ended_ms * 160 / 100 + 6_000);
    if !(low..=high).contains(&model.ended_ms) {
        found.push(format!("ends after {} ms, not within {low} to {high}", model.ended_ms));
    }
    found
}

/// How each pod fared. How often a server starts in vain before somebody has made room is a matter of seconds.
fn pods(story: &Story, pace: Pace) -> String {
    let mut pods = story.pods.clone();
    for told in pods.values_mut().filter(|_| pace == Pace::Another) {
        for word in std::mem::take(told) {
            told.push(word);
            let again = matches!(&told[..], [.., exit, running, other, next]
                if exit.starts_with("exit ") && (exit, running) == (other, next));
            told.truncate(told.len() - if again { 2 } else { 0 });
        }
    }
    format!("{pods:?}")
}

/// Replays one recording under several seeds; `Ok(false)`: the model does not know one of its triggers.
fn conforms(path: &Path, pace: Pace) -> Result<bool, String> {
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    let lines = read(path);
    let triggers = match triggers(&lines) {
        Ok(triggers) => triggers,
        Err(unknown) => {
            eprintln!("not modelled: {name}: {}", unknown.lines().next().unwrap_or(""));
            return Ok(false);
        }
    };
    let recorded = told(&lines);
    let last = lines.iter().map(|line| line.at_ms).max().unwrap_or(0);
    for seed in 1..=SEEDS {
        // The model may be slower than the recording; what follows its last record is silence.
        let model = replayed(&lines, &triggers, seed, last + 60_000);
        let found = differences(&recorded, &model, pace);
        if !found.is_empty() {
            return Err(format!("{name}, seed {seed}:\n  {}", found.join("\n  ")));
        }
    }
    Ok(true)
}

#[test]
fn the_model_tells_the_recorded_stories_of_stock_cloudnativepg() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/cnpg/traces");
    let recordings = recordings(&folder);
    if recordings.is_empty() {
        eprintln!("skipped: ../shared/cnpg/traces is absent");
        return;
    }
    let mut failures = Vec::new();
    for path in recordings {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let must = COVERED.contains(&name.as_str());
        match conforms(&path, Pace::Recorded) {
            Ok(known) => assert!(known || !must, "{name} must be replayed"),
            Err(difference) => failures.push(difference),
        }
    }
    assert!(failures.is_empty(), "{} recordings differ:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn the_model_tells_the_stories_that_the_project_recorded_itself() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traces");
    let recordings = recordings(&folder);
    if recordings.is_empty() {
        eprintln!("skipped: crates/headroom-sim/tests/traces has no recordings yet");
        return;
    }
    for path in recordings {
        if let Err(difference) = conforms(&path, Pace::Another) {
            panic!("{difference}");
        }
    }
}

/// `HEADROOM_RECORDINGS` names a folder that `headroom-standin record` has just written. Whoever names one wants it compared:
/// an empty one fails.
#[test]
fn the_model_tells_the_stories_that_were_just_recorded() {
    let Some(folder) = std::env::var_os("HEADROOM_RECORDINGS") else {
        eprintln!("skipped: HEADROOM_RECORDINGS names no folder");
        return;
    };
    let recordings = recordings(Path::new(&folder));
    assert!(!recordings.is_empty(), "no recordings in {}", Path::new(&folder).display());
    let mut failures = Vec::new();
    for path in recordings {
        match conforms(&path, Pace::Another) {
            Ok(known) => assert!(known, "{} cannot be replayed", path.display()),
            Err(difference) => failures.push(difference),
        }
    }
    assert!(failures.is_empty(), "{} recordings differ:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn a_changed_story_is_told_apart() {
    let story = Story { phases: vec!["Setting up primary".to_owned()], ended_ms: 20_000, ..Story::default() };
    assert!(differences(&story, &story, Pace::Recorded).is_empty());
    let other = Story { phases: vec!["Failing over".to_owned()], ..story.clone() };
    assert_eq!(differences(&story, &other, Pace::Another).len(), 1);
    let late = Story { ended_ms: 60_000, ..story.clone() };
    assert_eq!(differences(&story, &late, Pace::Recorded).len(), 1);
    assert!(differences(&story, &late, Pace::Another).is_empty());
    let pod = |words: &[&str]| {
        let told = words.iter().map(|word| (*word).to_owned()).collect();
        Story { pods: [("pg-1".to_owned(), told)].into(), ..story.clone() }
    };
    let once = pod(&["exit 4", "running", "ready"]);
    let twice = pod(&["exit 4", "running", "exit 4", "running", "ready"]);
    assert_eq!(differences(&once, &twice, Pace::Recorded).len(), 1);
    assert!(differences(&once, &twice, Pace::Another).is_empty());
    let other = pod(&["exit 4", "running", "exit 1", "running", "ready"]);
    assert_eq!(differences(&once, &other, Pace::Another).len(), 1);
}

#[test]
fn a_trigger_waits_for_a_model_that_is_slower_than_the_recording() {
    let cluster = |at_ms, phase: &str| Line {
        at_ms,
        record: json!({"kind": "Cluster", "name": "pg", "type": "MODIFIED", "obj": {
            "spec": {"instances": 1, "storage": {"size": "1Gi"}}, "status": {"phase": phase},
        }}),
    };
    // No instance joins in half a second.
    let lines = [
        cluster(-1000, "Cluster in healthy state"),
        cluster(100, "Creating a new replica"),
        cluster(400, "Cluster in healthy state"),
    ];
    let story = replayed(&lines, &[(0, Trigger::Scale(2)), (500, Trigger::Scale(3))], 1, 200_000);
    let healthy = story.phases.iter().filter(|phase| *phase == "Cluster in healthy state");
    assert_eq!(healthy.count(), 3, "{:?}", story.phases);
}
