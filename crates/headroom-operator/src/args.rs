//! Arguments.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Parser, Subcommand, ValueEnum};

/// Dynamic storage for PostgreSQL on Kubernetes: volumes of CloudNativePG Clusters grow, and where asked to shrink, by
/// themselves.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "headroom",
    version,
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  headroom crd | kubectl apply --server-side -f -     install or update the DynamicStorage kind
  headroom                                            run the operator inside a pod
  headroom operator --kubeconfig ~/.kube/config --log-format text
                                                      run the operator on a workstation
Exit codes: 0 done or stopped cleanly, 1 failed, 2 bad usage."
)]
pub struct Args {
    /// What to do; without one the operator runs.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Arguments of the operator.
    #[command(flatten)]
    pub operator: OperatorArgs,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Run the operator until SIGTERM or SIGINT.
    Operator(Box<OperatorArgs>),
    /// Print the CustomResourceDefinition of DynamicStorage as YAML.
    Crd,
    /// Print the version.
    Version,
}

/// Arguments of the operator.
#[derive(Clone, Debug, clap::Args)]
pub struct OperatorArgs {
    /// Kubeconfig of the cluster; default: the pod's service account, or KUBECONFIG.
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig; default: the current one.
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
    /// PEM file with the authority of the kubelets' serving certificates; default: the cluster's own authority.
    #[arg(
        long,
        value_name = "FILE",
        env = "HEADROOM_KUBELET_CA",
        conflicts_with = "kubelet_insecure_skip_verify"
    )]
    pub kubelet_ca: Option<PathBuf>,
    /// Do not verify the kubelets' certificates (self-signed ones): usage could then be forged on the network, and the
    /// token be read.
    #[arg(long, env = "HEADROOM_KUBELET_INSECURE_SKIP_VERIFY")]
    pub kubelet_insecure_skip_verify: bool,
    /// Port of the kubelets; default: what each node says, else 10250.
    #[arg(long, value_name = "PORT", env = "HEADROOM_KUBELET_PORT")]
    pub kubelet_port: Option<u16>,
    /// Address for /metrics, /healthz and /readyz.
    #[arg(long, value_name = "ADDRESS", env = "HEADROOM_LISTEN", default_value = "0.0.0.0:8080")]
    pub listen: SocketAddr,
    /// Look after the DynamicStorages of this namespace only, and give the lease a name of its own where several operators
    /// share a namespace; default: all namespaces.
    #[arg(long, value_name = "NAME", env = "HEADROOM_NAMESPACE")]
    pub namespace: Option<String>,
    /// Namespace of the lease; default: the pod's own, else `headroom-system`.
    #[arg(long, value_name = "NAME", env = "POD_NAMESPACE")]
    pub lease_namespace: Option<String>,
    /// Name of the lease.
    #[arg(long, value_name = "NAME", env = "HEADROOM_LEASE_NAME", default_value = "headroom")]
    pub lease_name: String,
    /// Name of this process in the lease; default: the host's name and the process id.
    #[arg(long, value_name = "NAME", env = "POD_NAME")]
    pub identity: Option<String>,
    /// Format of the log on standard error.
    #[arg(long, value_enum, env = "HEADROOM_LOG_FORMAT", default_value_t = LogFormat::Json)]
    pub log_format: LogFormat,
    /// What is logged, as `level` or `target=level,…`.
    #[arg(long, value_name = "FILTER", env = "HEADROOM_LOG", default_value = "info")]
    pub log: String,
}

/// Format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// For people.
    Text,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[track_caller]
    fn parses(words: &[&str]) -> Args {
        Args::try_parse_from(words).expect("good usage")
    }

    #[test]
    fn the_arguments_fit_together() {
        Args::command().debug_assert();
    }

    #[test]
    fn without_a_command_the_operator_runs() {
        let args = parses(&["headroom", "--lease-name", "other"]);
        assert!(args.command.is_none());
        assert_eq!(args.operator.lease_name, "other");
    }

    #[test]
    fn a_command_takes_the_same_arguments() {
        let args = parses(&["headroom", "operator", "--kubelet-port", "12345", "--log-format", "text"]);
        let Some(Command::Operator(operator)) = args.command else { panic!("not the operator") };
        assert_eq!((operator.kubelet_port, operator.log_format), (Some(12345), LogFormat::Text));
    }

    #[test]
    fn an_authority_and_no_verification_exclude_each_other() {
        let words = ["headroom", "--kubelet-ca", "f", "--kubelet-insecure-skip-verify"];
        assert!(Args::try_parse_from(words).is_err());
    }
}
