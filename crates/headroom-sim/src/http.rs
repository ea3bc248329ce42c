//! The model's API server, kubelets and instances behind real HTTP, in memory, for the real client and the real loop.
//!
//! The store is the model's own ([`crate::model::apiserver`]); here is only the wire: paths, JSON, lists, watches with
//! bookmarks and 410, patches with preconditions, pruning, refusals in Kubernetes' words. Connections are pipes, so that
//! under tokio's paused time nothing waits for a socket: hours pass in milliseconds.

mod answer;
mod fault;
mod remove;
mod replace;
mod resource;
mod serve;
mod state;
mod survey;
mod watch;
mod wire;
mod write;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::{Request, Response, Uri};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Incoming};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{sync::watch::Sender, time::Instant};

use crate::{
    model::{Model, queue::Millis},
    world::translate::timestamp,
};
pub use fault::Fault;
pub use resource::Resource;
pub use state::Asked;
use state::State;

/// The port of the model's kubelets.
const KUBELET_PORT: u16 = 10_250;

/// Any error, boxed.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A running cluster. Clones are the same one.
#[derive(Clone)]
pub struct Server {
    state: Arc<Mutex<State>>,
    /// Told whenever anything has changed.
    changed: Sender<u64>,
    /// When the model's time was `start`.
    base: Instant,
    start: Millis,
}

impl Server {
    /// Serves `model`, whose time goes on with tokio's from now. Needs [`Server::drive`] to run.
    pub fn new(model: Model) -> Self {
        let start = model.now();
        let changed = Sender::new(0);
        Self { state: Arc::new(Mutex::new(State::new(model))), changed, base: Instant::now(), start }
    }

    /// Lets the model's time pass, for ever.
    pub async fn drive(self) {
        let mut changed = self.changed.subscribe();
        loop {
            self.with(|_| ());
            let next = self.lock().model.next_at();
            let at = next.map(|at| self.base + Duration::from_millis(at.saturating_sub(self.start)));
            // Something that was done from outside may have to happen earlier than what was planned.
            let far = Instant::now() + Duration::from_hours(24);
            tokio::select! {
                () = tokio::time::sleep_until(at.unwrap_or(far)) => {}
                news = changed.changed() => if news.is_err() { return },
            }
        }
    }

    /// Looks at or changes the model as it is now.
    pub fn model<R>(&self, f: impl FnOnce(&mut Model) -> R) -> R {
        self.with(|state| state.model.change(f))
    }

    /// The clock of this cluster.
    pub fn now(&self) -> SystemTime {
        let now = self.millis();
        let seconds = u64::try_from(timestamp(now).unix()).unwrap_or(0);
        UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_millis(now % 1000)
    }

    /// What was asked so far that `wanted` takes.
    pub fn asked(&self, wanted: impl Fn(&Asked) -> bool) -> Vec<Asked> {
        self.lock().asked.iter().filter(|asked| wanted(asked)).cloned().collect()
    }

    /// The object as it is served.
    pub fn object(&self, resource: Resource, name: &str) -> Option<Value> {
        self.with(|state| state.object(resource, name).cloned())
    }

    /// From now on the object is served with this merge patch on top: what no typed client would write.
    pub fn overlay(&self, resource: Resource, name: &str, patch: Value) {
        self.with(|state| state.overlay(resource, name, patch));
    }

    /// Lets `fault` happen to the next call of `method` whose path holds `part`.
    pub fn next(&self, method: &'static str, part: &str, fault: Fault) {
        self.lock().faults.push(fault::Planned { method, part: part.to_owned(), fault });
    }

    /// Closes all watches and forgets what they would have to continue from (etcd's compaction).
    pub fn compact(&self) {
        self.with(State::compact);
    }

    /// Whether watches send bookmarks.
    pub fn set_bookmarks(&self, sent: bool) {
        self.lock().bookmarks = sent;
    }

    /// Performs one request over a connection of its own. A host of the form `NODE:10250` is the kubelet of a node,
    /// `ADDRESS:8000` an instance, none at all the API server.
    ///
    /// # Errors
    /// When the connection breaks before the answer's head.
    pub async fn call<B>(self, request: Request<B>) -> Result<Response<Incoming>, BoxError>
    where
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        let (mut parts, body) = request.into_parts();
        let host = parts.uri.authority().map(ToString::to_string);
        // A server is asked for a path; where it is, the connection says.
        let path = parts.uri.path_and_query().cloned();
        parts.uri = path.map_or_else(|| Uri::from_static("/"), Uri::from);
        parts.headers.insert(http::header::HOST, http::HeaderValue::from_static("model"));
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let service =
            hyper::service::service_fn(move |request| serve::serve(self.clone(), host.clone(), request));
        tokio::spawn(
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(theirs), service),
        );
        let body = body.map_err(Into::into).boxed_unsync();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(ours)).await?;
        tokio::spawn(connection);
        Ok(sender.send_request(Request::from_parts(parts, body)).await?)
    }

    /// Waits until `f` answers; `None` when it does not within `limit`.
    pub async fn until<T>(&self, limit: Duration, mut f: impl FnMut(&Self) -> Option<T>) -> Option<T> {
        let end = Instant::now() + limit;
        let mut changed = self.changed.subscribe();
        loop {
            changed.mark_unchanged();
            if let Some(answer) = f(self) {
                return Some(answer);
            }
            tokio::select! {
                news = changed.changed() => news.ok()?,
                () = tokio::time::sleep_until(end) => return f(self),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn millis(&self) -> Millis {
        self.start + Millis::try_from(self.base.elapsed().as_millis()).unwrap_or(Millis::MAX)
    }

    /// Works on the state as it is now, and shows what that changed.
    fn with<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.lock();
        let before = state.news();
        state.catch_up(self.millis());
        let answer = f(&mut state);
        state.absorb();
        if state.news() != before {
            self.changed.send_modify(|count| *count += 1);
        }
        answer
    }
}
