//! `socket_cat <file>`: what comes on a connection, into a file: what `cat` does, and no more.
//!
//! Its first line is `{"port": …}`, a free port of this machine alone. One connection is taken: it is read to its end into the
//! file, the file is synced, and a byte goes back. Then it tells how many bytes that were: `{"bytes": …}`.

use anyhow::{Context as _, Result};
use mysimbdp_bench::say;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};

/// Bytes that `cat` reads at a time.
const CHUNK: usize = 128 * 1024;

fn main() -> Result<()> {
    let path = std::env::args_os().nth(1).context("usage: socket_cat <file>")?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    say(&format!("{{\"port\": {}}}", listener.local_addr()?.port()));
    let (mut connection, _) = listener.accept()?;
    let mut file = File::create(&path).context("cannot make the file")?;
    let (mut chunk, mut bytes) = (vec![0; CHUNK], 0);
    loop {
        let read = connection.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        file.write_all(&chunk[..read])?;
        bytes += read;
    }
    file.sync_all()?;
    connection.write_all(b"!")?;
    say(&format!("{{\"bytes\": {bytes}}}"));
    Ok(())
}
