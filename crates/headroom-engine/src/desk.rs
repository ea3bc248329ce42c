//! What the engine keeps of one Cluster between sessions. Memory only: loss delays, nothing else.

use alloc::{collections::BTreeSet, vec::Vec};

use headroom_core::{
    Action, Bytes, Span, Timestamp,
    decision::{Attention, Lane},
    names::{Text, VolumeName},
    report::{ClusterVerdict, Reason, Report, State, Verdict},
};

use crate::{Request, note::NoteKind, windows::WindowCache};

/// One Cluster that has a DynamicStorage.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    /// The present wake-up, if one is going on.
    pub(crate) session: Option<Session>,
    /// The request in flight.
    pub(crate) flight: Option<Flight>,
    /// A conflict, a missing object or an unknown outcome: the next request is a quorum read.
    pub(crate) must_read: bool,
    /// A quorum read is due at this time: which of two versions is newer could not be told.
    pub(crate) read_by: Option<Timestamp>,
    /// When the last quorum read was asked that succeeded.
    pub(crate) read_at: Option<Timestamp>,
    /// Nothing is done before this time.
    pub(crate) not_before: Option<Timestamp>,
    /// Requests of the engine itself that failed in a row.
    pub(crate) failures: u32,
    /// Set aside after an internal error.
    pub(crate) quarantine: Option<Quarantine>,
    /// How urgent it was found.
    pub(crate) attention: Attention,
    /// Its windows.
    pub(crate) windows: WindowCache,
    /// Since when a detail of the verdict has been unpublished.
    pub(crate) differs_since: Option<Timestamp>,
    /// Verdicts wait until then for the first answers of the kubelets.
    pub(crate) settles: Option<Timestamp>,
    /// What was last decided of each volume.
    pub(crate) told: Vec<Told>,
    /// Counted since the start of the process.
    pub(crate) counts: Counts,
}

/// One wake-up: an allowance and what was learnt in it. No cursor.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// Requests that it may still make.
    pub(crate) asks_left: u8,
    /// When its quorum read was asked, if nothing was written since.
    pub(crate) quorum: Option<Timestamp>,
    /// Volumes of which it patched a claim.
    pub(crate) patched: BTreeSet<VolumeName>,
}

/// A request in flight.
#[derive(Clone, Debug)]
pub(crate) struct Flight {
    pub(crate) asked: Asked,
    pub(crate) sent: Timestamp,
}

/// What was asked: as much of it as its answer needs.
#[derive(Clone, Debug)]
pub(crate) enum Asked {
    Read,
    Wal,
    Survey,
    /// The message that goes with the verdict, if it is a refusal.
    Status(Option<NoteKind>),
    Act(Action),
}

/// A Cluster set aside.
#[derive(Clone, Debug)]
pub(crate) struct Quarantine {
    /// It holds until the spec has another generation.
    pub(crate) generation: u64,
    /// The words of the panic.
    pub(crate) words: Text,
    /// Even saying so failed: nothing is tried at all.
    pub(crate) silent: bool,
}

/// What was decided of a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Which volume.
    pub volume: VolumeName,
    /// Its state.
    pub state: State,
    /// Why.
    pub reason: Reason,
    /// What every claim should have.
    pub effective: Option<Bytes>,
    /// Where a running or wanted change leads.
    pub target: Option<Bytes>,
}

/// Counted for one Cluster since the start of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Decisions made.
    pub decisions: u64,
    /// Requests sent that write.
    pub writes: u64,
    /// Requests sent that read.
    pub reads: u64,
    /// Sessions that used up their requests.
    pub exhausted: u64,
}

impl Desk {
    /// Nothing is known.
    pub(crate) const fn new() -> Self {
        Self {
            session: None,
            flight: None,
            must_read: false,
            read_by: None,
            read_at: None,
            not_before: None,
            failures: 0,
            quarantine: None,
            attention: Attention { lane: Lane::Look, time_to_full: None, poll: Span::seconds(30) },
            windows: WindowCache::new(),
            differs_since: None,
            settles: None,
            told: Vec::new(),
            counts: Counts { decisions: 0, writes: 0, reads: 0, exhausted: 0 },
        }
    }

    /// The present session, or a new one with this many requests.
    pub(crate) fn session(&mut self, asks: u8) -> &mut Session {
        self.session.get_or_insert_with(|| Session {
            asks_left: asks,
            quorum: None,
            patched: BTreeSet::new(),
        })
    }

    /// A request of the engine itself failed: the pause before the next one, 1 s doubling up to 60 s, or what the
    /// server asked for.
    pub(crate) fn failed(&mut self, retry_after_s: Option<u32>, now: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        let pause = retry_after_s.map_or_else(|| pause(self.failures), capped);
        self.not_before = Some(now.plus(pause));
    }

    /// Remembers what was decided.
    pub(crate) fn tell(&mut self, attention: Attention, report: &Report) {
        self.attention = attention;
        self.told.clear();
        self.told.extend(report.volumes.iter().map(|(volume, told)| Told {
            volume: volume.clone(),
            state: told.state,
            reason: told.reason.clone(),
            effective: told.effective,
            target: told.target,
        }));
    }

    /// Why a volume is in the state last decided.
    pub(crate) fn reason(&self, volume: &VolumeName) -> Option<&Reason> {
        self.told.iter().find(|told| told.volume == *volume).map(|told| &told.reason)
    }
}

/// The pause after this many failures in a row: 1, 2, 4 … 60 s.
pub(crate) fn pause(failures: u32) -> Span {
    capped(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX))
}

fn capped(seconds: u32) -> Span {
    Span::seconds(seconds.clamp(1, 60))
}

impl Asked {
    /// What of a request its answer needs.
    pub(crate) fn of(request: &Request) -> Self {
        match request {
            Request::ReadCluster(_) => Self::Read,
            Request::ReadWal { .. } => Self::Wal,
            Request::Survey { .. } => Self::Survey,
            Request::WriteStatus { verdict, .. } => Self::Status(refusal(verdict)),
            Request::Do(_, action) => Self::Act(action.clone()),
        }
    }

    /// Whether it changes anything.
    pub(crate) const fn writes(&self) -> bool {
        match self {
            Self::Read | Self::Wal | Self::Survey => false,
            Self::Status(_) | Self::Act(_) => true,
        }
    }
}

fn refusal(verdict: &Verdict) -> Option<NoteKind> {
    match verdict {
        Verdict::Refused(problem) => {
            Some(NoteKind::Refused { reason: problem.reason, message: problem.message.clone() })
        }
        Verdict::Decided(report) => match &report.cluster {
            ClusterVerdict::PlanRefused(codes) => Some(NoteKind::PlanRefused(codes.clone())),
            ClusterVerdict::Trapped { primary, by } => {
                Some(NoteKind::Trapped { primary: primary.clone(), by: by.clone() })
            }
            ClusterVerdict::Refused { cause, words } => {
                Some(NoteKind::Denied { cause: *cause, words: words.clone() })
            }
            ClusterVerdict::Fine
            | ClusterVerdict::Suspended(_)
            | ClusterVerdict::Paused
            | ClusterVerdict::Advising
            | ClusterVerdict::Releasing => None,
        },
    }
}
