//! The CSI identity service.

use tonic::{Request, Response, Status};

use crate::DRIVER_NAME;
use crate::generated::csi::identity_server::Identity;
use crate::generated::csi::plugin_capability::{Service, Type, VolumeExpansion, service, volume_expansion};
use crate::generated::csi::{
    GetPluginCapabilitiesRequest, GetPluginCapabilitiesResponse, GetPluginInfoRequest, GetPluginInfoResponse,
    PluginCapability, ProbeRequest, ProbeResponse,
};

/// The identity service of one of the driver's processes.
///
/// Both name the same capabilities: CSI wants the answers of a driver's components to agree.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IdentityService;

#[tonic::async_trait]
impl Identity for IdentityService {
    async fn get_plugin_info(
        &self,
        _: Request<GetPluginInfoRequest>,
    ) -> Result<Response<GetPluginInfoResponse>, Status> {
        Ok(Response::new(GetPluginInfoResponse {
            name: DRIVER_NAME.to_owned(),
            vendor_version: env!("CARGO_PKG_VERSION").to_owned(),
            manifest: std::collections::HashMap::new(),
        }))
    }

    async fn get_plugin_capabilities(
        &self,
        _: Request<GetPluginCapabilitiesRequest>,
    ) -> Result<Response<GetPluginCapabilitiesResponse>, Status> {
        let service = Type::Service(Service { r#type: service::Type::ControllerService.into() });
        let online = Type::VolumeExpansion(VolumeExpansion { r#type: volume_expansion::Type::Online.into() });
        let capabilities = [service, online].map(|r#type| PluginCapability { r#type: Some(r#type) });
        Ok(Response::new(GetPluginCapabilitiesResponse { capabilities: capabilities.into() }))
    }

    async fn probe(&self, _: Request<ProbeRequest>) -> Result<Response<ProbeResponse>, Status> {
        Ok(Response::new(ProbeResponse { ready: Some(true) }))
    }
}
