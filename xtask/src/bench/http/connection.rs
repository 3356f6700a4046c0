//! A client of HTTP/1.1 that costs next to nothing: it is the host that is measured, on the same cores.

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;

/// A connection that stays open between requests.
pub(super) struct Connection {
    stream: BufReader<TcpStream>,
    address: String,
}

impl Connection {
    pub(super) fn open(address: &str) -> Result<Connection> {
        let stream = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream: BufReader::new(stream), address: address.to_owned() })
    }

    /// Sends a request, such as `GET /v1/status`, with a body; answers the JSON that comes back.
    pub(super) fn ask(&mut self, request: &str, body: &[u8]) -> Result<Value> {
        self.head(request, body.len() as u64)?;
        self.stream.get_mut().write_all(body)?;
        self.answer(request)
    }

    /// As [`ask`](Connection::ask); the body is a file, which the kernel copies.
    pub(super) fn send(&mut self, request: &str, file: &mut File) -> Result<Value> {
        let bytes = file.metadata()?.len();
        self.head(request, bytes)?;
        let sent = io::copy(file, self.stream.get_mut());
        let answer = self.answer(request)?;
        ensure!(sent? == bytes, "{request}: the file was not sent whole");
        Ok(answer)
    }

    fn head(&mut self, request: &str, bytes: u64) -> Result<()> {
        let address = &self.address;
        let head = format!("{request} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {bytes}\r\n\r\n");
        Ok(self.stream.get_mut().write_all(head.as_bytes())?)
    }

    fn answer(&mut self, request: &str) -> Result<Value> {
        let (status, length) = self.answer_head()?;
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        ensure!(status == 200, "{request} was answered with {status}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).with_context(|| format!("{request} was answered with something that is no JSON"))
    }

    /// Its status, and how long the body is.
    fn answer_head(&mut self) -> Result<(u16, usize)> {
        let (mut status, mut length) = (None, 0);
        loop {
            let mut line = String::new();
            ensure!(self.stream.read_line(&mut line)? > 0, "the host has closed the connection");
            let line = line.trim_end();
            match line.split_once(": ") {
                _ if line.is_empty() => break,
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.parse()?,
                _ if status.is_none() => status = line.split(' ').nth(1).and_then(|status| status.parse().ok()),
                _ => {}
            }
        }
        Ok((status.context("the answer has no status")?, length))
    }

    /// Opens a stream of events.
    pub(super) fn look(mut self, path: &str) -> Result<Looker> {
        self.head(&format!("GET {path}"), 0)?;
        let (status, _) = self.answer_head()?;
        ensure!(status == 200, "{path} was answered with {status}");
        let came = self.stream.buffer().len();
        let stream = self.stream.into_inner();
        stream.set_nonblocking(true)?;
        Ok(Looker { stream, came })
    }
}

/// Somebody who looks at a page.
pub(super) struct Looker {
    stream: TcpStream,
    /// Bytes of events that have come.
    pub(super) came: usize,
}

impl Looker {
    /// Takes what has come meanwhile.
    pub(super) fn take(&mut self, room: &mut [u8]) -> Result<()> {
        loop {
            match self.stream.read(room) {
                Ok(0) => bail!("the host has ended a stream of events"),
                Ok(read) => self.came += read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}
