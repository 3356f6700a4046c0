//! An S3: a server in Python that speaks its protocol, keeps everything in memory and checks signatures.
//!
//! Looked for in the virtual environment that `cargo xtask servers` makes under `target/`. It lets everybody in until it is
//! told otherwise: meanwhile a user with a key and a bucket are made.

use crate::{Server, ServerError, installed};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::time::Duration;

const REGION: &str = "us-east-1";
const USER: &str = "mysimbdp";
/// The user may do everything with objects and nothing else.
const POLICY: &str = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22s3%3A%2A%22%2C%22Resource%22%3A%22%2A%22%7D%5D%7D";
/// How long it may take to answer.
const ANSWER: Duration = Duration::from_secs(30);

/// An S3 server with one user and one bucket. See [`Server`] for killing it; restarted, it has forgotten everything.
#[derive(Debug)]
pub struct S3 {
    server: Server,
    key: (String, String),
}

impl S3 {
    /// The name of its bucket.
    pub const BUCKET: &'static str = "shared";

    /// Starts one.
    ///
    /// # Errors
    /// It is not installed, or does not start.
    pub fn start() -> Result<S3, ServerError> {
        if !program().is_file() {
            let remedy = "run `cargo xtask servers`, which puts one under target/";
            return Err(ServerError::Missing { program: "S3 (moto_server)", remedy });
        }
        let server = Server::start(&program(), |_, port| {
            ["-H", "127.0.0.1", "-p", &port.to_string()].map(str::to_owned).to_vec()
        })?;
        let mut s3 = S3 { server, key: Default::default() };
        s3.iam(&format!("Action=CreateUser&UserName={USER}"))?;
        let made = s3.iam(&format!("Action=CreateAccessKey&UserName={USER}"))?;
        s3.key = element(&made, "AccessKeyId").zip(element(&made, "SecretAccessKey")).ok_or_else(|| odd(&made))?;
        s3.iam(&format!("Action=PutUserPolicy&UserName={USER}&PolicyName=all&PolicyDocument={POLICY}"))?;
        s3.ask("PUT", &format!("/{}", S3::BUCKET), "s3", "")?;
        // From now on nobody does anything without a signature.
        s3.ask("POST", "/moto-api/reset-auth", "s3", "0")?;
        Ok(s3)
    }

    /// The environment of somebody who may use it.
    pub fn environment(&self) -> Vec<(String, String)> {
        self.environment_with(&self.key.1)
    }

    /// The same, with a secret of your choice.
    pub fn environment_with(&self, secret: &str) -> Vec<(String, String)> {
        let endpoint = format!("http://127.0.0.1:{}", self.server.port());
        let variables = [
            ("AWS_ENDPOINT", endpoint.as_str()),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", &self.key.0),
            ("AWS_SECRET_ACCESS_KEY", secret),
        ];
        variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn iam(&self, action: &str) -> io::Result<String> {
        self.ask("POST", "/", "iam", &format!("{action}&Version=2010-05-08"))
    }

    /// Asks for something, and answers what stands behind the head.
    fn ask(&self, method: &str, path: &str, service: &str, body: &str) -> io::Result<String> {
        let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, self.server.port()))?;
        connection.set_read_timeout(Some(ANSWER))?;
        // Which service is meant stands in the signature, and nowhere else.
        write!(
            connection,
            "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{}\r\nContent-Length: {}\r\n\
             Content-Type: {}\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=none/20260101/{REGION}/{service}/aws4_request, \
             SignedHeaders=host, Signature=none\r\n\r\n{body}",
            self.server.port(),
            body.len(),
            if service == "iam" { "application/x-www-form-urlencoded" } else { "text/plain" },
        )?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| odd(&answer))?;
        if head.split(' ').nth(1) == Some("200") { Ok(body.to_owned()) } else { Err(odd(&answer)) }
    }
}

impl Deref for S3 {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl DerefMut for S3 {
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.server
    }
}

fn program() -> PathBuf {
    installed("s3/bin/moto_server")
}

/// The text of the first XML element of this name.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once('<').map(|(text, _)| text.to_owned())
}

fn odd(answer: &str) -> io::Error {
    io::Error::other(format!("the S3 server answered {answer}"))
}
