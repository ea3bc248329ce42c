//! Stock CloudNativePG, from files that the user gives: it is in no package registry, and the lab downloads nothing else.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::error::PrerequisiteError;
use crate::kubectl::Kubectl;
use crate::layout::{Layout, Node};
use crate::progress::Progress;
use crate::{archive, files, images};

/// Checks that the archive holds an image that the manifest names, before anything is started.
pub(crate) fn check(manifest: &Path, image: &Path) -> Result<()> {
    for (file, option) in [(manifest, "--cnpg-manifest"), (image, "--cnpg-image")] {
        if !file.is_file() {
            let missing = format!("{option} {}: no such file", file.display());
            return Err(PrerequisiteError::new(
                missing,
                "give the path of the release manifest and of the operator image",
            )
            .into());
        }
    }
    let wanted = images_of(&files::read(manifest)?);
    let have = archive::tags(image)?;
    if wanted.iter().any(|name| have.contains(name)) {
        return Ok(());
    }
    let missing =
        format!("the manifest wants {} but {} holds {}", list(&wanted), image.display(), list(&have));
    Err(PrerequisiteError::new(missing, "give the manifest and the image of one release").into())
}

fn list(words: &[String]) -> String {
    if words.is_empty() { "no image".to_owned() } else { words.join(", ") }
}

/// Images that a manifest's containers name.
fn images_of(manifest: &str) -> Vec<String> {
    let lines = manifest.lines().map(|line| line.trim().trim_start_matches("- "));
    let values = lines
        .filter_map(|line| line.strip_prefix("image:"))
        .map(|value| value.trim().trim_matches(['"', '\'']));
    let mut found: Vec<String> = values.filter(|value| !value.is_empty()).map(str::to_owned).collect();
    found.sort();
    found.dedup();
    found
}

/// No registry can be reached from the lab: an image that is there must not be asked for again.
fn never_pull(manifest: &str) -> String {
    manifest.replace("imagePullPolicy: Always", "imagePullPolicy: IfNotPresent")
}

/// Imports the image on every node, applies the manifest and waits for the operator.
pub(crate) fn install(
    layout: &Layout,
    kubectl: &Kubectl,
    nodes: &[Node],
    manifest: &Path,
    image: &Path,
    progress: &Progress,
) -> Result<()> {
    progress.run("import the CloudNativePG image", || images::import_new(layout, nodes, image))?;
    progress.run("install CloudNativePG", || {
        kubectl.apply(&never_pull(&files::read(manifest)?))?;
        let args = [
            "-n",
            "cnpg-system",
            "get",
            "deployment",
            "cnpg-controller-manager",
            "-o=jsonpath={.status.availableReplicas}",
        ];
        let limit = Duration::from_mins(3);
        kubectl.until_met("the CloudNativePG operator", limit, &args, |text| {
            text.parse::<u32>().is_ok_and(|n| n > 0)
        })?;
        // Available comes before the service's endpoint reaches every kube-proxy; a dry run goes through the webhook.
        let dry = ["apply", "--dry-run=server", "-f", "-"];
        kubectl.until_input("CloudNativePG's webhook", Duration::from_mins(1), &dry, PROBE)
    })
}

/// A cluster that is only validated, never stored.
const PROBE: &str = r#"{"apiVersion":"postgresql.cnpg.io/v1","kind":"Cluster","metadata":{"name":"headroom-lab-probe","namespace":"default"},
"spec":{"instances":1,"imageName":"headroom.dev/lab/postgresql:15","storage":{"size":"1Gi"}}}"#;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const MANIFEST: &str = "kind: Deployment\nspec:\n  containers:\n  - image: ghcr.io/cloudnative-pg/cloudnative-pg:1.30.0\n    \
        imagePullPolicy: Always\n  - name: x\n    image: \"other:1\"\n";

    #[test]
    fn images_are_found_wherever_they_stand_in_a_container() {
        assert_eq!(images_of(MANIFEST), ["ghcr.io/cloudnative-pg/cloudnative-pg:1.30.0", "other:1"]);
    }

    #[test]
    fn no_image_is_pulled_always() {
        assert!(!never_pull(MANIFEST).contains("Always"));
    }

    #[test]
    fn an_image_of_another_release_is_told_before_anything_starts() {
        let dir = tempfile::tempdir().unwrap();
        let (manifest, image) = (dir.path().join("m.yaml"), dir.path().join("i.tar"));
        std::fs::write(&manifest, MANIFEST).unwrap();
        let config = archive::Config::default();
        archive::pack_files(&image, &["ghcr.io/cloudnative-pg/cloudnative-pg:1.29.0"], &config, &[]).unwrap();
        assert!(check(&manifest, &image).unwrap_err().to_string().contains("1.29.0"));
        archive::pack_files(&image, &["other:1"], &config, &[]).unwrap();
        check(&manifest, &image).unwrap();
        assert!(check(&dir.path().join("absent"), &image).unwrap_err().to_string().contains("no such file"));
    }
}
