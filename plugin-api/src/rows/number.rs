//! Decimal numbers the short way.

/// Powers of ten that a double holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// The double nearest to `text`, as `str::parse` gives it.
///
/// What has at most 15 digits is a whole number below 2^53 divided by a power of ten below 10^23. A double holds both
/// exactly, so the one rounding of the division is the right one. The rest is left to `str::parse`.
#[inline]
pub(super) fn parse_f64(text: &str) -> Option<f64> {
    match short(text.as_bytes()) {
        Some(value) => Some(value),
        None => text.parse().ok(),
    }
}

#[inline]
fn short(text: &[u8]) -> Option<f64> {
    let (negative, text) = match text.split_first()? {
        (b'-', rest) => (true, rest),
        _ => (false, text),
    };
    if text.len() > 16 {
        return None;
    }
    let mut digits = 0_u64;
    let mut point = None;
    for (at, &byte) in text.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            digits = digits * 10 + u64::from(digit);
        } else if byte == b'.' && point.is_none() {
            point = Some(at);
        } else {
            return None;
        }
    }
    let count = text.len() - usize::from(point.is_some());
    if count == 0 || count > 15 {
        return None;
    }
    let decimals = point.map_or(0, |at| text.len() - at - 1);
    let value = digits as f64 / POWERS[decimals];
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_number_is_none() {
        for text in ["", "-", ".", "-.", "1.2.3", "--1", "+-1", "1 ", " 1", "0x1", "1e", "1,5", "abc"] {
            assert_eq!(parse_f64(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn numbers_are_those_of_the_standard_library(text in "[-+]?[0-9]{0,12}[.]?[0-9]{0,12}|-?[0-9.eE+-]{0,20}|inf|nan") {
            let expected: Option<f64> = text.parse().ok();
            prop_assert_eq!(parse_f64(&text).map(f64::to_bits), expected.map(f64::to_bits), "{}", text);
        }
    }
}
