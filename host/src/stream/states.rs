//! Which streams shall run: `streams.json` in the data directory, written anew with each change and renamed into place.
//!
//! A stream that is not in it does what the configuration says (`enabled`). What somebody or a limit has stopped stays stopped
//! over a restart, with the reason.

use crate::broker::StreamKey;
use crate::tenant::{StreamName, TenantId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Whether a stream runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It has consumers.
    Started,
    /// It has none; its queue stays, and messages wait in it.
    Stopped,
    /// As stopped, because a limit was broken.
    Paused,
    /// Its queue is gone, because a limit was broken: what is published for it is refused.
    Deleted,
}

impl State {
    /// Its name, as it is written.
    pub fn name(self) -> &'static str {
        match self {
            State::Started => "started",
            State::Stopped => "stopped",
            State::Paused => "paused",
            State::Deleted => "deleted",
        }
    }
}

/// What was said of a stream last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// What it shall be.
    pub state: State,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

/// See the module.
#[derive(Debug)]
pub(super) struct States {
    path: PathBuf,
    said: BTreeMap<TenantId, BTreeMap<StreamName, Said>>,
}

impl States {
    /// Reads the file, if there is one.
    pub(super) fn open(path: &Path) -> io::Result<States> {
        let said = match std::fs::read(path) {
            Ok(text) => serde_json::from_slice(&text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error),
        };
        Ok(States { path: path.to_owned(), said })
    }

    /// What was said of a stream.
    pub(super) fn of(&self, key: &StreamKey) -> Option<&Said> {
        self.said.get(&key.tenant)?.get(&key.stream)
    }

    /// Keeps what is said of a stream now, durably.
    pub(super) fn keep(&mut self, key: &StreamKey, said: Said) -> io::Result<()> {
        let mut all = self.said.clone();
        all.entry(key.tenant.clone()).or_default().insert(key.stream.clone(), said);
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer_pretty(&mut file, &all)?;
        file.flush()?;
        file.as_file().sync_all()?;
        file.persist(&self.path).map_err(|error| error.error)?;
        std::fs::File::open(folder)?.sync_all()?;
        self.said = all;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_last_is_there_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("streams.json");
        let key = StreamKey { tenant: "acme".parse().unwrap(), stream: "clicks".parse().unwrap() };
        let mut states = States::open(&path).unwrap();
        assert_eq!(states.of(&key), None);
        for state in [State::Started, State::Paused] {
            let said = Said { state, reason: "why".into(), since: Timestamp::UNIX_EPOCH };
            states.keep(&key, said.clone()).unwrap();
            assert_eq!(States::open(&path).unwrap().of(&key), Some(&said));
        }
        std::fs::write(&path, "{").unwrap();
        assert!(States::open(&path).is_err());
    }
}
