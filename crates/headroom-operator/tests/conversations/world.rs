//! A simulated cluster behind HTTP, and operators that talk to it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::StreamExt as _;
use headroom_kube::{
    Client, ClientBuilder, connect, known::Shared, lease::LeaseName, usage::Kubelets, watch,
};
use headroom_operator::{
    http::Ask,
    run::{Wires, operate},
};
use headroom_sim::{
    http::{Asked, BoxError, Resource, Server},
    model::{
        Model, Settings,
        apiserver::named,
        custom::Custom,
        object::{ClusterSpec, MIB, Volume, phase},
        postgres::Goal,
    },
};
use http::Request;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

/// How long anything may take, in virtual time.
const PATIENCE: Duration = Duration::from_mins(90);

/// One Cluster `pg` with claims of 1Gi and the DynamicStorage `pg` with limit 4Gi.
pub(crate) struct World {
    /// The cluster.
    pub(crate) server: Server,
}

impl World {
    /// One Cluster whose data volume is filled to `percent`; see [`filled`].
    pub(crate) fn filled(instances: u32, percent: u64) -> Self {
        Self::of(filled(instances, percent))
    }

    /// This cluster, served.
    pub(crate) fn of(model: Model) -> Self {
        let server = Server::new(model);
        tokio::spawn(server.clone().drive());
        Self { server }
    }

    /// Starts an operator of this name.
    pub(crate) fn operator(&self, identity: &str) -> Operator {
        let alive = Arc::new(AtomicBool::new(true));
        let client = |server: &Server| {
            let (server, alive) = (server.clone(), alive.clone());
            let call = move |request: Request<Body>| {
                let (server, alive) = (server.clone(), alive.clone());
                async move {
                    if alive.load(Ordering::Relaxed) {
                        server.call(request).await
                    } else {
                        Err(BoxError::from("this process is dead"))
                    }
                }
            };
            ClientBuilder::new(tower::service_fn(call), "sim")
        };
        let direct = || -> Client { client(&self.server).build() };
        let known = Shared::new();
        let watches = watch::all(&|beat| Ok(connect::listening(client(&self.server), beat)), None, &known);
        let (asks, questions) = mpsc::channel(1);
        let clock = self.server.clone();
        let wires = Wires {
            api: direct(),
            kubelets: Kubelets::new(direct(), direct(), None),
            instances: direct(),
            watches: watches.expect("watches").boxed(),
            known,
            lease: LeaseName {
                namespace: "headroom-system".to_owned(),
                name: "headroom".to_owned(),
                identity: identity.to_owned(),
            },
            clock: Arc::new(move || clock.now()),
            asks: questions,
        };
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let stopped = async {
                // The sender is dropped only with the operator.
                let _ = stopped.await;
            };
            operate(wires, stopped).await;
        });
        Operator { alive, stop, task, _asks: asks }
    }

    /// Waits until the object is as `wanted`.
    pub(crate) async fn until(
        &self,
        resource: Resource,
        name: &str,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let found = self.server.until(PATIENCE, |server| server.object(resource, name).filter(&wanted)).await;
        found.unwrap_or_else(|| {
            let asked: Vec<String> = self.asked(|_| true).iter().map(brief).collect();
            panic!("not in time: {what}; {:#}\n{}", self.storage(), asked.join("\n"))
        })
    }

    /// Waits until a call that `wanted` takes has been answered.
    pub(crate) async fn until_asked(&self, what: &str, wanted: impl Fn(&Asked) -> bool) -> Asked {
        let found = self.server.until(PATIENCE, |server| server.asked(&wanted).into_iter().next()).await;
        found.unwrap_or_else(|| panic!("not in time: {what}"))
    }

    /// Waits until the data volume has come to rest at `size`.
    pub(crate) async fn until_grown(&self, size: &str) -> Value {
        self.until(Resource::Storages, "pg", "the growth is complete", |storage| {
            let data = &storage["status"]["storageSizing"]["data"];
            data["effectiveSize"] == size && data["growth"].is_null() && data["state"] == "Balanced"
        })
        .await
    }

    /// Waits until the data volume has come to rest at `size` with nothing left of the shrink.
    pub(crate) async fn until_shrunk(&self, size: &str) -> Value {
        self.until(Resource::Storages, "pg", "the shrink is complete", |storage| {
            let data = &storage["status"]["storageSizing"]["data"];
            data["effectiveSize"] == size
                && storage["status"]["operation"].is_null()
                && data["state"] == "Balanced"
        })
        .await
    }

    /// Waits until the Cluster is as `wanted`.
    pub(crate) async fn until_cluster(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.until(Resource::Clusters, "pg", what, wanted).await
    }

    /// Somebody else's merge patch; answers with the object.
    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Value {
        let (code, answer) = self.ask("PATCH", path, body).await;
        assert_eq!(code, 200, "{answer:#}");
        answer
    }

    /// A call of somebody's: a merge patch, or a deletion with these options; answers with code and body.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        use http_body_util::BodyExt as _;
        let content = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::CONTENT_TYPE, content)
            .body(Body::from(body.to_string().into_bytes()))
            .expect("a request");
        let response = self.server.clone().call(request).await.expect("an answer");
        let code = response.status().as_u16();
        let bytes = response.into_body().collect().await.expect("a body").to_bytes();
        (code, serde_json::from_slice(&bytes).expect("JSON"))
    }

    /// The DynamicStorage `pg` as it is served.
    pub(crate) fn storage(&self) -> Value {
        self.server.object(Resource::Storages, "pg").unwrap_or_default()
    }

    /// The calls so far that `wanted` takes.
    pub(crate) fn asked(&self, wanted: impl Fn(&Asked) -> bool) -> Vec<Asked> {
        self.server.asked(wanted)
    }

    /// Patches of claims so far.
    pub(crate) fn raises(&self) -> Vec<Asked> {
        self.asked(is_raise)
    }
}

pub(crate) fn is_raise(asked: &Asked) -> bool {
    asked.method == "PATCH" && asked.target.contains("/persistentvolumeclaims/")
}

pub(crate) fn is_status(asked: &Asked) -> bool {
    asked.method == "PATCH" && asked.target.contains("/dynamicstorages/pg/status")
}

/// The number of instances is set.
pub(crate) fn is_scale(asked: &Asked) -> bool {
    asked.method == "PATCH" && asked.target.contains("/clusters/pg/scale?")
}

/// The Cluster of a quorum read; a watch lists the collection.
pub(crate) fn is_read(asked: &Asked) -> bool {
    asked.method == "GET" && asked.target.ends_with("/namespaces/sim/clusters/pg")
}

/// A call in one line.
pub(crate) fn brief(asked: &Asked) -> String {
    format!("{} ms {} {} {}", asked.at, asked.method, asked.target, asked.status)
}

/// A call by what it is called and how it is known.
pub(crate) type Wanted<'a> = (&'a str, &'a dyn Fn(&Asked) -> bool);

/// Where in `calls` each of these comes first.
#[track_caller]
pub(crate) fn in_order(calls: &[Asked], steps: &[Wanted<'_>]) {
    let mut rest = calls.iter();
    for (what, wanted) in steps {
        let lines: Vec<String> = calls.iter().map(brief).collect();
        assert!(rest.any(wanted), "no {what} in its place:\n{}", lines.join("\n"));
    }
}

/// One Cluster `pg` whose data volume was filled to `percent` before there was a DynamicStorage: 84 percent of 960 MiB make
/// a planned growth to 1152Mi (the arithmetic is in the catalogue, `p0_00`).
pub(crate) fn filled(instances: u32, percent: u64) -> Model {
    let mut model = Model::new(7, Settings::LAB);
    add_cluster(&mut model, "pg", instances);
    let content = 960 * MIB * percent / 100;
    fill_and_measure(&mut model, content);
    add_storage(&mut model, "pg");
    model
}

/// One Cluster `pg` that declares 1Gi and whose claims were raised to 4Gi before there was a DynamicStorage. They hold 15
/// percent of 4032Mi, 605Mi, which 1Gi holds with a third of it free; two minutes of calm are enough for a shrink.
pub(crate) fn roomy(instances: u32) -> Model {
    let mut model = Model::new(7, Settings::LAB);
    add_cluster(&mut model, "pg", instances);
    model.change(|model| {
        for serial in 1..=instances {
            model.patch_claim(&format!("pg-{serial}"), 4096 * MIB).expect("raised by hand");
        }
    });
    fill_and_measure(&mut model, 605 * MIB);
    let shrink = json!({"enabled": true, "stabilization": "2m", "allowSwitchoverOnSingleInstance": true});
    add_storage_with(&mut model, "pg", &json!({"limit": "4Gi", "shrink": shrink}));
    model
}

fn fill_and_measure(model: &mut Model, content: u64) {
    model.change(|model| model.set_filler(&"pg".into(), Volume::Data, 40 * MIB, Goal::Content(content)));
    // The kubelets measure every 10 to 20 s.
    let full = model.now() + 60_000;
    while model.next_at().is_some_and(|at| at <= full) {
        model.step();
    }
}

/// Makes a healthy Cluster.
pub(crate) fn add_cluster(model: &mut Model, name: &str, instances: u32) {
    let sizes = BTreeMap::from([(Volume::Data, 1024 * MIB)]);
    model.create_cluster(&name.into(), ClusterSpec::new(instances, sizes));
    let healthy = |model: &Model| {
        let status = model.api().cluster(name).map(|cluster| cluster.status.clone());
        status.is_some_and(|status| status.phase == Some(phase::HEALTHY) && status.ready == instances)
    };
    while !healthy(model) {
        model.step();
    }
}

/// Makes the DynamicStorage of a Cluster.
pub(crate) fn add_storage(model: &mut Model, name: &str) {
    add_storage_with(model, name, &json!({"limit": "4Gi"}));
}

fn add_storage_with(model: &mut Model, name: &str, storage: &Value) {
    let spec = json!({"clusterRef": {"name": name}, "storage": storage});
    model.insert_custom(Custom {
        meta: named(&name.into()),
        generation: 1,
        finalizer: false,
        spec: Arc::new(serde_json::from_value(spec).expect("a spec")),
        status: None,
    });
}

/// A running operator.
pub(crate) struct Operator {
    alive: Arc<AtomicBool>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
    _asks: mpsc::Sender<Ask>,
}

impl Operator {
    /// Stops it as SIGTERM does, and waits until it has stopped.
    pub(crate) async fn stop(self) {
        self.stop.send(()).expect("it runs");
        self.task.await.expect("it stopped cleanly");
    }

    /// It dies: nothing of it reaches the cluster any more.
    pub(crate) fn kill(self) {
        self.alive.store(false, Ordering::Relaxed);
        self.task.abort();
    }
}
