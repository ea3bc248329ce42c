//! Who writes: an election by lease.
//!
//! A holder that could not renew for the deadline stops writing before the others may take over; the others wait until
//! the lease was not written for its whole duration, by their own clock. Clocks are never compared between machines.

use std::{future::Future, time::Duration};

use headroom_engine::Role;
use headroom_kube::lease::{Held, LeaseError, LeaseStore};
use jiff::Timestamp;
use tokio::{
    sync::{oneshot, watch},
    time::Instant,
};

/// A running election.
pub struct Election {
    /// The role of this process.
    pub role: watch::Receiver<Role>,
    stop: Option<oneshot::Sender<()>>,
    task: tokio::task::JoinHandle<()>,
}

impl Election {
    /// Starts to run for the lease.
    pub fn start(store: LeaseStore) -> Self {
        let (role, receiver) = watch::channel(Role::Follower);
        let (stop, stopped) = oneshot::channel();
        let task =
            tokio::spawn(async move { Candidate { store, role, last: None, told: None }.run(stopped).await });
        Self { role: receiver, stop: Some(stop), task }
    }

    /// Stops and gives the lease back if it is held; call when nothing is in flight any more.
    pub async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            // The task may have ended already; then there is nothing to stop.
            let _ = stop.send(());
        }
        if let Err(error) = (&mut self.task).await {
            tracing::error!("the election ended badly: {error}");
        }
    }
}

struct Candidate {
    store: LeaseStore,
    role: watch::Sender<Role>,
    /// The lease as it was last seen to change, and when that was.
    last: Option<(Held, Instant)>,
    /// The last trouble that was logged.
    told: Option<String>,
}

impl Candidate {
    async fn run(mut self, mut stopped: oneshot::Receiver<()>) {
        let retry = self.store.times().retry;
        loop {
            let role = *self.role.borrow();
            match role {
                Role::Leader => self.hold().await,
                Role::Follower => self.try_take().await,
            }
            tokio::select! {
                _ = &mut stopped => break,
                () = tokio::time::sleep(retry) => {}
            }
        }
        self.release().await;
    }

    /// One attempt to get the lease.
    async fn try_take(&mut self) {
        match self.store.read().await {
            Ok(held) => {
                if self.free(&held) {
                    let sent = Instant::now();
                    let taken = self.store.take(&held, Timestamp::now()).await;
                    self.settle(taken, sent);
                }
            }
            Err(LeaseError::Missing) => {
                let sent = Instant::now();
                let created = self.store.create(Timestamp::now()).await;
                self.settle(created, sent);
            }
            Err(error) => self.tell(&error),
        }
    }

    /// Whether the lease may be taken: released, ours from a former life, or not written for its duration.
    fn free(&mut self, held: &Held) -> bool {
        let Some(holder) = &held.holder else { return true };
        if holder == self.store.identity() {
            return true;
        }
        match &self.last {
            Some((last, since)) if last.version == held.version => since.elapsed() > held.duration,
            Some(_) | None => {
                tracing::debug!("{holder} holds the lease");
                self.last = Some((held.clone(), Instant::now()));
                false
            }
        }
    }

    fn settle(&mut self, taken: Result<Held, LeaseError>, sent: Instant) {
        match taken {
            Ok(held) => {
                tracing::info!(identity = self.store.identity(), "this operator holds the lease and writes");
                self.last = Some((held, sent));
                self.told = None;
                self.role.send_replace(Role::Leader);
            }
            Err(LeaseError::Conflict) => tracing::debug!("another operator was faster"),
            Err(error) => self.tell(&error),
        }
    }

    /// One attempt to renew; the role is lost at the deadline, answer or not.
    async fn hold(&mut self) {
        let Some((held, since)) = self.last.clone() else { return self.lose("it was never held") };
        let deadline = since + self.store.times().deadline;
        let sent = Instant::now();
        match within(deadline, self.store.renew(&held, Timestamp::now())).await {
            Some(Ok(renewed)) => {
                self.last = Some((renewed, sent));
                self.told = None;
            }
            Some(Err(LeaseError::Conflict | LeaseError::Missing)) => self.check(deadline, sent).await,
            Some(Err(error)) => {
                self.tell(&error);
                if Instant::now() >= deadline {
                    self.lose("it could not be renewed in time");
                }
            }
            None => self.lose("it could not be renewed in time"),
        }
    }

    /// The lease is another than we left it: our own renewal whose answer was lost, or somebody else's.
    async fn check(&mut self, deadline: Instant, sent: Instant) {
        match within(deadline, self.store.read()).await {
            Some(Ok(held)) if held.holder.as_deref() == Some(self.store.identity()) => {
                self.last = Some((held, sent));
            }
            Some(Ok(held)) => {
                let holder = held.holder.clone().unwrap_or_else(|| "nobody".to_owned());
                self.last = Some((held, Instant::now()));
                self.lose(&format!("{holder} holds it now"));
            }
            Some(Err(LeaseError::Missing)) => self.lose("it was deleted"),
            Some(Err(error)) => self.tell(&error),
            None => self.lose("it could not be read in time"),
        }
    }

    fn lose(&mut self, why: &str) {
        tracing::warn!(
            identity = self.store.identity(),
            "the lease is lost ({why}); this operator only looks on"
        );
        self.role.send_replace(Role::Follower);
    }

    async fn release(&mut self) {
        if *self.role.borrow() == Role::Follower {
            return;
        }
        self.role.send_replace(Role::Follower);
        let Some((held, _)) = self.last.take() else { return };
        match self.store.release(&held, Timestamp::now()).await {
            Ok(_) => tracing::info!("the lease is given back"),
            Err(error) => {
                tracing::warn!("the lease could not be given back ({error}); it runs out by itself");
            }
        }
    }

    /// Logs a trouble once, until it changes.
    fn tell(&mut self, error: &LeaseError) {
        let words = error.to_string();
        if self.told.as_ref() != Some(&words) {
            tracing::warn!("{words}");
            self.told = Some(words);
        }
    }
}

/// The answer, or `None` at the deadline.
async fn within<T>(deadline: Instant, answer: impl Future<Output = T>) -> Option<T> {
    let left = deadline.saturating_duration_since(Instant::now());
    tokio::time::timeout(left.max(Duration::from_millis(1)), answer).await.ok()
}

#[cfg(test)]
mod tests;
