//! `junit.xml`, as CI systems read it.

use std::time::Duration;

use headroom_scenario::{Outcome, Report};
use quick_junit::{NonSuccessKind, Property, TestCase, TestCaseStatus, TestSuite};

use crate::{matrix::Matrix, terminal};

/// The report as JUnit XML.
///
/// # Errors
/// When it cannot be written as XML.
pub fn render(matrix: &Matrix) -> Result<String, quick_junit::SerializeError> {
    let mut suite = TestSuite::new(format!("headroom-e2e-{}", matrix.world));
    if let Some(profile) = matrix.profile {
        suite.add_property(Property::new("profile", profile.name()));
    }
    for report in &matrix.reports {
        let mut case = TestCase::new(report.full_id.clone(), status(report, matrix));
        case.set_classname(report.id);
        case.set_time(Duration::from_millis(report.duration_ms));
        let timeline: Vec<String> = report
            .timeline
            .iter()
            .map(|moment| {
                format!("{:>7}.{:01} s  {}", moment.at_ms / 1000, moment.at_ms % 1000 / 100, moment.what)
            })
            .collect();
        case.set_system_out(timeline.join("\n"));
        suite.add_test_case(case);
    }
    let mut junit = quick_junit::Report::new("headroom-e2e");
    junit.add_test_suite(suite);
    junit.to_string()
}

fn status(report: &Report, matrix: &Matrix) -> TestCaseStatus {
    let (kind, message) = match report.outcome {
        Outcome::Passed => return TestCaseStatus::success(),
        Outcome::Blank => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(report.why.clone().unwrap_or_default());
            return status;
        }
        Outcome::Failed => (NonSuccessKind::Failure, failures(report)),
        Outcome::Inconclusive => (NonSuccessKind::Error, report.why.clone().unwrap_or_default()),
    };
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(message);
    status.set_description(format!("replay: {}", terminal::replay(report, matrix)));
    status
}

fn failures(report: &Report) -> String {
    let texts: Vec<String> = report
        .failures()
        .map(|assertion| format!("{}: {}", assertion.class.name(), assertion.text))
        .collect();
    texts.join("\n")
}
