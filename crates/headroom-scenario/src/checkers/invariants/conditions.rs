//! Of invariant 6: the conditions agree with what the status says of each volume (kstatus).

use headroom_core::report::State;

use crate::{
    checkers::require,
    trace::{Conditions, StorageState},
    words,
};

/// One at most is True, and `Ready` is only while no volume is worked at, or needs more than it may have.
pub(super) fn agree(status: &StorageState) -> Result<(), String> {
    let Conditions { ready, reconciling, stalled } = status.conditions;
    let count = [ready, reconciling, stalled].into_iter().filter(|is| *is).count();
    require(count <= 1, || "more than one of Ready, Reconciling and Stalled are True".to_owned())?;
    let worst = status.volumes.iter().find(|shown| is_unready(shown.state));
    require(!ready || worst.is_none(), || {
        let told = worst.map(|shown| format!("{} is {}", shown.volume, words::state(shown.state)));
        format!("Ready is True while {}", told.unwrap_or_default())
    })
}

/// At rest nothing is in progress, and where every volume has enough room the object is ready.
pub(super) fn at_rest(status: &StorageState) -> Result<(), String> {
    let Conditions { ready, reconciling, stalled } = status.conditions;
    require(!reconciling, || "Reconciling is True at rest".to_owned())?;
    let calm = !status.volumes.is_empty() && status.volumes.iter().all(|it| it.state == State::Balanced);
    require(!calm || ready, || {
        let told = if stalled { "Stalled is True" } else { "Ready is not True" };
        format!("{told} while every volume is balanced")
    })
}

const fn is_unready(state: State) -> bool {
    match state {
        State::Growing
        | State::Emergency
        | State::AtLimit
        | State::Shrinking
        | State::WaitingForUsage
        | State::Blocked
        | State::Suspended
        | State::Paused => true,
        State::Balanced | State::PendingGrowth | State::BudgetExhausted | State::PendingShrink => false,
    }
}
