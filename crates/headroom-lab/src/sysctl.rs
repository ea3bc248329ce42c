//! Kernel settings that kubelets change on the host: noted before the first start, put back by `down`.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Settings the kubelet writes at start (`setupKernelTunables` in its container manager) and the one the lab raises itself.
const TOUCHED: [&str; 6] = [
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
];
/// Each kubelet, containerd and cadvisor needs inotify instances; the kernel's default of 128 is too few for several nodes.
const INOTIFY_INSTANCES: &str = "fs/inotify/max_user_instances";
const INOTIFY_INSTANCES_WANTED: u32 = 1024;

/// Today's values of everything that will be touched.
pub(crate) fn snapshot() -> BTreeMap<String, String> {
    let names = TOUCHED.into_iter().chain([INOTIFY_INSTANCES]);
    names.filter_map(|name| Some((name.to_owned(), read(name)?))).collect()
}

/// Raises what the lab needs raised; a refusal is left to show itself, the values may suffice.
pub(crate) fn prepare() {
    let now = read(INOTIFY_INSTANCES).and_then(|value| value.parse::<u32>().ok());
    if now.is_some_and(|value| value < INOTIFY_INSTANCES_WANTED) {
        let _ = std::fs::write(path(INOTIFY_INSTANCES), INOTIFY_INSTANCES_WANTED.to_string());
    }
}

/// Puts the noted values back; returns the names that could not be.
pub(crate) fn restore(before: &BTreeMap<String, String>) -> Vec<String> {
    before
        .iter()
        .filter(|(name, value)| read(name).as_ref() != Some(value))
        .filter(|(name, value)| std::fs::write(path(name), value.as_bytes()).is_err())
        .map(|(name, _)| name.clone())
        .collect()
}

fn read(name: &str) -> Option<String> {
    std::fs::read_to_string(path(name)).ok().map(|text| text.trim().to_owned())
}

fn path(name: &str) -> PathBuf {
    PathBuf::from("/proc/sys").join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restoring_what_was_just_noted_changes_nothing_and_complains_of_nothing() {
        let before = snapshot();
        assert!(before.contains_key("vm/overcommit_memory"));
        assert_eq!(restore(&before), Vec::<String>::new());
        assert_eq!(snapshot(), before);
    }
}
