//! One look at a Cluster and everything of it, and what is done about it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use headroom_sim::model::apiserver::ApiServer;
use headroom_sim::model::cnpg::status;
use headroom_sim::model::object::{Cluster as Seen, ClusterStatus, Container, Name, PENDING, PodPhase, Role};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Node, PersistentVolumeClaim, Pod};
use kube::api::ListParams;
use kube::{Api, Error, ResourceExt as _};
use rand::RngExt as _;
use serde_json::json;

use super::Shared;
use super::primary::{self, Member, Next};
use super::read::{self, Found};
use super::report::{self, Report};
use super::show;
use super::write::Writer;
use crate::cluster::{Cluster, resource};
use crate::names;
use crate::objects::{self, Wanted};

/// When nothing is expected to change by itself.
const CALM: Duration = Duration::from_secs(10);
/// While servers are at work that no object tells of.
const BUSY: Duration = Duration::from_millis(300);

/// What one look found.
pub(super) struct Round<'a> {
    pub(super) shared: &'a Shared,
    pub(super) writer: Writer,
    /// As it is stored.
    pub(super) cluster: Cluster,
    /// As the model sees it.
    pub(super) seen: Seen,
    pub(super) api: ApiServer,
    reports: BTreeMap<String, Report>,
    pub(super) cordoned: BTreeSet<Name>,
    /// When to look again at the latest.
    pub(super) again: Duration,
}

impl<'a> Round<'a> {
    /// Looks; `None` when there is nothing to do for this Cluster.
    pub(super) async fn look(known: &Cluster, shared: &'a Shared) -> Result<Option<Self>, Error> {
        let namespace = known.namespace().unwrap_or_default();
        let client = &shared.client;
        let clusters = Api::<Cluster>::namespaced_with(client.clone(), &namespace, &resource());
        let Some(cluster) = clusters.get_opt(&known.name_any()).await? else { return Ok(None) };
        if cluster.metadata.deletion_timestamp.is_some() {
            return Ok(None);
        }
        let Some(seen) = read::cluster(&cluster, &shared.build.postgres) else {
            tracing::warn!("{namespace}/{}: a size in the spec is no quantity", cluster.name_any());
            return Ok(None);
        };
        if !seen.spec.reconcile {
            return Ok(None);
        }
        let ours = ListParams::default().labels(&format!("{}={}", names::CLUSTER, cluster.name_any()));
        let claims = Api::<PersistentVolumeClaim>::namespaced(client.clone(), &namespace);
        let pods = Api::<Pod>::namespaced(client.clone(), &namespace);
        let jobs = Api::<Job>::namespaced(client.clone(), &namespace);
        let everywhere = ListParams::default();
        let nodes = Api::<Node>::all(client.clone());
        let (claims, pods, jobs, nodes) = tokio::try_join!(
            claims.list(&ours),
            pods.list(&ours),
            jobs.list(&ours),
            nodes.list(&everywhere)
        )?;
        let found = Found { claims: claims.items, pods: pods.items, jobs: jobs.items };
        let api = read::objects(&seen.meta.name, &found);
        let instances = found.pods.iter().filter(|pod| api.instance_pod(&pod.name_any()).is_some());
        let reports = report::ask(instances).await;
        let unschedulable =
            |node: &Node| node.spec.as_ref().and_then(|spec| spec.unschedulable) == Some(true);
        let cordoned = nodes
            .items
            .iter()
            .filter(|node| unschedulable(node))
            .map(|node| node.name_any().into())
            .collect();
        let writer = Writer { client: client.clone(), namespace };
        Ok(Some(Self { shared, writer, cluster, seen, api, reports, cordoned, again: CALM }))
    }

    /// Does what is to be done now; says when to look again at the latest.
    pub(super) async fn go(mut self) -> Result<Duration, Error> {
        self.make_shared().await?;
        let lists = status::lists(&self.api, &self.seen);
        self.show(|status| status::show(lists, status)).await?;
        self.resume().await?;
        self.label().await?;
        self.act().await?;
        if self.is_busy() {
            self.again = self.again.min(BUSY);
        }
        Ok(self.again)
    }

    fn name(&self) -> &Name {
        &self.seen.meta.name
    }

    /// Changes the status and writes it, if it differs from what is stored.
    pub(super) async fn show(&mut self, change: impl FnOnce(&mut ClusterStatus)) -> Result<(), Error> {
        let (from, before) = (self.seen.status.phase, self.cluster.status.clone().unwrap_or_default());
        change(&mut self.seen.status);
        let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let wanted = show::wire(&self.seen.status, &before, &now);
        if wanted == before {
            return Ok(());
        }
        self.cluster = self.writer.status(&self.cluster, &wanted).await?;
        if self.seen.status.phase != from {
            let phase = self.seen.status.phase.unwrap_or_default();
            tracing::info!("{}/{}: {phase}", self.writer.namespace, self.name());
        }
        Ok(())
    }

    /// Services, secrets, rights and PodDisruptionBudgets: once, and again when their number changes.
    async fn make_shared(&self) -> Result<(), Error> {
        let uid = self.cluster.uid().unwrap_or_default();
        let wanted = (self.cluster.spec.instances, self.cluster.spec.enable_pdb != Some(false));
        if self.shared.remember(&uid, |memory| memory.made_for) == Some(wanted) {
            return Ok(());
        }
        for budget in objects::disruption_budgets(&self.cluster) {
            match budget {
                Wanted::Yes(budget) => self.writer.create(&budget).await?,
                Wanted::No(name) => self.writer.delete("PodDisruptionBudget", &name).await?,
            }
        }
        let mut all = objects::secrets(&self.cluster, password);
        all.extend(objects::rights(&self.cluster));
        all.extend(objects::services(&self.cluster));
        for object in &all {
            self.writer.create(object).await?;
        }
        self.shared.remember(&uid, |memory| memory.made_for = Some(wanted));
        Ok(())
    }

    /// Role labels by the model's rule: claims some ms before the pod (traces' README, fact 9). An old primary is
    /// `unhealthy` as soon as its successor is looked for.
    async fn label(&self) -> Result<(), Error> {
        let moving = status::moving(&self.seen.status);
        for pod in self.api.pods() {
            let old = moving && self.seen.status.current_primary.as_ref() == Some(&pod.instance);
            let reports = self.reports.contains_key(&*pod.instance);
            let role = if old { Some(Role::Unhealthy) } else { status::role(&self.seen, pod, reports) };
            if let Some(role) = role.filter(|role| pod.role != Some(*role)) {
                self.put_role(&pod.instance, role).await?;
            }
        }
        Ok(())
    }

    /// The role on the claims of an instance, and on its pod.
    pub(super) async fn put_role(&self, instance: &Name, role: Role) -> Result<(), Error> {
        let word = match role {
            Role::Primary => "primary",
            Role::Replica => "replica",
            Role::Unhealthy => "unhealthy",
        };
        let patch = json!({"metadata": {"labels": {names::INSTANCE_ROLE: word, names::ROLE: word}}});
        for claim in self.api.claims_of(instance) {
            self.writer.merge("PersistentVolumeClaim", &claim.meta.name, &patch).await?;
        }
        self.writer.merge("Pod", instance, &patch).await?;
        tracing::info!("{}: {instance} is labelled {word}", self.writer.namespace);
        Ok(())
    }

    fn members(&self) -> Vec<Member> {
        let member = |pod: &&headroom_sim::model::object::Pod| Member {
            instance: pod.instance.clone(),
            deleting: pod.meta.deleting,
            ready: pod.ready,
            report: self.reports.get(&*pod.instance).cloned(),
        };
        status::instance_pods(&self.api, self.name()).iter().map(member).collect()
    }

    /// Goes on with a move of the primary that is on its way.
    pub(super) async fn move_primary(&mut self) -> Result<(), Error> {
        if !status::moving(&self.seen.status) {
            return Ok(());
        }
        match primary::next(&self.seen.status, &self.members()) {
            Next::Wait => Ok(()),
            Next::Target(to) => {
                tracing::info!("{}: {to} is to be primary", self.writer.namespace);
                self.show(|status| status.target_primary = Some(to)).await
            }
            Next::Reopen => self.show(|status| status.target_primary = Some(PENDING.into())).await,
        }
    }

    /// Something is expected that no watch may tell: an answer of a server, a role that follows it.
    fn is_busy(&self) -> bool {
        let silent = |pod: &headroom_sim::model::object::Pod| {
            let runs = pod.phase == PodPhase::Running && matches!(pod.container, Container::Running(_));
            runs && !pod.meta.deleting && (pod.role.is_none() || pod.role == Some(Role::Unhealthy))
        };
        status::moving(&self.seen.status) || self.api.pods().any(|pod| silent(pod))
    }
}

/// A password of 96 random bits.
fn password() -> String {
    let mut bytes = [0_u8; 12];
    rand::rng().fill(&mut bytes);
    hex::encode(bytes)
}
