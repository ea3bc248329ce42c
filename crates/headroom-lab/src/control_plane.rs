//! etcd, apiserver, controller-manager, scheduler, and the forwarder that lets the host reach them.

use anyhow::Result;

use crate::certs::{self, Pki};
use crate::files;
use crate::kubeconfig;
use crate::layout::{API_PORT, Layout, MANAGEMENT, SERVICE_RANGE};
use crate::parts::Programs;
use crate::state::State;
use crate::supervise::PartSpec;

const ETCD: &str = "http://127.0.0.1:2379";
const ETCD_PEER: &str = "http://127.0.0.1:2380";
const AUDIT_POLICY: &str = include_str!("../assets/control-plane/audit-policy.yaml");

/// The apiserver's URL inside the lab.
pub(crate) fn inside_url() -> String {
    format!("https://{MANAGEMENT}:{API_PORT}")
}

/// Writes what the control plane reads and tells its first parts: etcd, apiserver, forwarder.
pub(crate) fn api_parts(
    layout: &Layout,
    programs: &Programs,
    state: &State,
    own: &str,
) -> Result<Vec<PartSpec>> {
    let pki = Pki::new(layout);
    files::write(&layout.path("control-plane/audit-policy.yaml"), AUDIT_POLICY)?;
    files::create_dir(&layout.path("audit"))?;
    kubeconfig::write(&layout.kubeconfig_inside(), &pki, certs::ADMIN, &inside_url())?;
    let outside = format!("https://127.0.0.1:{}", state.port);
    kubeconfig::write(&layout.kubeconfig(), &pki, certs::ADMIN, &outside)?;
    let netns = Layout::netns_path(&layout.management_netns());
    let api = std::iter::once(programs.kubernetes("kube-apiserver")).chain(apiserver_flags(layout, &pki));
    let reads =
        [pki.pair("apiserver").certificate, pki.authority(), layout.path("control-plane/audit-policy.yaml")];
    Ok(vec![
        PartSpec::new("etcd", etcd(layout)).in_network(netns.clone()),
        PartSpec::new("kube-apiserver", api)
            .in_network(netns.clone())
            .reads(reads.iter().map(std::path::PathBuf::as_path)),
        PartSpec::new("forward", forwarder(own, &netns.display().to_string(), state.port)),
    ])
}

fn etcd(layout: &Layout) -> Vec<String> {
    let data = layout.path("etcd").display().to_string();
    let words = [
        "etcd",
        "--name=lab",
        &format!("--data-dir={data}"),
        &format!("--listen-client-urls={ETCD}"),
        &format!("--advertise-client-urls={ETCD}"),
        &format!("--listen-peer-urls={ETCD_PEER}"),
        &format!("--initial-advertise-peer-urls={ETCD_PEER}"),
        &format!("--initial-cluster=lab={ETCD_PEER}"),
        "--quota-backend-bytes=2147483648",
        // The lab's data is worth nothing after a power cut; writes need not wait for the disk.
        "--unsafe-no-fsync",
        "--logger=zap",
        "--log-level=warn",
    ];
    words.map(str::to_owned).to_vec()
}

fn apiserver_flags(layout: &Layout, pki: &Pki) -> Vec<String> {
    let serving = pki.pair("apiserver");
    let kubelet = pki.pair("apiserver-kubelet-client");
    let front = pki.pair("front-proxy-client");
    let authority = Pki::text(&pki.authority());
    let file = |name: &str, path: &std::path::Path| format!("--{name}={}", path.display());
    let plain = |text: &str| format!("--{text}");
    vec![
        plain(&format!("etcd-servers={ETCD}")),
        plain(&format!("advertise-address={MANAGEMENT}")),
        plain(&format!("secure-port={API_PORT}")),
        plain(&format!("service-cluster-ip-range={SERVICE_RANGE}")),
        file("tls-cert-file", &serving.certificate),
        file("tls-private-key-file", &serving.key),
        format!("--client-ca-file={authority}"),
        plain("service-account-issuer=https://kubernetes.default.svc.cluster.local"),
        file("service-account-key-file", &pki.service_account_public()),
        file("service-account-signing-key-file", &pki.service_account_private()),
        plain("authorization-mode=Node,RBAC"),
        plain("enable-admission-plugins=NodeRestriction"),
        plain("allow-privileged=true"),
        // Webhooks and aggregated APIs are called by endpoint address: the management namespace has no kube-proxy.
        plain("enable-aggregator-routing=true"),
        format!("--requestheader-client-ca-file={authority}"),
        plain("requestheader-allowed-names=front-proxy-client"),
        plain("requestheader-username-headers=X-Remote-User"),
        plain("requestheader-group-headers=X-Remote-Group"),
        plain("requestheader-extra-headers-prefix=X-Remote-Extra-"),
        file("proxy-client-cert-file", &front.certificate),
        file("proxy-client-key-file", &front.key),
        format!("--kubelet-certificate-authority={authority}"),
        file("kubelet-client-certificate", &kubelet.certificate),
        file("kubelet-client-key", &kubelet.key),
        plain("kubelet-preferred-address-types=InternalIP"),
        file("audit-policy-file", &layout.path("control-plane/audit-policy.yaml")),
        file("audit-log-path", &layout.path("audit/audit.log")),
        plain("audit-log-maxsize=200"),
        plain("audit-log-maxbackup=3"),
        plain("event-ttl=6h"),
        plain("profiling=false"),
    ]
}

fn forwarder(own: &str, netns: &str, port: u16) -> Vec<String> {
    let listen = format!("127.0.0.1:{port}");
    let to = format!("{MANAGEMENT}:{API_PORT}");
    [own, "forward", "--listen", &listen, "--netns", netns, "--to", &to].map(str::to_owned).to_vec()
}

/// Controller-manager and scheduler.
pub(crate) fn controller_parts(layout: &Layout, programs: &Programs) -> Result<Vec<PartSpec>> {
    let pki = Pki::new(layout);
    let netns = Layout::netns_path(&layout.management_netns());
    let part = |name: &str, user: &str, more: Vec<String>| -> Result<PartSpec> {
        let path = layout.path(&format!("control-plane/{user}.kubeconfig"));
        kubeconfig::write(&path, &pki, user, &inside_url())?;
        let path_text = path.display();
        let own = ["kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"]
            .map(|flag| format!("--{flag}={path_text}"));
        let common =
            ["--leader-elect=false", "--bind-address=127.0.0.1", "--profiling=false"].map(str::to_owned);
        let argv = std::iter::once(programs.kubernetes(name)).chain(own).chain(common).chain(more);
        Ok(PartSpec::new(name, argv).in_network(netns.clone()).reads([path.as_path()]))
    };
    let authority = pki.pair("ca");
    let flags = vec![
        format!("--root-ca-file={}", authority.certificate.display()),
        format!("--cluster-signing-cert-file={}", authority.certificate.display()),
        format!("--cluster-signing-key-file={}", authority.key.display()),
        format!("--service-account-private-key-file={}", pki.service_account_private().display()),
        "--use-service-account-credentials=true".to_owned(),
    ];
    Ok(vec![
        part("kube-controller-manager", "controller-manager", flags)?,
        part("kube-scheduler", "scheduler", Vec::new())?,
    ])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_apiserver_checks_kubelet_certificates_and_authorizes_by_node_and_role() {
        let layout =
            Layout::new(Some(std::path::Path::new("/lab")), Some(std::path::Path::new("/c"))).unwrap();
        let flags = apiserver_flags(&layout, &Pki::new(&layout));
        for expected in [
            "--kubelet-certificate-authority=/lab/pki/ca.crt",
            "--authorization-mode=Node,RBAC",
            "--kubelet-preferred-address-types=InternalIP",
            "--audit-log-path=/lab/audit/audit.log",
        ] {
            assert!(flags.iter().any(|flag| flag == expected), "{expected}");
        }
    }

    #[test]
    fn the_forwarder_listens_on_loopback_only() {
        let words = forwarder("/own", "/run/netns/x", 16443);
        assert_eq!(
            words.join(" "),
            "/own forward --listen 127.0.0.1:16443 --netns /run/netns/x --to 172.30.0.1:6443"
        );
    }
}
