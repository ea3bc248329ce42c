//! The socket by which the kubelet finds the node plugin.

use std::path::Path;

use tonic::{Request, Response, Status};

use crate::DRIVER_NAME;
use crate::generated::registration::registration_server::Registration;
use crate::generated::registration::{
    InfoRequest, PluginInfo, RegistrationStatus, RegistrationStatusResponse,
};

/// Tells the kubelet the driver's name and its CSI socket.
///
/// The kubelet watches `KUBELET_ROOT/plugins_registry`, asks each socket in it for its `PluginInfo`, then calls
/// `NodeGetInfo` on the endpoint named there.
#[derive(Debug, Clone)]
pub(crate) struct RegistrationService {
    endpoint: String,
}

impl RegistrationService {
    pub(crate) fn new(csi_socket: &Path) -> Self {
        Self { endpoint: csi_socket.to_string_lossy().into_owned() }
    }
}

#[tonic::async_trait]
impl Registration for RegistrationService {
    async fn get_info(&self, _: Request<InfoRequest>) -> Result<Response<PluginInfo>, Status> {
        Ok(Response::new(PluginInfo {
            r#type: "CSIPlugin".to_owned(),
            name: DRIVER_NAME.to_owned(),
            endpoint: self.endpoint.clone(),
            // The kubelet wants versions of CSI here and takes any 1.x.
            supported_versions: vec!["1.0.0".to_owned()],
        }))
    }

    async fn notify_registration_status(
        &self,
        request: Request<RegistrationStatus>,
    ) -> Result<Response<RegistrationStatusResponse>, Status> {
        let status = request.into_inner();
        if status.plugin_registered {
            tracing::info!("registered with the kubelet");
        } else {
            tracing::error!(error = status.error, "the kubelet refused the registration; it will ask again");
        }
        Ok(Response::new(RegistrationStatusResponse {}))
    }
}
