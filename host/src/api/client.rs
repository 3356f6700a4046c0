//! The other end: what the command line's commands call, over the control socket or over HTTP with a token.

use super::pages;
use super::problem::Problem;
use reqwest::header::{CONTENT_TYPE, IF_NONE_MATCH};
use reqwest::{Body, Method, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// A request was not done. The sentence says why.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody answers there.
    #[error(
        "no mysimbdp answers on {host}: start it with `mysimbdp serve`, or name its socket with --socket or its address with \
         --server ({reason})"
    )]
    NobodyThere {
        /// The socket, or the address.
        host: String,
        /// The system's words.
        reason: String,
    },
    /// The platform refused.
    #[error("{}", .0.detail)]
    Refused(Problem),
    /// What was said of the host will not do.
    #[error("{0}")]
    Wrong(String),
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
            ClientError::NobodyThere { .. } | ClientError::Wrong(_) => false,
        }
    }
}

/// Talks to one host.
#[derive(Clone, Debug)]
pub struct Client {
    /// For people.
    host: String,
    /// What paths are put behind.
    base: String,
    token: Option<String>,
    http: reqwest::Client,
}

/// A host that is reached over HTTP.
#[derive(Clone, Debug)]
pub struct Server {
    /// `http://host:port` or `https://host:port`.
    pub url: String,
    /// The token, where one is needed.
    pub token: Option<String>,
    /// PEM file of the authorities to trust instead of the system's.
    pub ca: Option<PathBuf>,
}

impl Client {
    /// A client of the host behind this socket. Nothing is asked yet.
    ///
    /// # Errors
    /// No client can be made.
    pub fn new(socket: &Path) -> Result<Client, ClientError> {
        crate::tls::ready();
        // Nobody is to be trusted by certificate; the system's, which would be read otherwise, are many.
        let http = reqwest::Client::builder().unix_socket(socket).tls_certs_only([]).build();
        let http = http.map_err(|error| ClientError::Broken(error.to_string()))?;
        // The host's name means nothing on a Unix socket, but HTTP wants one.
        Ok(Client { host: socket.display().to_string(), base: "http://localhost".to_owned(), token: None, http })
    }

    /// A client of a host that is reached over HTTP. Nothing is asked yet.
    ///
    /// # Errors
    /// The address or the authorities will not do, or a token would go over the network in the clear.
    pub fn of(server: Server) -> Result<Client, ClientError> {
        crate::tls::ready();
        let Server { url, token, ca } = server;
        let wrong =
            |why: &str| ClientError::Wrong(format!("--server {url:?} {why}, such as https://ingest.example:7373"));
        let address = url::Url::parse(&url).map_err(|_| wrong("is not the address of a host"))?;
        let is_local = match address.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => return Err(wrong("names no host")),
        };
        match address.scheme() {
            "https" => {}
            "http" if is_local || token.is_none() => {}
            "http" => return Err(wrong("would send the token in the clear: use https")),
            _ => return Err(wrong("is neither http nor https")),
        }
        let mut http = reqwest::Client::builder().https_only(address.scheme() == "https");
        if let Some(ca) = &ca {
            let unread = |why: String| ClientError::Wrong(format!("--ca {}: {why}", ca.display()));
            let pem = std::fs::read(ca).map_err(|error| unread(error.to_string()))?;
            let all = reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| unread(words(&error)))?;
            http = http.tls_certs_only(all);
        }
        let http = http.build().map_err(|error| ClientError::Broken(words(&error)))?;
        let base = url.trim_end_matches('/').to_owned();
        Ok(Client { host: url, base, token, http })
    }

    /// Asks for something. `path` begins with `/v1/` and may have a query.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn get<T: DeserializeOwned>(&self, path: &str, query: &impl Serialize) -> Result<T, ClientError> {
        self.read(self.request(Method::GET, path).query(&said(query)?)).await
    }

    /// Asks for the whole of a list, page by page.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn all<T: DeserializeOwned>(&self, path: &str, query: &impl Serialize) -> Result<Vec<T>, ClientError> {
        let mut page = self.request(Method::GET, path).query(&said(query)?).query(&[("limit", pages::MOST)]);
        let mut all = Vec::new();
        loop {
            let (mut some, next) = self.page(page).await?;
            all.append(&mut some);
            match next {
                Some(next) => page = next,
                None => return Ok(all),
            }
        }
    }

    /// Asks for the last `limit` of a list whose last page comes first, each page in order.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn last<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &impl Serialize,
        limit: usize,
    ) -> Result<Vec<T>, ClientError> {
        let mut page = self.request(Method::GET, path).query(&said(query)?).query(&[("limit", limit)]);
        let mut last: Vec<T> = Vec::new();
        loop {
            let (mut before, next) = self.page(page).await?;
            before.append(&mut last);
            last = before;
            match next {
                Some(next) if last.len() < limit => page = next,
                _ => return Ok(last.split_off(last.len().saturating_sub(limit))),
            }
        }
    }

    async fn page<T: DeserializeOwned>(
        &self,
        page: RequestBuilder,
    ) -> Result<(Vec<T>, Option<RequestBuilder>), ClientError> {
        let response = self.send(page).await?;
        let next = pages::next_page(response.headers()).map(|next| self.request(Method::GET, next));
        Ok((read(response).await?, next))
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

    /// Sends the content of a file, or of a message, with its content type.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn post_content<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &impl Serialize,
        content_type: Option<&str>,
        content: Body,
    ) -> Result<T, ClientError> {
        let request = self.request(Method::POST, path).query(&said(query)?).body(content);
        self.read(match content_type {
            Some(content_type) => request.header(CONTENT_TYPE, content_type),
            None => request,
        })
        .await
    }

    /// Asks for something to go.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.read(self.request(Method::DELETE, path)).await
    }

    /// Changes what is settled somewhere, or settles it where nothing is: whoever is faster is not overwritten. `patch` is a JSON
    /// merge patch.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn settle<T: DeserializeOwned>(&self, path: &str, patch: &impl Serialize) -> Result<T, ClientError> {
        let change = || self.read(self.request(Method::PATCH, path).json(patch));
        match change().await {
            Err(ClientError::Refused(problem)) if problem.status == 404 => {
                let create = self.request(Method::PUT, path).header(IF_NONE_MATCH, "*").json(patch);
                match self.read(create).await {
                    // Somebody else has created it meanwhile.
                    Err(ClientError::Refused(problem)) if problem.status == 412 => change().await,
                    answer => answer,
                }
            }
            answer => answer,
        }
    }

    /// Removes what is settled somewhere.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn remove(&self, path: &str) -> Result<(), ClientError> {
        self.send(self.request(Method::DELETE, path)).await.map(|_| ())
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
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn read<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ClientError> {
        read(self.send(request).await?).await
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let response = request.send().await.map_err(|error| match (untrusted(&error), error.is_connect()) {
            (Some(why), _) => ClientError::Wrong(format!("{} answers, but {why}", self.host)),
            (None, true) => ClientError::NobodyThere { host: self.host.clone(), reason: words(&error) },
            (None, false) if self.host.starts_with("http://") => ClientError::Broken(format!(
                "{}: where {} serves HTTPS, name it with https:// in --server",
                words(&error),
                self.host
            )),
            (None, false) => ClientError::Broken(words(&error)),
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

async fn read<T: DeserializeOwned>(response: Response) -> Result<T, ClientError> {
    let body = response.bytes().await.map_err(|error| ClientError::Broken(words(&error)))?;
    serde_json::from_slice(&body).map_err(|error| ClientError::Broken(error.to_string()))
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

/// Why a host that is there is not talked to, where TLS is the reason, and what to do.
fn untrusted(error: &reqwest::Error) -> Option<String> {
    use rustls::CertificateError as Bad;
    let tls = of_tls(error)?;
    Some(match tls {
        rustls::Error::InvalidCertificate(bad) => match bad {
            Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
                format!(
                    "its certificate is for another name ({bad}): name the host in --server as its certificate does"
                )
            }
            Bad::Expired | Bad::ExpiredContext { .. } | Bad::NotValidYet | Bad::NotValidYetContext { .. } => {
                format!("its certificate does not hold today ({bad}): renew it, or set the clock of this machine")
            }
            _ => format!(
                "its certificate is not trusted ({bad}): name the PEM file of the authority that has signed it with --ca \
                 (MYSIMBDP_CA)"
            ),
        },
        rustls::Error::InvalidMessage(_) => "not with TLS: name it with http:// in --server".to_owned(),
        other => format!(
            "TLS with it fails ({other}): name the authority that has signed its certificate with --ca (MYSIMBDP_CA)"
        ),
    })
}

/// The trouble with TLS that an error is about. One of the system's hides what it is made of from those who ask for its source.
fn of_tls<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e rustls::Error> {
    if let Some(tls) = error.downcast_ref() {
        return Some(tls);
    }
    let hidden = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    let hidden = hidden.and_then(|hidden| of_tls(hidden));
    hidden.or_else(|| error.source().and_then(of_tls))
}

/// The innermost cause: what the system said.
fn words(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
