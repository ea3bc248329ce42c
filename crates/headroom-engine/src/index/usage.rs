//! Usage samples.

use headroom_core::{
    Span,
    names::ClusterKey,
    usage::{Sample, Samples},
};

use super::Index;
use crate::event::ClaimSample;

/// How long samples are remembered.
const REMEMBERED: Span = Span::minutes(10);
/// So many older ones are tolerated.
const TOLERATED: usize = 4;

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
        let news = held.value.samples.push(sample.sample);
        if news {
            trim(&mut held.value.samples, sample.sample);
        }
        Some(news)
    }
}

/// Slopes are fitted over ten minutes (design §5 rule 2): older samples only cost memory. Trimmed in groups, so that it
/// is done rarely.
fn trim(samples: &mut Samples, newest: Sample) {
    let since = newest.at.minus(REMEMBERED);
    let list = samples.as_slice();
    let old = list.iter().filter(|sample| sample.at < since).count();
    // The one before is kept, so that there are always two to compare.
    if old <= TOLERATED || list.len() <= TOLERATED {
        return;
    }
    let mut kept = Samples::none();
    for sample in list.iter().skip(old.saturating_sub(1)) {
        kept.push(*sample);
    }
    *samples = kept;
}
