//! What is tried: conditions of a whole run, faults at every request, or faults at single requests. Written as words with
//! commas between them, so that a line of text replays a run.

use std::{fmt, str::FromStr};

use headroom_scenario::Scenario;

use crate::{
    SimWorld,
    model::{Settings, queue::Millis},
    world::{Calendar, Fault},
};

/// How much later slow watches show each change.
const SLOW: Millis = 4_000;

/// What holds during a whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Conditions {
    /// Kubelets measure and sync each 60 s instead of 10 s.
    pub stock_kubelet: bool,
    /// Watches show each change 4 s late.
    pub slow_watches: bool,
    /// The time of the year.
    pub calendar: Calendar,
}

impl Conditions {
    /// The lab's kubelet, prompt watches, no change of the clock.
    pub const PLAIN: Self = Self { stock_kubelet: false, slow_watches: false, calendar: Calendar::Plain };

    /// A world of this seed under these conditions. A scenario that rests on the rate at which a volume fills keeps the
    /// lab's kubelet: in one sample a minute the same fill is a slow one.
    pub fn world(self, scenario: &Scenario, seed: u64) -> SimWorld {
        let stock = self.stock_kubelet && scenario.rests_on_memory.is_none();
        let settings = if stock { Settings::STOCK } else { Settings::LAB };
        let world = SimWorld::at(seed, settings, self.calendar);
        if self.slow_watches { world.with_slow_watches(SLOW) } else { world }
    }
}

/// What is tried.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Plan {
    /// What holds during the whole run.
    pub conditions: Conditions,
    /// Each of these at each request, one at a time.
    pub everywhere: Vec<Fault>,
    /// Two of these at a time, around the requests that cannot be undone, instead of one at each request.
    pub pairs: bool,
    /// All of these in one run.
    pub once: Vec<(u64, Fault)>,
}

impl Plan {
    /// Nothing goes wrong.
    pub const fn undisturbed(conditions: Conditions) -> Self {
        Self { conditions, everywhere: Vec::new(), pairs: false, once: Vec::new() }
    }
}

impl FromStr for Plan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut plan = Self::undisturbed(Conditions::PLAIN);
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            plan.take(word)?;
        }
        if plan.pairs && plan.everywhere.is_empty() {
            plan.everywhere.extend(Fault::ALL);
        }
        if !plan.everywhere.is_empty() && !plan.once.is_empty() {
            return Err("faults at every request and at single ones (@N) cannot be mixed".to_owned());
        }
        plan.everywhere.sort_unstable();
        plan.everywhere.dedup();
        Ok(plan)
    }
}

impl Plan {
    fn take(&mut self, word: &str) -> Result<(), String> {
        match word {
            "all" => self.everywhere.extend(Fault::ALL),
            "pairs" => self.pairs = true,
            "none" => {}
            "stock-kubelet" => self.conditions.stock_kubelet = true,
            "slow-watches" => self.conditions.slow_watches = true,
            "spring" => self.conditions.calendar = Calendar::Spring,
            "eve" => self.conditions.calendar = Calendar::Eve,
            "autumn" => self.conditions.calendar = Calendar::Autumn,
            other => match other.split_once('@') {
                None => self.everywhere.push(fault(other)?),
                Some((name, request)) => {
                    let number = request.parse().ok().filter(|number| *number > 0);
                    let number =
                        number.ok_or_else(|| format!("{request:?} is not the number of a request"))?;
                    self.once.push((number, fault(name)?));
                }
            },
        }
        Ok(())
    }
}

fn fault(name: &str) -> Result<Fault, String> {
    Fault::named(name).ok_or_else(|| {
        let known: Vec<&str> = Fault::ALL.into_iter().map(Fault::name).collect();
        format!(
            "{name:?} is no fault; there are all, {}, each also at a single request (crash-after@12), pairs for two at a \
             time, and the conditions stock-kubelet, slow-watches, spring, eve, autumn",
            known.join(", ")
        )
    })
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Conditions { stock_kubelet, slow_watches, calendar } = self.conditions;
        let calendar = match calendar {
            Calendar::Plain => None,
            Calendar::Spring => Some("spring"),
            Calendar::Eve => Some("eve"),
            Calendar::Autumn => Some("autumn"),
        };
        let conditions =
            [stock_kubelet.then_some("stock-kubelet"), slow_watches.then_some("slow-watches"), calendar];
        let mut words: Vec<String> = conditions.into_iter().flatten().map(str::to_owned).collect();
        words.extend(self.pairs.then(|| "pairs".to_owned()));
        if self.everywhere == Fault::ALL {
            words.extend((!self.pairs).then(|| "all".to_owned()));
        } else {
            words.extend(self.everywhere.iter().map(|fault| fault.name().to_owned()));
        }
        words.extend(self.once.iter().map(|(request, fault)| format!("{}@{request}", fault.name())));
        if words.is_empty() {
            words.push("none".to_owned());
        }
        f.write_str(&words.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::{Conditions, Plan};
    use crate::world::{Calendar, Fault};

    #[track_caller]
    fn check(text: &str, shown: &str) {
        let plan: Plan = text.parse().expect(text);
        assert_eq!(plan.to_string(), shown);
        assert_eq!(shown.parse(), Ok(plan), "what is shown is read as the same");
    }

    #[test]
    fn a_plan_is_a_line_of_words() {
        check("all", "all");
        check("none", "none");
        check("", "none");
        check("conflict, crash-after", "crash-after,conflict");
        check("pairs", "pairs");
        check("pairs,all,spring", "spring,pairs");
        check("conflict,pairs,crash-after", "pairs,crash-after,conflict");
        check("autumn,stock-kubelet", "stock-kubelet,autumn");
        check("reply-lost@20,slow-watches,crash-after@3", "slow-watches,reply-lost@20,crash-after@3");
        for fault in Fault::ALL {
            check(fault.name(), fault.name());
        }
        let plan: Plan = "spring,clock-back-1h@7".parse().expect("a plan");
        assert_eq!(plan.conditions, Conditions { calendar: Calendar::Spring, ..Conditions::PLAIN });
        assert_eq!(plan.once, [(7, Fault::ClockBackHour)]);
    }

    #[track_caller]
    fn refused(text: &str, words: &str) {
        let why = text.parse::<Plan>().expect_err(text);
        assert!(why.contains(words), "{why}");
    }

    #[test]
    fn a_word_that_is_none_is_refused_with_those_that_are() {
        refused("crash", "crash-before, crash-after");
        refused("conflict@0", "not the number of a request");
        refused("conflict@x", "not the number of a request");
        refused("all,conflict@3", "cannot be mixed");
    }
}
