//! A shrink that turns back.

use headroom_core::{ledger::Cause, names::VolumeName, report::State};

use super::{
    shape::{begun, replaced},
    struck::{Struck, change, wanted},
};
use crate::{
    Act, Fact, Gate, Step, Topology, Wait,
    catalogue::{
        common::{GI_1, GI_4, rest, until},
        gated::Made,
    },
    expect::{Control, all},
    script::PolicyChange,
};

/// What a shrink that may turn back comes to.
fn either(topology: Topology) -> Vec<Control> {
    all([
        Control::PassedThrough(VolumeName::Data, State::Shrinking),
        Control::LedgerEntries(VolumeName::Data, Cause::Shrink, 1),
        Control::InstancesReplacedBetween(0, replaced(topology)),
        Control::QuietAtTheEnd,
    ])
}

/// `shrink.enabled` is set to false: uniform claims, whatever their size.
pub(in crate::catalogue) fn disabled(topology: Topology, gate: Gate) -> Made {
    let title = "shrink is switched off at a step of a shrink: claims and instances are alike again";
    let strikes = wanted(Act::SetPolicy(PolicyChange::Shrink(false)));
    let struck = Struck::new("p0_08_shrink_disabled", title, topology, strikes, (0, 1));
    let struck = Struck { size: (GI_1, GI_4), control: either(topology), after: Vec::new(), ..struck };
    Ok(struck.at(gate))
}

/// The volume fills: what is small grows in place, at once.
pub(in crate::catalogue) fn emergency(topology: Topology, gate: Gate) -> Made {
    let title = "The volume fills at a step of a shrink: every claim grows at once, where it is";
    let strikes = vec![
        change(Act::Fill { volume: VolumeName::Data, used_percent: 93 }),
        until(Fact::UsedAtLeast(VolumeName::Data, 80), Wait::Fill),
    ];
    let struck = Struck::new("shrink_emergency", title, topology, strikes, (0, 3));
    let control = all([
        Control::PassedThrough(VolumeName::Data, State::Shrinking),
        Control::LedgerEntries(VolumeName::Data, Cause::Shrink, 1),
        Control::InstancesReplacedBetween(0, replaced(topology)),
        Control::QuietAtTheEnd,
    ]);
    Ok(Struck { size: (GI_4, GI_4), control, after: Vec::new(), serves: false, ..struck }.at(gate))
}

/// The object is deleted: the shrink ends first, in claims that are alike, and a new object finds them so.
pub(in crate::catalogue) fn deleted(topology: Topology, gate: Gate) -> Made {
    let title =
        "The DynamicStorage is deleted at a step of a shrink: claims and instances are alike when it goes";
    let struck = Struck::new("shrink_object_deleted", title, topology, Vec::new(), (0, 1));
    let strikes = vec![change(Act::DeleteStorage), Step::Do(Act::CreateStorage), rest(Wait::Shrink)];
    let control = all([
        Control::PassedThrough(VolumeName::Data, State::Shrinking),
        // The new object may shrink again.
        Control::InstancesReplacedBetween(0, 2 * replaced(topology)),
        Control::QuietAtTheEnd,
    ]);
    let after = vec![begun()];
    Ok(Struck { size: (GI_1, GI_4), strikes, after, control, ..struck }.at(gate))
}
