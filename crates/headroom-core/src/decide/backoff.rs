//! How long a refused request waits before it is tried again (design §5 rule 7).

use crate::{
    Bytes, Span, Timestamp,
    observation::{Obstacle, ObstacleCause},
};

/// When the request of `wanted` may be tried again; `None` when nothing stands against it (another size is tried at
/// once).
pub(crate) fn held_until(obstacle: Option<&Obstacle>, wanted: Bytes) -> Option<Timestamp> {
    let obstacle = obstacle.filter(|obstacle| obstacle.wanted == wanted)?;
    Some(obstacle.at.plus(pause(obstacle.cause, obstacle.attempts)))
}

/// Whether the API server said no, rather than "not now".
pub(crate) fn refuses(cause: ObstacleCause) -> bool {
    match cause {
        ObstacleCause::Quota
        | ObstacleCause::LimitRange
        | ObstacleCause::NotExpandable
        | ObstacleCause::Forbidden
        | ObstacleCause::Invalid => true,
        ObstacleCause::NotBound
        | ObstacleCause::Throttled
        | ObstacleCause::Unavailable
        | ObstacleCause::Unknown => false,
    }
}

/// Short and doubling where the server is busy (5 s to 60 s); one minute more per attempt where somebody must change
/// something (1 to 5 min).
fn pause(cause: ObstacleCause, attempts: u32) -> Span {
    if refuses(cause) {
        return Span::minutes(attempts.clamp(1, 5));
    }
    let doublings = attempts.saturating_sub(1).min(4);
    Span::seconds(5_u32.saturating_mul(1 << doublings).min(60))
}
