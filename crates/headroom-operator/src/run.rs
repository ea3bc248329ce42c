//! The operator from start to end.

use std::{sync::Arc, time::SystemTime};

use anyhow::Context as _;
use futures::{StreamExt as _, stream::BoxStream};
use headroom_engine::Engine;
use headroom_kube::{
    Client, Config,
    connect::{self, KubeletTrust},
    events,
    execute::Executor,
    glue,
    known::Shared,
    lease::{LeaseName, LeaseStore, LeaseTimes},
    usage::Kubelets,
    wal::WalClient,
    watch::{self, Watched},
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

use crate::{
    args::OperatorArgs,
    election::Election,
    http::{self, Ask},
    metrics::Metrics,
    shell::{Clock, Inputs, Shell},
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
        namespace: only,
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
        lease = format!("{namespace}/{lease_name}"), watches = only.as_deref().unwrap_or("all namespaces"),
        "headroom starts"
    );

    let known = Shared::new();
    let kubelets = connect::kubelet_client(&config, &trust)?;
    let instances = connect::instance_client()?;
    let watches = watch::all(&|beat| connect::watch_client(&config, beat), only.as_deref(), &known)?.boxed();
    let api = connect::api_client(config)?;
    let lease = LeaseName { namespace, name: lease_name, identity };
    let clock: Clock = Arc::new(SystemTime::now);
    let kubelets = Kubelets::new(api.clone(), kubelets, kubelet_port);
    operate(Wires { api, kubelets, instances, watches, known, lease, clock, asks: questions }, stop).await;
    tracing::info!("headroom has stopped");
    Ok(())
}

/// What an operator is connected to.
pub struct Wires {
    /// The API server, for everything but the watches.
    pub api: Client,
    /// The kubelets.
    pub kubelets: Kubelets,
    /// The instances' status endpoints.
    pub instances: Client,
    /// The watches.
    pub watches: BoxStream<'static, Watched>,
    /// What the watches and the answers have told; the watches share it.
    pub known: Shared,
    /// The lease, and this process's name in it.
    pub lease: LeaseName,
    /// The clock.
    pub clock: Clock,
    /// Questions of the HTTP server.
    pub asks: mpsc::Receiver<Ask>,
}

/// Works until `stop` is ready, then gives the lease back.
pub async fn operate(wires: Wires, stop: impl Future<Output = ()>) {
    let Wires { api, kubelets, instances, watches, known, lease, clock, asks } = wires;
    let executor = Executor::new(api.clone(), WalClient::new(instances), known.clone());
    let (sink, sender) = events::sink(api.clone(), known, lease.identity.clone());
    let sender = tokio::spawn(sender);
    let election = Election::start(LeaseStore::new(api, lease, LeaseTimes::default()));
    let inputs = Inputs { watches, role: election.role.clone(), asks };
    let engine = Engine::new(glue::engine_config());
    let mut shell = Shell::new(engine, executor, kubelets, sink, Metrics::new(), clock);
    shell.run(inputs, stop).await;
    election.stop().await;
    sender.abort();
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
