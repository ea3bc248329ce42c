//! `headroom-e2e`: runs the acceptance matrix on the simulator or on a cluster. See `--help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    headroom_e2e::main()
}
