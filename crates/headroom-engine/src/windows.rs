//! Maintenance windows, resolved once per edge.

use alloc::collections::BTreeMap;

use headroom_core::{
    Policy, Timestamp,
    names::VolumeName,
    window::{WindowSpec, Windows},
};

use crate::storage::ResolveWindow;

/// Resolved windows of one Cluster, kept until their next edge.
#[derive(Clone, Debug)]
pub(crate) struct WindowCache {
    resolved: BTreeMap<VolumeName, (WindowSpec, Windows, Timestamp)>,
}

impl WindowCache {
    /// Nothing is resolved.
    pub(crate) const fn new() -> Self {
        Self { resolved: BTreeMap::new() }
    }

    /// Resolves what is missing or past its edge.
    pub(crate) fn refresh(
        &mut self,
        specs: &BTreeMap<VolumeName, WindowSpec>,
        resolve: ResolveWindow,
        now: Timestamp,
    ) {
        self.resolved.retain(|volume, _| specs.contains_key(volume));
        for (volume, spec) in specs {
            let valid = self.resolved.get(volume).is_some_and(|(known, windows, at)| {
                // A clock set back makes what was resolved later than now doubtful.
                known == spec && *at <= now && still_valid(*windows, now)
            });
            if !valid {
                self.resolved.insert(volume.clone(), (spec.clone(), resolve(spec, now), now));
            }
        }
    }

    /// The windows of each volume of a policy; those without a window are always open.
    pub(crate) fn of(&self, policy: &Policy) -> BTreeMap<VolumeName, Windows> {
        let window = |volume: &VolumeName| {
            self.resolved.get(volume).map_or(Windows::Always, |(_, windows, _)| *windows)
        };
        policy.volumes.keys().map(|volume| (volume.clone(), window(volume))).collect()
    }
}

/// A resolution holds until the window it names has closed.
fn still_valid(windows: Windows, now: Timestamp) -> bool {
    match windows {
        Windows::Always | Windows::Never => true,
        Windows::Next { start: _, end } => now < end,
    }
}
