//! Writing container images as docker-archive tars: one layer, a config and a manifest; no Docker needed.

use std::fs::File;
use std::io::{BufWriter, Read as _, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;
use sha2::{Digest, Sha256};

/// What a container of the image runs as.
#[derive(Debug, Clone, Default)]
pub(crate) struct Config {
    /// `uid` or `uid:gid`.
    pub(crate) user: String,
    /// Program and first arguments.
    pub(crate) entrypoint: Vec<String>,
    /// `NAME=value`.
    pub(crate) env: Vec<String>,
}

/// One file of an image made from single files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// On this machine.
    pub(crate) source: PathBuf,
    /// In the image, without the leading `/`.
    pub(crate) destination: PathBuf,
    /// Permission bits.
    pub(crate) mode: u32,
}

/// Packs single files, owned by root, in the given order; the same input gives the same bytes.
pub(crate) fn pack_files(output: &Path, tags: &[&str], config: &Config, entries: &[Entry]) -> Result<()> {
    pack(output, tags, config, |layer| {
        let mut made = std::collections::BTreeSet::new();
        for entry in entries {
            let parents: Vec<_> =
                entry.destination.ancestors().skip(1).filter(|dir| !dir.as_os_str().is_empty()).collect();
            for dir in parents.into_iter().rev().filter(|dir| made.insert(dir.to_path_buf())) {
                layer.append_data(&mut header(tar::EntryType::Directory, 0, 0o755), dir, std::io::empty())?;
            }
            let mut file =
                File::open(&entry.source).with_context(|| format!("opening {}", entry.source.display()))?;
            let size = file.metadata()?.len();
            layer.append_data(
                &mut header(tar::EntryType::Regular, size, entry.mode),
                &entry.destination,
                &mut file,
            )?;
        }
        Ok(())
    })
}

/// Packs a root file system with its owners, modes and links; directories in `without` keep their place but not their content.
pub(crate) fn pack_root(
    output: &Path,
    tags: &[&str],
    config: &Config,
    root: &Path,
    without: &[&str],
) -> Result<()> {
    pack(output, tags, config, |layer| append_tree(layer, root, Path::new(""), without))
}

fn append_tree(layer: &mut Layer<'_>, root: &Path, below: &Path, without: &[&str]) -> Result<()> {
    let dir = root.join(below);
    let mut entries: Vec<_> = std::fs::read_dir(&dir)
        .and_then(Iterator::collect::<std::io::Result<_>>)
        .with_context(|| format!("reading {}", dir.display()))?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let kind = entry.file_type()?;
        let path = below.join(entry.file_name());
        // Devices, sockets and pipes belong to a machine, not to an image.
        if !(kind.is_dir() || kind.is_file() || kind.is_symlink()) {
            continue;
        }
        layer.append_path_with_name(root.join(&path), &path)?;
        if kind.is_dir() && !without.iter().any(|skip| path == Path::new(skip)) {
            append_tree(layer, root, &path, without)?;
        }
    }
    Ok(())
}

type Layer<'a> = tar::Builder<&'a mut HashingWriter<BufWriter<File>>>;

fn pack(
    output: &Path,
    tags: &[&str],
    config: &Config,
    fill: impl FnOnce(&mut Layer<'_>) -> Result<()>,
) -> Result<()> {
    let parent = output.parent().context("an archive needs a directory")?;
    crate::files::create_dir(parent)?;
    let layer_file = tempfile::NamedTempFile::new_in(parent).context("creating a temporary layer")?;
    let mut hashing = HashingWriter::new(BufWriter::new(layer_file.reopen()?));
    let mut layer = tar::Builder::new(&mut hashing);
    layer.follow_symlinks(false);
    layer.mode(tar::HeaderMode::Complete);
    fill(&mut layer).context("writing the layer")?;
    layer.into_inner().context("ending the layer")?.flush()?;
    let diff_id = hashing.digest();

    let image = serde_json::to_vec(&image_config(config, &diff_id)).context("encoding the image config")?;
    let config_name = format!("{}.json", hex::encode(Sha256::digest(&image)));
    let layer_name = format!("{diff_id}/layer.tar");
    let manifest = json!([{ "Config": config_name, "RepoTags": tags, "Layers": [layer_name] }]);

    let archive = tempfile::NamedTempFile::new_in(parent).context("creating a temporary archive")?;
    let mut tar = tar::Builder::new(BufWriter::new(archive.reopen()?));
    append_bytes(&mut tar, &config_name, &image)?;
    let mut content = layer_file.reopen()?;
    let size = content.metadata()?.len();
    tar.append_data(&mut header(tar::EntryType::Regular, size, 0o644), &layer_name, &mut content)?;
    append_bytes(
        &mut tar,
        "manifest.json",
        &serde_json::to_vec(&manifest).context("encoding the manifest")?,
    )?;
    tar.into_inner().context("ending the archive")?.flush()?;
    archive.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    archive.persist(output).with_context(|| format!("writing {}", output.display()))?;
    Ok(())
}

fn image_config(config: &Config, diff_id: &str) -> serde_json::Value {
    json!({
        "architecture": architecture(),
        "os": "linux",
        "config": { "User": config.user, "Env": config.env, "Entrypoint": config.entrypoint, "WorkingDir": "/" },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{diff_id}")] },
        "history": [{ "created_by": "headroom-lab" }],
    })
}

/// The architecture in the words of container images.
fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }
}

fn header(kind: tar::EntryType, size: u64, mode: u32) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}

fn append_bytes(tar: &mut tar::Builder<BufWriter<File>>, name: &str, content: &[u8]) -> Result<()> {
    let size = u64::try_from(content.len()).context("an archive member is too large")?;
    tar.append_data(&mut header(tar::EntryType::Regular, size, 0o644), name, content)?;
    Ok(())
}

/// Passes bytes on and digests them on the way.
struct HashingWriter<W> {
    inner: W,
    digest: Sha256,
}

impl<W: Write> HashingWriter<W> {
    fn new(inner: W) -> Self {
        Self { inner, digest: Sha256::new() }
    }
    fn digest(self) -> String {
        hex::encode(self.digest.finalize())
    }
}

impl<W: Write> Write for HashingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.digest.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

/// The tags that an image archive carries (docker-archive `manifest.json`, or OCI `index.json` annotations).
pub(crate) fn tags(archive: &Path) -> Result<Vec<String>> {
    let file = File::open(archive).with_context(|| format!("opening {}", archive.display()))?;
    let mut tar = tar::Archive::new(std::io::BufReader::new(file));
    let mut found = Vec::new();
    for entry in tar.entries().context("reading the archive")? {
        let mut entry = entry.with_context(|| format!("{} is not a tar archive", archive.display()))?;
        let name = entry.path()?.to_string_lossy().into_owned();
        if name != "manifest.json" && name != "index.json" {
            continue;
        }
        let mut text = String::new();
        entry.read_to_string(&mut text)?;
        let value: serde_json::Value =
            serde_json::from_str(&text).with_context(|| format!("reading {name}"))?;
        found.extend(tags_in(&value));
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn tags_in(value: &serde_json::Value) -> Vec<String> {
    let docker =
        value.as_array().into_iter().flatten().filter_map(|image| image["RepoTags"].as_array()).flatten();
    let oci = value["manifests"].as_array().into_iter().flatten();
    let annotated = oci.filter_map(|manifest| manifest["annotations"].get("io.containerd.image.name"));
    docker.chain(annotated).filter_map(|tag| tag.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read_member(archive: &Path, name: &str) -> Vec<u8> {
        let mut tar = tar::Archive::new(File::open(archive).unwrap());
        let mut entry = tar
            .entries()
            .unwrap()
            .map(Result::unwrap)
            .find(|e| e.path().unwrap() == Path::new(name))
            .unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        bytes
    }

    fn config() -> Config {
        Config { user: "65532:65532".into(), entrypoint: vec!["/manager".into()], env: vec!["A=b".into()] }
    }

    #[test]
    fn the_config_names_the_layer_by_the_digest_of_its_bytes() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("program"), "x").unwrap();
        let entry =
            Entry { source: dir.path().join("program"), destination: "operator/manager".into(), mode: 0o755 };
        let output = dir.path().join("out/image.tar");
        pack_files(&output, &["example.org/app:1"], &config(), &[entry]).unwrap();

        let manifest: serde_json::Value =
            serde_json::from_slice(&read_member(&output, "manifest.json")).unwrap();
        let image: serde_json::Value =
            serde_json::from_slice(&read_member(&output, manifest[0]["Config"].as_str().unwrap())).unwrap();
        let layer = read_member(&output, manifest[0]["Layers"][0].as_str().unwrap());
        assert_eq!(image["rootfs"]["diff_ids"][0], format!("sha256:{}", hex::encode(Sha256::digest(&layer))));
        assert_eq!(image["config"]["User"], "65532:65532");
        let mut members = tar::Archive::new(layer.as_slice());
        let names: Vec<_> =
            members.entries().unwrap().map(|e| e.unwrap().path().unwrap().display().to_string()).collect();
        assert_eq!(names, ["operator", "operator/manager"]);
        assert_eq!(tags(&output).unwrap(), ["example.org/app:1"]);
    }

    #[test]
    fn the_same_files_give_the_same_archive() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a"), "1").unwrap();
        let entry = Entry { source: dir.path().join("a"), destination: "a".into(), mode: 0o644 };
        let pack = |name: &str| {
            let output = dir.path().join(name);
            pack_files(&output, &["t:1"], &config(), std::slice::from_ref(&entry)).unwrap();
            std::fs::read(output).unwrap()
        };
        assert_eq!(pack("one.tar"), pack("two.tar"));
    }

    #[test]
    fn a_root_file_system_keeps_links_and_empties_what_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        std::fs::create_dir_all(root.join("proc/1")).unwrap();
        std::fs::create_dir_all(root.join("usr/bin")).unwrap();
        std::os::unix::fs::symlink("usr/bin", root.join("bin")).unwrap();
        std::fs::write(root.join("usr/bin/x"), "x").unwrap();
        let output = dir.path().join("image.tar");
        pack_root(&output, &["r:1"], &config(), &root, &["proc"]).unwrap();
        let manifest: serde_json::Value =
            serde_json::from_slice(&read_member(&output, "manifest.json")).unwrap();
        let layer = read_member(&output, manifest[0]["Layers"][0].as_str().unwrap());
        let mut members = tar::Archive::new(layer.as_slice());
        let seen: Vec<_> = members
            .entries()
            .unwrap()
            .map(|e| e.unwrap())
            .map(|e| (e.path().unwrap().display().to_string(), e.header().entry_type().is_symlink()))
            .collect();
        let expected =
            [("bin", true), ("proc", false), ("usr", false), ("usr/bin", false), ("usr/bin/x", false)];
        assert_eq!(seen, expected.map(|(name, link)| (name.to_owned(), link)));
    }

    #[test]
    fn tags_of_an_oci_index_are_its_annotations() {
        let index =
            json!({ "manifests": [{ "annotations": { "io.containerd.image.name": "docker.io/a/b:1" } }] });
        assert_eq!(tags_in(&index), ["docker.io/a/b:1"]);
    }
}
