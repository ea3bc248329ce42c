//! Where sizes are scaled, most of what a fill uses is set aside by `fallocate` on every member: rows stay about a
//! gibibyte, so that a provider's throttling decides nothing, and members stay alike.

use std::time::Duration;

use headroom_core::names::VolumeName;
use headroom_scenario::WorldError;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;

use super::{connect::failed, pod, sql};

/// What is left to rows.
const ROWS: u64 = 768 << 20;
const COMMAND: Duration = Duration::from_mins(2);

/// Sets so much aside in the volume of each member that rows of about [`ROWS`] bring it to `percent`.
pub(crate) async fn set_aside(
    pods: &Api<Pod>,
    members: &[String],
    volume: &VolumeName,
    percent: u8,
) -> Result<(), WorldError> {
    for member in members {
        let (size, available) = sql::file_system(pods, member, volume).await?;
        let used = size.minus_or_zero(available).get();
        let wanted = size.get() / 100 * u64::from(percent);
        if let Some(length) = wanted.checked_sub(used + ROWS).filter(|length| *length > 0) {
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
