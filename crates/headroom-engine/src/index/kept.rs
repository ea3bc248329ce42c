//! One object in the index, and which of two reports of it is newer.

use headroom_core::{Timestamp, names::Version};

/// An object with what is needed to order reports of it.
#[derive(Clone, Debug)]
pub(crate) struct Kept<T> {
    /// The object.
    pub(crate) value: T,
    /// Its version.
    version: Version,
    /// The list of its kind that named it last.
    pub(crate) epoch: u64,
    /// Our own write that the watch has not shown yet, where versions cannot be compared.
    own: Option<OwnWrite>,
}

#[derive(Clone, Debug)]
struct OwnWrite {
    until: Timestamp,
}

/// Where a report comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A watch, which may lag behind.
    Watch,
    /// A quorum read.
    Read,
    /// The answer to our own write. The watch may show older versions until the given time.
    Applied {
        /// Until when only this very version is believed, if versions cannot be compared.
        own_until: Timestamp,
    },
}

/// What to do with a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// It is news.
    Newer,
    /// It is older than what is held: dropped.
    Older,
    /// It cannot be told yet: dropped, and a quorum read is due at this time.
    Unclear(Timestamp),
}

impl<T> Kept<T> {
    /// Keeps an object as it was reported.
    pub(crate) fn new(value: T, version: Version, epoch: u64, source: Source) -> Self {
        let own = match source {
            Source::Applied { own_until } if version.number().is_none() => {
                Some(OwnWrite { until: own_until })
            }
            Source::Applied { .. } | Source::Watch | Source::Read => None,
        };
        Self { value, version, epoch, own }
    }

    /// Whether a report with `version` is newer than what is held.
    ///
    /// Versions are numbers that only rise (KEP-5504, stable in Kubernetes 1.35, true of etcd long before). Where they
    /// are not, order of arrival counts, and after our own write only its very version until the time given.
    pub(crate) fn judge(&self, version: &Version, source: Source, now: Timestamp) -> Freshness {
        if let (Some(held), Some(new)) = (self.version.number(), version.number()) {
            return if new < held { Freshness::Older } else { Freshness::Newer };
        }
        match (&self.own, source) {
            (Some(own), Source::Watch) if *version != self.version && now < own.until => {
                Freshness::Unclear(own.until)
            }
            (Some(_) | None, Source::Watch | Source::Read | Source::Applied { .. }) => Freshness::Newer,
        }
    }

    /// Whether this is newer than a report with `version`, as far as versions tell.
    pub(crate) fn is_newer_than(&self, version: &Version) -> bool {
        matches!((self.version.number(), version.number()), (Some(held), Some(other)) if other < held)
    }

    /// The clock was set back: our own write is waited for from now on.
    pub(crate) fn set_back(&mut self, now: Timestamp) {
        if let Some(own) = &mut self.own {
            own.until = own.until.min(now);
        }
    }

    /// Whether the object is gone, says a report of its deletion with `version`.
    pub(crate) fn ended_by(&self, version: Option<&Version>) -> bool {
        match (self.version.number(), version.and_then(Version::number)) {
            (Some(held), Some(gone)) => gone >= held,
            (Some(_) | None, Some(_) | None) => true,
        }
    }
}
