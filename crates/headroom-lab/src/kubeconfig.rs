//! Kubeconfigs: one cluster, one user, credentials embedded so that a file can be copied.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::json;

use crate::certs::Pki;
use crate::files;

/// Writes a kubeconfig for the user of certificate pair `user`; says whether it changed.
pub(crate) fn write(path: &Path, pki: &Pki, user: &str, server: &str) -> Result<bool> {
    let pair = pki.pair(user);
    let read = |path: &Path| files::read(path).map(|text| base64(text.as_bytes()));
    let value = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "headroom-lab", "cluster": {
            "server": server, "certificate-authority-data": read(&pki.authority())? } }],
        "users": [{ "name": user, "user": {
            "client-certificate-data": read(&pair.certificate)?, "client-key-data": read(&pair.key)? } }],
        "contexts": [{ "name": "headroom-lab", "context": { "cluster": "headroom-lab", "user": user } }],
        "current-context": "headroom-lab",
    });
    let text = serde_json::to_string_pretty(&value).context("encoding a kubeconfig")?;
    files::write_secret(path, text)
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or_default());
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            if at > chunk.len() {
                text.push('=');
            } else {
                let index = (group >> (18 - 6 * at)) & 63;
                text.push(ALPHABET.get(index as usize).copied().map_or('=', char::from));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::layout::Layout;

    #[track_caller]
    fn encodes(text: &str, expected: &str) {
        assert_eq!(base64(text.as_bytes()), expected);
    }

    #[test]
    fn base64_pads_as_rfc_4648_says() {
        encodes("", "");
        encodes("f", "Zg==");
        encodes("fo", "Zm8=");
        encodes("foo", "Zm9v");
        encodes("foob", "Zm9vYg==");
        encodes("\u{7ff}?", "378/");
    }

    #[test]
    fn a_kubeconfig_names_its_server_and_embeds_its_credentials() {
        let dir = tempfile::tempdir().unwrap();
        let pki = Pki::new(&Layout::new(Some(dir.path()), Some(dir.path())).unwrap());
        pki.ensure(&[]).unwrap();
        let path = dir.path().join("kubeconfig");
        assert!(write(&path, &pki, "admin", "https://127.0.0.1:1").unwrap());
        assert!(!write(&path, &pki, "admin", "https://127.0.0.1:1").unwrap());
        let value: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!(value["clusters"][0]["cluster"]["server"], "https://127.0.0.1:1");
        assert!(value["users"][0]["user"]["client-key-data"].as_str().unwrap().len() > 100);
    }
}
