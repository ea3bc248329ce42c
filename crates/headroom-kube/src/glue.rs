//! The functions that the engine is given: cron, time zones and the rendered status are `headroom-api`'s.

use headroom_api::{
    status::{self, Refusal},
    windows::WindowSchedule,
};
use headroom_core::{
    Record, Timestamp,
    report::{Problem, Verdict},
    window::{WindowSpec, Windows},
};
use headroom_engine::EngineConfig;

/// An engine's configuration with the defaults and these functions.
pub fn engine_config() -> EngineConfig {
    EngineConfig::new(resolve, digest)
}

/// Resolves a maintenance window around `now`.
pub fn resolve(window: &WindowSpec, now: Timestamp) -> Windows {
    // The spec was found valid when it was translated; a window that is not never opens.
    WindowSchedule::parse(window.schedule.as_str(), &window.duration.to_string(), window.time_zone.as_str())
        .map_or(Windows::Never, |schedule| schedule.resolve(now))
}

/// Digest of the status that a write of this record and verdict would leave.
pub fn digest(record: Option<&Record>, verdict: &Verdict, generation: u64) -> u64 {
    match (record, verdict) {
        (Some(record), Verdict::Decided(report)) => status::digest(record, report),
        (_, Verdict::Refused(Problem { reason, message, hint })) => {
            let refusal = Refusal { reason, message: message.as_str(), hint: hint.as_str() };
            status::refusal_digest(&refusal, generation)
        }
        (None, Verdict::Decided(report)) => status::digest(&Record::empty(), report),
    }
}
