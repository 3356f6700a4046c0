//! What type a field's text looks like.
//!
//! Cautious where a guess would lose something: `007`, `+49`, a number too long for an int64, `NaN` and dates stay text.

use super::csv_record::CsvRow;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// A row as a document with inferred types: see [`CsvRow::infer`].
#[derive(Clone, Copy, Debug)]
pub struct Inferred<'r> {
    row: CsvRow<'r>,
}

impl<'r> Inferred<'r> {
    pub(super) fn new(row: CsvRow<'r>) -> Inferred<'r> {
        Inferred { row }
    }
}

impl Serialize for Inferred<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.row.len()))?;
        for (at, text) in self.row.iter().enumerate() {
            let value = Guess::of(text);
            match self.row.header_of(at) {
                Some(name) => map.serialize_entry(name, &value)?,
                None => map.serialize_entry(&format_args!("column_{}", at + 1), &value)?,
            }
        }
        map.end()
    }
}

/// A field's text as the type it looks like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Guess<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'a str),
}

impl<'a> Guess<'a> {
    pub(super) fn of(text: &'a str) -> Guess<'a> {
        match text {
            "" => return Guess::Null,
            "true" | "True" | "TRUE" => return Guess::Bool(true),
            "false" | "False" | "FALSE" => return Guess::Bool(false),
            _ => {}
        }
        if !looks_like_number(text.as_bytes()) {
            return Guess::Text(text);
        }
        if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
            return text.parse().map_or(Guess::Text(text), Guess::Int);
        }
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Guess::Float(value),
            _ => Guess::Text(text),
        }
    }
}

/// Digits, with a minus before them, a point in them and an exponent behind them; no needless zero in front.
fn looks_like_number(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    match digits {
        [b'0'] => text.len() == 1,
        [b'0', b'.' | b'e' | b'E', ..] | [b'1'..=b'9', ..] => {
            digits.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'))
        }
        _ => false,
    }
}

impl Serialize for Guess<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Guess::Null => serializer.serialize_none(),
            Guess::Bool(value) => serializer.serialize_bool(value),
            Guess::Int(value) => serializer.serialize_i64(value),
            Guess::Float(value) => serializer.serialize_f64(value),
            Guess::Text(text) => serializer.serialize_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_taken_for_what_it_certainly_is() {
        assert_eq!(Guess::of(""), Guess::Null);
        assert_eq!(Guess::of("TRUE"), Guess::Bool(true));
        assert_eq!(Guess::of("0"), Guess::Int(0));
        assert_eq!(Guess::of("-42"), Guess::Int(-42));
        assert_eq!(Guess::of("12.50"), Guess::Float(12.5));
        assert_eq!(Guess::of("-0.5e3"), Guess::Float(-500.0));
    }

    #[test]
    fn what_a_number_would_lose_stays_text() {
        let texts = [
            "007",
            "+49",
            "99999999999999999999",
            "NaN",
            "inf",
            "1e999",
            "1.2.3",
            "2024-05-01",
            "-",
            ".5",
            "-0",
            "0x1f",
        ];
        for text in texts {
            assert_eq!(Guess::of(text), Guess::Text(text), "{text}");
        }
    }
}
