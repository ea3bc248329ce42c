//! A hand-made matrix with one cell of each outcome.

use headroom_e2e::{matrix::Matrix, record::Record};
use headroom_scenario::{
    Outcome, Report, Topology, Trace,
    checkers::{Assertion, Class},
    timeline::Moment,
};

fn assertion(class: Class, text: &str, held: bool) -> Assertion {
    Assertion { class, text: text.to_owned(), held }
}

fn ran(id: &'static str, topology: Topology, outcome: Outcome) -> Report {
    let moment = |at_ms, what: &str| Moment { at_ms, what: what.to_owned() };
    Report {
        title: "A volume grows",
        outcome,
        why: None,
        duration_ms: 12_345,
        trace_hash: Some(Trace::new().hash()),
        assertions: Class::ALL.map(|class| assertion(class, "as it should be", true)).to_vec(),
        timeline: vec![
            moment(1_000, "trigger: fill data to 84 %"),
            moment(2_500, "disruption: kill the operator"),
            moment(12_000, "completion: settled"),
        ],
        ..Report::blank(id, topology, "")
    }
}

pub(crate) fn matrix() -> Matrix {
    let mut failed = ran("p0_00_grows", Topology::T2, Outcome::Failed);
    failed.assertions.push(assertion(
        Class::Storage,
        "every data claim requests 2Gi; found: <1Gi> & \"less\"",
        false,
    ));
    let mut inconclusive = ran("p0_00_grows", Topology::T3, Outcome::Inconclusive);
    inconclusive.why = Some("nothing has reached the gate node-step".to_owned());
    let reports = [
        ran("p0_00_grows", Topology::T1, Outcome::Passed),
        failed,
        inconclusive,
        Report::blank("p0_00_repairs", Topology::T1, "no sibling"),
        ran("p0_00_repairs", Topology::T2, Outcome::Passed),
    ];
    Matrix { world: "sim", profile: None, seed: 7, records: reports.iter().map(Record::from).collect() }
}

pub(crate) fn only(outcomes: &[Outcome]) -> Matrix {
    let ran = |outcome: &Outcome| Record::from(&ran("p0_00_grows", Topology::T1, *outcome));
    Matrix { world: "sim", profile: None, seed: 7, records: outcomes.iter().map(ran).collect() }
}
