//! What the DynamicStorage's status shows, or has shown.

use headroom_core::{ledger::Cause, names::VolumeName, report::State};

use super::require;
use crate::{trace::VolumeState, view::View, words};

fn shown<'a>(view: &'a View, volume: &VolumeName) -> Option<&'a VolumeState> {
    view.storage.as_ref()?.volumes.iter().find(|shown| shown.volume == *volume)
}

fn state_of(view: &View, volume: &VolumeName) -> Option<State> {
    shown(view, volume).map(|shown| shown.state)
}

pub(super) fn intent_recorded(view: &View, volume: &VolumeName, cause: Cause) -> Result<(), String> {
    require(view.intents.contains(&(volume.clone(), cause)), || {
        format!("the status has shown no {} growth of {volume}", words::cause(cause))
    })
}

pub(super) fn state_seen(view: &View, volume: &VolumeName, state: State) -> Result<(), String> {
    require(view.states.contains(&(volume.clone(), state)), || {
        let now = state_of(view, volume).map_or("nothing", words::state);
        format!("{volume} was never {}; it is {now}", words::state(state))
    })
}

pub(super) fn state_is(view: &View, volume: &VolumeName, state: State) -> Result<(), String> {
    let now = state_of(view, volume);
    require(now == Some(state), || {
        format!("{volume} is {}, not {}", now.map_or("unknown", words::state), words::state(state))
    })
}

pub(super) fn reason_is(view: &View, volume: &VolumeName, reason: &str) -> Result<(), String> {
    let now = shown(view, volume).map_or("unknown", |shown| shown.reason.as_str());
    require(now == reason, || format!("{volume} says {now}, not {reason}"))
}

pub(super) fn completed(view: &View, volume: &VolumeName, cause: Cause, wanted: u32) -> Result<(), String> {
    let ledger = shown(view, volume).map(|shown| shown.ledger.as_slice()).unwrap_or_default();
    let done = ledger.iter().filter(|(of, _, completed)| *of == cause && *completed).count();
    require(u32::try_from(done).is_ok_and(|done| done >= wanted), || {
        format!("{done} of {wanted} {} actions of {volume} are completed", words::cause(cause))
    })
}
