//! Makes sure that headroom runs in the cluster before scenarios begin.

use std::path::Path;
use std::process::Command;

use headroom_scenario::WorldError;
use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;

use crate::args::Install;

use super::{
    connect::{Connection, failed},
    operator::{DEPLOYMENT, NAMESPACE, Operator},
};

/// Installs headroom when asked for and waits until it is ready.
///
/// # Errors
/// When it is missing and may not or cannot be installed; the message says how to.
pub(crate) fn ensure(connection: &Connection) -> Result<(), WorldError> {
    let install = connection.options.install;
    let installed = Operator::installed(&connection.client);
    let deployments = Api::<Deployment>::namespaced(connection.client.clone(), NAMESPACE);
    let present = connection
        .runtime
        .block_on(deployments.get_opt(DEPLOYMENT))
        .map_err(|error| failed("look for the operator", &error))?
        .is_some();
    match (install, present, connection.is_lab) {
        (Install::Always, _, true) | (Install::Missing, false, true) => {
            from_checkout(&connection.options.lab_dir)?;
            // A pod of the old image must not serve on: the tag is the same.
            connection.runtime.block_on(installed.kill())?;
        }
        (Install::Missing | Install::Never, true, _) => {}
        (Install::Always, _, false) | (Install::Missing | Install::Never, false, _) => {
            return Err(failed(
                "find headroom in the cluster",
                &"no Deployment headroom-system/headroom; build and push the image (`cargo xtask image`), then \
                  `kubectl apply --server-side -k deploy`",
            ));
        }
    }
    connection.runtime.block_on(installed.scale(1))
}

fn from_checkout(lab_dir: &Path) -> Result<(), WorldError> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let steps: [&[&str]; 3] = [
        &["xtask", "image", "--output", "target/headroom-image.tar"],
        &["lab", "load-image", "target/headroom-image.tar"],
        &["lab", "kubectl", "--", "apply", "--server-side", "--force-conflicts", "-k", "deploy"],
    ];
    for step in steps {
        crate::talk(&format!("cargo {}", step.join(" ")));
        let status = Command::new("cargo")
            .current_dir(&root)
            .args(step)
            // The lab that the cells run in, which need not be the one in the default directory.
            .env("HEADROOM_LAB_DIR", lab_dir)
            .status()
            .map_err(|error| failed("start cargo", &error))?;
        if !status.success() {
            return Err(failed("install headroom", &format!("`cargo {}` failed: {status}", step.join(" "))));
        }
    }
    Ok(())
}
