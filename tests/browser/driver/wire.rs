//! WebDriver is JSON over HTTP: one request on one connection, and what it answers.

use serde_json::{Value, json};
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

/// A browser may take this long for one thing, however slow the machine.
const ANSWER: Duration = Duration::from_secs(60);

/// Asks a driver. The error is what it says: `no such element: …`.
pub(crate) fn ask(port: u16, method: &str, path: &str, body: Option<&Value>) -> Result<Value, String> {
    let answer = exchange(port, method, path, body).map_err(|error| format!("{method} {path}: {error}"))?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| format!("{method} {path}: answered {answer:?}"))?;
    let said: Value = serde_json::from_str(body).map_err(|error| format!("{method} {path}: {error}: {body}"))?;
    let value = said["value"].clone();
    if head.split(' ').nth(1) == Some("200") {
        return Ok(value);
    }
    Err(format!("{}: {}", value["error"].as_str().unwrap_or("error"), value["message"].as_str().unwrap_or_default()))
}

fn exchange(port: u16, method: &str, path: &str, body: Option<&Value>) -> io::Result<String> {
    let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    connection.set_read_timeout(Some(ANSWER))?;
    let body = body.cloned().unwrap_or_else(|| json!({})).to_string();
    let body = if method == "POST" { body } else { String::new() };
    write!(
        connection,
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer)?;
    String::from_utf8(answer).map_err(io::Error::other)
}
