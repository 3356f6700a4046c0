//! Texts that an app hands over: whatever they are, the host gets UTF-8 of bounded length.

use crate::worker::protocol::MAX_REASON;
use std::borrow::Cow;

/// `bytes` as text: what is not UTF-8 is replaced, what is too long is cut between two characters.
pub(super) fn told(bytes: &[u8]) -> Cow<'_, str> {
    // Cut before it is looked at: a gigabyte of text costs no more than a line. Three bytes can belong to a cut character.
    let cut = bytes.len().min(MAX_REASON);
    let text = match bytes.get(..cut).map(std::str::from_utf8) {
        Some(Err(error)) if error.error_len().is_none() && cut < bytes.len() => &bytes[..error.valid_up_to()],
        _ => &bytes[..cut],
    };
    match String::from_utf8_lossy(text) {
        // A replacement has three bytes where one stood.
        Cow::Owned(mut text) if text.len() > MAX_REASON => {
            text.truncate(text.floor_char_boundary(MAX_REASON));
            Cow::Owned(text)
        }
        text => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_as_it_is() {
        assert_eq!(told("fare −3 ist negativ".as_bytes()), "fare −3 ist negativ");
    }

    #[test]
    fn bytes_that_are_not_text_are_replaced() {
        assert_eq!(told(b"a\xffb"), "a\u{fffd}b");
        assert!(told(&[0xff; MAX_REASON]).len() <= MAX_REASON);
    }

    #[test]
    fn a_long_text_is_cut_between_two_characters() {
        let long = "x".to_owned() + &"ä".repeat(MAX_REASON);
        let cut = told(long.as_bytes());
        assert_eq!(cut.len(), MAX_REASON - 1);
        assert!(long.starts_with(&*cut));
    }
}
