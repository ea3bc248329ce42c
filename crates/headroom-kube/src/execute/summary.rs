//! A response in one word, for metrics and logs.

use headroom_core::observation::ObstacleCause;
use headroom_engine::{Refusal, Response};

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Summary {
    /// It was read.
    Read,
    /// It was done.
    Applied,
    /// A precondition failed.
    Conflict,
    /// The object is gone.
    Gone,
    /// It was refused.
    Refused(ObstacleCause),
    /// Nobody knows.
    Unknown,
}

impl Summary {
    /// Of a response.
    pub const fn of(response: &Response) -> Self {
        match response {
            Response::Read(_) | Response::Wal(Some(_)) | Response::Survey(Some(_)) => Self::Read,
            Response::Applied(_) | Response::Done => Self::Applied,
            Response::Refused(Refusal::Conflict) => Self::Conflict,
            Response::Refused(Refusal::Gone) => Self::Gone,
            Response::Refused(Refusal::Because { cause, words: _, retry_after_s: _ }) => {
                Self::Refused(*cause)
            }
            Response::Unknown | Response::Wal(None) | Response::Survey(None) => Self::Unknown,
        }
    }
}
