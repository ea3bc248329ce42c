//! Which process a recorded pid means: a pid alone may have been given to another process since.

use serde::{Deserialize, Serialize};

/// A process by pid and start time, so that a reused pid is never signalled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// Process id.
    pub(crate) pid: i32,
    /// Start time in clock ticks since boot (proc(5), `/proc/PID/stat` field 22).
    pub(crate) started: u64,
}

impl Identity {
    /// The identity of a live process.
    pub(crate) fn of(pid: i32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (state, started) = parse_stat(&stat)?;
        // A zombie has ended; only its parent has not looked yet.
        (state != 'Z' && state != 'X').then_some(Self { pid, started })
    }
    /// Whether this very process still runs.
    pub(crate) fn is_alive(self) -> bool {
        Self::of(self.pid) == Some(self)
    }
    /// Sends a signal if this very process still runs.
    pub(crate) fn signal(self, signal: rustix::process::Signal) {
        if !self.is_alive() {
            return;
        }
        if let Some(pid) = rustix::process::Pid::from_raw(self.pid) {
            // It may end between the look and the signal; that is what was wanted.
            let _ = rustix::process::kill_process(pid, signal);
        }
    }
}

/// State and start time of `/proc/PID/stat`. The name (field 2) may hold spaces and parentheses, so fields count from its end.
fn parse_stat(stat: &str) -> Option<(char, u64)> {
    let after_name = stat.get(stat.rfind(')')? + 1..)?;
    let mut fields = after_name.split_whitespace();
    let state = fields.next()?.chars().next()?;
    // `state` is field 3; the start time is field 22.
    let started = fields.nth(18)?.parse().ok()?;
    Some((state, started))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[track_caller]
    fn parses(stat: &str, expected: Option<(char, u64)>) {
        assert_eq!(parse_stat(stat), expected);
    }

    #[test]
    fn the_start_time_is_found_behind_any_process_name() {
        let rest = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 20";
        parses(&format!("12 (etcd) {rest}"), Some(('S', 777)));
        parses(&format!("12 (a ) b (c)) {rest}"), Some(('S', 777)));
        parses("12 (etcd) S 1 2", None);
        parses("", None);
    }

    #[test]
    fn a_pid_with_another_start_time_is_another_process() {
        let me = Identity::of(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert!(me.is_alive());
        assert!(!Identity { started: me.started + 1, ..me }.is_alive());
    }

    #[test]
    fn a_process_that_ended_is_not_alive_even_before_it_is_reaped() {
        let mut child = crate::run::command("sleep", ["600"]).spawn().unwrap();
        let identity = Identity::of(i32::try_from(child.id()).unwrap()).unwrap();
        assert!(identity.is_alive());
        identity.signal(rustix::process::Signal::KILL);
        while identity.is_alive() {
            std::thread::yield_now();
        }
        // Not reaped yet: the pid is still taken, and reaping it now succeeds.
        assert!(!child.wait().unwrap().success());
    }
}
