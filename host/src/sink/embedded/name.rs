//! Names of collections: each is the name of a table, so that `select … from orders` finds it.

use std::fmt;

/// A name that a collection may have; parsed once, never checked again.
///
/// ASCII letters, digits, `_`, `-` and `.`, at most [`CollectionName::MAX`], beginning with a letter or digit. Tables of
/// the sink's own begin with `_` and SQLite's with `sqlite_`, so a collection meets neither.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CollectionName(String);

/// A name that a collection cannot have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} cannot be the name of a collection: {reason}")]
pub struct NameError {
    /// The name, cut where it is long.
    pub name: String,
    /// Why, and what would do.
    pub reason: &'static str,
}

impl CollectionName {
    /// Longest name in bytes.
    pub const MAX: usize = 120;

    /// Takes a name if it will do.
    ///
    /// # Errors
    /// It is empty, too long, begins with another character than a letter or digit or with `sqlite_`, or has a
    /// character that is not allowed.
    pub fn parse(name: &str) -> Result<CollectionName, NameError> {
        let refuse = |reason| Err(NameError { name: name.chars().take(CollectionName::MAX).collect(), reason });
        let Some(first) = name.bytes().next() else {
            return refuse("it is empty");
        };
        if name.len() > CollectionName::MAX {
            return refuse("it is longer than 120 bytes");
        }
        if !first.is_ascii_alphanumeric() {
            return refuse("it must begin with a letter or a digit (a to z, A to Z, 0 to 9)");
        }
        if !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')) {
            return refuse("only letters (a to z, A to Z), digits, '_', '-' and '.' may stand in it");
        }
        if name.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("sqlite_")) {
            return refuse("names that begin with sqlite_ are SQLite's own");
        }
        Ok(CollectionName(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as it stands in SQL, quoted.
    pub(super) fn quoted(&self) -> String {
        format!("\"{}\"", self.0)
    }
}

impl fmt::Display for CollectionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_will_do() {
        for name in ["orders", "Trips2024", "a", "2024-06.trips_eu", "sqlite", &"x".repeat(CollectionName::MAX)] {
            assert_eq!(CollectionName::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn a_name_that_could_be_sql_or_a_table_of_the_sinks_own_is_refused_with_the_reason() {
        let too_long = "x".repeat(CollectionName::MAX + 1);
        for (name, reason) in [
            ("", "it is empty"),
            (too_long.as_str(), "longer than 120 bytes"),
            ("_dead_letters", "must begin with a letter or a digit"),
            (".hidden", "must begin with a letter or a digit"),
            ("SQLite_master", "SQLite's own"),
            ("or\"ders", "only letters"),
            ("orders;drop table x", "only letters"),
            ("orders\0", "only letters"),
            ("bestellungën", "only letters"),
        ] {
            let told = CollectionName::parse(name).unwrap_err().to_string();
            assert!(told.contains(reason), "{told}");
            assert!(told.contains("cannot be the name of a collection"), "{told}");
        }
    }
}
