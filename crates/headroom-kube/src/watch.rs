//! The watches, as one stream of engine events.

use futures::{
    Stream, StreamExt as _,
    stream::{BoxStream, SelectAll},
};
use headroom_engine::{Event, Kind};
use kube::{
    Api,
    runtime::{WatchStreamExt as _, watcher},
};

use crate::{
    Client,
    known::Shared,
    slim::{Claim, Class, Cluster, Pod, Slim, Storage},
    translate::{self, CLAIM_ROLE_LABEL, POD_ROLE_LABEL, Translate},
};

/// A Cluster is 20 KB and more, so a page of them is small (architecture §3.2).
const CLUSTERS_PER_PAGE: u32 = 100;
/// Claims and pods are a few KB each.
const OTHERS_PER_PAGE: u32 = 500;

/// Every kind that is watched.
pub const KINDS: [Kind; 5] = [Kind::Storage, Kind::Cluster, Kind::Claim, Kind::Pod, Kind::Class];

/// What a watch says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watched {
    /// For the engine.
    Event(Event),
    /// The watch of this kind failed; it goes on by itself after a while.
    Failed {
        /// Which kind.
        kind: Kind,
        /// What went wrong and what to do about it.
        words: String,
    },
}

/// All watches, merged. Never ends.
pub fn all(client: &Client, known: &Shared) -> SelectAll<BoxStream<'static, Watched>> {
    futures::stream::select_all([
        one::<Storage>(client, known, pages(OTHERS_PER_PAGE)),
        one::<Cluster>(client, known, pages(CLUSTERS_PER_PAGE)),
        one::<Claim>(client, known, pages(OTHERS_PER_PAGE).labels(CLAIM_ROLE_LABEL)),
        one::<Pod>(client, known, pages(OTHERS_PER_PAGE).labels(&format!("{POD_ROLE_LABEL}=instance"))),
        one::<Class>(client, known, pages(OTHERS_PER_PAGE)),
    ])
}

fn pages(size: u32) -> watcher::Config {
    watcher::Config::default().page_size(size)
}

fn one<T: Translate>(client: &Client, known: &Shared, config: watcher::Config) -> BoxStream<'static, Watched> {
    let api = Api::<Slim<T>>::all(client.clone());
    translated(watcher(api, config).default_backoff(), known.clone()).boxed()
}

/// The stream of one kind in the engine's words.
fn translated<T: Translate>(
    stream: impl Stream<Item = watcher::Result<watcher::Event<Slim<T>>>> + Send,
    known: Shared,
) -> impl Stream<Item = Watched> + Send {
    stream.filter_map(move |item| {
        let watched = match item {
            Ok(event) => translate_event(event, &known).map(Watched::Event),
            Err(error) => Some(Watched::Failed { kind: T::WATCHED, words: describe::<T>(&error) }),
        };
        futures::future::ready(watched)
    })
}

fn translate_event<T: Translate>(event: watcher::Event<Slim<T>>, known: &Shared) -> Option<Event> {
    let mut known = known.lock();
    match event {
        watcher::Event::Apply(object) | watcher::Event::InitApply(object) => translate::seen(object, &mut known),
        watcher::Event::Delete(object) => translate::gone(&object, &mut known),
        watcher::Event::Init => {
            known.list_began(T::WATCHED);
            Some(Event::ListBegan(T::WATCHED))
        }
        watcher::Event::InitDone => {
            known.list_done(T::WATCHED);
            Some(Event::ListDone(T::WATCHED))
        }
    }
}

/// What went wrong, and the next step where one is known.
fn describe<T: Translate>(error: &watcher::Error) -> String {
    let status = match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => Some(status),
        watcher::Error::InitialListFailed(_)
        | watcher::Error::WatchStartFailed(_)
        | watcher::Error::WatchFailed(_)
        | watcher::Error::NoResourceVersion => None,
    };
    let plural = T::PLURAL;
    match (status.map(|status| status.code), T::WATCHED) {
        (Some(404), Kind::Storage) => {
            "the DynamicStorage CRD is not installed; next: headroom crd | kubectl apply --server-side -f -".to_owned()
        }
        (Some(404), Kind::Cluster) => "CloudNativePG's Cluster CRD (postgresql.cnpg.io/v1) is not installed; next: \
             install CloudNativePG"
            .to_owned(),
        (Some(403), _) => format!(
            "headroom's account may not list and watch {plural}; next: apply deploy/operator (ClusterRole headroom): {}",
            status.map_or("", |status| status.message.as_str())
        ),
        (Some(401), _) => format!("the API server does not accept headroom's credentials when it lists {plural}"),
        (Some(_) | None, _) => format!("watching {plural}: {}", chain(error)),
    }
}

/// An error with its causes: the client's outermost words alone say little.
fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_words = inner.to_string();
        if !words.contains(&inner_words) {
            words.push_str(": ");
            words.push_str(&inner_words);
        }
        cause = inner.source();
    }
    words
}

#[cfg(test)]
mod tests;
