//! Which writes of one scenario's namespace wait now.

use std::collections::BTreeSet;

use headroom_scenario::Gate;

use super::review::Write;

/// Whether a gate stands before a write, of the operator or of a new volume.
pub(crate) const fn stands_before_writes(gate: Gate) -> bool {
    match gate {
        Gate::BeforePatch
        | Gate::BetweenClaims
        | Gate::BeforeCompletion
        | Gate::Provision
        | Gate::BeforeSurge
        | Gate::BeforeReplace
        | Gate::BeforePromotion
        | Gate::BeforeLower => true,
        Gate::ControllerStep | Gate::NodeStep => false,
    }
}

/// The held gates of one namespace, and what has come to them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Holds {
    held: BTreeSet<Gate>,
    reached: BTreeSet<Gate>,
    /// The claim that was let through since `BetweenClaims` is held.
    first: Option<String>,
    /// Probes that have come by.
    pub(crate) probes: u64,
}

impl Holds {
    /// Holds a gate from now on.
    pub(crate) fn hold(&mut self, gate: Gate) {
        self.held.insert(gate);
        self.reached.remove(&gate);
        self.first = None;
    }

    /// Lets it go; whether it was held.
    pub(crate) fn release(&mut self, gate: Gate) -> bool {
        self.held.remove(&gate)
    }

    /// Whether a write has come to the gate since it is held.
    pub(crate) fn reached(&self, gate: Gate) -> bool {
        self.reached.contains(&gate)
    }

    /// Whether this write has to wait now. Asked again after every change, and by every retry.
    pub(crate) fn stops(&mut self, write: &Write) -> bool {
        let Some(gate) = self.gate_before(write) else { return false };
        self.reached.insert(gate);
        true
    }

    fn gate_before(&mut self, write: &Write) -> Option<Gate> {
        let held = |gate: Gate| self.held.contains(&gate).then_some(gate);
        match write {
            Write::Other => None,
            Write::Completion => held(Gate::BeforeCompletion),
            Write::Volume => held(Gate::Provision),
            Write::Surge => held(Gate::BeforeSurge),
            Write::Replacement => held(Gate::BeforeReplace),
            Write::Promotion => held(Gate::BeforePromotion),
            Write::Lowering => held(Gate::BeforeLower),
            Write::Raise(claim) => held(Gate::BeforePatch).or_else(|| {
                let gate = held(Gate::BetweenClaims)?;
                // The first claim passes, and passes again when the operator did not hear of it.
                let first = self.first.get_or_insert_with(|| claim.clone());
                (first != claim).then_some(gate)
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raise(claim: &str) -> Write {
        Write::Raise(claim.to_owned())
    }

    /// Each write in turn with whether it must wait.
    #[track_caller]
    fn check(held: &[Gate], writes: &[(Write, bool)], reached: &[Gate]) -> Holds {
        let mut holds = Holds::default();
        for gate in held {
            holds.hold(*gate);
        }
        for (write, waits) in writes {
            assert_eq!(holds.stops(write), *waits, "{write:?}");
        }
        let seen: Vec<Gate> = holds.reached.iter().copied().collect();
        assert_eq!(seen, reached);
        holds
    }

    #[test]
    fn with_no_gate_held_everything_passes() {
        check(&[], &[(raise("pg-1"), false), (Write::Completion, false), (Write::Other, false)], &[]);
    }

    #[test]
    fn before_patch_holds_every_raise_and_nothing_else() {
        let writes =
            [(Write::Other, false), (raise("pg-1"), true), (raise("pg-2"), true), (Write::Completion, false)];
        check(&[Gate::BeforePatch], &writes, &[Gate::BeforePatch]);
    }

    #[test]
    fn between_claims_lets_the_first_claim_through_each_time_and_holds_the_others() {
        let writes =
            [(raise("pg-2"), false), (raise("pg-1"), true), (raise("pg-2"), false), (raise("pg-3"), true)];
        check(&[Gate::BetweenClaims], &writes, &[Gate::BetweenClaims]);
        check(&[Gate::BetweenClaims], &[(raise("pg-2"), false)], &[]);
    }

    #[test]
    fn before_completion_holds_the_completion_alone() {
        let writes = [(raise("pg-1"), false), (Write::Other, false), (Write::Completion, true)];
        check(&[Gate::BeforeCompletion], &writes, &[Gate::BeforeCompletion]);
    }

    #[test]
    fn provision_holds_new_volumes_alone() {
        check(&[Gate::Provision], &[(raise("pg-1"), false), (Write::Volume, true)], &[Gate::Provision]);
    }

    #[test]
    fn each_step_of_a_shrink_has_a_gate_of_its_own() {
        let steps = [
            (Gate::BeforeSurge, Write::Surge),
            (Gate::BeforeReplace, Write::Replacement),
            (Gate::BeforePromotion, Write::Promotion),
            (Gate::BeforeLower, Write::Lowering),
        ];
        for (held, _) in &steps {
            let writes: Vec<_> = steps.iter().map(|(gate, write)| (write.clone(), gate == held)).collect();
            check(&[*held], &writes, &[*held]);
        }
    }

    #[test]
    fn a_released_gate_lets_go_what_waits_and_a_gate_held_anew_is_not_reached_yet() {
        let mut holds = check(&[Gate::BeforePatch], &[(raise("pg-1"), true)], &[Gate::BeforePatch]);
        assert!(holds.release(Gate::BeforePatch) && !holds.release(Gate::BeforePatch));
        assert!(!holds.stops(&raise("pg-1")));
        assert!(
            holds.reached(Gate::BeforePatch),
            "what was reached stays known until the gate is held again"
        );
        holds.hold(Gate::BeforePatch);
        assert!(!holds.reached(Gate::BeforePatch));
    }

    #[test]
    fn between_claims_held_anew_begins_with_another_first_claim() {
        let mut holds = check(&[Gate::BetweenClaims], &[(raise("pg-2"), false)], &[]);
        holds.hold(Gate::BetweenClaims);
        assert!(!holds.stops(&raise("pg-1")) && holds.stops(&raise("pg-2")));
    }
}
