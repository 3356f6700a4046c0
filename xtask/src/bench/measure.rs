//! Running a program to its end and asking the kernel what it cost.
//!
//! The CPU seconds are those of the whole process tree: `wait4` of a child answers for the child and for every
//! descendant that it has waited for itself, and the host waits for its workers. What a run prints on its last line of
//! standard output is its own account of what it has done, as a JSON object: a run that did less than the one beside it
//! is a failure, not a fast run.

use crate::workshop;
use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::io::Read as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Instant;

/// What one run has cost, and what it has done.
#[derive(Clone, Debug)]
pub(super) struct Run {
    /// From the start of the process to its end.
    pub(super) wall_seconds: f64,
    /// User and system time of the process tree.
    pub(super) cpu_seconds: f64,
    /// The last line of its standard output.
    pub(super) account: Value,
}

impl Run {
    /// A number of its account, at a JSON pointer such as `/rows/read`.
    pub(super) fn number(&self, pointer: &str) -> Result<f64> {
        let value = self.account.pointer(pointer).and_then(Value::as_f64);
        value.with_context(|| format!("the run tells no number at {pointer}: {}", self.account))
    }
}

/// Runs `command` to its end; the exit codes in `accepted` are good ones.
pub(super) fn run(command: &mut Command, accepted: &[i32]) -> Result<Run> {
    let line = workshop::line(command);
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{line}`"))?;
    let (output, errors) = read_both(&mut child)?;
    let (status, cpu_seconds) = wait(&child).with_context(|| format!("cannot wait for `{line}`"))?;
    let wall_seconds = started.elapsed().as_secs_f64();
    if !status.code().is_some_and(|code| accepted.contains(&code)) {
        bail!("`{line}` ended with {status}:\n{output}{errors}");
    }
    let account =
        last_json(&output).with_context(|| format!("`{line}` gave no account of itself:\n{output}{errors}"))?;
    Ok(Run { wall_seconds, cpu_seconds, account })
}

/// Standard output and standard error, both to their end; read together, so that neither pipe can fill and block.
fn read_both(child: &mut Child) -> Result<(String, String)> {
    let mut output = String::new();
    let mut errors = String::new();
    let stderr = child.stderr.take();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        if let Some(mut stderr) = stderr {
            // What cannot be read is missing from a message about a failure, nothing more.
            let _ = stderr.read_to_string(&mut text);
        }
        text
    });
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut output).context("cannot read its output")?;
    }
    if let Ok(text) = reader.join() {
        errors = text;
    }
    Ok((output, errors))
}

/// The last JSON object of `output`: a whole line, or all of it where the object is spread over lines.
fn last_json(output: &str) -> Result<Value> {
    let last_line = output.lines().rev().find(|line| line.starts_with('{'));
    let by_line = last_line.and_then(|line| serde_json::from_str(line).ok());
    match by_line {
        Some(account) => Ok(account),
        None => Ok(serde_json::from_str(output)?),
    }
}

/// Waits for `child` and answers how it ended, with the CPU seconds of it and of all that it has waited for.
pub(crate) fn wait(child: &Child) -> Result<(ExitStatus, f64)> {
    use std::os::unix::process::ExitStatusExt as _;
    let pid = libc::pid_t::try_from(child.id())?;
    let mut status = 0;
    // SAFETY: `rusage` is a struct of plain numbers, for which all zeros is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    loop {
        // SAFETY: both pointers are to variables of the right types that outlive the call. The child is ours, and
        // nobody else waits for it: `Child` reaps only in its own wait methods, which nobody calls.
        let waited = unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) };
        if waited == pid {
            break;
        }
        let why = std::io::Error::last_os_error();
        if why.kind() != std::io::ErrorKind::Interrupted {
            return Err(why.into());
        }
    }
    let seconds = |time: libc::timeval| {
        #[expect(clippy::cast_precision_loss, reason = "seconds and microseconds of a benchmark are far below 2^52")]
        let seconds = time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
        seconds
    };
    Ok((ExitStatus::from_raw(status), seconds(usage.ru_utime) + seconds(usage.ru_stime)))
}

/// The figures under this name in the account of a run; at least one.
pub(super) fn figures(run: &Run, name: &str) -> Result<Vec<f64>> {
    let figures = run.account.get(name).and_then(Value::as_array);
    let figures = figures.map(|figures| figures.iter().filter_map(Value::as_f64).collect::<Vec<f64>>());
    figures.filter(|figures| !figures.is_empty()).with_context(|| format!("the run tells no {name}: {}", run.account))
}

/// The middle one of some figures.
pub(super) fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = figures.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => sorted[odd / 2],
        even => f64::midpoint(sorted[even / 2 - 1], sorted[even / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        assert!((median([3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median([4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
    }

    #[test]
    fn the_cpu_seconds_of_a_child_of_a_child_are_counted() {
        let busy = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        let mut command = Command::new("sh");
        command.args(["-c", &format!("sh -c '{busy}'; echo '{{\"did\": 1}}'")]);
        let run = run(&mut command, &[0]).unwrap();
        assert!(run.cpu_seconds > 0.02, "{run:?}");
        assert!((run.number("/did").unwrap() - 1.0).abs() < f64::EPSILON);
        assert!(run.number("/not/there").is_err());
    }

    #[test]
    fn a_program_that_fails_is_told_with_its_own_words() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo because >&2; exit 4"]);
        let why = run(&mut command, &[0, 3]).unwrap_err().to_string();
        assert!(why.contains("because") && why.contains("exit status: 4"), "{why}");
    }
}
