//! The operator from start to end.

use anyhow::Context as _;
use futures::StreamExt as _;
use headroom_engine::Engine;
use headroom_kube::{
    Config,
    connect::{self, KubeletTrust},
    events,
    execute::Executor,
    glue,
    known::Shared,
    lease::{LeaseName, LeaseStore, LeaseTimes},
    usage::Kubelets,
    wal::WalClient,
    watch,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

use crate::{
    args::OperatorArgs,
    election::Election,
    http,
    metrics::Metrics,
    shell::{Inputs, Shell},
};

/// Questions that may wait for the loop.
const ASKS: usize = 16;

/// Runs until SIGTERM or SIGINT.
///
/// A missing CRD or right is no reason to end: it is logged with the next step, `/readyz` says it, and the watches go on
/// trying.
///
/// # Errors
/// When no cluster is configured, a file cannot be read, or the address cannot be listened on.
pub async fn run(args: OperatorArgs) -> anyhow::Result<()> {
    let mut terminated = signal(SignalKind::terminate()).context("SIGTERM cannot be caught")?;
    let mut interrupted = signal(SignalKind::interrupt()).context("SIGINT cannot be caught")?;
    let stop = async move {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
    };
    run_until(args, stop).await
}

/// Runs until `stop` is ready.
///
/// # Errors
/// As [`run`].
pub async fn run_until(args: OperatorArgs, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
    let OperatorArgs {
        kubeconfig,
        context,
        kubelet_ca,
        kubelet_insecure_skip_verify,
        kubelet_port,
        listen,
        lease_namespace,
        lease_name,
        identity,
        log_format: _,
        log: _,
    } = args;
    let config = connect::config(kubeconfig.as_ref(), context.as_deref()).await?;
    let trust = match (kubelet_insecure_skip_verify, kubelet_ca) {
        (true, _) => KubeletTrust::Nothing,
        (false, Some(path)) => KubeletTrust::Authority(path),
        (false, None) => KubeletTrust::Cluster,
    };
    if trust == KubeletTrust::Nothing {
        tracing::warn!(
            "the kubelets' certificates are not verified: usage can be forged and the token be read"
        );
    }
    let (asks, questions) = mpsc::channel(ASKS);
    let bound = http::listen(listen, asks).await.with_context(|| {
        format!("{listen} cannot be listened on; give another address with --listen ADDRESS:PORT")
    })?;
    let identity = identity.unwrap_or_else(own_name);
    let namespace = lease_namespace.unwrap_or_else(|| own_namespace(&config));
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"), %identity, server = %config.cluster_url, http = %bound,
        lease = format!("{namespace}/{lease_name}"), "headroom starts"
    );

    let known = Shared::new();
    let kubelets = connect::kubelet_client(&config, &trust)?;
    let instances = connect::instance_client()?;
    let watches = watch::all(&config, &known)?.boxed();
    let client = connect::api_client(config)?;
    let executor = Executor::new(client.clone(), WalClient::new(instances), known.clone());
    let (sink, sender) = events::sink(client.clone(), known.clone(), identity.clone());
    let sender = tokio::spawn(sender);
    let election = Election::start(LeaseStore::new(
        client.clone(),
        LeaseName { namespace, name: lease_name, identity },
        LeaseTimes::default(),
    ));
    let inputs = Inputs { watches, role: election.role.clone(), asks: questions };
    let mut shell = Shell::new(
        Engine::new(glue::engine_config()),
        executor,
        Kubelets::new(client, kubelets, kubelet_port),
        sink,
        Metrics::new(),
    );
    shell.run(inputs, stop).await;
    election.stop().await;
    sender.abort();
    tracing::info!("headroom has stopped");
    Ok(())
}

/// The host's name and the process id: unique on one host, and told apart between hosts.
fn own_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    format!("{}-{}", if host.is_empty() { "headroom" } else { host }, std::process::id())
}

/// The pod's namespace, as the service account knows it.
fn own_namespace(config: &Config) -> String {
    if std::env::var_os("KUBERNETES_SERVICE_HOST").is_some() {
        config.default_namespace.clone()
    } else {
        "headroom-system".to_owned()
    }
}
