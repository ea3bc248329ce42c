//! Commands inside pods.

use std::time::Duration;

use headroom_scenario::WorldError;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::{AttachParams, AttachedProcess},
};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::connect::failed;

/// What a command printed and whether it succeeded.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) success: bool,
}

/// Whether a pod is ready and is not being deleted.
pub(crate) fn serves(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.is_some_and(|list| list.iter().any(|one| one.type_ == "Ready" && one.status == "True"))
        && pod.metadata.deletion_timestamp.is_none()
}

/// Runs a command in a container of a pod, at most `limit`.
pub(crate) async fn exec(
    pods: &Api<Pod>,
    pod: &str,
    container: &str,
    command: &[&str],
    limit: Duration,
) -> Result<Output, WorldError> {
    let doing = format!("run `{}` in pod {pod}", command.first().copied().unwrap_or_default());
    match tokio::time::timeout(limit, exec_now(pods, pod, container, command)).await {
        Ok(result) => result.map_err(|error| failed(&doing, &error)),
        Err(_) => Err(failed(&doing, &format!("no end within {} s", limit.as_secs()))),
    }
}

async fn exec_now(
    pods: &Api<Pod>,
    pod: &str,
    container: &str,
    command: &[&str],
) -> Result<Output, kube::Error> {
    let mut process = start(pods, pod, container, command).await?;
    let (stdout, stderr) = (process.stdout(), process.stderr());
    let status = process.take_status();
    let (stdout, stderr) = tokio::join!(read(stdout), read(stderr));
    let success = match status {
        Some(status) => status.await.is_some_and(|status| status.status.as_deref() == Some("Success")),
        None => false,
    };
    Ok(Output { stdout, stderr, success })
}

/// Starts a command and gives its streams.
pub(crate) async fn start(
    pods: &Api<Pod>,
    pod: &str,
    container: &str,
    command: &[&str],
) -> Result<AttachedProcess, kube::Error> {
    let params = AttachParams::default().container(container).stdout(true).stderr(true).stdin(false);
    pods.exec(pod, command.iter().copied(), &params).await
}

async fn read(stream: Option<impl AsyncRead + Unpin>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        // A broken stream ends the text; the status says whether the command succeeded.
        let _ = stream.read_to_end(&mut bytes).await;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
