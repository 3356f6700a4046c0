//! Which names an app may have.

use super::{Language, NewError};

/// Words that cannot be the name of a crate.
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn", "else",
    "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod",
    "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super", "trait", "true",
    "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// Crates that an app or its test is compiled with.
const CRATES: &[&str] = &["alloc", "core", "mysimbdp_abi", "mysimbdp_plugin_api", "proc_macro", "serde", "std", "test"];

/// Folders of a target directory, where cargo refuses crates of these names.
const FOLDERS: &[&str] = &["build", "deps", "examples", "incremental"];

pub(super) fn check(name: &str, language: Language) -> Result<(), NewError> {
    let refuse = |why| Err(NewError::Name { name: name.to_owned(), why });
    if name.is_empty() {
        return refuse("it is empty");
    }
    if name.len() > 64 {
        return refuse("it is too long");
    }
    if !name.starts_with(|first: char| first.is_ascii_lowercase()) {
        return refuse("it does not start with a lower-case letter");
    }
    if !name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_')) {
        return refuse("it has other characters than lower-case letters, digits, - and _");
    }
    let crate_name = name.replace('-', "_");
    let reserved = [
        (KEYWORDS, "it is a word of the Rust language"),
        (CRATES, "it is the name of a crate that an app is compiled with"),
        (FOLDERS, "cargo has a folder of that name"),
    ];
    match reserved.iter().find(|(names, _)| names.contains(&crate_name.as_str())) {
        Some((_, why)) if language == Language::Rust => Err(NewError::Reserved { name: name.to_owned(), why }),
        _ => Ok(()),
    }
}
