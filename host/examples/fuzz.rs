//! The long fuzzing run: `cargo run --release -p mysimbdp --example fuzz -- --executions 10000000`.
//!
//! Ends with 1 and a file of the bytes when something does not stand; `--replay FILE --target T` runs that file again.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a command")]

#[path = "../fuzz/mod.rs"]
mod fuzz;

use clap::Parser;
use fuzz::{Failure, Tally, Target};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

#[derive(Parser)]
struct Options {
    /// How many inputs to try, in all.
    #[arg(long, default_value_t = 10_000_000)]
    executions: u64,
    /// Decides which inputs; the same seed gives the same.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What to fuzz: bson, codec, numbering or all.
    #[arg(long, default_value = "all", value_parser = targets)]
    target: Targets,
    /// Start at this execution.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Run this file once instead.
    #[arg(long)]
    replay: Option<PathBuf>,
    /// Where the bytes of a failure go.
    #[arg(long, default_value = "target/fuzz")]
    artifacts: PathBuf,
}

/// Executions between two lines of progress.
const STEP: u64 = 1_000_000;

/// What to fuzz, in turn.
#[derive(Clone)]
struct Targets(Vec<Target>);

fn targets(name: &str) -> Result<Targets, String> {
    if name == "all" {
        return Ok(Targets(Target::ALL.to_vec()));
    }
    let target = Target::ALL.into_iter().find(|target| target.name() == name);
    target.map(|target| Targets(vec![target])).ok_or_else(|| "it is one of bson, codec, numbering, all".to_owned())
}

fn main() -> ExitCode {
    let options = Options::parse();
    match &options.replay {
        Some(file) => replay(file, &options.target.0),
        None => run(&options),
    }
}

fn run(options: &Options) -> ExitCode {
    let Targets(targets) = &options.target;
    let end = options.from.saturating_add(options.executions);
    let (mut all, started) = (Tally::default(), Instant::now());
    let mut from = options.from;
    while from < end {
        let to = end.min(from.saturating_add(STEP));
        match fuzz::run(targets, options.seed, from..to) {
            Ok(tally) => {
                all.executions += tally.executions;
                all.accepted += tally.accepted;
                progress(all, started);
            }
            Err(failure) => return report(&failure, options),
        }
        from = to;
    }
    println!("nothing found: seed {}, {} executions", options.seed, all.executions);
    ExitCode::SUCCESS
}

fn progress(tally: Tally, started: Instant) {
    let rate = tally.executions as f64 / started.elapsed().as_secs_f64();
    let share = 100.0 * tally.accepted as f64 / tally.executions as f64;
    println!("{:>10} executions, {rate:>9.0}/s, {share:.0} % accepted", tally.executions);
}

fn report(failure: &Failure, options: &Options) -> ExitCode {
    let (target, execution) = (failure.target.name(), failure.execution);
    eprintln!("{target}, seed {}, execution {execution}: {}", options.seed, failure.why);
    let file = options.artifacts.join(format!("{target}-{}-{execution}.bin", options.seed));
    let kept = std::fs::create_dir_all(&options.artifacts).and_then(|()| std::fs::write(&file, &failure.input));
    match kept {
        Ok(()) => eprintln!("run it again with: --target {target} --replay {}", file.display()),
        Err(why) => eprintln!("cannot keep it in {}: {why}\n{:02x?}", file.display(), failure.input),
    }
    ExitCode::FAILURE
}

fn replay(file: &Path, targets: &[Target]) -> ExitCode {
    let input = match std::fs::read(file) {
        Ok(input) => input,
        Err(why) => {
            eprintln!("cannot read {}: {why}", file.display());
            return ExitCode::FAILURE;
        }
    };
    let mut stood = ExitCode::SUCCESS;
    for target in targets {
        match target.check(&input) {
            Ok(accepted) => println!("{}: stands, {}", target.name(), if accepted { "accepted" } else { "refused" }),
            Err(why) => {
                eprintln!("{}: {why}", target.name());
                stood = ExitCode::FAILURE;
            }
        }
    }
    stood
}
