//! One request, one HTTP call, one response.
//!
//! [`plan`] says which call, [`answer`] says what its outcome means; both are pure and tested as tables. [`Executor`]
//! joins them with a client. Nothing here repeats a call: what a refusal means is for the engine to decide, and the
//! client's own repetition is switched off ([`crate::connect`]).

mod answer;
mod bodies;
mod budgets;
mod call;
mod plan;
mod refusal;
mod replace;
mod status;
mod summary;

use std::time::Duration;

use headroom_core::{Timestamp, observation::Survey};
use headroom_engine::{Request, Response};

pub use answer::answer;
pub use call::{Call, Method, Outcome, send};
pub use plan::{Expects, Plan, plan};
pub use summary::Summary;

use crate::{Client, known::Shared, wal::WalClient};

/// The longest that a call may take. What comes later is [`Response::Unknown`].
pub const LIMIT: Duration = Duration::from_secs(10);

/// What requests are sent with.
#[derive(Clone)]
pub struct Executor {
    client: Client,
    wal: WalClient,
    known: Shared,
}

impl Executor {
    /// An executor.
    pub fn new(client: Client, wal: WalClient, known: Shared) -> Self {
        Self { client, wal, known }
    }

    /// Performs a request. Always answers, at the latest after [`LIMIT`].
    pub async fn execute(&self, request: &Request, now: Timestamp) -> Response {
        let planned = plan(request, &self.known.lock(), now);
        match planned {
            Plan::Answer(response) => response,
            Plan::Wal(address) => Response::Wal(self.wal.read(address.as_str()).await),
            Plan::Survey(calls, key, instances) => {
                let reads = calls.into_iter().map(|call| send(&self.client, call, LIMIT));
                let asks = instances.iter().map(|(_, address)| self.wal.replication(address.as_str()));
                let (outcomes, replies) =
                    futures::future::join(futures::future::join_all(reads), futures::future::join_all(asks))
                        .await;
                let facts = replace::surveyed(&key, &outcomes);
                let instances = instances.into_iter().zip(replies);
                let replication = instances.filter_map(|((name, _), reply)| Some((name, reply?))).collect();
                Response::Survey(facts.map(|facts| Box::new(Survey { replication, ..facts })))
            }
            Plan::Write(call, expects) => {
                let outcome = send(&self.client, call, LIMIT).await;
                answer(&expects, &[outcome], &mut self.known.lock())
            }
            Plan::Read(calls, expects) => {
                let outcomes =
                    futures::future::join_all(calls.into_iter().map(|call| send(&self.client, call, LIMIT)))
                        .await;
                answer(&expects, &outcomes, &mut self.known.lock())
            }
        }
    }
}

#[cfg(test)]
mod tests;
