//! The one place of the cluster world that sleeps: polling of conditions that no watch shows.

use std::future::Future;
use std::time::{Duration, Instant};

/// Asks `probe` every `period` until it answers, at most `limit`; `None` when it never did.
pub(crate) async fn until<T, F>(limit: Duration, period: Duration, mut probe: impl FnMut() -> F) -> Option<T>
where
    F: Future<Output = Option<T>>,
{
    let deadline = Instant::now() + limit;
    loop {
        if let Some(answer) = probe().await {
            return Some(answer);
        }
        if Instant::now() >= deadline {
            return None;
        }
        tokio::time::sleep(period).await;
    }
}

/// The pace of a background task: a pause between two rounds.
pub(crate) async fn pause(span: Duration) {
    tokio::time::sleep(span).await;
}
