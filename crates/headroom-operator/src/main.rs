//! `headroom`: the program that runs in the cluster.

use std::process::ExitCode;

use clap::Parser as _;
use headroom_operator::args::Args;

/// Exit codes: 0 done or stopped cleanly, 1 failed, 2 bad usage (clap).
fn main() -> ExitCode {
    headroom_operator::main(Args::parse())
}
