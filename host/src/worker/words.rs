//! What a worker says, made fit to be shown: a reason, a log line, its last words.
//!
//! Whoever reads them sits at a terminal or reads a log, and the words are a tenant's: an escape sequence could clear the
//! screen, a line end could forge a line of ours. So control characters are shown as they would be written in a program,
//! and what is longer than anybody reads is cut.

use std::borrow::Cow;

/// The text in one line that a terminal obeys nowhere.
pub fn one_line(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unfit) {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_unfit(character) { line.extend(character.escape_default()) } else { line.push(character) }
    }
    Cow::Owned(line)
}

/// The text in one line, and at most `most` bytes of it; where something is missing, an ellipsis says so.
pub fn short_line(text: &str, most: usize) -> Cow<'_, str> {
    // Escapes only make it longer, so what is cut off here would not have been shown either.
    match one_line(cut(text, most)) {
        line if line.len() <= most && text.len() <= most => line,
        line => Cow::Owned(format!("{}{ELLIPSIS}", cut(&line, most.saturating_sub(ELLIPSIS.len())))),
    }
}

/// JSON that means the same and that a terminal obeys nowhere.
///
/// The characters concerned stand only inside of its strings, and all of them have four hexadecimal digits.
pub fn json_line(json: &str) -> Cow<'_, str> {
    if !json.contains(is_unfit) {
        return Cow::Borrowed(json);
    }
    let mut line = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        if is_unfit(character) {
            line.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            line.push(character);
        }
    }
    Cow::Owned(line)
}

const ELLIPSIS: &str = "…";

/// At most `most` bytes of the text, whole characters.
fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

/// Control characters, the two that end lines beside them, and what turns the direction of writing round.
fn is_unfit(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_words_stay_as_they_are() {
        for words in ["", "fare −3 is \"negative\"", "Zoë\\n", "日本"] {
            assert!(matches!(one_line(words), Cow::Borrowed(same) if same == words));
        }
    }

    #[test]
    fn what_a_terminal_would_obey_is_shown_instead() {
        assert_eq!(one_line("\u{1b}[2Jred\r\nforged\u{7}\u{9b}"), "\\u{1b}[2Jred\\r\\nforged\\u{7}\\u{9b}");
        assert_eq!(one_line("a\u{202e}b"), "a\\u{202e}b");
    }

    #[test]
    fn what_is_too_long_is_cut_after_a_whole_character() {
        assert!(matches!(short_line("short", 5), Cow::Borrowed("short")));
        assert_eq!(short_line("longer than that", 9), "longer…");
        assert_eq!(short_line("ééééé", 8), "éé…");
        let line = short_line("\u{202e}\u{202e}\u{202e}", 20);
        assert!(line.len() <= 20 && line.starts_with("\\u{202e}") && line.ends_with('…'), "{line}");
    }

    #[test]
    fn json_means_the_same_afterwards() {
        let value = serde_json::json!({ "a\u{9b}": "\u{202e}\u{85}\u{7f}\u{2028}", "b": "日本" });
        let line = json_line(&value.to_string()).into_owned();
        assert_eq!(line, r#"{"a\u009b":"\u202e\u0085\u007f\u2028","b":"日本"}"#);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&line).ok(), Some(value));
    }
}
