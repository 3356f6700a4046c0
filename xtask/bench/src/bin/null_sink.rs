//! `null_sink [field]`: a MongoDB that acknowledges inserts and stores nothing, on a free port of this machine alone.
//!
//! Its first line is `{"port": …}`. A line `until <n>` on its standard input is answered when `n` more documents have come since
//! it was asked the last time: with how many, from when to when, and how long they were on their way ([`Arrivals::tell`]).
//! The latter where it is told the `field` of a document in which the time is at which its message was sent. A document has
//! arrived when all of the insert is read that it came with.
//!
//! It ends when its standard input does, so that it never outlives whoever started it, and then tells how many documents it has
//! acknowledged in all: `{"documents": …}`.

use anyhow::{Context as _, Result};
use mysimbdp_bench::clock::monotonic_nanos;
use mysimbdp_bench::null_sink::answer::answer;
use mysimbdp_bench::null_sink::arrivals::Arrivals;
use mysimbdp_bench::null_sink::wire::{self, HEADER, Request};
use mysimbdp_bench::say;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Condvar, Mutex, PoisonError};

/// What has come, of all connections.
#[derive(Default)]
struct Book {
    /// Ever.
    documents: u64,
    /// Since somebody asked.
    arrivals: Arrivals,
    /// How many of the latter somebody waits for.
    wanted: u64,
}

static BOOK: Mutex<Option<Book>> = Mutex::new(None);
static ENOUGH: Condvar = Condvar::new();

fn main() -> Result<()> {
    let field = std::env::args().nth(1);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    say(&format!("{{\"port\": {}}}", listener.local_addr()?.port()));
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let field = field.clone();
            // A connection ends when the client ends it; what it sent until then is counted.
            std::thread::spawn(move || serve(connection, field.as_deref()));
        }
    });
    for line in std::io::stdin().lines() {
        let line = line?;
        let wanted = line.strip_prefix("until ").with_context(|| format!("what is {line:?}?"))?.parse()?;
        say(&until(wanted).to_string());
    }
    // Nobody may be there any more to read it.
    let _ = writeln!(std::io::stdout(), "{{\"documents\": {}}}", with_book(|book| book.documents));
    Ok(())
}

/// Waits for so many documents.
fn until(wanted: u64) -> String {
    let mut book = BOOK.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let has = book.get_or_insert_default();
        has.wanted = wanted;
        if has.arrivals.documents() >= wanted {
            return has.arrivals.tell();
        }
        book = ENOUGH.wait(book).unwrap_or_else(PoisonError::into_inner);
    }
}

fn with_book<T>(work: impl FnOnce(&mut Book) -> T) -> T {
    work(BOOK.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default())
}

fn serve(mut connection: TcpStream, field: Option<&str>) -> Result<()> {
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
        let now = monotonic_nanos();
        let request = wire::request(&message[..length])?;
        let answer = answer(&request)?;
        if answer.stored > 0 {
            with_book(|book| note(book, now, answer.stored, &request, field))?;
        }
        if request.wants_answer {
            connection.write_all(&request.answer(answer.document.as_bytes()))?;
        }
    }
}

fn note(book: &mut Book, now: i64, stored: u64, request: &Request<'_>, field: Option<&str>) -> Result<()> {
    book.documents += stored;
    book.arrivals.arrived(now, stored);
    if let Some(field) = field {
        request.each_document(|document| {
            let then = bson::RawDocument::from_bytes(document).map(|document| document.get_i64(field));
            if let Ok(Ok(then)) = then {
                book.arrivals.sent(now, then);
            }
        })?;
    }
    if book.wanted > 0 && book.arrivals.documents() >= book.wanted {
        book.wanted = 0;
        ENOUGH.notify_all();
    }
    Ok(())
}
