//! Scenarios by gate: one cell for each topology and gate, and one blank where a topology has none of them.

use crate::{Gate, Scenario, Topology, scenario::Cell};

/// A scenario at a gate, or why the topology cannot have it there.
pub(super) type Made = Result<Scenario, &'static str>;

/// A scenario that strikes at gates.
pub(super) struct Gated {
    /// Its id.
    pub(super) id: &'static str,
    /// Where it strikes.
    pub(super) gates: &'static [Gate],
    /// What it is there.
    pub(super) make: fn(Topology, Gate) -> Made,
}

/// Every gate of a growth.
pub(super) const EVERY: &[Gate] = &Gate::GROWTH;
/// The steps of the storage, which go on without the operator.
pub(super) const STORAGE: &[Gate] = &[Gate::ControllerStep, Gate::NodeStep];
/// Every step of a shrink.
pub(super) const SHRINK: &[Gate] = &Gate::SHRINK;
/// The steps of a shrink at which a surge is there.
pub(super) const SURGED: &[Gate] = &[Gate::Provision, Gate::BeforeReplace, Gate::BeforePromotion];
/// While an instance joins.
pub(super) const COPIES: &[Gate] = &[Gate::Provision];
/// The last step of a shrink.
pub(super) const LOWERS: &[Gate] = &[Gate::BeforeLower];
/// The steps of a shrink but the last, which gives the size back.
pub(super) const UNTIL_SMALL: &[Gate] =
    &[Gate::BeforeSurge, Gate::Provision, Gate::BeforeReplace, Gate::BeforePromotion];

impl Gated {
    /// The cells of all topologies.
    pub(super) fn cells(&self) -> Vec<Cell> {
        Topology::ALL.into_iter().flat_map(|topology| self.of(topology)).collect()
    }

    fn of(&self, topology: Topology) -> Vec<Cell> {
        let made: Vec<Made> = self.gates.iter().map(|gate| (self.make)(topology, *gate)).collect();
        if let Some(Err(why)) = made.first()
            && made.iter().all(Result::is_err)
        {
            return vec![Cell::Blank { id: self.id, topology, moment: None, why }];
        }
        let mut cells = Vec::new();
        for (gate, made) in self.gates.iter().zip(made) {
            match made {
                Err(why) => {
                    cells.push(Cell::Blank { id: self.id, topology, moment: Some(*gate), why });
                }
                Ok(_) if topology == Topology::T1 && *gate == Gate::BetweenClaims => {
                    let why = "one instance has one claim of the volume: there is nothing between";
                    cells.push(Cell::Blank { id: self.id, topology, moment: Some(*gate), why });
                }
                Ok(_) if topology == Topology::T1 && *gate == Gate::BeforeReplace => {
                    let why = "a single instance is not made anew: the further one takes its place";
                    cells.push(Cell::Blank { id: self.id, topology, moment: Some(*gate), why });
                }
                Ok(scenario) => cells.push(Cell::Scenario(Box::new(scenario))),
            }
        }
        cells
    }
}
