//! `junit.xml`, as CI systems read it.

use std::time::Duration;

use headroom_scenario::Outcome;
use quick_junit::{NonSuccessKind, Property, TestCase, TestCaseStatus, TestSuite};

use crate::{matrix::Matrix, record::Record, terminal};

/// The report as JUnit XML.
///
/// # Errors
/// When it cannot be written as XML.
pub fn render(matrix: &Matrix) -> Result<String, quick_junit::SerializeError> {
    let mut suite = TestSuite::new(format!("headroom-e2e-{}", matrix.world));
    if let Some(profile) = matrix.profile {
        suite.add_property(Property::new("profile", profile.name()));
    }
    for record in &matrix.records {
        let mut case = TestCase::new(record.id.clone(), status(record, matrix));
        case.set_classname(record.scenario.clone());
        case.set_time(Duration::from_secs_f64(record.seconds));
        let timeline: Vec<String> =
            record.timeline.iter().map(|moment| format!("{:>9.1} s  {}", moment.at, moment.what)).collect();
        case.set_system_out(timeline.join("\n"));
        suite.add_test_case(case);
    }
    let mut junit = quick_junit::Report::new("headroom-e2e");
    junit.add_test_suite(suite);
    junit.to_string()
}

fn status(record: &Record, matrix: &Matrix) -> TestCaseStatus {
    let (kind, message) = match record.outcome {
        Outcome::Passed => return TestCaseStatus::success(),
        Outcome::Blank => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(record.why.clone().unwrap_or_default());
            return status;
        }
        Outcome::Failed => (NonSuccessKind::Failure, failures(record)),
        Outcome::Inconclusive => (NonSuccessKind::Error, record.why.clone().unwrap_or_default()),
    };
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(message);
    status.set_description(format!("replay: {}", terminal::replay(&record.id, matrix)));
    status
}

fn failures(record: &Record) -> String {
    let texts: Vec<String> =
        record.failures().map(|assertion| format!("{}: {}", assertion.class, assertion.text)).collect();
    texts.join("\n")
}
