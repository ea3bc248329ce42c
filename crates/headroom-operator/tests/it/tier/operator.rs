//! The operator itself, in this process, with the rights of its account and no others.

use std::path::{Path, PathBuf};

use clap::Parser as _;
use headroom_operator::{args::Args, run};
use serde_json::{Value, json};
use tokio::{sync::oneshot, task::JoinHandle};

use super::{ACCOUNT, Tier};

/// A running operator.
pub(crate) struct Operator {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
    _kubeconfig: tempfile::TempDir,
}

impl Operator {
    /// Starts an operator of this name that asks kubelets on `kubelet_port`.
    pub(crate) fn start(tier: &Tier, identity: &str, kubelet_port: u16) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let kubeconfig = as_account(&tier.kubeconfig, directory.path());
        let args = Args::try_parse_from([
            "headroom",
            "--kubeconfig",
            &kubeconfig.display().to_string(),
            "--identity",
            identity,
            "--lease-namespace",
            "headroom-system",
            "--listen",
            "127.0.0.1:0",
            "--kubelet-port",
            &kubelet_port.to_string(),
            "--kubelet-insecure-skip-verify",
        ])
        .expect("arguments");
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let stopped = async {
                // The sender is dropped only with the test.
                let _ = stopped.await;
            };
            run::run_until(args.operator, stopped).await.expect("the operator ran");
        });
        Self { stop, task, _kubeconfig: directory }
    }

    /// Stops it as SIGTERM does, and waits until it has stopped.
    pub(crate) async fn stop(self) {
        self.stop.send(()).expect("it runs");
        self.task.await.expect("it stopped cleanly");
    }
}

/// A kubeconfig that acts as headroom's account.
fn as_account(kubeconfig: &Path, directory: &Path) -> PathBuf {
    let text = std::fs::read_to_string(kubeconfig).expect("a kubeconfig");
    let mut config: Value = serde_saphyr::from_str(&text).expect("YAML");
    let base = kubeconfig.parent().expect("a directory");
    for user in config["users"].as_array_mut().expect("users") {
        let user = &mut user["user"];
        for file in ["client-certificate", "client-key", "tokenFile"] {
            absolute(user, file, base);
        }
        user["as"] = json!(ACCOUNT);
        user["as-groups"] = json!([
            "system:serviceaccounts",
            "system:serviceaccounts:headroom-system",
            "system:authenticated"
        ]);
    }
    for cluster in config["clusters"].as_array_mut().expect("clusters") {
        absolute(&mut cluster["cluster"], "certificate-authority", base);
    }
    let path = directory.join("kubeconfig");
    std::fs::write(&path, config.to_string()).expect("the file");
    path
}

/// Paths in a kubeconfig are relative to it.
fn absolute(holder: &mut Value, field: &str, base: &Path) {
    if let Some(path) = holder.get(field).and_then(Value::as_str) {
        holder[field] = json!(base.join(path).display().to_string());
    }
}
