//! What a worker writes to its standard output and error: drained so that it never blocks the app, kept up to a cap.

use super::words::one_line;
use std::collections::VecDeque;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::task::JoinHandle;

/// Bytes of each stream that are kept: the last ones, which tell why something died.
pub const KEPT: usize = 16 * 1024;

/// The tail of one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tail {
    /// The last [`KEPT`] bytes.
    pub bytes: Vec<u8>,
    /// How many there were in all.
    pub total: u64,
}

impl Tail {
    /// The tail as text, without what is not UTF-8 and without blanks at its ends.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).trim().to_owned()
    }

    /// Its last line that is not empty, fit to be shown.
    pub fn last_line(&self) -> Option<String> {
        self.text().lines().last().map(|line| one_line(line).into_owned())
    }
}

/// Drains `stream` to its end in a task of its own.
pub(crate) fn drain(mut stream: impl AsyncRead + Unpin + Send + 'static) -> JoinHandle<Tail> {
    tokio::spawn(async move {
        let mut kept: VecDeque<u8> = VecDeque::new();
        let mut total = 0;
        let mut chunk = vec![0; KEPT];
        while let Ok(read) = stream.read(&mut chunk).await {
            if read == 0 {
                break;
            }
            total += read as u64;
            kept.extend(&chunk[..read]);
            let excess = kept.len().saturating_sub(KEPT);
            kept.drain(..excess);
        }
        Tail { bytes: kept.into(), total }
    })
}
