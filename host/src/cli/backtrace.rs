//! Return addresses of a crash, told as functions and lines where the `.so` has symbols.
//!
//! The debug information is the tenant's, so it is read only here, in the developer's own command, never in a daemon.

use crate::worker::words::one_line;
use addr2line::Loader;
use std::path::Path;

/// One line for each frame: function, and file and line where the `.so` tells them.
pub(crate) fn symbolise(app: &Path, frames: &[u64]) -> Vec<String> {
    let Ok(loader) = Loader::new(app) else {
        return frames.iter().map(|frame| format!("{frame:#x}")).collect();
    };
    // A frame outside of the library (libc, the worker itself) is a huge or negative offset: nothing stands there.
    let mut lines = Vec::new();
    for (depth, frame) in frames.iter().enumerate() {
        // All but the innermost are return addresses: the call is just before them.
        let probe = if depth == 0 { *frame } else { frame.saturating_sub(1) };
        let before = lines.len();
        // One address can stand for several calls, where the inner ones were inlined.
        if let Ok(mut calls) = loader.find_frames(probe) {
            while let Ok(Some(call)) = calls.next() {
                let function = call.function.as_ref().and_then(|function| function.raw_name().ok());
                let place = call.location.and_then(|place| Some(format!(" at {}:{}", place.file?, place.line?)));
                if let Some(function) = function {
                    lines.push(told(&function, &place.unwrap_or_default()));
                }
            }
        }
        if lines.len() == before
            && let Some(symbol) = loader.find_symbol(probe)
        {
            lines.push(told(symbol, ""));
        }
    }
    lines
}

/// The names in a `.so` are a tenant's words as well.
fn told(function: &str, place: &str) -> String {
    one_line(&format!("{:#}{place}", rustc_demangle::demangle(function))).into_owned()
}
