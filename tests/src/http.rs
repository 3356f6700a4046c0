//! HTTP as a test needs it: a request is sent as it is written, whatever is wrong with it, and the answer is read whole.

use crate::daemon::{Daemon, PATIENCE};
use serde_json::Value;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};

/// Where a daemon serves HTTP, and with which token it is asked.
#[derive(Clone, Debug)]
pub struct Http {
    /// `127.0.0.1:port`.
    pub address: String,
    token: Option<String>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Its headers; the names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Http {
    /// Of this daemon, without a token.
    ///
    /// # Panics
    /// Where it serves none.
    pub fn of(daemon: &Daemon) -> Http {
        let status = daemon.ask(&["status"], &[0]);
        let address = status["http"].as_str().and_then(|address| address.strip_prefix("http://"));
        let address = address.unwrap_or_else(|| panic!("no HTTP is served: {status}"));
        Http { address: address.to_owned(), token: None }
    }

    /// The same, with a token.
    #[must_use]
    pub fn with(&self, token: &str) -> Http {
        Http { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The same token, at a daemon that was started anew.
    ///
    /// # Panics
    /// Where it serves no HTTP.
    #[must_use]
    pub fn at(&self, daemon: &Daemon) -> Http {
        Http { token: self.token.clone(), ..Http::of(daemon) }
    }

    /// Asks for something.
    pub fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], b"")
    }

    /// Has something done; the body is JSON.
    pub fn post(&self, path: &str, body: &Value) -> Reply {
        self.send("POST", path, &[("content-type", "application/json")], body.to_string().as_bytes())
    }

    /// Sends a request.
    ///
    /// # Panics
    /// Where no answer comes.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let mut head = self.head(method, path, headers);
        head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        self.raw(&[head.as_bytes(), body].concat())
    }

    /// The head of a request, without its length and its end.
    pub fn head(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> String {
        let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            head.push_str(&format!("host: {}\r\n", self.address));
        }
        if let Some(token) = &self.token {
            head.push_str(&format!("authorization: Bearer {token}\r\n"));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head
    }

    /// A connection.
    ///
    /// # Panics
    /// Where there is none to be had.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap_or_else(|error| panic!("{}: {error}", self.address));
        stream.set_read_timeout(Some(PATIENCE)).unwrap_or_else(|error| panic!("{error}"));
        stream
    }

    /// Sends bytes as they are, and reads the answer.
    ///
    /// # Panics
    /// Where none comes.
    pub fn raw(&self, bytes: &[u8]) -> Reply {
        let mut stream = self.connect();
        // A server that has answered already may read no more.
        let _sent = stream.write_all(bytes);
        Reply::read(&mut stream)
    }

    /// Sends bytes and nothing more, and reads the answer.
    ///
    /// # Panics
    /// Where none comes.
    pub fn cut(&self, bytes: &[u8]) -> Option<Reply> {
        let mut stream = self.connect();
        stream.write_all(bytes).ok()?;
        stream.shutdown(Shutdown::Write).ok()?;
        Reply::try_read(&mut stream).ok()
    }
}

impl Reply {
    /// Reads an answer to its end.
    ///
    /// # Panics
    /// Where it is none.
    pub fn read(stream: &mut TcpStream) -> Reply {
        Reply::try_read(stream).unwrap_or_else(|error| panic!("no answer: {error}"))
    }

    /// Reads an answer to its end.
    ///
    /// # Errors
    /// It is none.
    pub fn try_read(stream: &mut TcpStream) -> io::Result<Reply> {
        let mut bytes = Vec::new();
        match stream.read_to_end(&mut bytes) {
            // What came before the connection was reset is an answer, if it is whole.
            Err(_) if !bytes.is_empty() => {}
            read => {
                read?;
            }
        }
        Reply::parse(&bytes).ok_or_else(|| io::Error::other(format!("{:?}", String::from_utf8_lossy(&bytes))))
    }

    fn parse(bytes: &[u8]) -> Option<Reply> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&bytes[..end]).ok()?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        let headers: Vec<_> = lines.filter_map(header).collect();
        let is_chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
        let rest = &bytes[end + 4..];
        let body = if is_chunked { joined(rest)? } else { rest.to_vec() };
        Some(Reply { status, headers, body })
    }

    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// Where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()))
    }

    /// The body as JSON, of an answer that must have succeeded.
    ///
    /// # Panics
    /// Where it has not.
    pub fn good(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()
    }

    /// The code of the problem that it must be.
    ///
    /// # Panics
    /// Where it is none.
    pub fn problem(&self) -> String {
        assert!(self.status >= 400, "no problem: {} {}", self.status, self.text());
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{} {}", self.status, self.text());
        let problem = self.json();
        assert_eq!(problem["status"], self.status, "{problem}");
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert!(!detail.is_empty() && problem["request_id"].is_string(), "{problem}");
        problem["code"].as_str().unwrap_or_else(|| panic!("{problem}")).to_owned()
    }
}

/// The chunks of a body in one piece; as far as they came.
fn joined(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while !rest.is_empty() {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?, 16).ok()?;
        rest = &rest[end + 2..];
        let chunk = rest.get(..length)?;
        body.extend_from_slice(chunk);
        rest = rest.get(length + 2..)?;
    }
    Some(body)
}
