//! `null_sink`: a MongoDB that acknowledges inserts and stores nothing, on a free port of this machine alone.
//!
//! Its first line is `{"port": …}`. It ends when its standard input does, so that it never outlives whoever started it, and
//! then tells how many documents it has acknowledged: `{"documents": …}`.

use anyhow::Result;
use mysimbdp_bench::null_sink::answer::answer;
use mysimbdp_bench::null_sink::wire::{self, HEADER};
use mysimbdp_bench::say;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};

static DOCUMENTS: AtomicU64 = AtomicU64::new(0);

fn main() -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    say(&format!("{{\"port\": {}}}", listener.local_addr()?.port()));
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            // A connection ends when the client ends it; what it sent until then is counted.
            std::thread::spawn(move || serve(connection));
        }
    });
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    say(&format!("{{\"documents\": {}}}", DOCUMENTS.load(Ordering::SeqCst)));
    Ok(())
}

fn serve(mut connection: TcpStream) -> Result<()> {
    connection.set_nodelay(true)?;
    let mut message = vec![0; HEADER];
    loop {
        let mut header = [0; HEADER];
        connection.read_exact(&mut header)?;
        // The room of the longest message so far is kept; only what is longer has to be made.
        let length = wire::length(&header)?;
        if message.len() < length {
            message.resize(length, 0);
        }
        message[..HEADER].copy_from_slice(&header);
        connection.read_exact(&mut message[HEADER..length])?;
        let request = wire::request(&message[..length])?;
        let answer = answer(&request)?;
        DOCUMENTS.fetch_add(answer.stored, Ordering::SeqCst);
        if request.wants_answer {
            connection.write_all(&request.answer(answer.document.as_bytes()))?;
        }
    }
}
