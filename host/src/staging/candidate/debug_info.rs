//! What a crash in the app can be told with: file and line, names of functions, or addresses alone.

use object::elf;

use super::elf::Elf;
use super::finding::Finding;
use super::interface::Door;

/// Says what the library carries, and how to have more.
pub(super) fn note(elf: &Elf<'_>, door: Option<Door>) -> Finding {
    let has_lines = [".debug_line", ".zdebug_line"].iter().any(|name| elf.section_named(name).is_some());
    let has_names = elf.section_of_kind(elf::SHT_SYMTAB).is_some();
    let more = match door {
        Some(Door::C) => "compile with -g1",
        _ => "set `debug = \"line-tables-only\"` under [profile.release] in Cargo.toml",
    };
    match (has_lines, has_names) {
        (true, _) => Finding::note("debug-info", "has debug information: a crash is shown with file and line", ""),
        (false, true) => {
            let sentence = "has symbols but no debug information: a crash is shown with names of functions, not lines";
            Finding::note("symbols-only", sentence, format!("to have lines, {more}"))
        }
        (false, false) => {
            let sentence = "is stripped: a crash is shown as addresses";
            Finding::note("stripped", sentence, format!("to have names and lines, do not strip it and {more}"))
        }
    }
}
