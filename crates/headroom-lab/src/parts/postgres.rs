//! The PostgreSQL image: Debian's server on a minimal root, with the postgres user where CloudNativePG expects it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::archive::{self, Config};
use crate::error::PrerequisiteError;
use crate::layout::Layout;
use crate::progress::Progress;
use crate::{files, run};

/// Name of the image; CloudNativePG reads the major version from the tag.
pub(crate) const TAG: &str = "headroom.dev/lab/postgresql:15";
/// Second name of the same image: what a rolling upgrade in the lab goes to.
pub(crate) const NEXT_TAG: &str = "headroom.dev/lab/postgresql:15-next";
/// Counts the changes of how the image is made, so that a change is not hidden by the cache.
const RECIPE: u32 = 2;
const MIRROR: &str = "http://deb.debian.org/debian";
/// Content that a running container replaces or never reads.
const WITHOUT: [&str; 12] = [
    "dev",
    "proc",
    "sys",
    "tmp",
    "var/cache/apt",
    "var/lib/apt/lists",
    "var/lib/postgresql",
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
    "usr/share/i18n",
    "usr/lib/postgresql/15/lib/bitcode",
];
/// CloudNativePG runs PostgreSQL as 26:26 unless told otherwise; Debian gives 26 to the group `tape`.
const MOVE_USER: &str = "groupmod -g 1026 tape
groupmod -g 26 postgres
usermod -u 26 postgres
rm -rf /etc/postgresql/15 /var/lib/postgresql/15 /var/run/postgresql
install -d -o postgres -g postgres -m 2775 /run/postgresql
chown -R postgres:postgres /var/lib/postgresql /var/log/postgresql";
/// Half of the image is the compiler for just-in-time compilation, which PostgreSQL goes without when it is not there.
const REMOVE_COMPILER: &str =
    "rm -f /usr/lib/postgresql/15/lib/llvmjit* /usr/lib/*/libLLVM* /usr/lib/*/libz3*";

/// The archive, made if the cache lacks it.
pub(crate) fn ensure(layout: &Layout, progress: &Progress) -> Result<PathBuf> {
    let dir = layout.cache.join(format!("postgresql-15-{RECIPE}"));
    let archive = dir.join("postgresql.tar");
    if archive.exists() {
        return Ok(archive);
    }
    let debootstrap = run::find("debootstrap").ok_or_else(|| {
        PrerequisiteError::new("debootstrap is not installed", "apt-get install debootstrap")
    })?;
    files::create_dir(&dir)?;
    let work = tempfile::Builder::new().prefix("build-").tempdir_in(&layout.cache)?;
    let root = work.path().join("root");
    progress.run("install PostgreSQL 15 into an empty root (minutes)", || {
        // In a mount namespace of its own, so that what it mounts is gone even after an interruption.
        let mut command = run::command("unshare", [std::ffi::OsStr::new("--mount"), debootstrap.as_os_str()]);
        command.args(["--variant=minbase", "--include=postgresql-15,ca-certificates,locales", "bookworm"]);
        command.arg(&root).arg(MIRROR);
        run::logged(&mut command, &dir.join("build.log"))
    })?;
    progress.run("pack the PostgreSQL image", || {
        for script in [MOVE_USER, REMOVE_COMPILER] {
            inside(&root, script).context("preparing the root of the PostgreSQL image")?;
        }
        let path =
            "PATH=/usr/lib/postgresql/15/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        let env = vec![path.to_owned(), "LANG=C.UTF-8".to_owned()];
        let config = Config { user: "26".into(), entrypoint: Vec::new(), env };
        archive::pack_root(&archive, &[TAG], &config, &root, &WITHOUT)
    })?;
    Ok(archive)
}

fn inside(root: &Path, script: &str) -> Result<()> {
    let mut command = run::command("chroot", [root.as_os_str()]);
    command.args(["/bin/sh", "-euc", script]);
    run::output(&mut command).map(drop)
}
