//! Finds what differs in `abi_stable`'s account of two layouts, which is hundreds to thousands of lines long. Pure.
//!
//! The dump tells every type on the way down, with "0 error(s)", and then the one that differs:
//!
//! ```text
//!   Layout of expected type:
//!       --- Type Layout ---
//!       type:BatchV1
//!       ..
//!   Error:too many fields
//!   Expected:
//!       3
//!   Found:
//!       4
//! ```
//!
//! Where a dump has no such part (another version of `abi_stable`, a crate of another major version), its last words are
//! kept: they come after the layouts.

/// Differences that are told; the rest is counted.
const TOLD: usize = 2;
/// Longest text that is kept of a dump without differences, or of one side of a difference.
const MAX_WORDS: usize = 240;

/// The first differences of a dump, in one line.
pub(super) fn what_differs(dump: &str) -> String {
    let mut subject = "";
    let mut awaiting_type = false;
    let mut differences = Vec::new();
    let lines: Vec<&str> = dump.lines().map(str::trim).collect();
    for (at, line) in lines.iter().enumerate() {
        if let Some(error) = line.strip_prefix("Error:") {
            differences.push(difference(subject, error, &lines[at + 1..]));
        } else if *line == "Layout of expected type:" {
            awaiting_type = true;
        } else if let Some(name) = line.strip_prefix("type:").filter(|_| awaiting_type) {
            (subject, awaiting_type) = (name, false);
        }
    }
    match differences.len().checked_sub(TOLD) {
        _ if differences.is_empty() => last_words(dump),
        Some(more) if more > 0 => format!("{}; and {more} more", differences[..TOLD].join("; ")),
        _ => differences.join("; "),
    }
}

/// Everything in one line.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn difference(subject: &str, error: &str, behind: &[&str]) -> String {
    let (expected, found) = (side(behind, "Expected:"), side(behind, "Found:"));
    format!("`{subject}`: {} (expected {expected}, found {found})", error.trim())
}

/// What stands behind `title`: a field's name, or the words up to the next part.
fn side(lines: &[&str], title: &str) -> String {
    let after = lines.iter().skip_while(|line| **line != title).skip(1);
    let part: Vec<&str> = after
        .copied()
        .take_while(|line| !line.is_empty() && *line != "Found:" && !line.starts_with("Error:"))
        .collect();
    let field = part.iter().find_map(|line| line.strip_prefix("field_name:"));
    field.map_or_else(|| cut(&part.join(" ")).to_owned(), |name| format!("the field `{name}`"))
}

fn last_words(dump: &str) -> String {
    let words = one_line(dump);
    let start = words.ceil_char_boundary(words.len().saturating_sub(MAX_WORDS));
    words[start..].to_owned()
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_WORDS)]
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = "
Compared <this>:
    --- Type Layout ---
    type:PrefixRef<'a, RootV1>

0 error(s).

Layout of expected type:
    --- Type Layout ---
    type:RootV1
    size:8 align:8

5 error(s)inside:
    field_name:0
    type:BatchV1

Layout of expected type:
    --- Type Layout ---
    type:BatchV1
    size:24 align:8
Layout of found type:
    --- Type Layout ---
    type:BatchV1

Error:too many fields
Expected:
    3
Found:
    4

Error:unexpected field
Expected:
    field_name:create
    type:AFunctionPointer
Found:
    field_name:prepare
    type:AFunctionPointer

Error:unexpected field
Expected:
    field_name:ingest
Found:
    field_name:create
";

    #[test]
    fn the_first_differences_are_told_and_the_rest_is_counted() {
        let told = "`BatchV1`: too many fields (expected 3, found 4); `BatchV1`: unexpected field (expected the field \
                    `create`, found the field `prepare`); and 1 more";
        assert_eq!(what_differs(DUMP), told);
    }

    #[test]
    fn a_single_difference_is_told_alone() {
        let one = DUMP.split("\nError:unexpected").next().unwrap();
        assert_eq!(what_differs(one), "`BatchV1`: too many fields (expected 3, found 4)");
    }

    #[test]
    fn a_dump_without_differences_leaves_its_last_words() {
        assert_eq!(what_differs("\nthe root module\n\tpanicked\n\n"), "the root module panicked");
        assert!(what_differs(&"ä ".repeat(9999)).len() <= MAX_WORDS);
    }
}
