//! What a worker says, made fit to be shown: a reason, a log line, its last words.
//!
//! Whoever reads them sits at a terminal or reads a log, and the words are a tenant's: an escape sequence could clear the
//! screen, a line end could forge a line of ours. So control characters are shown as they would be written in a program.

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
}
