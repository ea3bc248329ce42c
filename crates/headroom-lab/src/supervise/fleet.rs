//! The parts under supervision: which run, which are due again, which are meant to stand still.

use std::collections::BTreeMap;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use super::PartSpec;
use crate::files;
use crate::identity::Identity;
use crate::layout::Layout;

/// Shortest and longest wait before a part that exited is started again.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(8));
/// A part that ran this long begins with the shortest wait again.
const SETTLED: Duration = Duration::from_secs(30);
/// How long a part may take to end by itself.
const GRACE: Duration = Duration::from_secs(5);

/// A part as others see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// Name of the part.
    pub(crate) name: String,
    /// The running process, if it runs.
    pub(crate) process: Option<Identity>,
    /// Stopped on purpose.
    pub(crate) stopped: bool,
    /// How often it was started again after it exited.
    pub(crate) restarts: u32,
}

/// One line of `processes.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Recorded {
    spec: PartSpec,
    process: Option<Identity>,
    stopped: bool,
    restarts: u32,
}

#[derive(Debug)]
struct Part {
    spec: PartSpec,
    /// Present for a process this supervisor started, absent for one it adopted.
    child: Option<Child>,
    process: Option<Identity>,
    stopped: bool,
    restarts: u32,
    began: Instant,
    wait: Duration,
    due: Instant,
}

/// All parts of a lab.
#[derive(Debug)]
pub(super) struct Fleet {
    layout: Layout,
    parts: BTreeMap<String, Part>,
}

/// The processes a supervisor recorded, dead or alive; for `down`, whatever became of the supervisor.
pub(crate) fn recorded(layout: &Layout) -> Vec<Identity> {
    read_record(layout).unwrap_or_default().into_iter().filter_map(|part| part.process).collect()
}

fn read_record(layout: &Layout) -> Result<Vec<Recorded>> {
    let path = layout.path("processes.json");
    if !path.exists() {
        return Ok(Vec::new());
    }
    serde_json::from_str(&files::read(&path)?).with_context(|| format!("reading {}", path.display()))
}

impl Fleet {
    /// Takes over the parts of an earlier supervisor that still run, and the duty for those that do not.
    pub(super) fn adopt(layout: &Layout) -> Result<Self> {
        let now = Instant::now();
        let parts = read_record(layout)?.into_iter().map(|old| {
            let part = Part {
                process: old.process.filter(|process| process.is_alive()),
                child: None,
                stopped: old.stopped,
                restarts: old.restarts,
                began: now,
                wait: BACK_OFF.0,
                due: now,
                spec: old.spec,
            };
            (part.spec.name.clone(), part)
        });
        Ok(Self { layout: layout.clone(), parts: parts.collect() })
    }

    /// Has a part run as specified: starts it, restarts it when the specification changed, leaves it alone otherwise.
    pub(super) fn ensure(&mut self, spec: PartSpec) {
        let now = Instant::now();
        match self.parts.get_mut(&spec.name) {
            Some(part) if part.spec == spec => {
                if part.process.is_none() {
                    part.due = now;
                }
                part.stopped = false;
            }
            Some(part) => {
                part.end();
                part.spec = spec;
                part.stopped = false;
                part.due = now;
            }
            None => {
                let part = Part {
                    child: None,
                    process: None,
                    stopped: false,
                    restarts: 0,
                    began: now,
                    wait: BACK_OFF.0,
                    due: now,
                    spec,
                };
                self.parts.insert(part.spec.name.clone(), part);
            }
        }
    }

    /// Stops a part and keeps it stopped; false when there is none of that name.
    pub(super) fn stop(&mut self, name: &str) -> bool {
        let Some(part) = self.parts.get_mut(name) else { return false };
        part.stopped = true;
        part.end();
        self.record();
        true
    }

    /// Stops and forgets every part that is not named.
    pub(super) fn keep(&mut self, names: &[String]) {
        for (_, mut part) in self.parts.extract_if(.., |name, _| !names.contains(name)) {
            part.end();
        }
        self.record();
    }

    /// Starts a stopped part; false when there is none of that name.
    pub(super) fn start(&mut self, name: &str) -> bool {
        let Some(part) = self.parts.get_mut(name) else { return false };
        part.stopped = false;
        part.due = Instant::now();
        self.look();
        true
    }

    /// Notices what has ended and starts what is due.
    pub(super) fn look(&mut self) {
        let now = Instant::now();
        let mut changed = false;
        for part in self.parts.values_mut() {
            changed |= part.notice_end(now);
            if part.process.is_none() && !part.stopped && part.due <= now {
                part.start(&self.layout, now);
                changed = true;
            }
        }
        if changed {
            self.record();
        }
    }

    /// Every part as others see it.
    pub(super) fn seen(&self) -> Vec<Seen> {
        let seen = |part: &Part| Seen {
            name: part.spec.name.clone(),
            process: part.process,
            stopped: part.stopped,
            restarts: part.restarts,
        };
        self.parts.values().map(seen).collect()
    }

    fn record(&self) {
        let record = |part: &Part| Recorded {
            spec: part.spec.clone(),
            process: part.process,
            stopped: part.stopped,
            restarts: part.restarts,
        };
        let all: Vec<Recorded> = self.parts.values().map(record).collect();
        let written = serde_json::to_string_pretty(&all)
            .context("encoding the record")
            .and_then(|text| files::write(&self.layout.path("processes.json"), text));
        if let Err(error) = written {
            crate::inspect::complain(&format!("supervisor: {error:#}"));
        }
    }
}

impl Part {
    /// Whether the process ended since the last look.
    fn notice_end(&mut self, now: Instant) -> bool {
        let Some(process) = self.process else { return false };
        let reaped = self.child.as_mut().map(Child::try_wait);
        let ended = match &reaped {
            Some(Ok(status)) => status.is_some(),
            Some(Err(_)) | None => !process.is_alive(),
        };
        if !ended {
            return false;
        }
        self.child = None;
        self.process = None;
        if now.duration_since(self.began) >= SETTLED {
            self.wait = BACK_OFF.0;
        }
        self.due = now + self.wait;
        self.wait = (self.wait * 2).min(BACK_OFF.1);
        let how = reaped
            .and_then(Result::ok)
            .flatten()
            .map_or_else(|| "ended".to_owned(), |status| status.to_string());
        crate::inspect::complain(&format!("supervisor: {} ended ({how})", self.spec.name));
        true
    }

    fn start(&mut self, layout: &Layout, now: Instant) {
        if self.began < now && self.spec_ran_before() {
            self.restarts += 1;
        }
        match self.spawn(layout) {
            Ok(child) => {
                let pid = i32::try_from(child.id()).unwrap_or_default();
                self.process = Identity::of(pid);
                self.child = Some(child);
            }
            Err(error) => {
                crate::inspect::complain(&format!("supervisor: {}: {error:#}", self.spec.name));
                self.due = now + BACK_OFF.1;
            }
        }
        self.began = now;
    }

    /// A wait longer than the first one means that the part exited at least once.
    fn spec_ran_before(&self) -> bool {
        self.wait > BACK_OFF.0
    }

    fn spawn(&self, layout: &Layout) -> Result<Child> {
        let log = layout.log(&self.spec.name);
        let file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(&log)
            .with_context(|| format!("opening {}", log.display()))?;
        let other = file.try_clone().context("duplicating a log file handle")?;
        let mut command = self.spec.command();
        command.current_dir("/").stdin(Stdio::null()).stdout(file).stderr(other);
        command
            .spawn()
            .with_context(|| format!("starting {}", self.spec.argv.first().map_or("", String::as_str)))
    }

    /// Ends the process: asks, waits, insists.
    fn end(&mut self) {
        let Some(process) = self.process.take() else { return };
        process.signal(Signal::TERM);
        let limit = Instant::now() + GRACE;
        let mut insisted = false;
        loop {
            let gone = match self.child.as_mut().map(Child::try_wait) {
                Some(Ok(status)) => status.is_some(),
                Some(Err(_)) | None => !process.is_alive(),
            };
            if gone || (insisted && Instant::now() > limit + GRACE) {
                break;
            }
            if Instant::now() > limit && !insisted {
                process.signal(Signal::KILL);
                insisted = true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.child = None;
        self.wait = BACK_OFF.0;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    struct Fixture {
        _dir: tempfile::TempDir,
        layout: Layout,
    }

    fn fixture() -> Fixture {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(Some(dir.path()), Some(dir.path())).unwrap();
        files::create_dir(&layout.path("logs")).unwrap();
        Fixture { layout, _dir: dir }
    }

    fn sleeper() -> PartSpec {
        PartSpec::new("sleeper", ["sleep", "600"])
    }

    fn process(fleet: &Fleet) -> Option<Identity> {
        fleet.seen().first().and_then(|seen| seen.process)
    }

    #[track_caller]
    fn look_until(fleet: &mut Fleet, what: &str, met: impl Fn(&Fleet) -> bool) {
        let limit = Instant::now() + Duration::from_secs(20);
        while !met(fleet) {
            assert!(Instant::now() < limit, "never: {what}");
            fleet.look();
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_part_that_exits_is_started_again() {
        let fixture = fixture();
        let mut fleet = Fleet::adopt(&fixture.layout).unwrap();
        fleet.ensure(PartSpec::new("short", ["true"]));
        look_until(&mut fleet, "a restart", |fleet| fleet.seen()[0].restarts >= 1);
    }

    #[test]
    fn the_same_specification_leaves_the_process_alone_and_another_replaces_it() {
        let fixture = fixture();
        let mut fleet = Fleet::adopt(&fixture.layout).unwrap();
        fleet.ensure(sleeper());
        fleet.look();
        let first = process(&fleet).unwrap();
        fleet.ensure(sleeper());
        fleet.look();
        assert_eq!(process(&fleet), Some(first));
        fleet.ensure(PartSpec::new("sleeper", ["sleep", "601"]));
        fleet.look();
        assert!(!first.is_alive() && process(&fleet).unwrap() != first);
        assert!(fleet.stop("sleeper"));
    }

    #[test]
    fn a_stopped_part_stays_stopped_until_it_is_started() {
        let fixture = fixture();
        let mut fleet = Fleet::adopt(&fixture.layout).unwrap();
        fleet.ensure(sleeper());
        fleet.look();
        assert!(fleet.stop("sleeper"));
        fleet.look();
        assert_eq!(process(&fleet), None);
        assert!(fleet.start("sleeper") && process(&fleet).is_some());
        assert!(fleet.stop("sleeper") && !fleet.stop("absent"));
    }

    #[test]
    fn a_part_that_is_no_longer_wanted_is_ended_and_forgotten() {
        let fixture = fixture();
        let mut fleet = Fleet::adopt(&fixture.layout).unwrap();
        fleet.ensure(sleeper());
        fleet.look();
        let running = process(&fleet).unwrap();
        fleet.keep(&["sleeper".to_owned()]);
        assert!(running.is_alive());
        fleet.keep(&[]);
        assert!(!running.is_alive() && fleet.seen().is_empty() && recorded(&fixture.layout).is_empty());
    }

    #[test]
    fn a_new_supervisor_adopts_what_runs() {
        let fixture = fixture();
        let mut first = Fleet::adopt(&fixture.layout).unwrap();
        first.ensure(sleeper());
        first.look();
        let running = process(&first).unwrap();
        assert_eq!(recorded(&fixture.layout), [running]);
        let mut second = Fleet::adopt(&fixture.layout).unwrap();
        second.ensure(sleeper());
        second.look();
        assert_eq!(process(&second), Some(running));
        // The first fleet is the parent here and must reap; adoption itself goes by pid and start time.
        running.signal(Signal::KILL);
        look_until(&mut first, "the end of the child", |fleet| process(fleet) != Some(running));
        look_until(&mut second, "a new process", |fleet| process(fleet).is_some_and(|p| p != running));
        assert!(first.stop("sleeper") && second.stop("sleeper"));
    }
}
