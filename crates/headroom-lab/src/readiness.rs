//! Asking the apiserver whether it is ready, from the host through the forwarder: what works then works for every client.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use kube::config::{Config, KubeConfigOptions, Kubeconfig};

use crate::layout::Layout;

/// What must answer: readiness, and the namespaces that the apiserver makes a moment after it is ready.
const PATHS: [&str; 3] = ["/readyz", "/api/v1/namespaces/kube-system", "/api/v1/namespaces/default"];
/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether the apiserver is ready now.
pub(crate) fn is_ready(layout: &Layout) -> bool {
    look(layout).is_ok()
}

/// Waits until the apiserver is ready.
pub(crate) fn wait(layout: &Layout, limit: Duration) -> Result<()> {
    let end = Instant::now() + limit;
    loop {
        match look(layout) {
            Ok(()) => return Ok(()),
            Err(error) if Instant::now() > end => {
                let seconds = limit.as_secs();
                return Err(error).with_context(|| {
                    format!("waited {seconds} s for the apiserver; next: cargo lab logs kube-apiserver")
                });
            }
            Err(_) => std::thread::sleep(Duration::from_millis(200)),
        }
    }
}

fn look(layout: &Layout) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let kubeconfig = Kubeconfig::read_from(layout.kubeconfig())?;
        let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
        config.default_retry = false;
        let client = kube::Client::try_from(config)?;
        for path in PATHS {
            let request = http::Request::get(path).body(Vec::new())?;
            tokio::time::timeout(PATIENCE, client.request_text(request))
                .await
                .context("no answer in time")??;
        }
        Ok(())
    })
}
