//! Programs built from Go modules with the machine's Go, at pinned versions.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::error::PrerequisiteError;
use crate::layout::Layout;
use crate::progress::Progress;
use crate::{files, run};

/// A module whose commands the lab builds.
#[derive(Debug)]
pub(crate) struct Module {
    /// Name in the cache.
    name: &'static str,
    /// Module path.
    path: &'static str,
    /// Module version.
    version: &'static str,
    /// Version of the modules that its go.mod replaces by directories of its own tree; they are published separately.
    staging: Option<&'static str>,
    /// Programs that the lab takes from it.
    programs: &'static [&'static str],
    /// Directory of their main packages; `None` for [`Self::main`].
    commands: Option<&'static str>,
    /// A main program of the lab's own, where the module is a library of parts.
    main: Option<&'static str>,
    /// Linker flags.
    linker: &'static str,
    /// Files that the lab takes from modules below this one: module path and path within. They lie in the cache beside the
    /// programs.
    files: &'static [(&'static str, &'static str)],
}

/// Kubernetes: its 33 staging modules are published as `v0.X.Y` (`v1.36.3` → `v0.36.3`).
pub(crate) static KUBERNETES: Module = Module {
    name: "kubernetes",
    path: "k8s.io/kubernetes",
    version: super::KUBERNETES,
    staging: Some("v0.36.3"),
    programs: &[
        "kube-apiserver",
        "kube-controller-manager",
        "kube-proxy",
        "kube-scheduler",
        "kubectl",
        "kubelet",
    ],
    commands: Some("cmd"),
    main: None,
    linker: "-s -w -X k8s.io/component-base/version.gitVersion=v1.36.3",
    files: &[],
};

/// The sidecar that asks the driver to expand a volume when a claim grows.
pub(crate) static RESIZER: Module = Module {
    name: "csi-resizer",
    path: "github.com/kubernetes-csi/external-resizer/v2",
    version: "v2.3.0",
    staging: None,
    programs: &["csi-resizer"],
    commands: Some("cmd"),
    main: None,
    linker: "-s -w",
    files: &[],
};

/// The sidecar that asks the driver for snapshots, and the controller that binds VolumeSnapshots to them. The CRDs are in
/// the module of its client.
pub(crate) static SNAPSHOTTER: Module = Module {
    name: "external-snapshotter",
    path: "github.com/kubernetes-csi/external-snapshotter/v8",
    version: "v8.7.0",
    staging: None,
    programs: &["csi-snapshotter", "snapshot-controller"],
    commands: Some("cmd"),
    main: None,
    linker: "-s -w",
    files: &[
        (SNAPSHOT_CLIENT, "config/crd/snapshot.storage.k8s.io_volumesnapshotclasses.yaml"),
        (SNAPSHOT_CLIENT, "config/crd/snapshot.storage.k8s.io_volumesnapshotcontents.yaml"),
        (SNAPSHOT_CLIENT, "config/crd/snapshot.storage.k8s.io_volumesnapshots.yaml"),
    ],
};

const SNAPSHOT_CLIENT: &str = "github.com/kubernetes-csi/external-snapshotter/client/v8";

/// CoreDNS with the few plugins that a cluster without the outside world needs.
pub(crate) static DNS: Module = Module {
    name: "coredns",
    path: "github.com/coredns/coredns",
    version: "v1.15.0",
    staging: None,
    programs: &["coredns"],
    commands: None,
    main: Some(include_str!("../../assets/go/coredns.go")),
    linker: "-s -w",
    files: &[],
};

impl Module {
    /// Directory in the cache: what it is and of which version.
    pub(crate) fn cache_name(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }
    /// Its files in the cache.
    pub(crate) fn cached_files(&self, dir: &Path) -> Vec<PathBuf> {
        self.files.iter().filter_map(|(_, path)| Some(dir.join(Path::new(path).file_name()?))).collect()
    }
    fn package(&self, program: &str) -> String {
        match self.commands {
            Some(commands) => format!("{}/{commands}/{program}", self.path),
            None => ".".to_owned(),
        }
    }
}

/// Builds those programs of a module that the cache lacks, and puts its files there.
pub(crate) fn ensure(layout: &Layout, progress: &Progress, module: &Module, programs: &[&str]) -> Result<()> {
    let target = layout.cache.join(module.cache_name());
    let missing: Vec<&str> =
        programs.iter().copied().filter(|program| !target.join(program).exists()).collect();
    let no_file = module.cached_files(&target).iter().any(|file| !file.exists());
    if missing.is_empty() && !no_file {
        return Ok(());
    }
    let go = run::find("go").ok_or_else(|| {
        PrerequisiteError::new(
            "Go is not installed (the lab builds Kubernetes with it)",
            "install Go 1.26 or later from https://go.dev/dl and put it on PATH",
        )
    })?;
    files::create_dir(&target)?;
    let work = tempfile::Builder::new()
        .prefix("build-")
        .tempdir_in(&layout.cache)
        .context("creating a build directory in the cache")?;
    let log = target.join("build.log");
    let step = progress.step(format!("download {} {}", module.path, module.version));
    prepare(&go, module, work.path(), &log)?;
    for ((of, path), to) in module.files.iter().zip(module.cached_files(&target)) {
        files::write(&to, files::read(&directory_of(&go, work.path(), of)?.join(path))?)?;
    }
    step.done("");
    for program in missing {
        let step = progress
            .step(format!("build {program} {} (minutes when the Go build cache is cold)", module.version));
        build(&go, module, program, work.path(), &log)?;
        let built = work.path().join("bin").join(program);
        std::fs::rename(&built, target.join(program))
            .with_context(|| format!("moving {}", built.display()))?;
        step.done("");
    }
    Ok(())
}

/// Writes the module that the build runs in.
fn prepare(go: &Path, module: &Module, work: &Path, log: &Path) -> Result<()> {
    files::write(&work.join("go.mod"), "module lab\n")?;
    let asked = format!("{}@{}", module.path, module.version);
    let told = run::output(go_command(go, work).args(["mod", "download", "-json", &asked]))
        .with_context(|| format!("downloading Go module {asked}"))?;
    let told: serde_json::Value =
        serde_json::from_str(&told).context("reading what `go mod download` said")?;
    let its_mod = PathBuf::from(told["GoMod"].as_str().context("`go mod download` named no go.mod")?);
    let text = go_mod(module, &files::read(&its_mod)?);
    files::write(&work.join("go.mod"), text)?;
    files::write(&work.join("main.go"), module.main.map_or_else(|| imports(module), str::to_owned))?;
    run::logged(go_command(go, work).args(["mod", "tidy"]), log)
}

/// Where the module cache has the version of a module that the build uses.
fn directory_of(go: &Path, work: &Path, module: &str) -> Result<PathBuf> {
    let told = run::output(go_command(go, work).args(["list", "-m", "-f", "{{.Dir}}", module]))
        .with_context(|| format!("looking for Go module {module}"))?;
    Ok(PathBuf::from(told.trim()))
}

/// A file that is never compiled: it tells `go mod tidy` what will be built, so that versions do not depend on the order
/// in which the programs are.
fn imports(module: &Module) -> String {
    let lines = module.programs.iter().map(|program| format!("import _ \"{}\"\n", module.package(program)));
    format!("//go:build tools\n\npackage tools\n\n{}", lines.collect::<String>())
}

/// The go.mod of a build: one requirement, and the replacements of the module's own go.mod, which only count for a main module.
fn go_mod(module: &Module, its_mod: &str) -> String {
    let go = its_mod.lines().find(|line| line.starts_with("go ")).unwrap_or("go 1.26.0");
    let replace = |(old, new): (String, String)| match (new.starts_with("./"), module.staging) {
        (true, Some(version)) => Some(format!("\t{old} => {old} {version}\n")),
        (true, None) => None,
        (false, _) => Some(format!("\t{old} => {new}\n")),
    };
    let replaced: Vec<String> = replacements(its_mod).into_iter().filter_map(replace).collect();
    let (name, path, version) = (module.name, module.path, module.version);
    format!("module lab/{name}\n\n{go}\n\nrequire {path} {version}\n\nreplace (\n{})\n", replaced.concat())
}

/// The `replace` directives of a go.mod, in a block or alone.
fn replacements(its_mod: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut inside = false;
    for line in its_mod.lines().map(str::trim) {
        let line = line.split(" //").next().unwrap_or_default().trim();
        if line == "replace (" {
            inside = true;
        } else if line == ")" {
            inside = false;
        } else if let Some((old, new)) = line.split_once(" => ") {
            let old = if inside { Some(old) } else { old.strip_prefix("replace ") };
            found.extend(old.map(|old| (old.trim().to_owned(), new.trim().to_owned())));
        }
    }
    found
}

fn build(go: &Path, module: &Module, program: &str, work: &Path, log: &Path) -> Result<()> {
    let output = work.join("bin").join(program);
    let mut command = go_command(go, work);
    command.args(["build", "-trimpath", "-buildvcs=false", "-ldflags", module.linker, "-o"]);
    command.arg(output).arg(module.package(program));
    run::logged(&mut command, log)
}

fn go_command(go: &Path, work: &Path) -> std::process::Command {
    let mut command = run::command(go, [""; 0]);
    command.current_dir(work).env("GOFLAGS", "-mod=mod").env("CGO_ENABLED", "0").env("GOWORK", "off");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    const ITS_MOD: &str = "module k8s.io/kubernetes\n\ngo 1.26.0\n\nreplace example.org/a => example.org/b v1.2.3\n\n\
        replace (\n\tk8s.io/api => ./staging/src/k8s.io/api\n\tk8s.io/old => k8s.io/new v0.1.0 // why\n)\n";

    #[test]
    fn staging_directories_become_published_modules_and_other_replacements_stay() {
        let text = go_mod(&KUBERNETES, ITS_MOD);
        assert!(
            text.contains("\trequire") || text.contains("\nrequire k8s.io/kubernetes v1.36.3\n"),
            "{text}"
        );
        assert!(text.contains("\tk8s.io/api => k8s.io/api v0.36.3\n"), "{text}");
        assert!(text.contains("\tk8s.io/old => k8s.io/new v0.1.0\n"), "{text}");
        assert!(text.contains("\texample.org/a => example.org/b v1.2.3\n"), "{text}");
        assert!(text.contains("\ngo 1.26.0\n") && !text.contains("staging"), "{text}");
    }

    #[test]
    fn a_program_is_named_by_its_package() {
        assert_eq!(KUBERNETES.package("kubelet"), "k8s.io/kubernetes/cmd/kubelet");
        assert_eq!(
            RESIZER.package("csi-resizer"),
            "github.com/kubernetes-csi/external-resizer/v2/cmd/csi-resizer"
        );
        assert_eq!(DNS.package("coredns"), ".");
        assert_eq!(KUBERNETES.cache_name(), "kubernetes-v1.36.3");
        let files = SNAPSHOTTER.cached_files(Path::new("/cache"));
        assert_eq!(files[2], Path::new("/cache/snapshot.storage.k8s.io_volumesnapshots.yaml"));
        assert!(imports(&KUBERNETES).contains("import _ \"k8s.io/kubernetes/cmd/kubelet\"\n"));
    }
}
