//! Decimal128: exact decimal numbers of up to 34 digits, in the binary encoding (BID) that BSON uses.
//!
//! ```text
//!   bit 127   126 .. 113             112 .. 0
//!   sign      exponent + 6176        coefficient, at most 10^34 - 1
//!
//!   126 .. 122 = 11110: infinity     11111: NaN
//! ```
//!
//! A coefficient of 34 digits needs 113 bits, so the second form of the format (two bits of exponent moved, for a
//! coefficient from 2^113) never holds a number that counts: it is read as zero, and never written.

use super::{RawBytes, newtype};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// An exact decimal number of up to 34 digits.
///
/// ```
/// use mysimbdp_plugin_api::bson::Decimal128;
///
/// let fare: Decimal128 = "12.50".parse()?;
/// assert_eq!(fare.to_string(), "12.50");
/// # Ok::<(), mysimbdp_plugin_api::bson::Decimal128Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Decimal128(u128);

const BIAS: i32 = 6176;
const MIN_EXPONENT: i32 = -6176;
const MAX_EXPONENT: i32 = 6111;
const MAX_DIGITS: usize = 34;
const MAX_COEFFICIENT: u128 = 9_999_999_999_999_999_999_999_999_999_999_999;
const SIGN: u128 = 1 << 127;
const INFINITY: u128 = 0b11110 << 122;
const NAN: u128 = 0b11111 << 122;

impl Decimal128 {
    /// A number of these sixteen bytes, as they stand in a document.
    pub const fn from_bytes(bytes: [u8; 16]) -> Decimal128 {
        Decimal128(u128::from_le_bytes(bytes))
    }

    /// Its bytes, as they stand in a document.
    pub const fn bytes(self) -> [u8; 16] {
        self.0.to_le_bytes()
    }

    /// `coefficient × 10^exponent`, or `None` where that needs more than 34 digits or lies outside the range.
    pub fn new(coefficient: i128, exponent: i32) -> Option<Decimal128> {
        encode(coefficient < 0, coefficient.unsigned_abs(), exponent)
    }

    /// A whole number, or `None` where it has more than 34 digits.
    pub fn from_i128(value: i128) -> Option<Decimal128> {
        Decimal128::new(value, 0)
    }
}

/// Packs a number, moving digits between coefficient and exponent where only that brings it into range.
fn encode(negative: bool, mut coefficient: u128, mut exponent: i32) -> Option<Decimal128> {
    if coefficient == 0 {
        exponent = exponent.clamp(MIN_EXPONENT, MAX_EXPONENT);
    }
    while exponent > MAX_EXPONENT {
        coefficient = coefficient.checked_mul(10).filter(|&more| more <= MAX_COEFFICIENT)?;
        exponent -= 1;
    }
    while exponent < MIN_EXPONENT || coefficient > MAX_COEFFICIENT {
        if !coefficient.is_multiple_of(10) {
            return None;
        }
        coefficient /= 10;
        exponent += 1;
    }
    if exponent > MAX_EXPONENT {
        return None;
    }
    let biased = u128::try_from(exponent + BIAS).ok()?;
    let sign = if negative { SIGN } else { 0 };
    Some(Decimal128(sign | biased << 113 | coefficient))
}

/// Why text is not a decimal128.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decimal128Error {
    /// Not a number at all.
    Syntax,
    /// More digits than 34, or an exponent out of range: it could not be kept exactly.
    Inexact,
}

impl fmt::Display for Decimal128Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Decimal128Error::Syntax => "a decimal is written like 12.50 or -1.25E+7",
            Decimal128Error::Inexact => "a decimal128 holds 34 digits and exponents from -6176 to 6111",
        })
    }
}

impl std::error::Error for Decimal128Error {}

impl FromStr for Decimal128 {
    type Err = Decimal128Error;

    /// Reads the forms of the BSON specification. Never rounds: what does not fit exactly is refused.
    fn from_str(text: &str) -> Result<Decimal128, Decimal128Error> {
        let (negative, rest) = match text.as_bytes().split_first() {
            Some((b'-', _)) => (true, &text[1..]),
            Some((b'+', _)) => (false, &text[1..]),
            _ => (false, text),
        };
        let sign = if negative { SIGN } else { 0 };
        if rest.eq_ignore_ascii_case("nan") {
            return Ok(Decimal128(NAN));
        }
        if rest.eq_ignore_ascii_case("inf") || rest.eq_ignore_ascii_case("infinity") {
            return Ok(Decimal128(sign | INFINITY));
        }
        let (mantissa, power) = match rest.find(['e', 'E']) {
            Some(at) => (&rest[..at], Some(&rest[at + 1..])),
            None => (rest, None),
        };
        let mut exponent = power.map_or(Ok(0), parse_exponent)?;
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.is_empty() && fraction.is_empty() {
            return Err(Decimal128Error::Syntax);
        }
        if !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
            return Err(Decimal128Error::Syntax);
        }
        exponent -= i64::try_from(fraction.len()).unwrap_or(i64::MAX / 4);
        let digits = [whole, fraction].concat();
        let digits = digits.trim_start_matches('0');
        // Zeros behind the 34th digit can move into the exponent; another digit there cannot.
        let (kept, dropped) = digits.split_at(digits.len().min(MAX_DIGITS));
        if dropped.bytes().any(|byte| byte != b'0') {
            return Err(Decimal128Error::Inexact);
        }
        exponent += i64::try_from(dropped.len()).unwrap_or(i64::MAX / 4);
        let coefficient = kept.bytes().fold(0u128, |value, digit| value * 10 + u128::from(digit - b'0'));
        // Far outside, the loops of `encode` would take long for nothing.
        let exponent = i32::try_from(exponent.clamp(-20_000, 20_000)).map_err(|_| Decimal128Error::Inexact)?;
        encode(negative, coefficient, exponent).ok_or(Decimal128Error::Inexact)
    }
}

fn parse_exponent(text: &str) -> Result<i64, Decimal128Error> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Decimal128Error::Syntax);
    }
    let value = digits.parse::<i64>().unwrap_or(i64::MAX).min(i64::MAX / 4);
    Ok(if text.starts_with('-') { -value } else { value })
}

impl fmt::Display for Decimal128 {
    /// The canonical form of the BSON specification: plain where the exponent is small, scientific otherwise.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 & NAN == NAN {
            return f.write_str("NaN");
        }
        if self.0 & SIGN != 0 {
            f.write_str("-")?;
        }
        if self.0 & NAN == INFINITY {
            return f.write_str("Infinity");
        }
        let (biased, coefficient) = match self.0 >> 125 & 0b11 {
            0b11 => (self.0 >> 111 & 0x3fff, 0),
            _ => (self.0 >> 113 & 0x3fff, self.0 & ((1 << 113) - 1)),
        };
        let coefficient = if coefficient > MAX_COEFFICIENT { 0 } else { coefficient };
        let exponent = i32::try_from(biased).unwrap_or(0) - BIAS;
        let digits = coefficient.to_string();
        let length = i32::try_from(digits.len()).unwrap_or(0);
        let scientific = exponent + length - 1;
        if exponent > 0 || scientific < -6 {
            f.write_str(&digits[..1])?;
            if digits.len() > 1 {
                write!(f, ".{}", &digits[1..])?;
            }
            return write!(f, "E{scientific:+}");
        }
        if exponent == 0 {
            return f.write_str(&digits);
        }
        let point = length + exponent;
        match usize::try_from(point) {
            Ok(point) if point > 0 => write!(f, "{}.{}", &digits[..point], &digits[point..]),
            _ => write!(f, "0.{}{digits}", "0".repeat(point.unsigned_abs() as usize)),
        }
    }
}

impl fmt::Debug for Decimal128 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Decimal128({self})")
    }
}

impl Serialize for Decimal128 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(newtype::DECIMAL128, &RawBytes(&self.bytes()))
    }
}

impl<'de> Deserialize<'de> for Decimal128 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Decimal128, D::Error> {
        let text = Cow::<'_, str>::deserialize(deserializer)?;
        text.parse().map_err(|error: Decimal128Error| de::Error::custom(format_args!("{error}, not {text:?}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn agrees(text: &str) {
        let theirs: bson::Decimal128 = text.parse().expect(text);
        let ours: Decimal128 = text.parse().expect(text);
        assert_eq!(ours.bytes(), theirs.bytes(), "{text}");
        assert_eq!(ours.to_string(), theirs.to_string(), "{text}");
    }

    #[test]
    fn numbers_are_encoded_as_by_the_bson_crate() {
        for text in
            ["0", "-0", "1", "-1", "12.50", "0.001", "1E+3", "1e-3", "9999999999999999999999999999999999", "0E-6176"]
        {
            agrees(text);
        }
        for text in
            ["Infinity", "-Infinity", "NaN", "1E+6111", "1E-6176", "10E-6177", "0.000001234", "0.0000001234", "1.0E+10"]
        {
            agrees(text);
        }
    }

    #[test]
    fn what_cannot_be_kept_exactly_is_refused() {
        for text in
            ["1E+6145", "1E-6177", "12345678901234567890123456789012345", "1E999999999999999999999", "1E-99999999999"]
        {
            assert_eq!(text.parse::<Decimal128>(), Err(Decimal128Error::Inexact), "{text}");
        }
        for text in ["", "-", ".", "1e", "1e+", "1.2.3", "0x10", "1 ", "--1", "e5"] {
            assert_eq!(text.parse::<Decimal128>(), Err(Decimal128Error::Syntax), "{text}");
        }
        assert_eq!(Decimal128::from_i128(i128::MAX), None);
        assert_eq!(
            "1E+6144".parse::<Decimal128>().map(|it| it.to_string()),
            Ok("1.000000000000000000000000000000000E+6144".into())
        );
    }

    proptest! {
        #[test]
        fn any_number_agrees_with_the_bson_crate(negative: bool, digits in "[0-9]{1,34}", exponent in -6000i32..6000) {
            let sign = if negative { "-" } else { "" };
            agrees(&format!("{sign}{digits}E{exponent}"));
        }

        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in "[-+0-9.eE]{0,50}") {
            if let Ok(ours) = text.parse::<Decimal128>() {
                prop_assert_eq!(ours.to_string().parse::<Decimal128>(), Ok(ours));
            }
        }

        #[test]
        fn any_bits_have_a_text(bits: u128) {
            let ours = Decimal128(bits).to_string();
            prop_assert!(ours.parse::<Decimal128>().is_ok(), "{}", ours);
        }
    }
}
