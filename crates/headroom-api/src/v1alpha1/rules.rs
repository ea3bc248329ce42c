//! The CEL rules of the schema. Each message names the field and the cure.
//!
//! The API server bounds the estimated cost of all rules together: sizes carry a `maxLength`, and no message turns a
//! number into text, whose length it takes for unbounded.

use serde_json::{Value, json};

/// Rules of the whole object: one DynamicStorage per Cluster by construction (design §4).
pub fn root_rules() -> Value {
    json!([{
        "rule": "self.metadata.name == self.spec.clusterRef.name",
        "message": "metadata.name must equal spec.clusterRef.name: there is one DynamicStorage per Cluster, named as the Cluster",
        "messageExpression": "'metadata.name is ' + self.metadata.name + ' and spec.clusterRef.name is ' + \
            self.spec.clusterRef.name + ': name the DynamicStorage as its Cluster'",
        "fieldPath": ".spec.clusterRef.name",
    }])
}

/// Rules of `clusterRef`.
pub(super) fn cluster_reference() -> Value {
    json!([{
        "rule": "self == oldSelf",
        "message": "clusterRef cannot be changed: delete this DynamicStorage and create one for the other Cluster",
    }])
}

/// Rules of one volume's block.
pub(super) fn volume() -> Value {
    json!([
        {
            "rule": "quantity(string(self.limit)).compareTo(quantity('64Mi')) >= 0",
            "message": "limit must be at least 64Mi: it is the ceiling of every claim of this volume",
            "fieldPath": ".limit",
        },
        {
            "rule": "!has(self.request) || quantity(string(self.request)).compareTo(quantity(string(self.limit))) <= 0",
            "message": "request must not be above limit: lower request or raise limit",
            "messageExpression": "'request (' + string(self.request) + ') is above limit (' + string(self.limit) + \
                '): lower request or raise limit'",
            "fieldPath": ".request",
        },
        {
            "rule": "self.emergencyGrow.criticalThreshold >= 100 - self.targetBuffer + 3",
            "message": "emergencyGrow.criticalThreshold must be at least 100 - targetBuffer + 3 (83 with a targetBuffer of 20, \
                98 with one of 5): raise criticalThreshold or targetBuffer",
        },
        {
            "rule": "!has(self.emergencyGrow.emergencyLimit) || \
                quantity(string(self.emergencyGrow.emergencyLimit)).isGreaterThan(quantity(string(self.limit)))",
            "message": "emergencyGrow.emergencyLimit must be above limit: raise it, or leave it out so that limit holds in an emergency too",
        },
        {
            "rule": "!has(self.emergencyGrow.criticalMinimumFree) || \
                quantity(string(self.emergencyGrow.criticalMinimumFree)).isLessThan(quantity(string(self.limit)))",
            "message": "emergencyGrow.criticalMinimumFree must be below limit: as it is, the volume would always be in emergency",
        },
    ])
}

/// Rules of `budget`.
pub(super) fn budget() -> Value {
    json!([{
        "rule": "self.reservedForEmergency <= self.actionsPerDay",
        "message": "budget.reservedForEmergency must not be above budget.actionsPerDay: it is a part of it, so lower it",
        "fieldPath": ".reservedForEmergency",
    }])
}
