//! Standard output and error of the commands. A reader that goes away early ends the command quietly.

use serde::Serialize;
use std::io::{self, Write};

/// One line of result.
pub(crate) fn line(text: impl std::fmt::Display) {
    end_if_gone(writeln!(io::stdout().lock(), "{text}"));
}

/// One line of result as JSON.
pub(crate) fn json(value: &impl Serialize) {
    match serde_json::to_string(value) {
        Ok(text) => line(text),
        Err(error) => note(format_args!("the result cannot be written as JSON: {error}")),
    }
}

/// One line for the person at the terminal: progress, warnings, reasons.
pub(crate) fn note(text: impl std::fmt::Display) {
    // Nobody to tell if standard error itself is gone.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

fn end_if_gone(written: io::Result<()>) {
    if written.is_err() {
        std::process::exit(0);
    }
}
