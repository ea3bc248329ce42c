//! Whether the operator sees what it must see.

use std::collections::BTreeMap;

use headroom_engine::{Event, Kind};
use headroom_kube::watch::{KINDS, Watched};

/// What is known of each watch.
#[derive(Clone, Debug)]
pub struct Readiness {
    kinds: BTreeMap<Kind, Listing>,
}

/// Where the list of a kind stands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Listing {
    /// It has begun, or begins.
    Waiting,
    /// It cannot be made; why and what to do.
    Failing(String),
    /// It was complete once, and the watch goes on.
    Complete,
    /// It was complete and is being made anew.
    Renewing,
}

impl Readiness {
    /// Nothing is listed.
    pub fn new() -> Self {
        Self { kinds: KINDS.into_iter().map(|kind| (kind, Listing::Waiting)).collect() }
    }

    /// Takes in what a watch says. Answers with the words of a failure that is news.
    pub fn take(&mut self, watched: &Watched) -> Option<String> {
        match watched {
            Watched::Event(Event::ListBegan(kind)) => {
                if let Some(listing) = self.kinds.get_mut(kind)
                    && *listing == Listing::Complete
                {
                    *listing = Listing::Renewing;
                }
                None
            }
            Watched::Event(Event::ListDone(kind)) => {
                self.kinds.insert(*kind, Listing::Complete);
                None
            }
            Watched::Event(_) => None,
            Watched::Failed { kind, words } => {
                let listing = self.kinds.entry(*kind).or_insert(Listing::Waiting);
                match listing {
                    // The watch goes on from where it was; the list still stands.
                    Listing::Complete => Some(words.clone()),
                    Listing::Failing(same) if same == words => None,
                    Listing::Waiting | Listing::Failing(_) | Listing::Renewing => {
                        *listing = Listing::Failing(words.clone());
                        Some(words.clone())
                    }
                }
            }
        }
    }

    /// Why the operator is not ready; empty when it is.
    pub fn causes(&self) -> Vec<String> {
        let cause = |(kind, listing): (&Kind, &Listing)| match listing {
            Listing::Complete | Listing::Renewing => None,
            Listing::Waiting => Some(format!("{kind:?}: not listed yet")),
            Listing::Failing(words) => Some(format!("{kind:?}: {words}")),
        };
        self.kinds.iter().filter_map(cause).collect()
    }
}

impl Default for Readiness {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(kind: Kind, words: &str) -> Watched {
        Watched::Failed { kind, words: words.to_owned() }
    }

    fn complete() -> Readiness {
        let mut readiness = Readiness::new();
        for kind in KINDS {
            readiness.take(&Watched::Event(Event::ListBegan(kind)));
            readiness.take(&Watched::Event(Event::ListDone(kind)));
        }
        readiness
    }

    #[test]
    fn it_is_ready_when_every_kind_was_listed() {
        assert_eq!(complete().causes(), Vec::<String>::new());
        assert_eq!(Readiness::new().causes().len(), KINDS.len());
    }

    #[test]
    fn a_list_that_cannot_be_made_is_named_once_in_the_log_and_always_in_the_causes() {
        let mut readiness = Readiness::new();
        assert_eq!(readiness.take(&failed(Kind::Storage, "no CRD")), Some("no CRD".to_owned()));
        assert_eq!(readiness.take(&failed(Kind::Storage, "no CRD")), None);
        assert!(readiness.causes().contains(&"Storage: no CRD".to_owned()));
    }

    #[test]
    fn a_watch_that_breaks_off_leaves_the_list_standing() {
        let mut readiness = complete();
        assert_eq!(readiness.take(&failed(Kind::Pod, "cut")), Some("cut".to_owned()));
        assert_eq!(readiness.causes(), Vec::<String>::new());
    }

    #[test]
    fn a_renewed_list_that_fails_makes_it_unready() {
        let mut readiness = complete();
        readiness.take(&Watched::Event(Event::ListBegan(Kind::Cluster)));
        assert_eq!(readiness.causes(), Vec::<String>::new());
        readiness.take(&failed(Kind::Cluster, "403"));
        assert_eq!(readiness.causes(), vec!["Cluster: 403".to_owned()]);
        readiness.take(&Watched::Event(Event::ListDone(Kind::Cluster)));
        assert_eq!(readiness.causes(), Vec::<String>::new());
    }
}
