//! `docs/benchmarks.md`: what was measured, how, and what each figure means.

use crate::workshop;
use std::fmt::Write as _;
use std::fs;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};
use xtask::data::timestamp;

/// One promise and what was found.
#[derive(Debug)]
pub(super) struct Figure {
    /// What is measured.
    pub(super) name: String,
    /// What was found, with its unit.
    pub(super) measured: String,
    /// What is promised, with its unit.
    pub(super) promised: String,
    /// Whether the promise is kept.
    pub(super) kept: bool,
}

/// One comparison with all that belongs to it.
#[derive(Debug)]
pub(super) struct Section {
    /// Its heading.
    pub(super) title: &'static str,
    /// What is compared and what the figures mean.
    pub(super) meaning: String,
    /// What was run, a line each.
    pub(super) commands: Vec<String>,
    /// The table's head.
    pub(super) head: Vec<&'static str>,
    /// The table's rows.
    pub(super) rows: Vec<Vec<String>>,
    /// The promises that it is about.
    pub(super) figures: Vec<Figure>,
}

/// All of it as Markdown.
pub(super) fn markdown(sections: &[Section], pairs: usize) -> String {
    let mut text = format!(
        "# Speed and memory\n\n\
         Written by `cargo xtask bench`; running it again writes it anew. Programs that are compared ran alternately \
         (A B A B …), one uncounted run of each first, then {pairs} pairs; each figure is the median \
         (a ratio that of the pairs' ratios, not the ratio of two medians); \
         behind a ratio stand the least and the greatest of the pairs, which lie far apart where the machine was not \
         quiet. CPU seconds are user and system time of the whole process tree, as the kernel counts it. Ratios bind; \
         absolute figures drift by a third from machine to machine and from hour to hour.\n\n\
         {}\n\n| promise | promised | measured | kept |\n|---|---:|---:|---|\n",
        machine()
    );
    for figure in sections.iter().flat_map(|section| &section.figures) {
        let kept = if figure.kept { "yes" } else { "**no**" };
        // Writing to a String cannot fail; the same below.
        let _ = writeln!(text, "| {} | {} | {} | {kept} |", figure.name, figure.promised, figure.measured);
    }
    for section in sections {
        let _ = write!(text, "\n## {}\n\n{}\n\n", section.title, section.meaning);
        if !section.commands.is_empty() {
            let _ = write!(text, "```text\n{}\n```\n\n", section.commands.join("\n"));
        }
        let _ = writeln!(text, "| {} |", section.head.join(" | "));
        let _ = writeln!(text, "|---|{}", "---:|".repeat(section.head.len().saturating_sub(1)));
        for row in &section.rows {
            let _ = writeln!(text, "| {} |", row.join(" | "));
        }
    }
    text
}

/// The figures for the terminal.
pub(super) fn summary(sections: &[Section]) -> String {
    let mut text = String::new();
    for figure in sections.iter().flat_map(|section| &section.figures) {
        let sign = if figure.kept { '\u{2714}' } else { '\u{2718}' };
        let _ =
            writeln!(text, "  {sign} {:<64} {:>12}   (promised: {})", figure.name, figure.measured, figure.promised);
    }
    text
}

/// When, on what, and built by what.
fn machine() -> String {
    let cpu = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".to_owned());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = field("/proc/meminfo", "MemTotal").unwrap_or_default();
    let gigabytes = memory.trim_end_matches("kB").trim().parse::<u64>().unwrap_or_default() / 1_000_000;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let commit = output("git", &["describe", "--always", "--dirty", "--abbrev=10"]);
    format!(
        "Machine: {cpu}, {cores} cores, {gigabytes} GB, Linux {}; {}; commit {commit}; {}.",
        kernel.trim(),
        output("rustc", &["--version"]),
        now()
    )
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim().to_owned())
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(workshop::root()).output();
    output.map_or_else(|_| "unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn now() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let mut text = Vec::new();
    timestamp(seconds, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}
