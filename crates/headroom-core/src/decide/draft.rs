//! One volume while it is being decided.

use alloc::vec::Vec;

use super::{
    alarm::{self, Alarm, Ends},
    bounds::Bounds,
    budget,
    member::Member,
    numbers::Numbers,
    size::Base,
};
use crate::{
    Bytes, Observation, Span, Timestamp,
    action::Resize,
    decision::{Lane, Need},
    ledger::{ActionId, Cause, LedgerEntry, Outcome},
    names::{InstanceName, VolumeName},
    observation::Freshness,
    policy::{Mode, VolumePolicy},
    record::{Growth, VolumeRecord},
    report::{BudgetReport, Notice, Reason, State},
};

/// What is said of the volume.
pub(super) type Verdict = (State, Reason);

/// One volume while it is being decided: what is given, and what has been decided so far.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    pub(super) name: &'a VolumeName,
    pub(super) policy: &'a VolumePolicy,
    pub(super) mode: Mode,
    pub(super) generation: u64,
    pub(super) seen: &'a Observation,
    pub(super) now: Timestamp,
    pub(super) bounds: Bounds,
    /// The effective size and growth as the claims explain them; becomes the durable record.
    pub(super) record: VolumeRecord,
    /// Members in emergency, worst first.
    pub(super) alarms: Vec<(usize, Alarm)>,
    /// Nothing of this volume may be touched.
    pub(super) blocked: bool,
    /// What new claims get while a shrink replaces the others; claims that are larger stay until then.
    pub(super) shrinking: Option<Bytes>,
    /// A growth ended in this very decision: the next one begins from what is recorded then.
    pub(super) ended: bool,
    pub(super) actions: Vec<(Lane, Resize)>,
    pub(super) need: Option<Need>,
    pub(super) notices: Vec<Notice>,
    /// Where a wanted change that does not run (yet) would lead.
    pub(super) wanted: Option<Bytes>,
    /// A planned growth waits for nothing but its turn.
    pub(super) due: bool,
    /// Moments at which time alone changes something; past ones are dropped at the end.
    pub(super) edges: Vec<Timestamp>,
}

impl Draft<'_> {
    /// Whether pg_wal lies on this volume.
    pub(super) fn holds_wal(&self) -> bool {
        *self.name == VolumeName::Data && !self.seen.cluster.volumes.contains_key(&VolumeName::Wal)
    }

    /// The size that every claim has or is being given.
    pub(super) fn heading(&self) -> Bytes {
        self.record
            .growth
            .as_ref()
            .map_or(self.record.effective, |growth| growth.to.max(self.record.effective))
    }

    /// What every claim must have at least: the effective size, or what a shrink leads to.
    pub(super) fn whole(&self) -> Bytes {
        self.shrinking.map_or(self.record.effective, |to| to.min(self.record.effective))
    }

    /// What the claims had when the samples in hand were taken.
    pub(super) fn before(&self) -> Bytes {
        self.record.growth.as_ref().map_or(self.record.effective, |growth| growth.from)
    }

    /// The base of a new size.
    pub(super) fn base(&self) -> Base<'_> {
        Base { policy: self.policy, bounds: self.bounds, effective: self.heading(), before: self.before() }
    }

    /// The slots.
    pub(super) fn budget(&self) -> BudgetReport {
        budget::budget(self.policy.budget, &self.record.ledger, self.now)
    }

    /// Finds the alarms, worst first.
    pub(super) fn sound(&mut self, members: &[Member<'_>]) {
        let ends = self.telling_ends();
        self.alarms = members
            .iter()
            .enumerate()
            // A claim that cannot grow raises no growth; that a blocked volume is full is still told.
            .filter(|(_, member)| member.growable() || self.blocked)
            .filter_map(|(index, member)| Some((index, alarm::alarm(self.policy, member, ends)?)))
            .collect();
        self.alarms.sort_by_key(|(index, alarm)| {
            (*alarm, members.get(*index).map(|member| (member.free_permille(), !member.primary)))
        });
    }

    /// Which ends of a server are a sign that this volume is full.
    fn telling_ends(&self) -> Ends {
        match self.name {
            VolumeName::Data if self.holds_wal() => Ends::NoWalRoom,
            VolumeName::Data => Ends::AnyCode,
            VolumeName::Tablespace(_) | VolumeName::Wal => Ends::Nothing,
        }
    }

    /// What would be done upon a sign that may be a switchover which the watches have not shown yet is not done: what is
    /// known is read anew first. An emergency growth that runs was begun upon such a read.
    pub(super) fn ask_where_unsure(
        &mut self,
        members: &[Member<'_>],
        (adopted, number): &(VolumeRecord, u32),
        numbers: &mut Numbers,
    ) {
        let read = matches!(self.seen.freshness, Freshness::Quorum { .. });
        let begun = adopted.growth.as_ref().is_some_and(|growth| growth.cause == Cause::Emergency);
        let acts = self.record.growth != adopted.growth || !self.actions.is_empty();
        if read || begun || !acts || self.telling_ends() != Ends::AnyCode {
            return;
        }
        if members.iter().any(|member| alarm::ended_low(self.policy, member)) {
            self.record.clone_from(adopted);
            numbers.0 = *number;
            self.actions.clear();
            self.need = Some(Need::Quorum);
        }
    }

    /// The members in emergency, worst first.
    pub(super) fn alarmed<'m>(
        &self,
        members: &'m [Member<'m>],
    ) -> impl Iterator<Item = (&'m Member<'m>, Alarm)> {
        self.alarms.iter().filter_map(|(index, alarm)| Some((members.get(*index)?, *alarm)))
    }

    /// Records the intent to grow; in `Advise` only says so.
    pub(super) fn start(
        &mut self,
        cause: Cause,
        to: Bytes,
        canary: Option<InstanceName>,
        numbers: &mut Numbers,
    ) {
        self.wanted = Some(to);
        if self.mode != Mode::Apply {
            return;
        }
        if let Some(running) = self.record.growth.take() {
            self.close(running.id, Outcome::Superseded { at: self.now });
        }
        let (id, from, started) = (numbers.next(), self.record.effective, self.now);
        self.record.ledger.entries.push(LedgerEntry {
            id,
            cause,
            from,
            to,
            started,
            outcome: Outcome::Running,
        });
        self.record.growth =
            Some(Growth { id, cause, generation: self.generation, started, from, to, canary });
    }

    /// Ends the running growth.
    pub(super) fn end(&mut self, outcome: Outcome) {
        if let Some(growth) = self.record.growth.take() {
            self.close(growth.id, outcome);
            self.ended = true;
        }
    }

    fn close(&mut self, id: ActionId, outcome: Outcome) {
        super::adopt::close(&mut self.record.ledger, id, outcome);
    }

    /// Asks for `member`'s claim to be raised. Never for less than it asks for already (equal is refused, too).
    pub(super) fn resize(&mut self, lane: Lane, member: &Member<'_>, to: Bytes) {
        if self.blocked || to <= member.claim.requested {
            return;
        }
        let resize = Resize {
            instance: member.name.clone(),
            volume: self.name.clone(),
            claim: member.claim.id.clone(),
            from_text: member.claim.requested_text.clone(),
            from: member.claim.requested,
            to,
        };
        self.actions.push((lane, resize));
    }

    /// A moment after which to look again.
    pub(super) fn edge(&mut self, at: impl IntoIterator<Item = Timestamp>) {
        self.edges.extend(at);
    }

    /// When the first of the counted slots returns, or a day from now if none is counted.
    pub(super) fn next_return(&self) -> Timestamp {
        budget::returns(&self.record.ledger, self.now).first().copied().unwrap_or(self.now.plus(Span::DAY))
    }
}
