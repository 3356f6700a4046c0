//! `cargo xtask <command>`: everything that is done daily in this workshop, one word each.

// A command line tool for people: it talks on standard output.
#![expect(clippy::print_stdout, reason = "the commands talk to people on the terminal")]

mod bench;
mod daemon;
mod demo;
mod fuzz;
mod generate;
mod lint;
mod plugins;
mod servers;
mod soak;
mod test;
mod workshop;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The one-word commands of the workshop", arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// See it work: builds everything in release, then a daemon ingests ten files of two tenants and meets what nobody should drop
    Demo(demo::Arguments),
    /// Run every test; as root on Debian it installs the servers and the browser that are missing, else it says which
    Test(test::Arguments),
    /// What a change must pass before the tests: format, clippy and documentation, with warnings as errors
    Lint,
    /// Measure speed and memory side by side and write docs/benchmarks.md
    Bench(bench::Arguments),
    /// Kill the daemon at random moments, two hundred times, and compare the documents
    Soak(soak::Arguments),
    /// Feed the parsers of hostile bytes with mutated input
    Fuzz(fuzz::Arguments),
    /// Build every app under tenant-plugins/, those in C too
    Plugins(plugins::Arguments),
    /// Install the servers that the tests start, where they are missing: a Redis, a RabbitMQ, a MongoDB, an S3 and a browser
    Servers,
    /// Write the data of the demo and the benchmark to a file, as CSV or as JSON lines
    Data(generate::Arguments),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::Lint => lint::run(),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Soak(arguments) => soak::run(&arguments),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
        Command::Plugins(arguments) => plugins::run(&arguments),
        Command::Servers => servers::need().and_then(|()| servers::need_browser()),
        Command::Data(arguments) => generate::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            println!("\n{why:#}");
            ExitCode::FAILURE
        }
    }
}
