//! Takes headroom's finalizer off the objects of a scenario that is over, where no operator is left to do it: an object that
//! keeps it would hold its namespace for ever.

use headroom_scenario::WorldError;
use kube::{
    Client, ResourceExt as _,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::json;

use super::{connect::failed, observe};

/// Takes the finalizers off all DynamicStorages of the namespace.
pub(crate) async fn drop_all(client: &Client, namespace: &str) -> Result<(), WorldError> {
    let doing = "take the finalizer off the DynamicStorage";
    let storages = observe::api(client, namespace, "DynamicStorage")
        .ok_or_else(|| failed(doing, &"DynamicStorage is not a watched kind"))?;
    let list = storages.list(&ListParams::default()).await.map_err(|error| failed(doing, &error))?;
    for storage in list.items.iter().filter(|storage| !storage.finalizers().is_empty()) {
        let patch = Patch::Merge(json!({"metadata": {"finalizers": null}}));
        let done = storages.patch(&storage.name_any(), &PatchParams::default(), &patch).await;
        match done {
            Ok(_) => {}
            // It went away by itself.
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(error) => return Err(failed(doing, &error)),
        }
    }
    Ok(())
}
