//! The lab's own certificate authority and every certificate below it.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType,
};

use crate::files;
use crate::layout::{API_SERVICE, Layout, MANAGEMENT, Node};

/// Certificate and key files.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    /// PEM certificate.
    pub(crate) certificate: PathBuf,
    /// PEM key.
    pub(crate) key: PathBuf,
}

/// The lab's files of trust, below `pki/`.
#[derive(Debug, Clone)]
pub(crate) struct Pki {
    dir: PathBuf,
}

impl Pki {
    /// The paths, whether or not the files exist.
    pub(crate) fn new(layout: &Layout) -> Self {
        Self { dir: layout.path("pki") }
    }
    /// A pair by name.
    pub(crate) fn pair(&self, name: &str) -> Pair {
        Pair { certificate: self.dir.join(format!("{name}.crt")), key: self.dir.join(format!("{name}.key")) }
    }
    /// The authority's certificate.
    pub(crate) fn authority(&self) -> PathBuf {
        self.dir.join("ca.crt")
    }
    /// Public key of service-account tokens.
    pub(crate) fn service_account_public(&self) -> PathBuf {
        self.dir.join("service-account.pub")
    }
    /// Private key of service-account tokens.
    pub(crate) fn service_account_private(&self) -> PathBuf {
        self.dir.join("service-account.key")
    }
    /// A path as text for command lines and templates.
    pub(crate) fn text(path: &Path) -> String {
        path.display().to_string()
    }

    /// Makes what is missing: all of the control plane's, and those of the nodes given.
    pub(crate) fn ensure(&self, nodes: &[Node]) -> Result<()> {
        let authority = self.ensure_authority()?;
        for request in
            control_plane_requests().into_iter().chain(nodes.iter().flat_map(|node| node_requests(*node)))
        {
            self.ensure_pair(&authority, &request)?;
        }
        if !self.service_account_private().exists() {
            let key = KeyPair::generate().context("generating the service-account key")?;
            files::write(&self.service_account_public(), key.public_key_pem())?;
            files::write_secret(&self.service_account_private(), key.serialize_pem())?;
        }
        Ok(())
    }

    fn ensure_authority(&self) -> Result<CertifiedIssuer<'static, KeyPair>> {
        let pair = self.pair("ca");
        let key = if pair.key.exists() {
            KeyPair::from_pem(&files::read(&pair.key)?).context("reading the authority's key")?
        } else {
            KeyPair::generate().context("generating the authority's key")?
        };
        let pem = key.serialize_pem();
        let mut params = params("headroom-lab", &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::CrlSign];
        let authority = CertifiedIssuer::self_signed(params, key).context("signing the authority")?;
        if !pair.certificate.exists() || !pair.key.exists() {
            files::write_secret(&pair.key, pem)?;
            files::write(&pair.certificate, authority.pem())?;
        }
        Ok(authority)
    }

    fn ensure_pair(&self, authority: &CertifiedIssuer<'static, KeyPair>, request: &Request) -> Result<()> {
        let pair = self.pair(&request.file);
        if pair.certificate.exists() && pair.key.exists() {
            return Ok(());
        }
        let key = KeyPair::generate().with_context(|| format!("generating the key of {}", request.file))?;
        let mut params = params(&request.user, &request.groups);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        for name in &request.names {
            let san = match name.parse::<IpAddr>() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName(name.as_str().try_into().context("a DNS name of a certificate")?),
            };
            params.subject_alt_names.push(san);
        }
        let certificate = params
            .signed_by(&key, authority)
            .with_context(|| format!("signing the certificate of {}", request.file))?;
        files::write_secret(&pair.key, key.serialize_pem())?;
        files::write(&pair.certificate, certificate.pem()).map(drop)
    }
}

/// A certificate to have: for a user (`CN`) of groups (`O`), or for a server with names.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Request {
    file: String,
    user: String,
    groups: Vec<String>,
    names: Vec<String>,
}

fn request(file: &str, user: &str, groups: &[&str], names: &[&str]) -> Request {
    let own = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    Request { file: file.to_owned(), user: user.to_owned(), groups: own(groups), names: own(names) }
}

/// Users that the lab's own helpers have beside those of stock Kubernetes.
pub(crate) const ADMIN: &str = "admin";

fn control_plane_requests() -> Vec<Request> {
    let (management, service) = (MANAGEMENT.to_string(), API_SERVICE.to_string());
    let names = [
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
        "localhost",
        "127.0.0.1",
        &management,
        &service,
    ];
    let masters = ["system:masters"];
    vec![
        request("apiserver", "kube-apiserver", &[], &names),
        request("apiserver-kubelet-client", "kube-apiserver-kubelet-client", &masters, &[]),
        request("front-proxy-client", "front-proxy-client", &[], &[]),
        request(ADMIN, "kubernetes-admin", &masters, &[]),
        request("controller-manager", "system:kube-controller-manager", &[], &[]),
        request("scheduler", "system:kube-scheduler", &[], &[]),
        request("proxy", "system:kube-proxy", &[], &[]),
        request("dns", "headroom-lab:dns", &masters, &[]),
        request("csi", "headroom-lab:csi", &masters, &[]),
        request("resizer", "headroom-lab:resizer", &masters, &[]),
        request("snapshotter", "headroom-lab:snapshotter", &masters, &[]),
        request("snapshot-controller", "headroom-lab:snapshot-controller", &masters, &[]),
        request(crate::standin::USER, "headroom-lab:stand-in", &masters, &[]),
    ]
}

fn node_requests(node: Node) -> Vec<Request> {
    let name = node.name();
    let user = format!("system:node:{name}");
    let address = node.address().to_string();
    vec![
        request(&format!("kubelet-{name}"), &user, &["system:nodes"], &[]),
        request(&format!("kubelet-server-{name}"), &user, &["system:nodes"], &[&name, &address]),
    ]
}

fn params(user: &str, groups: &[String]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = rcgen::date_time_ymd(2024, 1, 1);
    params.not_after = rcgen::date_time_ymd(2099, 1, 1);
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, user);
    for group in groups {
        params.distinguished_name.push(DnType::OrganizationName, group.as_str());
    }
    params
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_second_run_keeps_every_file() {
        let dir = tempfile::tempdir().unwrap();
        let pki = Pki::new(&Layout::new(Some(dir.path()), Some(dir.path())).unwrap());
        pki.ensure(&[Node(1)]).unwrap();
        let read = |name: &str| std::fs::read_to_string(pki.pair(name).certificate).unwrap();
        let before = [read("ca"), read("apiserver"), read("kubelet-server-n1")];
        pki.ensure(&[Node(1), Node(2)]).unwrap();
        assert_eq!([read("ca"), read("apiserver"), read("kubelet-server-n1")], before);
        assert!(pki.pair("kubelet-n2").key.exists());
    }

    #[test]
    fn a_kubelet_serves_under_its_name_and_address_and_is_a_node_to_the_apiserver() {
        let requests = node_requests(Node(2));
        assert_eq!(requests[0].user, "system:node:n2");
        assert_eq!(requests[0].groups, ["system:nodes"]);
        assert_eq!(requests[1].names, ["n2", "172.30.0.12"]);
    }

    #[test]
    fn the_apiserver_answers_on_the_host_loopback_inside_the_lab_and_on_its_service() {
        let requests = control_plane_requests();
        let names = &requests.iter().find(|r| r.file == "apiserver").unwrap().names;
        for name in ["127.0.0.1", "172.30.0.1", "10.96.0.1", "kubernetes.default.svc"] {
            assert!(names.iter().any(|have| have == name), "{name}");
        }
    }
}
