//! What the controller and node services have in common.

use std::error::Error;
use std::fs::File;
use std::future::Future;

use tonic::Status;

use crate::store::{Store, Volume};

/// `INTERNAL` with the error's text.
pub(crate) fn internal(error: impl Error) -> Status {
    Status::internal(error.to_string())
}

/// `UNIMPLEMENTED`, for a call whose capability the driver does not name.
pub(crate) fn unimplemented(capability: &str) -> Status {
    Status::unimplemented(format!("the driver has no capability {capability}"))
}

/// `INVALID_ARGUMENT` when a required text field is empty.
pub(crate) fn require(value: &str, field: &str) -> Result<(), Status> {
    if value.is_empty() { Err(Status::invalid_argument(format!("{field} is empty"))) } else { Ok(()) }
}

/// The volume, or `NOT_FOUND`.
pub(crate) fn find(store: &Store, handle: &str) -> Result<Volume, Status> {
    let volume = store.find(handle).map_err(internal)?;
    volume.ok_or_else(|| Status::not_found(format!("there is no volume {handle}")))
}

/// The volume for oneself until the lock is dropped, or `ABORTED` (CSI: an operation is pending for it).
pub(crate) fn lock(store: &Store, volume: &Volume) -> Result<File, Status> {
    let lock = store.lock(volume).map_err(internal)?;
    let handle = &volume.handle;
    lock.ok_or_else(|| Status::aborted(format!("volume {handle} is being mounted or copied at this moment")))
}

/// Runs work to its end even when the caller's deadline is over before: a `mount` that is half done is worse than one that
/// nobody waits for.
pub(crate) async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Status>> + Send + 'static,
) -> Result<T, Status> {
    tokio::spawn(work).await.unwrap_or_else(|error| Err(internal(error)))
}
