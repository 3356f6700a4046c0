//! The other end of the control socket: what the command line's commands call.

use super::problem::Problem;
use reqwest::{Body, Method, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// A request was not done. The sentence says why.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody answers on the socket.
    #[error(
        "no mysimbdp answers on {}: start it with `mysimbdp serve`, or name its socket with --socket ({reason})",
        socket.display()
    )]
    NobodyThere {
        /// The socket.
        socket: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// The platform refused.
    #[error("{}", .0.detail)]
    Refused(Problem),
    /// It was cut off, or answered something else.
    #[error("the answer of mysimbdp cannot be read: {0}")]
    Broken(String),
}

impl ClientError {
    /// Asking again may help: the platform cannot do it just now, or its answer was lost.
    pub fn may_pass(&self) -> bool {
        match self {
            ClientError::Refused(problem) => problem.status == 503,
            ClientError::Broken(_) => true,
            ClientError::NobodyThere { .. } => false,
        }
    }
}

/// Talks to one host.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
    http: reqwest::Client,
}

impl Client {
    /// A client of the host behind this socket. Nothing is asked yet.
    ///
    /// # Errors
    /// No client can be made.
    pub fn new(socket: &Path) -> Result<Client, ClientError> {
        crate::tls::ready();
        let http = reqwest::Client::builder().unix_socket(socket).build();
        let http = http.map_err(|error| ClientError::Broken(error.to_string()))?;
        Ok(Client { socket: socket.to_owned(), http })
    }

    /// Asks for something. `path` begins with `/v1/` and may have a query.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn get<T: DeserializeOwned>(&self, path: &str, query: &impl Serialize) -> Result<T, ClientError> {
        self.read(self.request(Method::GET, path).query(&said(query)?)).await
    }

    /// Asks for something to be done.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, ClientError> {
        self.read(self.request(Method::POST, path).json(body)).await
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn post_bytes<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &impl Serialize,
        bytes: Vec<u8>,
    ) -> Result<T, ClientError> {
        self.read(self.request(Method::POST, path).query(&said(query)?).body(bytes)).await
    }

    /// Sends the content of a file.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn put<T: DeserializeOwned>(&self, path: &str, content: Body) -> Result<T, ClientError> {
        self.read(self.request(Method::PUT, path).body(content)).await
    }

    /// Asks for an answer that comes bit by bit.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn stream(&self, path: &str, query: &impl Serialize) -> Result<Response, ClientError> {
        self.send(self.request(Method::GET, path).query(&said(query)?)).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        // The host's name means nothing on a Unix socket, but HTTP wants one.
        self.http.request(method, format!("http://localhost{path}"))
    }

    async fn read<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ClientError> {
        let response = self.send(request).await?;
        let body = response.bytes().await.map_err(|error| ClientError::Broken(words(&error)))?;
        serde_json::from_slice(&body).map_err(|error| ClientError::Broken(error.to_string()))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let response = request.send().await.map_err(|error| match error.is_connect() {
            true => ClientError::NobodyThere { socket: self.socket.clone(), reason: words(&error) },
            false => ClientError::Broken(words(&error)),
        })?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let body = response.bytes().await.map_err(|error| ClientError::Broken(words(&error)))?;
        match serde_json::from_slice(&body) {
            Ok(problem) => Err(ClientError::Refused(problem)),
            Err(_) => Err(ClientError::Broken(format!("it answered {status}"))),
        }
    }
}

/// The fields of a query that say something: `null` is no value of a URL.
fn said(query: &impl Serialize) -> Result<Vec<(String, String)>, ClientError> {
    let value = serde_json::to_value(query).map_err(|error| ClientError::Broken(error.to_string()))?;
    let serde_json::Value::Object(fields) = value else { return Ok(Vec::new()) };
    let text = |value: serde_json::Value| match value {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text),
        other => Some(other.to_string()),
    };
    Ok(fields.into_iter().filter_map(|(name, value)| Some((name, text(value)?))).collect())
}

/// The innermost cause: what the system said.
fn words(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
