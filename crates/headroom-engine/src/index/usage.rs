//! Usage samples.

use headroom_core::names::ClusterKey;

use super::Index;
use crate::event::ClaimSample;

impl Index {
    /// Takes a sample in. `Some(true)`: it is news; `Some(false)`: it was known; `None`: it is not of this claim as it
    /// is mounted now (another pod measured it, or there is no such claim).
    pub(crate) fn sample(&mut self, key: &ClusterKey, sample: &ClaimSample) -> Option<bool> {
        let entry = self.entries.get_mut(key)?;
        let instance = &entry.claims.get(&sample.claim)?.value.instance;
        if entry.pod_of(instance)?.id.uid != sample.pod {
            return None;
        }
        let held = entry.claims.get_mut(&sample.claim)?;
        Some(held.value.samples.push(sample.sample))
    }
}
