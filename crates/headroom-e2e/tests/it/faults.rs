//! `--faults` and `--swarm`: what is told, kept and run again.

use headroom_e2e::faults::{Finding, Sum, closing, explore, replay, try_seeds};
use headroom_scenario::{Topology, catalogue};
use headroom_sim::explore::{kept::Kept, plan::Plan};

fn plan(text: &str) -> Plan {
    text.parse().expect(text)
}

#[test]
fn each_fault_is_tried_at_each_request_and_the_number_of_threads_changes_nothing() {
    let cells = catalogue::select("p0_00_at_the_limit", &Topology::ALL);
    let few = plan("crash-after,conflict,request-lost");
    let alone = explore(&cells, 1..3, &few, None, 1);
    assert_eq!(alone, explore(&cells, 1..3, &few, None, 3));
    assert_eq!(alone.findings, []);
    assert!(alone.requests > 20 && alone.points > 2 * alone.requests, "{alone:?}");
    assert!(alone.simulated_ms > 3_600_000, "{alone:?}");
    let part = explore(&cells, 1..3, &few, Some(4), 2);
    assert_eq!((part.requests, part.findings), (alone.requests, Vec::new()));
    assert_eq!((part.points, part.points + part.left_out), (4 * 2 * 3, alone.points));
}

#[test]
fn seeds_are_tried_on_the_cells_in_turn() {
    let cells = catalogue::select("p0_00_a*", &Topology::ALL);
    let sum = try_seeds(&cells, 1..7, 2);
    assert_eq!((sum.findings.len(), sum.points), (0, 6), "{:?}", sum.findings);
}

#[test]
fn a_finding_names_the_command_that_runs_it_again() {
    let kept = Kept { id: "x@t1".to_owned(), seed: 9, plan: plan("stock-kubelet,crash-after@12") };
    let command = "cargo e2e --filter 'x@t1' --seed 9 --faults stock-kubelet,crash-after@12";
    assert_eq!(replay(&kept), command);
    let findings = vec![Finding { kept, what: Vec::new(), timeline: Vec::new() }];
    let sum = Sum { requests: 4, points: 40, left_out: 0, rests_known: 3, simulated_ms: 0, findings };
    assert_eq!(closing(&sum), "40 faults at 4 requests (3 rests known), 1 findings");
    let told = "40 faults at 4 requests (3 rests known), 1 findings; 7 more faults left out";
    assert_eq!(closing(&Sum { left_out: 7, ..sum.clone() }), told);
    assert_eq!(closing(&Sum { requests: 0, ..sum }), "40 runs, 1 findings");
}
