//! Most of what a fill uses is set aside by `fallocate` on every member, alike: that a volume fills up by rows and their WAL
//! alone is what some scenarios show; the others need a full volume, and a machine that is not busy with inserts.

use std::time::Duration;

use headroom_core::{Bytes, names::VolumeName};
use headroom_scenario::{Act, Scenario, Step, WorldError};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;

use super::{connect::failed, pod, sql};
use crate::scale::Scale;

const COMMAND: Duration = Duration::from_mins(2);
/// To what share a volume is brought before rows that the server refuses in the end.
pub(crate) const BEFORE_THE_END: u8 = 80;
/// The scenarios whose subject is that rows fill a volume: nothing is set aside there.
const BY_ROWS: [&str; 2] = ["p0_00_planned_growth_in_window", "p0_00_emergency_under_inserts"];

/// What is left to rows in each fill, where something is set aside.
pub(crate) fn rows_beside(scenario: &Scenario, scale: Scale) -> Option<Bytes> {
    // A clone brings no more than the data directory: a member that joins, or is made anew, would have less in it than the
    // others.
    if scenario.fixture.policy.shrink.is_some() {
        return None;
    }
    if scale.is_coarse() {
        // Rows of about a gibibyte: no provider's throttling decides anything.
        return Some(Bytes::mebi(768));
    }
    let joins = scenario
        .script
        .iter()
        .filter_map(Step::act)
        .any(|act| matches!(act, Act::Scale { .. } | Act::Restore { .. }));
    let by_rows_alone = joins || BY_ROWS.contains(&scenario.id);
    (!by_rows_alone).then_some(Bytes::mebi(128))
}

/// Sets so much aside in the volume of each member that about `rows` bring it to `percent`.
pub(crate) async fn set_aside(
    pods: &Api<Pod>,
    members: &[String],
    volume: &VolumeName,
    percent: u8,
    rows: Bytes,
) -> Result<(), WorldError> {
    for member in members {
        let (size, available) = sql::file_system(pods, member, volume).await?;
        let used = size.minus_or_zero(available).get();
        let wanted = size.get() / 100 * u64::from(percent);
        if let Some(length) = wanted.checked_sub(used + rows.get()).filter(|length| *length > 0) {
            // Beside the data directory, so that neither the server nor a clone of it knows of it.
            let file = format!("{}/ballast-{used}", sql::mount_path(volume));
            run(pods, member, &["fallocate", "--length", &length.to_string(), &file]).await?;
        }
    }
    Ok(())
}

/// Gives back what was set aside.
pub(crate) async fn give_back(
    pods: &Api<Pod>,
    members: &[String],
    volume: &VolumeName,
) -> Result<(), WorldError> {
    let script = "rm -f \"$1\"/ballast-*";
    for member in members {
        run(pods, member, &["sh", "-c", script, "sh", &sql::mount_path(volume)]).await?;
    }
    Ok(())
}

async fn run(pods: &Api<Pod>, member: &str, command: &[&str]) -> Result<(), WorldError> {
    let output = pod::exec(pods, member, "postgres", command, COMMAND).await?;
    if output.success {
        return Ok(());
    }
    Err(failed(&format!("set space aside in {member}"), &output.stderr.trim()))
}

#[cfg(test)]
mod tests {
    use headroom_scenario::{Cell, Topology, catalogue};

    use super::*;
    use crate::scale::NONE;

    #[track_caller]
    fn check(id: &str, expected: Option<Bytes>) {
        let cells = catalogue::select(id, &[Topology::T2]);
        let Some(Cell::Scenario(scenario)) = cells.into_iter().next() else {
            unreachable!("{id} is a scenario at T2")
        };
        assert_eq!(rows_beside(&scenario, NONE), expected, "{id}");
    }

    #[test]
    fn rows_alone_fill_volumes_where_they_are_the_subject_and_clusters_that_members_join() {
        check("p0_00_planned_growth_in_window", None);
        check("p0_04_instances_raised", None);
        check("p1_03_volume_snapshots", None);
        check("shrink_plain", None);
        check("p0_00_at_the_limit", Some(Bytes::mebi(128)));
        check("p0_01_operator_restart", Some(Bytes::mebi(128)));
    }
}
