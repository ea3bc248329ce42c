//! The operator's image, without Docker: a static binary in an otherwise empty root, packed as a docker-archive.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

/// The static target.
const TARGET: &str = "x86_64-unknown-linux-musl";
/// The variable by which the C compiler for [`TARGET`] is chosen.
const COMPILER: &str = "CC_x86_64_unknown_linux_musl";
/// The numeric, unprivileged user of the image.
const USER: u64 = 65532;

/// Arguments of `cargo xtask image`.
#[derive(clap::Args)]
pub(crate) struct ImageArgs {
    /// Where to write the archive.
    #[arg(long, default_value = "target/headroom-image.tar")]
    output: PathBuf,
    /// The image's name and tag.
    #[arg(long, default_value = concat!("ghcr.io/headroom-dev/headroom:", env!("CARGO_PKG_VERSION")))]
    tag: String,
}

/// Builds and packs.
pub(crate) fn run(root: &Path, args: &ImageArgs) -> anyhow::Result<()> {
    let binary = build(root, "headroom-operator", "headroom")?;
    let bytes = std::fs::read(&binary).with_context(|| format!("cannot read {}", binary.display()))?;
    let archive = pack(&bytes, &args.tag)?;
    let output = root.join(&args.output);
    std::fs::write(&output, &archive).with_context(|| format!("cannot write {}", output.display()))?;
    crate::say(&format!(
        "wrote {} ({} KiB, binary {} KiB, sha256 {})",
        output.display(),
        archive.len() / 1024,
        bytes.len() / 1024,
        hex::encode(Sha256::digest(&archive))
    ));
    Ok(())
}

/// Builds a package's program of the same name and prints where it is.
pub(crate) fn binary(root: &Path, package: &str) -> anyhow::Result<()> {
    let path = build(root, package, package)?;
    writeln!(std::io::stdout(), "{}", path.display()).context("cannot print the path")
}

/// Builds a static binary. Paths are remapped so that two checkouts give the same bytes.
fn build(root: &Path, package: &str, program: &str) -> anyhow::Result<PathBuf> {
    // Without rustup the target may be part of the toolchain already: the build below then decides.
    let _ = Command::new("rustup")
        .current_dir(root)
        .args(["target", "add", TARGET])
        .stdout(std::process::Stdio::null())
        .status();
    let home = std::env::var("CARGO_HOME")
        .or_else(|_| std::env::var("HOME").map(|home| format!("{home}/.cargo")))
        .context("neither CARGO_HOME nor HOME is set")?;
    let flags = format!(
        "-C target-feature=+crt-static --remap-path-prefix={}=/src --remap-path-prefix={home}=/cargo",
        root.display()
    );
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    if std::env::var_os(COMPILER).is_none() && !has_musl_compiler() {
        // The C code of `ring` needs no C library: the host's compiler serves where Debian's musl-tools are missing.
        cargo.env(COMPILER, "cc");
    }
    let status = cargo
        .current_dir(root)
        .env("RUSTFLAGS", flags)
        .args(["build", "--release", "--package", package, "--bin", program, "--target", TARGET])
        .status()
        .context("cargo did not start")?;
    if !status.success() {
        bail!("the static build failed; is a C compiler missing? (Debian: apt-get install gcc)");
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(target.join(TARGET).join("release").join(program))
}

/// Whether a compiler for the static target is in the path.
fn has_musl_compiler() -> bool {
    Command::new("x86_64-linux-musl-gcc").arg("--version").output().is_ok()
}

/// Packs one binary as a docker-archive with one layer. Equal input gives equal bytes: no times, no names of users.
fn pack(binary: &[u8], tag: &str) -> anyhow::Result<Vec<u8>> {
    let mut layer = BTreeMap::new();
    layer.insert("headroom".to_owned(), (binary.to_vec(), 0o755));
    let accounts = format!("root:x:0:0::/:/none\nheadroom:x:{USER}:{USER}::/:/none\n");
    layer.insert("etc/passwd".to_owned(), (accounts.into_bytes(), 0o644));
    let layer = tar(&layer)?;
    let digest = hex::encode(Sha256::digest(&layer));
    let config = serde_json::json!({
        "architecture": "amd64",
        "os": "linux",
        "config": {"User": format!("{USER}:{USER}"), "Entrypoint": ["/headroom"], "Cmd": ["operator"], "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{digest}")]},
    })
    .to_string();
    let config_name = format!("{}.json", hex::encode(Sha256::digest(&config)));
    let layer_name = format!("{digest}/layer.tar");
    let manifest =
        serde_json::json!([{"Config": config_name, "RepoTags": [tag], "Layers": [layer_name]}]).to_string();
    let mut files = BTreeMap::new();
    files.insert(config_name, (config.into_bytes(), 0o644));
    files.insert(layer_name, (layer, 0o644));
    files.insert("manifest.json".to_owned(), (manifest.into_bytes(), 0o644));
    tar(&files)
}

/// A tar of these files (content and mode by path), with fixed times and owners.
fn tar(files: &BTreeMap<String, (Vec<u8>, u32)>) -> anyhow::Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, (content, mode)) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(*mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        builder.append_data(&mut header, path, Cursor::new(content)).context("cannot write the archive")?;
    }
    let mut bytes = builder.into_inner().context("cannot finish the archive")?;
    bytes.flush().context("cannot finish the archive")?;
    Ok(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Read;

    use super::*;

    fn entries(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
        let mut reader = tar::Archive::new(archive);
        reader
            .entries()
            .unwrap()
            .map(|entry| {
                let mut entry = entry.unwrap();
                let mut content = Vec::new();
                entry.read_to_end(&mut content).unwrap();
                (entry.path().unwrap().display().to_string(), content)
            })
            .collect()
    }

    #[test]
    fn equal_input_gives_equal_bytes() {
        assert_eq!(pack(b"binary", "a:1").unwrap(), pack(b"binary", "a:1").unwrap());
        assert_ne!(pack(b"binary", "a:1").unwrap(), pack(b"binarx", "a:1").unwrap());
    }

    #[test]
    fn the_manifest_names_a_layer_and_a_config_whose_digests_agree() {
        let archive = entries(&pack(b"binary", "example/headroom:1").unwrap());
        let manifest: serde_json::Value = serde_json::from_slice(&archive["manifest.json"]).unwrap();
        assert_eq!(manifest[0]["RepoTags"][0], "example/headroom:1");
        let config: serde_json::Value =
            serde_json::from_slice(&archive[manifest[0]["Config"].as_str().unwrap()]).unwrap();
        let layer = &archive[manifest[0]["Layers"][0].as_str().unwrap()];
        assert_eq!(config["rootfs"]["diff_ids"][0], format!("sha256:{}", hex::encode(Sha256::digest(layer))));
        assert_eq!(config["config"]["User"], "65532:65532");
        assert_eq!(entries(layer)["headroom"], b"binary");
    }
}
