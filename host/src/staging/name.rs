//! Names of files, which may be of any bytes: fit to be shown, and others made of them that fit a directory. Pure.

use super::layout::VERDICT;
use std::ffi::{OsStr, OsString};
use std::fmt::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// Most bytes of a name, on every file system that counts.
const LONGEST: usize = 255;

/// A name on one line of UTF-8 that does nothing to a terminal: whatever does not print as itself is escaped, a byte that is
/// no UTF-8 as `\xff`, and the backslash, so that two names never look the same.
pub fn shown(name: &OsStr) -> String {
    let mut shown = String::with_capacity(name.len());
    for chunk in name.as_bytes().utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' | '\'' => shown.push(character),
                other => shown.extend(other.escape_debug()),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    shown
}

/// What the verdict on a file is called. A name too long for that is cut and told apart by its hash.
pub fn verdict(name: &OsStr) -> OsString {
    with_end(name, VERDICT)
}

/// Another name for a file whose own is taken: the `number`th that is tried.
pub fn another(name: &OsStr, number: u32) -> OsString {
    with_end(name, &format!(".{number}"))
}

fn with_end(name: &OsStr, end: &str) -> OsString {
    let bytes = name.as_bytes();
    let mut made = if bytes.len() + end.len() <= LONGEST {
        bytes.to_vec()
    } else {
        let hash = blake3::hash(bytes).to_hex();
        let mark = format!("-{}", &hash[..16]);
        let head = &bytes[..LONGEST - end.len() - mark.len()];
        [head, mark.as_bytes()].concat()
    };
    made.extend_from_slice(end.as_bytes());
    OsString::from_vec(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_name_is_one_line_that_does_nothing_to_a_terminal() {
        assert_eq!(shown(OsStr::new("käse \"a\".csv")), "käse \"a\".csv");
        assert_eq!(shown(OsStr::from_bytes(b"a\xff\nb\x1b[2J")), "a\\xff\\nb\\u{1b}[2J");
        assert_eq!(shown(OsStr::new("a\u{202e}b\\")), "a\\u{202e}b\\\\");
    }

    #[test]
    fn a_verdict_has_a_name_that_fits_whatever_the_files_is() {
        assert_eq!(verdict(OsStr::new("a.csv")), "a.csv.verdict.json");
        let long = OsString::from_vec(vec![0xff; 255]);
        let other = OsString::from_vec([vec![0xff; 254], vec![b'x']].concat());
        assert_eq!(verdict(&long).len(), 255);
        assert!(verdict(&long).as_bytes().ends_with(b".verdict.json"));
        assert_ne!(verdict(&long), verdict(&other));
        assert_eq!(another(&long, 7).len(), 255);
    }
}
