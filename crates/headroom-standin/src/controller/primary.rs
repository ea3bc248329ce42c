//! Moving the primary: whom to elect, and when. The order of what is shown is the model's; how long a step takes is up to
//! the real servers.

use headroom_sim::model::object::{ClusterStatus, Name, PENDING};

use super::report::Report;

/// An instance as the election sees it.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) instance: Name,
    /// Its pod is being deleted.
    pub(crate) deleting: bool,
    pub(crate) ready: bool,
    pub(crate) report: Option<Report>,
}

/// The next thing to write while the primary is moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing: servers are at work.
    Wait,
    /// Names the target.
    Target(Name),
    /// Opens the election again: the elected one is gone.
    Reopen,
}

/// What to write next. The elected instance itself writes `currentPrimary` once its server is primary.
pub(crate) fn next(status: &ClusterStatus, members: &[Member]) -> Next {
    let current = status.current_primary.as_ref();
    let lives = |member: &&Member| !member.deleting && member.report.is_some();
    if status.target_primary.as_deref() != Some(PENDING) {
        let target = members.iter().find(|member| Some(&member.instance) == status.target_primary.as_ref());
        let others = members.iter().filter(lives).any(|member| Some(&member.instance) != current);
        let gone = target.is_none_or(|member| member.deleting);
        return if gone && others { Next::Reopen } else { Next::Wait };
    }
    let old = members.iter().find(|member| Some(&member.instance) == current);
    if let Some(old) = old.filter(|old| old.ready && !old.deleting)
        && old.report.as_ref().is_some_and(|report| report.is_primary)
    {
        // It is back before anybody was elected (the flicker of traces 08b and 09).
        return Next::Target(old.instance.clone());
    }
    let candidates: Vec<&Member> =
        members.iter().filter(lives).filter(|member| Some(&member.instance) != current).collect();
    let receiving =
        |member: &&Member| member.report.as_ref().is_some_and(|report| report.is_wal_receiver_active);
    // As long as one receives, the old server is there and its last rows are on their way.
    if candidates.iter().any(receiving) {
        return Next::Wait;
    }
    let position = |member: &&&Member| member.report.as_ref().map_or(0, Report::position);
    // `max_by_key` prefers the last of equals, the model the lowest serial.
    let elected = candidates.iter().rev().max_by_key(position);
    elected.map_or(Next::Wait, |member| Next::Target(member.instance.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(instance: &str, lsn: Option<&str>, receiving: bool) -> Member {
        let report = lsn.map(|lsn| Report {
            received_lsn: Some(lsn.to_owned()),
            is_wal_receiver_active: receiving,
            ..Report::default()
        });
        Member { instance: instance.into(), deleting: false, ready: true, report }
    }

    fn status(current: &str, target: &str) -> ClusterStatus {
        ClusterStatus {
            current_primary: Some(current.into()),
            target_primary: Some(target.into()),
            ..ClusterStatus::default()
        }
    }

    fn old() -> Member {
        Member { deleting: true, report: None, ..member("pg-1", None, false) }
    }

    #[test]
    fn the_replica_with_most_wal_is_elected_and_the_lowest_serial_among_equals() {
        let elect = |two: &str, three: &str| {
            let members = [old(), member("pg-2", Some(two), false), member("pg-3", Some(three), false)];
            next(&status("pg-1", PENDING), &members)
        };
        assert_eq!(elect("0/10", "0/20"), Next::Target("pg-3".into()));
        assert_eq!(elect("0/20", "0/20"), Next::Target("pg-2".into()));
    }

    #[test]
    fn nobody_is_elected_while_somebody_still_receives() {
        let members = [old(), member("pg-2", Some("0/20"), false), member("pg-3", Some("0/10"), true)];
        assert_eq!(next(&status("pg-1", PENDING), &members), Next::Wait);
    }

    #[test]
    fn an_old_primary_that_is_back_in_time_stays() {
        let back = Member {
            report: Some(Report { is_primary: true, ..Report::default() }),
            ..member("pg-1", None, false)
        };
        let members = [back, member("pg-2", Some("0/10"), false)];
        assert_eq!(next(&status("pg-1", PENDING), &members), Next::Target("pg-1".into()));
    }

    #[test]
    fn an_elected_instance_that_goes_away_opens_the_election_again() {
        let gone = Member { deleting: true, ..member("pg-2", Some("0/10"), false) };
        let members = [old(), gone, member("pg-3", Some("0/10"), false)];
        assert_eq!(next(&status("pg-1", "pg-2"), &members), Next::Reopen);
        let members = [old(), member("pg-2", Some("0/10"), false), member("pg-3", Some("0/10"), false)];
        assert_eq!(next(&status("pg-1", "pg-2"), &members), Next::Wait);
    }
}
