//! Which keys of profiles and tenants somebody has written: what is settled while the host runs is laid over those, and what
//! nobody has written follows its profile, whatever that says later.

use super::written::{Entries, Value, Written};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// The keys below a table. All are equal: two configurations that mean the same are the same, however much of it is written.
#[derive(Clone, Debug)]
pub enum Keys {
    /// A value, with whatever is in it.
    All,
    /// A table.
    Of(BTreeMap<String, Keys>),
}

impl Default for Keys {
    fn default() -> Keys {
        Keys::Of(BTreeMap::new())
    }
}

impl PartialEq for Keys {
    fn eq(&self, _: &Keys) -> bool {
        true
    }
}

impl Keys {
    /// Those of a tree.
    pub(super) fn of(entries: &Entries) -> Keys {
        let below = |written: &Written| match &written.value {
            Value::Table(entries) => Keys::of(entries),
            _ => Keys::All,
        };
        Keys::Of(entries.iter().map(|(name, written)| (name.clone(), below(written))).collect())
    }

    /// What stands below one of them; `None` where it is not written.
    pub(super) fn below(&self, key: &str) -> Option<&Keys> {
        match self {
            Keys::All => Some(&Keys::All),
            Keys::Of(keys) => keys.get(key),
        }
    }

    /// What is written of a document in which everything stands.
    pub(super) fn of_document(&self, document: Json) -> Json {
        match (self, document) {
            (Keys::Of(_), Json::Object(fields)) => {
                let field = |(name, value): (String, Json)| {
                    let keys = self.below(&name)?;
                    Some((name, keys.of_document(value)))
                };
                fields.into_iter().filter_map(field).collect::<Map<_, _>>().into()
            }
            (_, document) => document,
        }
    }
}
