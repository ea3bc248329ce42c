//! The walk over a script as a value: what was done, what is waited for, what went wrong. With a world that is a value,
//! too, a run can be stopped in the midst of a wait, copied, and gone on with as often as one likes.

use crate::{
    Act, Ended, Fact, Gate, Scenario, Step, Strike, View, Wait, World,
    checkers::{Assertion, Class},
    evaluate::holds,
    expect::Storage,
};

/// A run of a script: fixture, steps, and at the end always a measurement, a verification and a quiet span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walk {
    place: Place,
    /// The gate of the last `Until(Held(..))`: what a strike counts at.
    gate: Option<Gate>,
    held: Vec<Gate>,
    failures: Vec<Assertion>,
    why: Option<String>,
}

/// Where a walk stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// The fixture is being made.
    Fixture,
    /// This step is next, or its wait is not over.
    Step(usize),
    /// The script is over: what is expected of this volume's free space must have been measured.
    Measuring(usize),
    /// Gates are let go and the verification is asked for.
    Close,
    /// The verification is waited for.
    Verifying,
    /// Rest is waited for.
    Settling,
    /// Nothing is left to do.
    Over,
}

/// Why [`Walk::go`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Going {
    /// The world has paused; the same wait goes on with the next call.
    Paused,
    /// The run is over.
    Over,
}

/// Why a script went no further.
enum Stop {
    /// A wait ended without its fact; the assertion is noted.
    Failed,
    /// The world could not do something, or the moment never came.
    Inconclusive(String),
}

impl Walk {
    /// Nothing has been done.
    pub const fn new() -> Self {
        Self { place: Place::Fixture, gate: None, held: Vec::new(), failures: Vec::new(), why: None }
    }

    /// Why the run is inconclusive, if it is.
    pub fn why(&self) -> Option<&str> {
        self.why.as_deref()
    }

    /// What has failed in the script itself.
    pub fn failures(&self) -> &[Assertion] {
        &self.failures
    }

    /// Goes on until the run is over or the world pauses.
    pub fn go(&mut self, scenario: &Scenario, world: &mut dyn World) -> Going {
        while self.place != Place::Over {
            let next = self.next(scenario, world);
            if world.paused() {
                return Going::Paused;
            }
            self.place = next;
        }
        Going::Over
    }

    /// Does what comes next; answers where that leads. A wait that the world paused in is asked for again.
    fn next(&mut self, scenario: &Scenario, world: &mut dyn World) -> Place {
        match self.place {
            Place::Fixture => match world.prepare(&scenario.fixture) {
                Ok(()) => Place::Step(0),
                Err(error) => {
                    self.why = Some(error.to_string());
                    Place::Over
                }
            },
            Place::Step(at) => match scenario.script.get(at) {
                None => Place::Measuring(0),
                Some(step) => match self.step(step, world) {
                    Ok(()) => Place::Step(at.saturating_add(1)),
                    Err(Stop::Failed) => Place::Close,
                    Err(Stop::Inconclusive(why)) => {
                        self.why = Some(why);
                        Place::Close
                    }
                },
            },
            Place::Measuring(at) => match scenario.expect.storage.get(at) {
                None => Place::Close,
                Some(expected) => {
                    measured(expected, world);
                    Place::Measuring(at.saturating_add(1))
                }
            },
            Place::Close => self.close(world),
            Place::Verifying => {
                let ended = world.advance(&Fact::Verified, world.limit(Wait::Recovery));
                self.closed(world, (Class::Data, "all data is verified"), ended, Wait::Recovery);
                Place::Settling
            }
            Place::Settling => {
                let limit = world.limit(Wait::Quiet).max(world.quiet_span());
                let ended = world.advance(&Fact::Quiet, limit);
                self.closed(world, (Class::Control, "the operator comes to rest"), ended, Wait::Quiet);
                Place::Over
            }
            Place::Over => Place::Over,
        }
    }

    fn step(&mut self, step: &Step, world: &mut dyn World) -> Result<(), Stop> {
        match step {
            Step::Do(act) => world.perform(act).map_err(|error| Stop::Inconclusive(error.to_string())),
            Step::Hold(gate) => self.hold(*gate, world),
            Step::Release(gate) => {
                self.held.retain(|held| held != gate);
                self.gate = self.gate.filter(|last| last != gate);
                world.release(*gate).map_err(|error| Stop::Inconclusive(error.to_string()))
            }
            Step::Strike(strike) => self.strike(strike, world),
            Step::Until(fact, wait) => self.until(fact, *wait, world),
        }
    }

    fn hold(&mut self, gate: Gate, world: &mut dyn World) -> Result<(), Stop> {
        if !world.can_hold(gate) {
            return Err(Stop::Inconclusive(format!("this world cannot hold the gate {}", gate.name())));
        }
        world.hold(gate).map_err(|error| Stop::Inconclusive(error.to_string()))?;
        self.held.push(gate);
        Ok(())
    }

    /// A strike counts only when its gate was held before and is held after: then nothing has slipped through.
    fn strike(&mut self, strike: &Strike, world: &mut dyn World) -> Result<(), Stop> {
        self.demand_gate("before", world)?;
        world.strike(strike).map_err(|error| Stop::Inconclusive(error.to_string()))?;
        self.demand_gate("after", world)
    }

    fn demand_gate(&self, when: &str, world: &dyn World) -> Result<(), Stop> {
        let Some(gate) = self.gate else { return Ok(()) };
        holds(&Fact::Held(gate), &View::of(world.trace()), world.quiet_span())
            .map_err(|still| Stop::Inconclusive(format!("{when} the strike {still}")))
    }

    fn until(&mut self, fact: &Fact, wait: Wait, world: &mut dyn World) -> Result<(), Stop> {
        let limit = world.limit(wait);
        let ended = world.advance(fact, limit);
        if world.paused() {
            return Ok(());
        }
        let still = match ended {
            Ended::Met => {
                if let Fact::Held(gate) = fact {
                    self.gate = Some(*gate);
                }
                return Ok(());
            }
            Ended::TimedOut { still } => format!("{still} after {} s", limit.as_secs()),
            Ended::Impossible { why } => why,
        };
        if matches!(fact, Fact::Held(_)) {
            return Err(Stop::Inconclusive(still));
        }
        self.fail(class_of(fact), &format!("waits for {}", wait.name()), &still);
        Err(Stop::Failed)
    }

    fn fail(&mut self, class: Class, what: &str, found: &str) {
        self.failures.push(Assertion { class, text: format!("{what}: {found}"), held: false });
    }

    /// Lets all gates go and asks for the verification of the data: every run ends so.
    fn close(&mut self, world: &mut dyn World) -> Place {
        for gate in std::mem::take(&mut self.held) {
            if let Err(error) = world.release(gate) {
                self.fail(Class::Functional, "the gate is let go", &error.to_string());
            }
        }
        if let Err(error) = world.perform(&Act::Verify) {
            self.fail(Class::Data, "all data is verified", &error.to_string());
            return Place::Settling;
        }
        Place::Verifying
    }

    fn closed(&mut self, world: &dyn World, (class, what): (Class, &str), ended: Ended, wait: Wait) {
        match ended {
            Ended::TimedOut { .. } if world.paused() => {}
            Ended::Met => {}
            Ended::TimedOut { still } => {
                let seconds = world.limit(wait).as_secs();
                self.fail(class, what, &format!("{still} after {seconds} s"));
            }
            Ended::Impossible { why } => self.fail(class, what, &why),
        }
    }
}

impl Default for Walk {
    fn default() -> Self {
        Self::new()
    }
}

/// Waits until a kubelet has measured the free space that is expected at the end: its newest sample can be two periods
/// old, of before the growth. Space that never comes is for the judge to say.
fn measured(expected: &Storage, world: &mut dyn World) {
    if let Storage::FreeAtLeast(volume, percent) = expected {
        world.advance(&Fact::FreeAtLeast(volume.clone(), *percent), world.limit(Wait::Fill));
    }
}

/// Which class a wait belongs to when its fact does not come.
fn class_of(fact: &Fact) -> Class {
    match fact {
        Fact::EveryClaimHas(..) | Fact::EveryClaimRequests(..) => Class::Storage,
        Fact::Verified => Class::Data,
        Fact::Accepted
        | Fact::IntentRecorded { .. }
        | Fact::StateSeen(..)
        | Fact::StateIs(..)
        | Fact::ReasonIs(..)
        | Fact::Condemned(_)
        | Fact::Completed(..)
        | Fact::Settled
        | Fact::Quiet => Class::Control,
        Fact::Healthy
        | Fact::PhaseIs(_)
        | Fact::PrimaryRestarts(_)
        | Fact::PrimaryChanged
        | Fact::Drained
        | Fact::EvictionRefused
        | Fact::BackupBegun
        | Fact::BackupEnded
        | Fact::Upgraded
        | Fact::InstancesAre(_)
        | Fact::ClaimPending(_)
        | Fact::JoinBegan
        | Fact::JoinFailed
        | Fact::FreeAtLeast(..)
        | Fact::Held(_)
        | Fact::UsedAtLeast(..)
        | Fact::EveryMemberUsedAtLeast(..)
        | Fact::ServerStopped { .. }
        | Fact::InsertRefused
        | Fact::Serving
        | Fact::Calm(_)
        | Fact::Ready(_)
        | Fact::ReadyAtMost(_)
        | Fact::HasPod(_)
        | Fact::All(_) => Class::Functional,
    }
}
