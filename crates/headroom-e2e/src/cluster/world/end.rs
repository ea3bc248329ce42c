//! The end of a scenario: the cluster as it was found, and evidence where it did not pass.

use std::time::Duration;

use headroom_scenario::WorldError;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, api::DeleteParams};

use super::{ClusterWorld, Stopped};
use crate::cluster::{birth, cnpg, evidence::Evidence, finalizers};

/// Logs are asked for from a little before the scenario began.
const MARGIN: Duration = Duration::from_secs(10);

impl ClusterWorld {
    pub(super) fn end(&mut self, keep_evidence: bool) {
        self.sync(Duration::ZERO);
        if let Some(writer) = self.writer.take() {
            writer.stop();
        }
        for gate in std::mem::take(&mut self.held) {
            said(self.let_gate_go(gate));
        }
        if keep_evidence {
            self.keep_evidence();
        }
        said(self.give_back());
        said(self.unregister_webhook());
        if self.fixture.as_ref().is_some_and(|fixture| fixture.size_at_birth) {
            let (client, runtime) = (&self.connection.client, &self.connection.runtime);
            said(runtime.block_on(birth::unbind(client, &self.namespace)));
        }
        for task in self.tasks.drain(..) {
            task.abort();
        }
        if !keep_evidence {
            self.delete_namespace();
        }
    }

    /// What others share is as it was found: nodes, operator, storage.
    fn give_back(&mut self) -> Result<(), WorldError> {
        let operator = if self.own_operator {
            let runtime = &self.connection.runtime;
            let removed = runtime.block_on(self.operator.remove());
            // Without its operator nobody lets go of the object, nor of its namespace.
            removed.and(runtime.block_on(finalizers::drop_all(&self.connection.client, &self.namespace)))
        } else if self.stopped.contains(&Stopped::Headroom) {
            self.connection.runtime.block_on(self.operator.scale(1))
        } else {
            Ok(())
        };
        let cnpg = if self.stopped.contains(&Stopped::CloudNativePg) {
            self.connection.runtime.block_on(cnpg::start(&self.connection.client))
        } else {
            Ok(())
        };
        let nodes = self.uncordon();
        let storage = if self.growth_refused { self.refuse_growth(false) } else { Ok(()) };
        operator.and(cnpg).and(nodes).and(storage)
    }

    fn keep_evidence(&self) {
        crate::talk(&format!("evidence kept in namespace {}", self.namespace));
        let Some(report) = &self.connection.options.report else { return };
        let folder = report.join("evidence").join(&self.namespace);
        let evidence = Evidence {
            client: &self.connection.client,
            namespace: &self.namespace,
            age: self.recorder.age() + MARGIN,
        };
        match self.connection.runtime.block_on(evidence.keep(&folder, &self.trace)) {
            Ok(()) => crate::talk(&format!("objects, logs and trace of it: {}", folder.display())),
            Err(error) => crate::talk(&format!("could not write evidence to {}: {error}", folder.display())),
        }
    }

    fn delete_namespace(&self) {
        let namespaces = Api::<Namespace>::all(self.connection.client.clone());
        let deleted =
            self.connection.runtime.block_on(namespaces.delete(&self.namespace, &DeleteParams::default()));
        if let Err(error) = deleted {
            crate::talk(&format!("could not delete namespace {}: {error}", self.namespace));
        }
    }
}

/// What goes wrong at the end changes no verdict, but people must know.
fn said(ended: Result<(), WorldError>) {
    if let Err(error) = ended {
        crate::talk(&error.to_string());
    }
}
