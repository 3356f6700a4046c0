//! The configuration as it was written: a tree whose every value knows where it stands.
//!
//! The `toml` crate reads on after a mistake, so that all mistakes of syntax are told at once. It bounds the depth of the
//! tree, which makes walking it by recursion safe.

use super::mistake::{Mistake, Place};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The keys of a table.
pub(super) type Entries = BTreeMap<String, Written>;

/// A value and where it stands. A table stands where it is named last.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Written {
    pub(super) place: Place,
    pub(super) value: Value,
}

/// A value. Numbers that are larger than any that is meant are cut to the largest.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Text(String),
    Whole {
        number: i128,
        text: String,
    },
    Fraction {
        number: f64,
        text: String,
    },
    Flag(bool),
    /// A date, a time, or both, as text.
    Moment(String),
    List(Vec<Written>),
    Table(Entries),
    /// What stands in a variable of the environment: read as whatever its key wants.
    Variable(String),
}

impl Value {
    /// The value for a sentence, cut where it is long.
    pub(super) fn shown(&self) -> String {
        const LONGEST: usize = 60;
        match self {
            Value::Text(text) | Value::Variable(text) if text.chars().count() > LONGEST => {
                format!("{:?}…", text.chars().take(LONGEST).collect::<String>())
            }
            Value::Text(text) | Value::Variable(text) => format!("{text:?}"),
            Value::Whole { text, .. } | Value::Fraction { text, .. } | Value::Moment(text) => {
                text.chars().take(LONGEST).collect()
            }
            Value::Flag(flag) => flag.to_string(),
            Value::List(_) => "[…]".to_owned(),
            Value::Table(_) => "{…}".to_owned(),
        }
    }
}

/// Reads a text as TOML: the tree, as far as it can be read, and what is wrong with the syntax.
pub(super) fn read(file: &Arc<str>, text: &str) -> (Entries, Vec<Mistake>) {
    let (document, errors) = DeTable::parse_recoverable(text);
    let lines = Lines::of(file, text);
    let mistake = |error: &toml::de::Error| {
        let place = error.span().map_or_else(|| Place::File(Arc::clone(file)), |span| lines.place(&span));
        Mistake { place, sentence: format!("not TOML: {}", error.message()) }
    };
    let mut mistakes: Vec<Mistake> = errors.iter().map(mistake).collect();
    mistakes.dedup();
    (lines.entries(document.get_ref()), mistakes)
}

/// Where the lines of a file begin.
struct Lines<'t> {
    file: &'t Arc<str>,
    ends: Vec<usize>,
}

impl Lines<'_> {
    fn of<'t>(file: &'t Arc<str>, text: &str) -> Lines<'t> {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect();
        Lines { file, ends }
    }

    fn place(&self, span: &Range<usize>) -> Place {
        Place::Line(Arc::clone(self.file), self.ends.partition_point(|end| *end < span.start) + 1)
    }

    fn entries(&self, table: &DeTable<'_>) -> Entries {
        let entry = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
            let key: &Spanned<std::borrow::Cow<'_, str>> = key;
            let written = Written { place: self.place(&key.span()), value: self.value(value.get_ref()) };
            (key.get_ref().to_string(), written)
        };
        table.iter().map(entry).collect()
    }

    fn value(&self, value: &DeValue<'_>) -> Value {
        match value {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Integer(integer) => {
                let digits = integer.as_str();
                let largest = if digits.starts_with('-') { i128::MIN } else { i128::MAX };
                let number = i128::from_str_radix(digits, integer.radix()).unwrap_or(largest);
                Value::Whole { number, text: integer.to_string() }
            }
            DeValue::Float(float) => {
                let text = float.as_str().to_owned();
                Value::Fraction { number: text.parse().unwrap_or(f64::NAN), text }
            }
            DeValue::Boolean(flag) => Value::Flag(*flag),
            DeValue::Datetime(moment) => Value::Moment(moment.to_string()),
            DeValue::Array(items) => {
                let item = |item: &Spanned<DeValue<'_>>| Written {
                    place: self.place(&item.span()),
                    value: self.value(item.get_ref()),
                };
                Value::List(items.iter().map(item).collect())
            }
            DeValue::Table(table) => Value::Table(self.entries(table)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Entries, Vec<String>) {
        let (entries, mistakes) = super::read(&Arc::from("f"), text);
        (entries, mistakes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_key_knows_its_line() {
        let (entries, mistakes) = read("\u{feff}a = 1\r\n\n[b.c]\nd = [\n  2,\n]\n[e]\n");
        assert_eq!(mistakes, Vec::<String>::new());
        let line = |written: &Written| match &written.place {
            Place::Line(_, line) => *line,
            place => panic!("{place}"),
        };
        let table = |written: &Written| match &written.value {
            Value::Table(entries) => entries.clone(),
            value => panic!("{value:?}"),
        };
        assert_eq!([line(&entries["a"]), line(&entries["b"]), line(&entries["e"])], [1, 3, 7]);
        let list = &table(&table(&entries["b"])["c"])["d"];
        let Value::List(items) = &list.value else { panic!("{list:?}") };
        assert_eq!([line(list), line(&items[0])], [4, 5]);
    }

    #[test]
    fn all_mistakes_of_syntax_are_told_with_their_lines() {
        let (_, mistakes) = read("slots = 1\nslots = 2\nlease = 5s\n[tenants\n");
        assert_eq!(
            mistakes,
            [
                "f:4: not TOML: unclosed table, expected `]`",
                "f:2: not TOML: duplicate key",
                "f:3: not TOML: string values must be quoted, expected literal string",
            ]
        );
    }

    #[test]
    fn numbers_beyond_all_bounds_are_cut_and_shown_as_they_are() {
        let (entries, _) = read(&format!("a = {}\nb = -{}\nc = 0xff", "9".repeat(50), "9".repeat(50)));
        assert!(matches!(entries["a"].value, Value::Whole { number: i128::MAX, .. }));
        assert!(matches!(entries["b"].value, Value::Whole { number: i128::MIN, .. }));
        assert!(matches!(entries["c"].value, Value::Whole { number: 255, .. }));
        assert_eq!(entries["c"].value.shown(), "0xff");
        assert_eq!(Value::Text("é".repeat(61)).shown(), format!("\"{}\"…", "é".repeat(60)));
    }
}
