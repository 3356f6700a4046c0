//! One server for all tests of this program, each in a database of its own.
//!
//! What is static is never dropped, so a shell waits for the end of a pipe that this process holds: however it ends, the
//! shell kills the server and removes its data.

use mysimbdp_servers::MongoDb;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

struct Shared {
    server: MongoDb,
    // Its pipe ends with this process.
    _watch: Child,
}

/// Where the server is.
pub(super) fn url() -> String {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(start).server.url()
}

fn start() -> Shared {
    let server = MongoDb::start().unwrap();
    let id = server.id().unwrap().to_string();
    let watch = Command::new("sh")
        .args(["-c", "read end; kill -9 \"$1\"; sleep 1; rm -rf \"$2\"", "sh", &id])
        .arg(server.folder())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Shared { server, _watch: watch }
}
