//! The fixture: namespace, Cluster, client pod, data, DynamicStorage.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use headroom_scenario::{Ended, Fact, Fixture, Wait, World as _, WorldError, fixture::FILL_TOLERANCE};
use k8s_openapi::api::core::v1::{Namespace, Pod, Secret};
use kube::{
    Api,
    api::{DeleteParams, PostParams},
};
use serde_json::{Value, json};

use super::{ClusterWorld, Stopped};
use crate::cluster::{
    birth, connect::failed, finalizers, kubelet, manifests, observe, rights, sql::Server, wait,
};

/// How long a namespace of an earlier run may take to go away.
const GONE: Duration = Duration::from_mins(3);

impl ClusterWorld {
    /// A fresh namespace; one of an earlier run is deleted and really gone before.
    async fn make_namespace(&self) -> Result<(), WorldError> {
        let doing = format!("make the namespace {}", self.namespace);
        let namespaces = Api::<Namespace>::all(self.connection.client.clone());
        let gone = wait::until(GONE, Duration::from_secs(1), || async {
            match namespaces.get_opt(&self.namespace).await {
                Ok(None) => Some(()),
                Ok(Some(namespace)) => {
                    // A namespace of an earlier run, whose operator may be gone; a refusal shows as the time-out below.
                    let _ = finalizers::drop_all(&self.connection.client, &self.namespace).await;
                    if namespace.metadata.deletion_timestamp.is_none() {
                        let _ = namespaces.delete(&self.namespace, &DeleteParams::default()).await;
                    }
                    None
                }
                Err(_) => None,
            }
        });
        gone.await.ok_or_else(|| failed(&doing, &"one of an earlier run does not go away"))?;
        let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": self.namespace}}))
            .map_err(|error| failed(&doing, &error))?;
        let made = namespaces.create(&PostParams::default(), &namespace).await;
        made.map(|_| ()).map_err(|error| failed(&doing, &error))
    }

    async fn make_login(&self) -> Result<(), WorldError> {
        let doing = "make the application's login";
        let secret: Secret =
            serde_json::from_value(manifests::login()).map_err(|error| failed(doing, &error))?;
        let secrets = Api::<Secret>::namespaced(self.connection.client.clone(), &self.namespace);
        let made = secrets.create(&PostParams::default(), &secret).await;
        made.map(drop).map_err(|error| failed(doing, &error))
    }

    pub(super) fn server(
        &self,
        pods: &Api<Pod>,
        f: impl FnOnce(Server<'_>) -> Result<(), WorldError>,
    ) -> Result<(), WorldError> {
        let fixture = self.fixture.as_ref();
        let marks = fixture.map(|fixture| &fixture.policy).map(|policy| {
            Vec::from([100_u8.saturating_sub(policy.target_buffer), policy.critical_threshold])
        });
        let primary = self.primary()?;
        f(Server {
            pods,
            replicas: self.others(&primary),
            pod: primary,
            separate_wal: fixture.is_some_and(|fixture| fixture.wal.is_some()),
            operator_stopped: self.stopped.contains(&Stopped::Headroom),
            recorder: &self.recorder,
            marks: marks.unwrap_or_default(),
        })
    }

    fn make_data(&mut self, fixture: &Fixture) -> Result<(), WorldError> {
        let runtime = self.connection.runtime.clone();
        let pods = self.pods();
        let mut sentinel = None;
        self.server(&pods, |server| {
            runtime.block_on(async {
                server.prepare(fixture.tablespace.is_some()).await?;
                sentinel = Some(server.sentinel().await?);
                Ok(())
            })
        })?;
        self.sentinel = sentinel;
        Ok(())
    }

    pub(super) fn make_objects(&mut self, fixture: &Fixture) -> Result<(), WorldError> {
        let runtime = self.connection.runtime.clone();
        let image = self.connection.postgres_image();
        if fixture.backups.is_some() && self.connection.snapshots.is_none() {
            let why = "there is no VolumeSnapshotClass of the StorageClass's driver; install the snapshot controller, or \
                       name a class with --snapshot-class";
            return Err(failed("make backups by volume snapshot", &why));
        }
        runtime.block_on(self.make_namespace())?;
        if self.connection.is_lab {
            self.storage_gates().clear()?;
        }
        self.size_at_birth(fixture)?;
        if fixture.policy.shrink.is_some() {
            let (client, is_lab) = (&self.connection.client, self.connection.is_lab);
            runtime.block_on(rights::ensure(client, is_lab))?;
        }
        if self.own_operator {
            runtime.block_on(self.operator.install(&self.namespace))?;
        }
        self.watch();
        runtime.block_on(self.make_login())?;
        let cluster = manifests::cluster(fixture, self.connection.offer(image.as_deref(), self.lane()));
        runtime.block_on(self.create("Cluster", &cluster))?;
        self.expect(&Fact::Healthy, Wait::Ready)?;
        let image = image.map_or_else(|| self.running_image(), Ok)?;
        runtime.block_on(self.create("Pod", &manifests::client(&image, self.lane())))?;
        self.make_data(fixture)?;
        if let Some((volume, percent)) = &fixture.filled {
            self.fill(volume, *percent)?;
            // What the kubelets say lags behind by a period or two: the operator must find it told.
            self.expect(
                &Fact::EveryMemberUsedAtLeast(volume.clone(), percent.saturating_sub(FILL_TOLERANCE)),
                Wait::Decision,
            )?;
        }
        if self.own_operator {
            // It has started while the Cluster was made.
            runtime.block_on(self.operator.scale(1))?;
        }
        self.register_webhook()?;
        self.make_storage(fixture)
    }

    fn size_at_birth(&self, fixture: &Fixture) -> Result<(), WorldError> {
        let (client, runtime) = (&self.connection.client, &self.connection.runtime);
        if fixture.size_at_birth {
            runtime.block_on(birth::bind(client, &self.namespace))
        } else {
            runtime.block_on(birth::absent(client))
        }
    }

    pub(super) fn make_storage(&self, fixture: &Fixture) -> Result<(), WorldError> {
        let storage = manifests::dynamic_storage(fixture, now(), self.connection.profile.kubelets());
        self.connection.runtime.block_on(self.create("DynamicStorage", &storage))
    }

    fn watch(&mut self) {
        let _guard = self.connection.runtime.enter();
        self.tasks = observe::start(&self.connection.client, &self.namespace, &self.recorder, &self.newest);
        self.tasks.push(tokio::spawn(kubelet::follow(
            self.connection.client.clone(),
            self.namespace.clone(),
            self.recorder.clone(),
            self.newest.clone(),
        )));
    }

    /// The image that CloudNativePG chose for the primary.
    fn running_image(&self) -> Result<String, WorldError> {
        let pod = self.object("Pod", &self.primary()?);
        let image =
            pod.as_ref().and_then(|pod| pod.pointer("/spec/containers/0/image")).and_then(Value::as_str);
        image
            .map(str::to_owned)
            .ok_or_else(|| failed("find the image of PostgreSQL", &"the primary's pod has none"))
    }

    pub(super) fn expect(&mut self, fact: &Fact, limit: Wait) -> Result<(), WorldError> {
        match self.advance(fact, self.limit(limit)) {
            Ended::Met => Ok(()),
            Ended::TimedOut { still } => Err(failed("make the fixture", &still)),
            Ended::Impossible { why } => Err(failed("make the fixture", &why)),
        }
    }
}

/// Unix seconds.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
