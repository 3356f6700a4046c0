//! A file that comes in by an upload, whichever: its name, its size, and the room that its tenant has left.

use super::Platform;
use super::error::ActionError;
use crate::quota::check::no_room;
use crate::staging::files::{FileStoreError, Terms};
use crate::task::{BatchId, StoredFile};
use crate::tenant::{AppName, TenantId};
use crate::worker::words::short_line;
use std::ffi::OsStr;
use tokio::io::AsyncRead;

/// A file that comes in.
pub(super) struct Incoming<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) app: &'a AppName,
    pub(super) batch: BatchId,
    /// Its place in the batch.
    pub(super) index: usize,
    pub(super) name: &'a str,
}

impl Platform {
    /// Takes a file in, on these terms and while its tenant has room: what comes at the same time counts, too. A file that finds
    /// no room is written down as refused.
    ///
    /// # Errors
    /// It breaks the terms, there is no room, or it does not come whole. Nothing of it is kept then.
    pub(super) async fn take_in(
        &self,
        incoming: &Incoming<'_>,
        terms: Terms<'_>,
        content: impl AsyncRead + Unpin + Send,
    ) -> Result<StoredFile, ActionError> {
        let Incoming { tenant, app, batch, index, name } = *incoming;
        let limits = self.active(tenant)?.app(app).limits;
        let sunk = self.sinks().stored_bytes(tenant);
        let terms = Terms { room: limits.storage_bytes.saturating_sub(sunk), ..terms };
        let place = u32::try_from(index).unwrap_or(u32::MAX);
        let received = self.batches.parts.files.receive(tenant, batch, place, OsStr::new(name), content, terms).await;
        match received {
            Ok(stored) => Ok(stored),
            Err(FileStoreError::NoRoom { kept, more, .. }) => {
                let error = no_room(tenant, &limits, sunk.saturating_add(kept), more).into();
                self.batches.refused(tenant, app.as_str(), vec![name.to_owned()], &error).await;
                Err(error)
            }
            Err(FileStoreError::Io { source, doing: "received", .. }) if is_the_senders(source.kind()) => {
                Err(not_whole(name, &source))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// A file whose sender broke off.
pub(super) fn not_whole(name: &str, why: &std::io::Error) -> ActionError {
    let sentence = format!("{} did not come whole ({why}): send it again", short_line(name, 100));
    match why.kind() {
        std::io::ErrorKind::TimedOut => ActionError::too_slow(sentence),
        _ => ActionError::invalid("cut_off", sentence),
    }
}

/// A name without a directory, that a file can have.
pub(super) fn file_name(name: &str) -> Result<&str, ActionError> {
    let is_path = name.contains(['/', '\\', '\0']) || matches!(name, "" | "." | "..");
    match is_path || name.len() > 255 {
        true => {
            let shown = short_line(name, 100);
            let sentence = format!("{shown:?} is not the name of a file: 1 to 255 bytes, without a directory");
            Err(ActionError::invalid("bad_name", sentence))
        }
        false => Ok(name),
    }
}

/// Whether it is the sender who broke off.
fn is_the_senders(kind: std::io::ErrorKind) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, Other, TimedOut, UnexpectedEof};
    matches!(kind, Other | TimedOut | UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_directory_is_none() {
        for name in ["", ".", "..", "a/b", "/etc/passwd", "a\\b", "a\0b", &"x".repeat(256)] {
            assert_eq!(file_name(name).unwrap_err().code, "bad_name", "{name:?}");
        }
        for name in ["a.csv", "..a", "Zoë.csv", "a b.csv", "%2e%2e"] {
            assert_eq!(file_name(name).unwrap(), name);
        }
    }
}
