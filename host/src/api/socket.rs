//! The Unix socket: made with its mode before anybody can connect, removed at the end, and served until then.

use super::guard::{Door, Way};
use super::routes;
use super::served::Served;
use crate::config::Api;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tokio::net::UnixListener;

/// Longest path that a Unix socket can have (the kernel's `sun_path`, less its closing zero).
const MAX_PATH: usize = 107;

/// The control socket cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// The kernel has no room for its path.
    #[error(
        "the control socket {} has a path of {length} bytes, where a Unix socket may have {MAX_PATH}: use a data directory \
         with a shorter path",
        path.display()
    )]
    TooLong {
        /// Its path.
        path: PathBuf,
        /// How long that is.
        length: usize,
    },
    /// The system said no.
    #[error("the control socket {} cannot be made: {source}", path.display())]
    Io {
        /// Its path.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// An open control socket.
#[derive(Debug)]
pub struct ControlSocket {
    path: PathBuf,
    listener: UnixListener,
}

impl ControlSocket {
    /// Opens it. Whoever calls this holds the lock of the data directory, so a file that is there is a dead host's.
    ///
    /// # Errors
    /// See [`SocketError`].
    pub fn open(path: &Path) -> Result<ControlSocket, SocketError> {
        let length = path.as_os_str().len();
        if length > MAX_PATH {
            return Err(SocketError::TooLong { path: path.to_owned(), length });
        }
        let failed = |source| SocketError::Io { path: path.to_owned(), source };
        // Bound under another name, so that nobody connects before its mode is right, and a client finds the old or the new.
        let fresh = path.with_extension("new");
        for old in [&fresh, &path.to_owned()] {
            match fs::remove_file(old) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
                _ => {}
            }
        }
        let listener = UnixListener::bind(&fresh).map_err(failed)?;
        fs::set_permissions(&fresh, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        fs::rename(&fresh, path).map_err(failed)?;
        Ok(ControlSocket { path: path.to_owned(), listener })
    }

    /// Answers requests until the routes are to stop; those under way are finished.
    pub async fn serve(self, served: Served) {
        let stop = served.stop.clone();
        let unlimited = Api { requests: u64::MAX, connections: usize::MAX, ..Api::default() };
        let router = routes::router(Door::new(served.clone(), Way::ControlSocket, &unlimited), served);
        let ControlSocket { path, listener } = self;
        let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await;
        if let Err(error) = served {
            tracing::error!(%error, "the control socket cannot be served any more");
        }
        // Where it is gone already, that is what is wanted.
        let _ = fs::remove_file(path);
    }
}
