//! `--faults` and `--swarm`: runs that something disturbs, and what became of them.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    path::Path,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use headroom_scenario::{Cell, Scenario, timeline::Moment};
use headroom_sim::explore::{
    self, Part, Tries,
    kept::Kept,
    plan::Plan,
    swarm::{self, Tried},
};
use owo_colors::OwoColorize as _;

use crate::{
    args::{Args, WorldName},
    data, exit, pool,
    progress::Progress,
    talk,
};

/// A run that went wrong, as it can be run again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// What runs it again.
    pub kept: Kept,
    /// What is wrong.
    pub what: Vec<String>,
    /// What happened, where it was one run alone.
    pub timeline: Vec<String>,
}

/// What all runs together came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Requests of the undisturbed runs.
    pub requests: u64,
    /// Faults tried, each at one request, or runs of a swarm.
    pub points: u64,
    /// Faults left out, because only a part was asked for.
    pub left_out: u64,
    /// Runs that came to rest in a state that was proved before.
    pub rests_known: u64,
    /// Virtual milliseconds.
    pub simulated_ms: u64,
    /// In order of seed and cell.
    pub findings: Vec<Finding>,
}

impl Sum {
    fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.points += other.points;
        self.left_out += other.left_out;
        self.rests_known += other.rests_known;
        self.simulated_ms += other.simulated_ms;
        self.findings.extend(other.findings);
    }
}

/// The command that runs it again.
pub fn replay(kept: &Kept) -> String {
    format!("cargo e2e --filter '{}' --seed {} --faults {}", kept.id, kept.seed, kept.plan)
}

/// Does `work` for each item, `jobs` at once, and adds up what comes of it.
fn side_by_side<T: Sync>(items: &[T], jobs: usize, work: impl Fn(&T) -> (String, Sum) + Sync) -> Sum {
    let progress = Progress::new(u64::try_from(items.len()).unwrap_or(u64::MAX));
    let sum = Mutex::new(Sum::default());
    pool::each(items, jobs, |item| {
        let (what, of_one) = work(item);
        progress.step(&what, of_one.findings.len());
        sum.lock().unwrap_or_else(PoisonError::into_inner).add(of_one);
    });
    progress.end();
    let mut sum = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
    sum.findings.sort();
    sum
}

fn scenarios(cells: &[Cell]) -> Vec<&Scenario> {
    let mut found = Vec::new();
    for cell in cells {
        if let Cell::Scenario(scenario) = cell {
            found.push(scenario.as_ref());
        }
    }
    found
}

/// Explores each scenario with each seed, or runs it once where the plan names single requests. `most`: so many faults of
/// each scenario and seed, evenly chosen.
pub fn explore(
    cells: &[Cell],
    seeds: std::ops::Range<u64>,
    plan: &Plan,
    most: Option<u64>,
    jobs: usize,
) -> Sum {
    let scenarios = scenarios(cells);
    let items: Vec<(u64, &Scenario)> =
        seeds.flat_map(|seed| scenarios.iter().map(move |scenario| (seed, *scenario))).collect();
    side_by_side(&items, jobs, |(seed, scenario)| {
        let sum = if plan.everywhere.is_empty() {
            once(scenario, *seed, plan, swarm::try_once(scenario, *seed, plan))
        } else {
            everywhere(scenario, *seed, plan, most)
        };
        (format!("{} seed {seed}: {} faults", scenario.full_id(), sum.points), sum)
    })
}

fn everywhere(scenario: &Scenario, seed: u64, plan: &Plan, most: Option<u64>) -> Sum {
    let part = most.map(|most| Part { most, turn: seed });
    let world = plan.conditions.world(scenario, seed);
    let tries = if plan.pairs { Tries::Pairs(&plan.everywhere) } else { Tries::Each(&plan.everywhere) };
    let explored = explore::explore(scenario, world, tries, part);
    let findings = explored.divergences.into_iter().map(|divergence| {
        let plan = Plan { once: divergence.at, ..Plan::undisturbed(plan.conditions) };
        let kept = Kept { id: scenario.full_id(), seed, plan };
        Finding { kept, what: divergence.what, timeline: Vec::new() }
    });
    Sum {
        requests: explored.requests,
        points: explored.points,
        left_out: explored.left_out,
        rests_known: explored.rests_known,
        simulated_ms: explored.simulated_ms,
        findings: findings.collect(),
    }
}

fn once(scenario: &Scenario, seed: u64, plan: &Plan, tried: Tried) -> Sum {
    let kept = Kept { id: scenario.full_id(), seed, plan: plan.clone() };
    let moment =
        |moment: &Moment| format!("{:>7}.{:03} s  {}", moment.at_ms / 1000, moment.at_ms % 1000, moment.what);
    let timeline = tried.timeline.iter().map(moment).collect();
    let finding = (!tried.wrong.is_empty()).then_some(Finding { kept, what: tried.wrong, timeline });
    let simulated_ms = tried.simulated_ms;
    Sum { points: 1, simulated_ms, findings: finding.into_iter().collect(), ..Sum::default() }
}

/// Tries each seed on one of the cells.
pub fn try_seeds(cells: &[Cell], seeds: std::ops::Range<u64>, jobs: usize) -> Sum {
    let scenarios = scenarios(cells);
    let many = u64::try_from(scenarios.len()).unwrap_or(1).max(1);
    let items: Vec<(u64, &Scenario)> =
        seeds.filter_map(|seed| Some((seed, *scenarios.get(usize::try_from(seed % many).ok()?)?))).collect();
    side_by_side(&items, jobs, |(seed, scenario)| {
        let (drawn, tried) = swarm::try_seed(scenario, *seed);
        let failed = !tried.wrong.is_empty();
        let plan = if failed { swarm::shrunk(scenario, *seed, &drawn) } else { drawn };
        (format!("{} seed {seed}", scenario.full_id()), once(scenario, *seed, &plan, tried))
    })
}

/// `--faults LIST`.
pub(crate) fn run(args: &Args, cells: &[Cell], plan: &Plan) -> Result<u8, String> {
    simulator_only(args, "--faults")?;
    let range = args.seed..args.seed.saturating_add(args.seeds.unwrap_or(1));
    let began = Instant::now();
    let sum = explore(cells, range, plan, args.at_most, args.jobs());
    told(args, &sum, began)
}

/// `--swarm SEEDS`.
pub(crate) fn swarm(args: &Args, cells: &[Cell], seeds: u64) -> Result<u8, String> {
    simulator_only(args, "--swarm")?;
    let began = Instant::now();
    let sum = try_seeds(cells, args.seed..args.seed.saturating_add(seeds), args.jobs());
    told(args, &sum, began)
}

fn simulator_only(args: &Args, option: &str) -> Result<(), String> {
    match args.world {
        WorldName::Sim => Ok(()),
        WorldName::Cluster => Err(format!(
            "{option} is for the simulator; on a cluster use --kill-operator-every or scenarios that strike"
        )),
    }
}

fn told(args: &Args, sum: &Sum, began: Instant) -> Result<u8, String> {
    let mut text = String::new();
    let single = sum.findings.len() == 1;
    for Finding { kept, what, timeline } in &sum.findings {
        let _ = writeln!(text, "{} {}, seed {}, {}", "✗".red().bold(), kept.id.bold(), kept.seed, kept.plan);
        for line in what {
            let _ = writeln!(text, "    {line}");
        }
        for line in timeline.iter().filter(|_| single) {
            let _ = writeln!(text, "  {line}");
        }
        let _ = writeln!(text, "    replay: {}\n", replay(kept).cyan());
    }
    let _ = writeln!(text, "{}", closing(sum));
    data(&text);
    if let Some(file) = &args.keep {
        keep(file, &sum.findings)?;
    }
    let days = sum.simulated_ms / 86_400_000;
    let seconds = began.elapsed().as_secs_f64();
    talk(&format!("took {seconds:.1} s for {days} simulated days"));
    Ok(if sum.findings.is_empty() { exit::PASSED } else { exit::FAILED })
}

/// `835 faults at 45 requests (812 rests known), 0 findings`, and what was left out.
pub fn closing(sum: &Sum) -> String {
    let Sum { requests, points, left_out, rests_known, findings, .. } = sum;
    let findings = findings.len();
    if *requests == 0 {
        return format!("{points} runs, {findings} findings");
    }
    let more = if *left_out > 0 { format!("; {left_out} more faults left out") } else { String::new() };
    format!("{points} faults at {requests} requests ({rests_known} rests known), {findings} findings{more}")
}

/// Adds what the file does not hold yet.
fn keep(file: &Path, findings: &[Finding]) -> Result<(), String> {
    let failed = |error: std::io::Error| {
        format!("could not write {}: {error}; name another file with --keep", file.display())
    };
    let mut text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(failed(error)),
    };
    let known: BTreeSet<String> = text.lines().map(str::to_owned).collect();
    for line in findings.iter().map(|finding| finding.kept.to_string()) {
        if !known.contains(&line) {
            let _ = writeln!(text, "{line}");
        }
    }
    std::fs::write(file, text).map_err(failed)
}
