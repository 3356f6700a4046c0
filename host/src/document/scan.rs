//! Finding bytes eight at a time, in safe code that needs no particular processor.
//!
//! Both searches mark bytes in a word by their highest bit. A mark may be false only above a true one, so the lowest
//! mark is always true, and nothing but the lowest is used.

const ONES: u64 = u64::from_le_bytes([1; 8]);
const HIGH: u64 = u64::from_le_bytes([0x80; 8]);

/// Where a zero byte was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Zero {
    /// Its index.
    pub(super) at: usize,
    /// Every byte before it is ASCII.
    pub(super) ascii: bool,
}

/// The first zero byte of `bytes` at or after `from`.
#[inline]
pub(super) fn zero(bytes: &[u8], from: usize) -> Option<Zero> {
    let mut at = from;
    let mut high = 0;
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*chunk);
        let zeros = zeros(word);
        if zeros != 0 {
            let before = (zeros & zeros.wrapping_neg()) - 1;
            high |= word & before & HIGH;
            return Some(Zero { at: at + first(zeros), ascii: high == 0 });
        }
        high |= word & HIGH;
        at += 8;
    }
    let rest = bytes.get(at..)?;
    let length = rest.iter().position(|byte| *byte == 0)?;
    Some(Zero { at: at + length, ascii: high == 0 && rest[..length].is_ascii() })
}

/// How many bytes at the start of `text` stand in a JSON string as they are: no quote, backslash or control character.
#[inline]
pub(super) fn plain_prefix(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(chunk) = text.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let specials = specials(u64::from_le_bytes(*chunk));
        if specials != 0 {
            return at + first(specials);
        }
        at += 8;
    }
    if let Some(chunk) = text.last_chunk::<8>() {
        // The last eight bytes, some of them for the second time: those are plain.
        let specials = specials(u64::from_le_bytes(*chunk));
        return if specials == 0 { text.len() } else { text.len() - 8 + first(specials) };
    }
    text.iter().position(|byte| !is_plain(*byte)).unwrap_or(text.len())
}

#[inline]
fn specials(word: u64) -> u64 {
    let quotes = zeros(word ^ u64::from_le_bytes([b'"'; 8]));
    let backslashes = zeros(word ^ u64::from_le_bytes([b'\\'; 8]));
    let controls = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
    quotes | backslashes | controls
}

fn is_plain(byte: u8) -> bool {
    byte >= 0x20 && byte != b'"' && byte != b'\\'
}

#[inline]
fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGH
}

#[inline]
fn first(marks: u64) -> usize {
    (marks.trailing_zeros() / 8) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Bytes among which the interesting ones, and their neighbours, are frequent.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let byte =
            prop_oneof![any::<u8>(), prop::sample::select(&b"\0\x01\x1f\x20!\"#[\\]\x7f\x80\x81\x9f\xa2\xdc\xff"[..])];
        prop::collection::vec(byte, 0..40)
    }

    proptest! {
        #[test]
        fn the_first_zero_byte_is_found_and_what_stands_before_it_is_judged(bytes in bytes(), from in 0_usize..45) {
            let expected = bytes.get(from..).and_then(|rest| {
                let length = rest.iter().position(|byte| *byte == 0)?;
                Some(Zero { at: from + length, ascii: rest[..length].is_ascii() })
            });
            prop_assert_eq!(zero(&bytes, from), expected);
        }

        #[test]
        fn the_plain_prefix_ends_at_the_first_byte_that_json_escapes(bytes in bytes()) {
            let expected = bytes.iter().position(|byte| !is_plain(*byte)).unwrap_or(bytes.len());
            prop_assert_eq!(plain_prefix(&bytes), expected);
        }
    }
}
