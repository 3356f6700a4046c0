//! Which streams shall run: `streams.json` in the data directory, written anew with each change and renamed into place.
//!
//! A stream that is not in it does what the configuration says (`enabled`). What somebody or a limit has stopped stays stopped
//! over a restart, with the reason. That a stream is deleted is kept first, and its queue goes then: until it is known to be gone
//! that is kept as well, so that a kill in between, or a broker that could not, leaves no queue that goes on taking messages.

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
    /// It was deleted, and its queue is not known to be gone: whoever comes next deletes it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub queue_goes: bool,
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

    /// Streams that were deleted, and whose queues are not known to be gone.
    pub(super) fn going(&self) -> Vec<StreamKey> {
        let key = |tenant: &TenantId, stream: &StreamName| StreamKey { tenant: tenant.clone(), stream: stream.clone() };
        let all = self.said.iter().flat_map(|(tenant, own)| own.iter().map(move |(stream, said)| (tenant, stream, said)));
        all.filter(|(.., said)| said.queue_goes).map(|(tenant, stream, _)| key(tenant, stream)).collect()
    }

    /// The queue of a stream goes no more: it is gone, or it is to stay.
    pub(super) fn settle(&mut self, key: &StreamKey) -> io::Result<()> {
        match self.of(key).filter(|said| said.queue_goes).cloned() {
            Some(said) => self.keep(key, Said { queue_goes: false, ..said }),
            None => Ok(()),
        }
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
            let said = Said { state, reason: "why".into(), since: Timestamp::UNIX_EPOCH, queue_goes: false };
            states.keep(&key, said.clone()).unwrap();
            assert_eq!(States::open(&path).unwrap().of(&key), Some(&said));
        }
        assert_eq!(states.going(), []);
        let deleted =
            Said { state: State::Deleted, reason: "why".into(), since: Timestamp::UNIX_EPOCH, queue_goes: true };
        states.keep(&key, deleted.clone()).unwrap();
        let mut states = States::open(&path).unwrap();
        assert_eq!(states.going(), [key.clone()]);
        states.settle(&key).unwrap();
        let states = States::open(&path).unwrap();
        assert_eq!((states.going(), states.of(&key)), (vec![], Some(&Said { queue_goes: false, ..deleted })));
        std::fs::write(&path, "{").unwrap();
        assert!(States::open(&path).is_err());
    }
}
