//! What a recording and a run of the model are compared by: per object, the order of what happened to it; nothing of
//! the order between objects, which a recording knows only roughly.

use std::collections::{BTreeMap, BTreeSet};

/// An object's state, from a recording or from the model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClusterView {
    pub(crate) phase: Option<String>,
    pub(crate) current: Option<String>,
    pub(crate) target: Option<String>,
    pub(crate) names: Vec<String>,
    pub(crate) healthy: Vec<String>,
    pub(crate) dangling: Vec<String>,
    pub(crate) resizing: Vec<String>,
}

/// A claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClaimView {
    pub(crate) request: String,
    pub(crate) capacity: Option<String>,
    pub(crate) step: Option<String>,
    pub(crate) deleting: bool,
}

/// An instance pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PodView {
    pub(crate) running: bool,
    pub(crate) ready: bool,
    pub(crate) exit: Option<i64>,
    pub(crate) deleting: bool,
}

/// A job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct JobView {
    pub(crate) succeeded: bool,
    pub(crate) failed: u64,
}

/// One thing seen; `None` in a view means that the object is gone.
#[derive(Clone, Debug)]
pub(crate) enum Seen {
    Cluster(ClusterView),
    Claim(String, Option<ClaimView>),
    Pod(String, Option<PodView>),
    Job(String, Option<JobView>),
    /// A Backup's phase and error.
    Backup(String, String),
}

/// What happened from the first trigger on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Story {
    /// Distinct phases in order.
    pub(crate) phases: Vec<String>,
    /// Distinct (current, target) primaries in order; elections count once however often they flicker.
    pub(crate) primaries: Vec<(Option<String>, Option<String>)>,
    /// Per claim.
    pub(crate) claims: BTreeMap<String, Vec<String>>,
    /// Per instance pod.
    pub(crate) pods: BTreeMap<String, Vec<String>>,
    /// Per job.
    pub(crate) jobs: BTreeMap<String, Vec<String>>,
    /// Ends of Backups, with what they say.
    pub(crate) backups: Vec<String>,
    /// Instances in the order in which they became Ready.
    pub(crate) ready: Vec<String>,
    /// Claims that were ever listed as resizing.
    pub(crate) resized: BTreeSet<String>,
    /// The lists at the end.
    pub(crate) last: ClusterView,
    /// When the Cluster last changed its phase, milliseconds from the first trigger.
    pub(crate) ended_ms: i64,
}

/// Builds a story from what is seen in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Teller {
    story: Story,
    claims: BTreeMap<String, ClaimView>,
    pods: BTreeMap<String, PodView>,
    jobs: BTreeMap<String, JobView>,
}

impl Teller {
    /// Takes in what was seen at `at_ms`; before the first trigger it is only remembered.
    pub(crate) fn take(&mut self, at_ms: i64, seen: Seen) {
        match seen {
            Seen::Cluster(cluster) => self.cluster(at_ms, cluster),
            Seen::Claim(name, now) => {
                let told = match (self.claims.get(&name), &now) {
                    (before, Some(now)) if before != Some(now) => Some(claim_words(now)),
                    (Some(_), None) => Some("gone".to_owned()),
                    _ => None,
                };
                tell(&mut self.story.claims, at_ms, &name, told);
                remember(&mut self.claims, name, now);
            }
            Seen::Pod(name, now) => self.pod(at_ms, name, now),
            Seen::Backup(phase, error) => {
                if at_ms >= 0 && ["completed", "failed"].contains(&phase.as_str()) {
                    self.story.backups.push(format!("{phase}: {error}"));
                }
            }
            Seen::Job(name, now) => {
                let told = match (self.jobs.get(&name), &now) {
                    (None, Some(_)) => Some("created".to_owned()),
                    (Some(before), Some(now)) if !before.succeeded && now.succeeded => {
                        Some("succeeded".to_owned())
                    }
                    (Some(before), Some(now)) if before.failed < now.failed => {
                        Some(format!("failed {}", now.failed))
                    }
                    (Some(_), None) => Some("gone".to_owned()),
                    _ => None,
                };
                tell(&mut self.story.jobs, at_ms, &name, told);
                remember(&mut self.jobs, name, now);
            }
        }
    }

    fn cluster(&mut self, at_ms: i64, cluster: ClusterView) {
        if at_ms >= 0 {
            if let Some(phase) = &cluster.phase
                && self.story.phases.last() != Some(phase)
            {
                self.story.phases.push(phase.clone());
                self.story.ended_ms = at_ms;
            }
            let pair = (cluster.current.clone(), cluster.target.clone());
            let election = cluster.target.as_deref() == Some("pending");
            if self.story.primaries.last() != Some(&pair) && !election {
                self.story.primaries.push(pair);
            }
            self.story.resized.extend(cluster.resizing.iter().cloned());
        }
        self.story.last = ClusterView { phase: None, ..cluster };
    }

    fn pod(&mut self, at_ms: i64, name: String, now: Option<PodView>) {
        let before = self.pods.get(&name).copied();
        let mut words = Vec::new();
        match (before, now) {
            (None, Some(_)) => words.push("added".to_owned()),
            (Some(_), None) => words.push("gone".to_owned()),
            (Some(_), Some(_)) | (None, None) => {}
        }
        if let Some(now) = now {
            let before = before.unwrap_or_default();
            if now.deleting && !before.deleting {
                words.push("deleting".to_owned());
            }
            // How a pod that is being deleted ends is not told.
            if !now.deleting {
                words.extend(now.exit.filter(|_| before.exit.is_none()).map(|code| format!("exit {code}")));
                words.extend((now.running && !before.running).then(|| "running".to_owned()));
                words.extend((now.ready && !before.ready).then(|| "ready".to_owned()));
            }
            if now.ready && !before.ready && at_ms >= 0 {
                self.story.ready.push(name.clone());
            }
        }
        for word in words {
            tell(&mut self.story.pods, at_ms, &name, Some(word));
        }
        remember(&mut self.pods, name, now);
    }

    /// The story so far.
    pub(crate) fn story(self) -> Story {
        let mut story = self.story;
        story.primaries.dedup();
        story
    }
}

fn tell(into: &mut BTreeMap<String, Vec<String>>, at_ms: i64, name: &str, words: Option<String>) {
    if let Some(words) = words.filter(|_| at_ms >= 0) {
        into.entry(name.to_owned()).or_default().push(words);
    }
}

fn remember<T>(into: &mut BTreeMap<String, T>, name: String, now: Option<T>) {
    match now {
        Some(now) => into.insert(name, now),
        None => into.remove(&name),
    };
}

fn claim_words(claim: &ClaimView) -> String {
    let capacity = claim.capacity.as_deref().unwrap_or("unbound");
    let step = claim.step.as_deref().unwrap_or("-");
    let deleting = if claim.deleting { " deleting" } else { "" };
    format!("{}/{capacity} {step}{deleting}", claim.request)
}
