//! Return addresses of a crash, told as functions and lines where the `.so` has symbols.
//!
//! The debug information is the tenant's, so it is read only here, in the developer's own command, never in a daemon.

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
        let place = loader.find_location(probe).ok().flatten();
        let place = place.and_then(|place| Some(format!(" at {}:{}", place.file?, place.line?))).unwrap_or_default();
        match loader.find_symbol(probe) {
            Some(symbol) => lines.push(format!("{:#}{place}", rustc_demangle::demangle(symbol))),
            None if !place.is_empty() => lines.push(format!("{frame:#x}{place}")),
            None => {}
        }
    }
    lines
}
