//! Running commands inside the lab's namespaces.
//!
//! `nsenter` and never `ip netns exec`: the latter remounts /sys, which hides the cgroup mounts from the kubelet.

use std::ffi::OsString;
use std::path::Path;

/// The words before a command that put it into a network namespace and, if given, a mount namespace.
pub(crate) fn prefix(netns: Option<&Path>, mount_namespace: Option<&Path>) -> Vec<OsString> {
    if netns.is_none() && mount_namespace.is_none() {
        return Vec::new();
    }
    let mut words = vec![OsString::from("nsenter")];
    let mut option = |name: &str, path: Option<&Path>| {
        if let Some(path) = path {
            let mut word = OsString::from(name);
            word.push(path);
            words.push(word);
        }
    };
    option("--net=", netns);
    option("--mount=", mount_namespace);
    words.push("--".into());
    words
}

/// A command inside namespaces.
pub(crate) fn command(
    netns: Option<&Path>,
    mount_namespace: Option<&Path>,
    words: impl IntoIterator<Item = impl Into<OsString>>,
) -> std::process::Command {
    let mut all = prefix(netns, mount_namespace).into_iter().chain(words.into_iter().map(Into::into));
    let program = all.next().unwrap_or_default();
    crate::run::command(program, all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn prefix_is(netns: Option<&str>, mount: Option<&str>, expected: &[&str]) {
        assert_eq!(prefix(netns.map(Path::new), mount.map(Path::new)), expected);
    }

    #[test]
    fn only_the_namespaces_asked_for_are_entered() {
        prefix_is(None, None, &[]);
        prefix_is(Some("/run/netns/a"), None, &["nsenter", "--net=/run/netns/a", "--"]);
        prefix_is(Some("/a"), Some("/b"), &["nsenter", "--net=/a", "--mount=/b", "--"]);
    }
}
