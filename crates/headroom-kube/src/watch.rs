//! The watches, as one stream of engine events.

use std::sync::Arc;

use futures::{
    Stream, StreamExt as _,
    stream::{BoxStream, SelectAll},
};
use headroom_engine::{Event, Kind};
use kube::{
    Api,
    runtime::{WatchStreamExt as _, watcher},
};
use tokio::sync::mpsc;

use crate::{
    Client,
    connect::{Beat, ConnectError},
    known::Shared,
    slim::{Claim, Class, Cluster, Pod, Slim, Storage},
    translate::{self, CLAIM_ROLE_LABEL, POD_ROLE_LABEL, Translate},
    words,
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

/// Heartbeats that wait for the loop; more are dropped, as the next one says the same.
const BEATS: usize = 64;

/// All watches, merged, each with a client of its own that calls what it is given for every bookmark
/// ([`crate::connect::watch_client`]). Never ends. A bookmark of a watch is [`Event::Alive`]. With a `namespace` only the
/// objects in it are watched; StorageClasses have none.
///
/// # Errors
/// When a client cannot be made.
pub fn all(
    client: &dyn Fn(Beat) -> Result<Client, ConnectError>,
    namespace: Option<&str>,
    known: &Shared,
) -> Result<SelectAll<BoxStream<'static, Watched>>, ConnectError> {
    let (beats, alive) = mpsc::channel(BEATS);
    let alive = futures::stream::unfold(alive, |mut alive| async move {
        let kind = alive.recv().await?;
        Some((Watched::Event(Event::Alive(kind)), alive))
    });
    let source = Source { client, namespace, known, beats };
    Ok(futures::stream::select_all([
        source.one::<Storage>(pages(OTHERS_PER_PAGE))?,
        source.one::<Cluster>(pages(CLUSTERS_PER_PAGE))?,
        source.one::<Claim>(pages(OTHERS_PER_PAGE).labels(CLAIM_ROLE_LABEL))?,
        source.one::<Pod>(pages(OTHERS_PER_PAGE).labels(&format!("{POD_ROLE_LABEL}=instance")))?,
        source.one::<Class>(pages(OTHERS_PER_PAGE))?,
        alive.boxed(),
    ]))
}

/// What a watch is made of.
struct Source<'a> {
    client: &'a dyn Fn(Beat) -> Result<Client, ConnectError>,
    namespace: Option<&'a str>,
    known: &'a Shared,
    beats: mpsc::Sender<Kind>,
}

impl Source<'_> {
    fn one<T: Translate>(
        &self,
        wanted: watcher::Config,
    ) -> Result<BoxStream<'static, Watched>, ConnectError> {
        let beats = self.beats.clone();
        let client = (self.client)(Arc::new(move || {
            // Full: the loop has enough signs of life to go through.
            let _ = beats.try_send(T::WATCHED);
        }))?;
        let api = collection::<T>(client, self.namespace);
        Ok(translated(watcher(api, wanted).default_backoff(), self.known.clone()).boxed())
    }
}

/// All objects of the kind that an operator for `namespace`, or for all, looks at.
fn collection<T: Translate>(client: Client, namespace: Option<&str>) -> Api<Slim<T>> {
    match namespace {
        Some(namespace) if T::WATCHED != Kind::Class => Api::namespaced_with(client, namespace, &()),
        Some(_) | None => Api::all(client),
    }
}

fn pages(size: u32) -> watcher::Config {
    watcher::Config::default().page_size(size)
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
        watcher::Event::Apply(object) | watcher::Event::InitApply(object) => {
            translate::seen(object, &mut known)
        }
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
            "the DynamicStorage CRD is not installed; next: headroom crd | kubectl apply --server-side -f -"
                .to_owned()
        }
        (Some(404), Kind::Cluster) => {
            "CloudNativePG's Cluster CRD (postgresql.cnpg.io/v1) is not installed; next: \
             install CloudNativePG"
                .to_owned()
        }
        (Some(403), _) => format!(
            "headroom's account may not list and watch {plural}; next: apply deploy/operator (ClusterRole headroom): {}",
            status.map_or("", |status| status.message.as_str())
        ),
        (Some(401), _) => {
            format!("the API server does not accept headroom's credentials when it lists {plural}")
        }
        (Some(_) | None, _) => format!("watching {plural}: {}", words::chain(error)),
    }
}

#[cfg(test)]
mod tests;
