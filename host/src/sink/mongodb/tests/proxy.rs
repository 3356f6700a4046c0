//! A proxy that loses the answer to one insert: the server has done it, and nobody hears of it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

/// Where it listens, and how many answers it is still to lose.
pub(super) struct Proxy {
    pub(super) port: u16,
    pub(super) lose: Arc<AtomicU32>,
}

impl Proxy {
    /// Stands before the server on `port`. Its threads end with their connections; the one that listens, with the process.
    pub(super) fn before(port: u16) -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let proxy = Proxy { port: listener.local_addr().unwrap().port(), lose: Arc::default() };
        let lose = Arc::clone(&proxy.lose);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { continue };
                let lose = Arc::clone(&lose);
                thread::spawn(move || serve(client, server, &lose));
            }
        });
        proxy
    }
}

/// Passes messages on in turn: one of the client's, one of the server's. Drivers send no second before the first is
/// answered, but for those that watch a server, and they have connections of their own.
fn serve(mut client: TcpStream, mut server: TcpStream, lose: &AtomicU32) -> Option<()> {
    loop {
        let asked = message(&mut client)?;
        let is_insert = asked.windows(8).take(64).any(|bytes| bytes == b"\x02insert\0");
        server.write_all(&asked).ok()?;
        let mut answer = message(&mut server)?;
        let one_less = |left: u32| left.checked_sub(1);
        if is_insert && lose.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok() {
            let _ = client.shutdown(Shutdown::Both);
            return None;
        }
        client.write_all(&answer).ok()?;
        // One who watches is told again and again without asking: a flag of the message says that more is to come.
        while answer.get(16).is_some_and(|flags| flags & 2 != 0) {
            answer = message(&mut server)?;
            client.write_all(&answer).ok()?;
        }
    }
}

/// One message of MongoDB's protocol: its length stands first.
fn message(from: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length).ok()?;
    let mut message = vec![0; usize::try_from(i32::from_le_bytes(length)).ok()?];
    message[..4].copy_from_slice(&length);
    from.read_exact(&mut message[4..]).ok()?;
    Some(message)
}
