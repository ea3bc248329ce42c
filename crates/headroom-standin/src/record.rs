//! Records the simple stories that every CNPG must tell alike: what a cluster does when it is asked for this or that.
//!
//! It works with whatever serves `Cluster`, the stand-in or stock CloudNativePG, and writes the format of the recorded
//! traces, so that the same comparison with the model takes both (`crates/headroom-sim/tests/it/conformance.rs`).

mod line;
mod perform;
mod story;
mod tape;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

pub use story::names;

use perform::Stage;

/// Records these stories into a folder, one file each.
///
/// # Errors
/// When the cluster cannot be used or a story does not come to its end.
pub async fn record(kubeconfig: &Path, folder: &Path, stories: &[String]) -> Result<Vec<PathBuf>> {
    let doing = || format!("using the kubeconfig {}", kubeconfig.display());
    let text = Kubeconfig::read_from(kubeconfig).with_context(doing)?;
    let mut config =
        Config::from_custom_kubeconfig(text, &KubeConfigOptions::default()).await.with_context(doing)?;
    // Longer than a watch lasts, so that a quiet watch is not taken for a dead one.
    config.read_timeout = Some(std::time::Duration::from_secs(295));
    let client = Client::try_from(config).with_context(doing)?;
    std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let mut written = Vec::new();
    for name in stories {
        let story = story::find(name)?;
        tracing::info!("recording {name}");
        let mut stage = Stage::set(&client, name).await?;
        let played = stage.play(&story).await;
        let lines = stage.clear().await;
        played.with_context(|| format!("playing {name}"))?;
        let path = folder.join(format!("{name}.jsonl"));
        std::fs::write(&path, lines?).with_context(|| format!("writing {}", path.display()))?;
        written.push(path);
    }
    Ok(written)
}
