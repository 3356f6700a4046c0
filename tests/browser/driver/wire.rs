//! WebDriver is JSON over HTTP: one request on one connection, and what it answers.

use serde_json::{Value, json};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

/// A browser may take this long for one thing, however slow the machine.
const ANSWER: Duration = Duration::from_secs(60);

/// Asks a driver. The error is what it says: `no such element: …`.
pub(crate) fn ask(port: u16, method: &str, path: &str, body: Option<&Value>) -> Result<Value, String> {
    let (is_done, said) = exchange(port, method, path, body).map_err(|error| format!("{method} {path}: {error}"))?;
    let value = said["value"].clone();
    if is_done {
        return Ok(value);
    }
    Err(format!("{}: {}", value["error"].as_str().unwrap_or("error"), value["message"].as_str().unwrap_or_default()))
}

/// Whether it was done, and what was said.
fn exchange(port: u16, method: &str, path: &str, body: Option<&Value>) -> io::Result<(bool, Value)> {
    let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    connection.set_read_timeout(Some(ANSWER))?;
    let body = if method == "POST" { body.cloned().unwrap_or_else(|| json!({})).to_string() } else { String::new() };
    write!(
        connection,
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = BufReader::new(connection);
    let mut line = String::new();
    answer.read_line(&mut line)?;
    let is_done = line.split(' ').nth(1) == Some("200");
    // The driver says that it closes the connection, and does not: a browser that it has started holds it open.
    let mut length = 0;
    loop {
        line.clear();
        answer.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            None => break,
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
            Some(_) => {}
        }
    }
    let mut content = vec![0; length];
    answer.read_exact(&mut content)?;
    Ok((is_done, serde_json::from_slice(&content)?))
}
