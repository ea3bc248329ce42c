//! Maintenance windows: cron with six fields and a time zone → [`Windows`](headroom_core::window::Windows) around a time.
//!
//! Cron is evaluated on the wall clock; each firing is then placed on the time line: a time that the clock skips
//! (spring) fires when the clock has jumped, a time that it shows twice (autumn) fires the first time. A window lasts
//! its duration in elapsed time. Windows that overlap or touch are one window.

mod error;
mod schedule;
mod zone;

pub use error::ParseWindowError;
pub use schedule::WindowSchedule;
