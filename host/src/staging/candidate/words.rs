//! Text out of a file that may be hostile, made fit for a terminal, a log and a sentence.

/// Most characters of a foreign name that are shown.
const MAX_SHOWN: usize = 80;

/// `raw` as text: cut, and with everything escaped that does not print as itself.
pub(super) fn shown(raw: &[u8]) -> String {
    let head = raw.get(..4 * MAX_SHOWN).unwrap_or(raw);
    let text = String::from_utf8_lossy(head);
    let mut shown = String::new();
    for (index, character) in text.chars().enumerate() {
        if index == MAX_SHOWN {
            shown.push('…');
            break;
        }
        if prints(character) {
            shown.push(character);
        } else {
            shown.extend(character.escape_unicode());
        }
    }
    shown
}

/// Whether a character prints as itself: no control character, nothing that turns the direction of writing around.
pub(super) fn prints(character: char) -> bool {
    matches!(character, '"' | '\'' | '\\') || character.escape_debug().count() == 1
}

/// `one`, `one and two`, `one, two and 3 more`: at most `most` of them by name, as [`shown`].
pub(super) fn listed<T: AsRef<[u8]>>(names: &[T], most: usize) -> String {
    let (named, rest) = names.split_at(names.len().min(most));
    let mut text = String::new();
    for (index, name) in named.iter().enumerate() {
        let is_last = index + 1 == named.len() && rest.is_empty();
        text.push_str(match index {
            0 => "",
            _ if is_last => " and ",
            _ => ", ",
        });
        text.push_str(&shown(name.as_ref()));
    }
    if !rest.is_empty() {
        text.push_str(&format!(" and {} more", rest.len()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_move_the_cursor_or_turn_the_text_around() {
        assert_eq!(shown(b"lib\x1b[2Jx.so"), "lib\\u{1b}[2Jx.so");
        assert_eq!(shown("a\u{202e}b".as_bytes()), "a\\u{202e}b");
        assert_eq!(shown(&[0xff, b'a']), "\u{fffd}a");
        assert_eq!(shown(&[b'x'; 1000]).chars().count(), MAX_SHOWN + 1);
    }

    #[test]
    fn lists_read_like_prose() {
        assert_eq!(listed(&["a"], 3), "a");
        assert_eq!(listed(&["a", "b"], 3), "a and b");
        assert_eq!(listed(&["a", "b", "c"], 3), "a, b and c");
        assert_eq!(listed(&["a", "b", "c", "d"], 2), "a, b and 2 more");
    }
}
