//! Image archives: importing them on nodes and packing them from files.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::archive::{self, Config, Entry};
use crate::args::PackArgs;
use crate::inspect::say;
use crate::layout::{Layout, Node};
use crate::state::State;
use crate::{files, run};

/// `load-image`: imports archives on every node, whether or not they were imported before.
pub(crate) fn load_image(layout: &Layout, archives: &[PathBuf]) -> Result<ExitCode> {
    let state = State::require(layout)?;
    let nodes: Vec<Node> = state.nodes().collect();
    for archive in archives {
        import(layout, &nodes, archive)?;
        say(&format!(
            "imported {} on {} nodes: {}",
            archive.display(),
            nodes.len(),
            archive::tags(archive)?.join(" ")
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Imports an archive on those nodes that do not have this very file yet.
pub(crate) fn import_new(layout: &Layout, nodes: &[Node], archive: &Path) -> Result<()> {
    let meta = std::fs::metadata(archive).with_context(|| format!("looking at {}", archive.display()))?;
    let mark = format!("{} {} {} {}", archive.display(), meta.len(), meta.mtime(), meta.mtime_nsec());
    let stem = archive.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let stamp = |node: Node| layout.node_dir(node).join("imported").join(&stem);
    let lacking: Vec<Node> = nodes
        .iter()
        .copied()
        .filter(|node| std::fs::read_to_string(stamp(*node)).ok().as_deref() != Some(&mark))
        .collect();
    import(layout, &lacking, archive)?;
    lacking.into_iter().try_for_each(|node| files::write(&stamp(node), &mark).map(drop))
}

fn import(layout: &Layout, nodes: &[Node], archive: &Path) -> Result<()> {
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            nodes.iter().map(|&node| scope.spawn(move || import_on(layout, node, archive))).collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|_| bail!("an import panicked")))
    })
}

fn import_on(layout: &Layout, node: Node, archive: &Path) -> Result<()> {
    let socket = layout.containerd_socket(node);
    wait_for(&socket)?;
    let mut command = run::command("ctr", [std::ffi::OsStr::new("--address"), socket.as_os_str()]);
    command.args(["--namespace", "k8s.io", "images", "import"]).arg(archive);
    run::output(&mut command)
        .map(drop)
        .with_context(|| format!("importing {} on {}", archive.display(), node.name()))
}

/// Gives an image that the nodes have a second name; safe to repeat.
pub(crate) fn tag(layout: &Layout, nodes: &[Node], image: &str, name: &str) -> Result<()> {
    nodes.iter().try_for_each(|&node| {
        let socket = layout.containerd_socket(node);
        let mut command = run::command("ctr", [std::ffi::OsStr::new("--address"), socket.as_os_str()]);
        command.args(["--namespace", "k8s.io", "images", "tag", "--force", image, name]);
        run::output(&mut command)
            .map(drop)
            .with_context(|| format!("naming {image} {name} on {}", node.name()))
    })
}

/// Waits until a containerd answers.
fn wait_for(socket: &Path) -> Result<()> {
    let limit = Instant::now() + Duration::from_mins(1);
    let address = [std::ffi::OsStr::new("--address"), socket.as_os_str(), std::ffi::OsStr::new("version")];
    while !run::succeeds(&mut run::command("ctr", address)) {
        if Instant::now() > limit {
            bail!("waited 60 s for containerd on {}; next: cargo lab status", socket.display());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

/// `pack-image`: an image archive from single files.
pub(crate) fn pack(args: &PackArgs) -> Result<ExitCode> {
    let entries = args.files.iter().map(|text| entry(text)).collect::<Result<Vec<_>>>()?;
    let config =
        Config { user: args.user.clone(), entrypoint: args.entrypoint.clone(), env: args.env.clone() };
    let output = std::path::absolute(&args.output)?;
    archive::pack_files(&output, &[args.tag.as_str()], &config, &entries)?;
    say(&output.display().to_string())?;
    Ok(ExitCode::SUCCESS)
}

/// `source:destination[:octal mode]`; without a mode that of the source.
fn entry(text: &str) -> Result<Entry> {
    let mut words = text.split(':');
    let (Some(source), Some(destination), mode, None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        bail!("--file {text}: write source:destination or source:destination:mode");
    };
    let mode = match mode {
        Some(mode) => {
            u32::from_str_radix(mode, 8).with_context(|| format!("--file {text}: the mode is not octal"))?
        }
        None => std::fs::metadata(source).with_context(|| format!("looking at {source}"))?.mode() & 0o7777,
    };
    Ok(Entry { source: source.into(), destination: destination.trim_start_matches('/').into(), mode })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_entry_names_source_destination_and_mode() {
        let expected = Entry { source: "/s".into(), destination: "operator/manager".into(), mode: 0o755 };
        assert_eq!(entry("/s:/operator/manager:755").unwrap(), expected);
    }

    #[test]
    fn an_entry_that_cannot_be_read_is_refused() {
        for text in ["", "only-source", "/absent-source:/x", "a:b:c", "a:b:755:d"] {
            assert!(entry(text).is_err(), "{text}");
        }
    }
}
