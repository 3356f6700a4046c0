//! What somebody who changes something has seen of it: nothing is changed that is otherwise. Pure.

use super::registry::{Of, SettleError};

/// What is to be, for a change to be made. Without a word, whatever is there is changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// It is there, in this version where one is named (`If-Match`).
    pub there: Option<Option<u64>>,
    /// It is not there; or where a version is named, not in that one (`If-None-Match`).
    pub not: Option<Option<u64>>,
}

impl Seen {
    /// Whatever is there.
    pub const ANY: Seen = Seen { there: None, not: None };

    /// This version.
    pub fn version(version: u64) -> Seen {
        Seen { there: Some(Some(version)), not: None }
    }

    /// Whether it is so, where one has the version `now`; `None` where it is not there.
    ///
    /// # Errors
    /// It is not.
    pub(super) fn check(self, of: Of<'_>, now: Option<u64>) -> Result<(), SettleError> {
        match (self.there, now) {
            (Some(_), None) => return Err(SettleError::Gone(of.to_string())),
            (Some(Some(seen)), Some(now)) if seen != now => {
                return Err(SettleError::Stale { what: of.to_string(), now, seen });
            }
            _ => {}
        }
        match (self.not, now) {
            (Some(not), Some(now)) if not.is_none_or(|not| not == now) => {
                Err(SettleError::There { what: of.to_string(), now })
            }
            _ => Ok(()),
        }
    }
}
