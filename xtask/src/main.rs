//! Repository chores. `cargo xtask --help` lists them.

mod codegen;
mod image;
mod mutants;
mod reference;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Repository chores of headroom.
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    after_help = "Examples:\n  cargo xtask tidy\n  cargo xtask codegen --check\n  cargo xtask image --output headroom-image.tar\n  cargo xtask mutants --check"
)]
struct Args {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Checks the house rules: dependency table, lengths, links and the guards of ARCHITECTURE.md.
    Tidy,
    /// Writes generated files (the CRD, the tables of docs/reference.md), or checks that they are fresh.
    Codegen {
        /// Change nothing; fail when a file is stale.
        #[arg(long)]
        check: bool,
    },
    /// Builds the operator as a static binary and packs it into an image archive, without Docker.
    Image(image::ImageArgs),
    /// Builds a program of this repository as a static binary and prints its path.
    Binary {
        /// The package, whose program has the same name.
        #[arg(long)]
        package: String,
    },
    /// Tries deliberate mistakes on a copy of the tree and says which rung of tests catches each.
    Mutants(mutants::MutantArgs),
}

fn main() -> ExitCode {
    let done = match Args::parse().chore {
        Chore::Tidy => tidy::run(&root()),
        Chore::Codegen { check } => codegen::run(&root(), check),
        Chore::Image(args) => image::run(&root(), &args),
        Chore::Binary { package } => image::binary(&root(), &package),
        Chore::Mutants(args) => mutants::run(&root(), &args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// The root of the workspace: of the checkout that `cargo run` was started in, which need not be the one that this program
/// was built in where several share a target directory.
fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&package).parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// Talk goes to standard error.
fn say(text: &str) {
    use std::io::Write;
    // A closed standard error must not turn a finished chore into a failure.
    let _ = writeln!(std::io::stderr(), "{text}");
}
