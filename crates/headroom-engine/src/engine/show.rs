//! What the engine shows of itself.

use headroom_core::{Timestamp, names::ClusterKey, observation::Freshness};

use super::Engine;
use crate::{
    StorageSeen,
    desk::Desk,
    snapshot::{ClusterView, Explanation, Totals, View},
    view::{self, Case, Ground, Surroundings},
};

impl Engine {
    /// What is known now. Costs a copy: for a scrape or a question, not for every event.
    pub fn snapshot(&self) -> View {
        View {
            role: self.role,
            working: self.working,
            clusters: self
                .desks
                .iter()
                .map(|(key, desk)| (key.clone(), self.cluster_view(key, desk)))
                .collect(),
            waiting: self.agenda.lengths(),
            alarms: self.agenda.alarms(),
            in_flight: self.flights.len(),
            nodes: self.timetable.nodes(),
            silent_nodes: self.timetable.silent().clone(),
            totals: self.totals.clone(),
        }
    }

    /// What would be decided for a Cluster now, and from what. Windows are those resolved last.
    ///
    /// # Errors
    ///
    /// The reason for which no decision can be made: `Some` problem, or `None` when there is no DynamicStorage.
    pub fn explain(
        &self,
        key: &ClusterKey,
        now: Timestamp,
    ) -> Result<Explanation, Option<headroom_core::report::Problem>> {
        let desk = self.desks.get(key).ok_or(None)?;
        let around = Surroundings {
            windows: &desk.windows,
            silent_nodes: self.timetable.silent(),
            freshness: Freshness::Cached,
            quarantined: desk.quarantine.as_ref().map(|known| &known.words),
        };
        match view::ground(&self.index, key, &around) {
            Ground::Decide(Case { policy, record, seen }) => {
                let decision = (self.rules.decide)(policy, &seen, record, now);
                let findings = (self.rules.lint)(policy, &seen, record, &decision, now);
                Ok(Explanation { seen, decision, findings })
            }
            Ground::Refuse(problem) => Err(Some(problem)),
            Ground::Release(_) | Ground::Nothing => Err(None),
        }
    }

    /// Our object of a Cluster, as it is known.
    pub fn storage(&self, key: &ClusterKey) -> Option<&StorageSeen> {
        self.index.storage(key)
    }

    /// What was counted.
    pub const fn totals(&self) -> &Totals {
        &self.totals
    }

    /// What matters for what comes next: two engines that differ in what they counted only are one state.
    pub fn essence(&self) -> Self {
        let mut essence = self.clone();
        essence.totals = Totals::zero();
        for desk in essence.desks.values_mut() {
            desk.counts = Desk::new().counts;
        }
        essence
    }

    fn cluster_view(&self, key: &ClusterKey, desk: &Desk) -> ClusterView {
        let claims = self.index.entry(key).into_iter().flat_map(|entry| entry.claims.values());
        let usage = claims.filter_map(|kept| {
            let held = &kept.value;
            let newest = held.samples.newest()?;
            Some(((held.volume.clone(), held.instance.clone()), newest))
        });
        ClusterView {
            volumes: desk.told.clone(),
            usage: usage.collect(),
            lane: desk.attention.lane,
            quarantined: desk.quarantine.is_some(),
            counts: desk.counts,
        }
    }
}
