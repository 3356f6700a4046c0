//! The command around [`scaffold`]: what it asks, and what it tells to do next.

use super::super::exit::Exit;
use super::super::out;
use super::{Kind, Language, NewError, kit, scaffold};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Write a new app: it compiles, passes its own test and ingests its own sample
#[derive(clap::Args, Debug)]
pub(crate) struct New {
    /// Name of the app: a-z, 0-9, - and _, a letter first
    name: String,
    /// Where to write it; must not exist or be empty [default: ./<NAME>]
    directory: Option<PathBuf>,
    /// What the app does
    #[arg(long, value_enum, default_value_t)]
    kind: Kind,
    /// Write it in C instead of Rust
    #[arg(long)]
    c: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(args: &New) -> Exit {
    let language = if args.c { Language::C } else { Language::Rust };
    let directory = args.directory.clone().unwrap_or_else(|| PathBuf::from(&args.name));
    match scaffold(&directory, &args.name, args.kind, language) {
        Ok(files) if args.json => {
            out::json(&json!({ "name": args.name, "directory": directory, "files": files }));
            Exit::Done
        }
        Ok(files) => {
            out::line(format_args!("wrote {} files to {}; now:\n", files.len(), directory.display()));
            out::line(next_steps(&directory, args, language));
            Exit::Done
        }
        Err(error) => {
            out::note(&error);
            match error {
                NewError::Name { .. } | NewError::Reserved { .. } => Exit::Usage,
                NewError::Occupied { .. } | NewError::NotADirectory { .. } | NewError::Write { .. } => Exit::Failed,
            }
        }
    }
}

fn next_steps(directory: &Path, args: &New, language: Language) -> String {
    let (build, built) = match language {
        Language::Rust => {
            ("cargo test\n  cargo build --release", format!("target/release/lib{}.so", args.name.replace('-', "_")))
        }
        Language::C => ("make", format!("{}.so", args.name)),
    };
    let mut steps = format!("  cd {}\n  {build}\n  mysimbdp check {built}", directory.display());
    let sample = match args.kind {
        Kind::Batch => kit::ROWS,
        Kind::Stream => kit::MESSAGES,
        Kind::Check | Kind::Metadata => return steps,
    };
    steps.push_str(&format!("\n  mysimbdp run {built} {sample}"));
    steps
}
