//! Deliberate mutants: ten plausible mistakes, each a patch in `xtask/mutants`, and which rung of tests catches which.

mod catalogue;
mod copy;
mod programs;
mod rung;
mod table;

use std::path::Path;

use anyhow::{Context, bail};

use self::{
    catalogue::Mutant,
    copy::Copy,
    rung::{Rung, Verdict},
};

/// What a mutant run is asked for.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask mutants                          all of them, on a copy of the tree below target/mutants
  cargo xtask mutants canary-skipped --keep    one; the copy and its builds stay for the next run
  cargo xtask mutants --rung core,api,engine   what the quick tests say, in a fraction of the time
  cargo xtask mutants --list                   what there is
  cargo xtask mutants --check                  only that every patch still applies
  cargo xtask mutants -o json > mutants.json   for programs

With HEADROOM_API_TIER_KUBECONFIG (the kubeconfig of a real API server, as for the tests of headroom-operator)
mutants of deploy/ are tried there, too.

Exit code: 0 when every mutant was caught, 1 when one survived or something failed.")]
pub(crate) struct MutantArgs {
    /// The mutants to try, by name [default: all].
    names: Vec<String>,
    /// Change nothing and test nothing; fail when a patch does not apply any more.
    #[arg(long, conflicts_with_all = ["list", "keep"])]
    check: bool,
    /// Say what there is.
    #[arg(long)]
    list: bool,
    /// Only these rungs, separated by commas.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Rung::ALL)]
    rung: Vec<Rung>,
    /// Keep the copy and its builds, so that the next run begins quicker.
    #[arg(long)]
    keep: bool,
    /// What to print.
    #[arg(short, long, value_enum, default_value = "table")]
    output: Output,
}

/// What to print.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// A table for people.
    Table,
    /// JSON for programs.
    Json,
    /// The same as YAML.
    Yaml,
}

/// What became of one mutant.
struct Tried {
    mutant: Mutant,
    /// In the order of the rungs.
    verdicts: Vec<(Rung, Verdict)>,
}

impl Tried {
    fn survived(&self) -> bool {
        self.verdicts.iter().all(|(_, verdict)| !verdict.caught())
    }
}

/// Tries the mutants.
pub(crate) fn run(root: &Path, args: &MutantArgs) -> anyhow::Result<()> {
    let mutants = chosen(catalogue::all(root)?, &args.names)?;
    if args.list {
        return show(&table::list(&mutants));
    }
    for mutant in &mutants {
        mutant.check(root)?;
    }
    if args.check {
        crate::say(&format!("{} mutants apply", mutants.len()));
        return Ok(());
    }
    let copy = Copy::make(root)?;
    let tried = try_all(&copy, mutants, &args.rung);
    if !args.keep {
        copy.remove()?;
    }
    let tried = tried?;
    show(&match args.output {
        Output::Table => table::table(&tried),
        Output::Json => table::json(&tried),
        Output::Yaml => table::yaml(&tried),
    })?;
    let survivors: Vec<&str> =
        tried.iter().filter(|one| one.survived()).map(|one| one.mutant.name.as_str()).collect();
    if !survivors.is_empty() {
        bail!("no rung catches {}: write the test that does", survivors.join(", "));
    }
    Ok(())
}

fn chosen(all: Vec<Mutant>, names: &[String]) -> anyhow::Result<Vec<Mutant>> {
    if let Some(unknown) = names.iter().find(|name| all.iter().all(|mutant| mutant.name != **name)) {
        bail!("there is no mutant {unknown}; `cargo xtask mutants --list` names them");
    }
    Ok(all.into_iter().filter(|mutant| names.is_empty() || names.contains(&mutant.name)).collect())
}

/// The tree as it is first: a rung that fails there would catch everything.
fn try_all(copy: &Copy, mutants: Vec<Mutant>, rungs: &[Rung]) -> anyhow::Result<Vec<Tried>> {
    let changed: Vec<String> = mutants.iter().flat_map(|mutant| mutant.changed.clone()).collect();
    crate::say("[0] the tree as it is");
    for rung in rungs {
        let verdict = rung.climb(copy, &changed)?;
        tell(*rung, &verdict);
        if verdict.caught() {
            bail!("{} fails on the tree as it is: make it pass first", rung.name());
        }
    }
    let count = mutants.len();
    let mut tried = Vec::new();
    for (at, mutant) in mutants.into_iter().enumerate() {
        crate::say(&format!("[{}/{count}] {}: {}", at.saturating_add(1), mutant.name, mutant.mistake));
        mutant.apply(copy.tree())?;
        let verdicts = try_one(copy, &mutant.changed, rungs);
        mutant.revert(copy.tree())?;
        let verdicts = verdicts.with_context(|| format!("mutant {}", mutant.name))?;
        tried.push(Tried { mutant, verdicts });
    }
    Ok(tried)
}

fn try_one(copy: &Copy, changed: &[String], rungs: &[Rung]) -> anyhow::Result<Vec<(Rung, Verdict)>> {
    let mut verdicts = Vec::new();
    for rung in rungs {
        let verdict = rung.climb(copy, changed)?;
        tell(*rung, &verdict);
        verdicts.push((*rung, verdict));
    }
    Ok(verdicts)
}

fn tell(rung: Rung, verdict: &Verdict) {
    crate::say(&format!("    {:13} {verdict}", rung.name()));
}

fn show(text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    std::io::stdout().write_all(text.as_bytes()).context("cannot print")
}
