//! Runs the acceptance matrix and reports it: on the terminal, as JSON, as JUnit and as one HTML file.
//!
//! A library, so that its tests see what the program sees; [`main`] is all that the program calls.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

pub mod args;
#[cfg(feature = "cluster")]
pub mod cluster;
pub mod faults;
pub mod html;
pub mod junit;
pub mod machine;
pub mod matrix;
mod pool;
pub mod profile;
mod progress;
pub mod record;
#[cfg(not(feature = "cluster"))]
mod reexec;
pub mod scale;
pub mod seeds;
pub mod select;
pub mod terminal;
pub mod world;

use args::{Args, Output, WorldName};
use headroom_scenario::Cell;
use matrix::{Matrix, Plan};
use record::Record;
use world::Worlds;

/// Exit codes: each says something else to a script.
pub mod exit {
    /// Every cell passed (blanks aside).
    pub const PASSED: u8 = 0;
    /// At least one cell failed.
    pub const FAILED: u8 = 1;
    /// None failed, but at least one was inconclusive.
    pub const INCONCLUSIVE: u8 = 2;
    /// Bad usage, or no world to run in.
    pub const USAGE: u8 = 3;
}

/// The program.
pub fn main() -> ExitCode {
    let args = match Args::read(std::env::args_os()) {
        Ok(args) => args,
        Err(args::Unread { text, code, on_stdout }) => {
            let written = if on_stdout {
                write!(anstream::stdout(), "{text}")
            } else {
                write!(anstream::stderr(), "{text}")
            };
            // Whoever closed the stream does not want to know.
            drop(written);
            return code.into();
        }
    };
    run(&args)
        .unwrap_or_else(|why| {
            talk(&format!("error: {why}"));
            exit::USAGE
        })
        .into()
}

/// Does what was asked; the exit code, or why nothing could be run.
fn run(args: &Args) -> Result<u8, String> {
    let cells = select::cells(args)?;
    if args.list {
        data(&terminal::list(&cells));
        return Ok(exit::PASSED);
    }
    #[cfg(not(feature = "cluster"))]
    if args.world == WorldName::Cluster {
        return reexec::with_cluster();
    }
    if let Some(plan) = &args.faults {
        return faults::run(args, &cells, plan);
    }
    if let Some(seeds) = args.swarm {
        return faults::swarm(args, &cells, seeds);
    }
    if let Some(seeds) = args.seeds {
        return seeds::run(args, &cells, seeds);
    }
    let worlds = Arc::new(Worlds::open(args)?);
    let began = Instant::now();
    let matrix = run_matrix(args, cells, &worlds);
    worlds.close();
    let matrix = matrix?;
    publish(args, &matrix)?;
    talk(&format!("took {:.1} s", began.elapsed().as_secs_f32()));
    Ok(matrix.exit_code())
}

fn run_matrix(args: &Args, cells: Vec<Cell>, worlds: &Arc<Worlds>) -> Result<Matrix, String> {
    let profile = worlds.profile();
    let cells = cells.into_iter().map(|cell| match profile {
        Some(profile) => scale::on_profile(cell, profile),
        None => cell,
    });
    let cells: Vec<Cell> = cells.collect();
    let ids: BTreeSet<String> = cells.iter().map(Cell::full_id).collect();
    let mut ended = earlier(args)?;
    ended.retain(|id, _| ids.contains(id));
    if args.resume {
        talk(&format!("{} of {} cells have ended in the run that goes on", ended.len(), cells.len()));
    }
    let already = ended.len();
    let plan = Plan {
        cells,
        ended,
        jobs: args.jobs(),
        side_by_side: args.world == WorldName::Sim,
        lanes: worlds.lanes(),
    };
    let total = plan.cells.len();
    let told = std::sync::atomic::AtomicUsize::new(already);
    let unkept = Mutex::new(None);
    let records = matrix::run(
        plan,
        |shared| worlds.begin(shared),
        |cell| worlds.for_cell(cell),
        |record| {
            let kept = args.report.as_ref().map_or(Ok(()), |folder| record::keep(folder, record));
            if let Err(why) = kept {
                *unkept.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
            }
            let done = told.fetch_add(1, std::sync::atomic::Ordering::Relaxed).saturating_add(1);
            if args.world == WorldName::Cluster {
                talk(&terminal::progress(record, done, total));
            }
        },
    )?;
    if let Some(why) = unkept.into_inner().unwrap_or_else(PoisonError::into_inner) {
        talk(&format!("warning: {why}: --resume will run its cell again"));
    }
    Ok(Matrix { world: args.world.name(), profile, seed: args.seed, records })
}

/// What a run into the same folder has ended, when this run goes on with it.
fn earlier(args: &Args) -> Result<BTreeMap<String, Record>, String> {
    match &args.report {
        Some(folder) if args.resume => record::kept(folder),
        Some(folder) => record::forget(folder).map(|()| BTreeMap::new()),
        None => Ok(BTreeMap::new()),
    }
}

/// Writes the result where it was asked for.
fn publish(args: &Args, matrix: &Matrix) -> Result<(), String> {
    match args.output {
        Output::Table => data(&terminal::table(matrix)),
        Output::Json => data(&machine::json(matrix)),
        Output::Yaml => data(&machine::yaml(matrix)),
    }
    let Some(folder) = &args.report else { return Ok(()) };
    let failed = |what: &str, why: &dyn std::fmt::Display| {
        format!("could not write {what} to {}: {why}; name another folder with --report", folder.display())
    };
    std::fs::create_dir_all(folder).map_err(|error| failed("the report", &error))?;
    let html = html::render(matrix).map_err(|error| failed("report.html", &error))?;
    let junit = junit::render(matrix).map_err(|error| failed("junit.xml", &error))?;
    for (name, text) in [("report.json", machine::json(matrix)), ("junit.xml", junit), ("report.html", html)]
    {
        std::fs::write(folder.join(name), text).map_err(|error| failed(name, &error))?;
    }
    talk(&format!("report: {}", folder.join("report.html").display()));
    Ok(())
}

/// Data goes to standard output.
pub(crate) fn data(text: &str) {
    // A reader that has seen enough (`| head`) is no failure.
    drop(anstream::stdout().lock().write_all(text.as_bytes()));
}

/// Talk goes to standard error.
pub(crate) fn talk(text: &str) {
    drop(writeln!(anstream::stderr().lock(), "{text}"));
}
