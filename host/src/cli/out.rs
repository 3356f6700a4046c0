//! Standard output and error of the commands. A reader that goes away early ends the command quietly.
//!
//! Whatever is told here may quote a tenant, or a file name. Those who quote make one line of it; that nothing else a
//! terminal would obey comes through is seen to here, for all of them.

use crate::worker::words::{json_line, one_line};
use serde::Serialize;
use std::io::{self, Write};

/// One line of result.
pub(crate) fn line(text: impl std::fmt::Display) {
    end_if_gone(writeln!(io::stdout().lock(), "{}", fit(&text.to_string())));
}

/// One line of result as JSON.
pub(crate) fn json(value: &impl Serialize) {
    match serde_json::to_string(value) {
        Ok(text) => line(json_line(&text)),
        Err(error) => note(format_args!("the result cannot be written as JSON: {error}")),
    }
}

/// One line for the person at the terminal: progress, warnings, reasons.
pub(crate) fn note(text: impl std::fmt::Display) {
    // Nobody to tell if standard error itself is gone.
    let _ = writeln!(io::stderr().lock(), "{}", fit(&text.to_string()));
}

/// Line ends stay: some of what is told has several lines.
fn fit(text: &str) -> String {
    text.split('\n').map(one_line).collect::<Vec<_>>().join("\n")
}

fn end_if_gone(written: io::Result<()>) {
    if written.is_err() {
        std::process::exit(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stay_and_what_a_terminal_would_obey_does_not() {
        assert_eq!(fit("one\ntwo \u{9b}31m\u{202e}\r\n"), "one\ntwo \\u{9b}31m\\u{202e}\\r\n");
    }
}
