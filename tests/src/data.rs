//! CSV texts for the villains, and the documents that their innocent rows must become.

use serde_json::{Value, json};
use std::collections::BTreeMap;

/// One stream, `acme/obey`, of an app that does what messages say, under a profile that lets everything pass.
pub const OBEY: &str = r#"
[profiles.generous]
messages_per_window = "unlimited"
bytes_per_window = "unlimited"

[tenants.acme]
profile = "generous"

[tenants.acme.streams.obey]
app = "obeys-messages"
"#;

/// A file for the app `villains`: rows `n,deed`, all of them innocent but those that are told otherwise.
#[derive(Clone, Debug)]
pub struct Rows {
    rows: u64,
    deeds: BTreeMap<u64, String>,
}

impl Rows {
    /// So many rows, all innocent; `n` is the row's number.
    pub fn innocent(rows: u64) -> Rows {
        Rows { rows, deeds: BTreeMap::new() }
    }

    /// Row `number` does `deed`.
    #[must_use]
    pub fn with(mut self, number: u64, deed: &str) -> Rows {
        self.deeds.insert(number, deed.to_owned());
        self
    }

    /// The file.
    pub fn csv(&self) -> String {
        let mut text = String::from("n,deed\n");
        for n in 1..=self.rows {
            text.push_str(&self.row(n));
        }
        text
    }

    /// The bytes of a row, line end included.
    pub fn row(&self, number: u64) -> String {
        let deed = self.deeds.get(&number).map_or("none", String::as_str);
        format!("{number},{deed}\n")
    }

    /// Line on which a row starts.
    pub fn line(&self, number: u64) -> u64 {
        number + 1
    }

    /// Offset of a row's first byte.
    pub fn start(&self, number: u64) -> u64 {
        let before: usize = (1..number).map(|n| self.row(n).len()).sum();
        ("n,deed\n".len() + before) as u64
    }

    /// Number of rows.
    pub fn count(&self) -> u64 {
        self.rows
    }

    /// Numbers of the rows that do something else than being ingested.
    pub fn guilty(&self) -> Vec<u64> {
        self.deeds.keys().copied().collect()
    }

    /// What the innocent rows must become, in their order.
    pub fn documents(&self) -> Vec<Value> {
        (1..=self.rows).filter(|n| !self.deeds.contains_key(n)).map(|n| json!({ "n": n })).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_stands_where_it_is_said_to_stand() {
        let rows = Rows::innocent(20).with(7, "panic");
        let csv = rows.csv();
        let start = usize::try_from(rows.start(7)).unwrap();
        assert!(csv[start..].starts_with("7,panic\n"));
        assert_eq!(csv[..start].lines().count() as u64 + 1, rows.line(7));
        assert_eq!(rows.documents().len(), 19);
    }
}
