//! The management API: what AMQP itself cannot ask for. Plain HTTP with JSON.

use super::settings::RabbitSettings;
use crate::broker::BrokerError;
use reqwest::{Certificate, Client, Identity, Method, Response, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(10);

/// A management API that is there.
pub(super) struct Management {
    http: Client,
    base: Url,
    user: String,
    password: String,
}

impl Management {
    /// The one of the settings, if they name one. Connects to nothing.
    ///
    /// # Errors
    /// They will not do.
    pub(super) fn of(settings: &RabbitSettings, amqp: &Url) -> Result<Option<Management>, BrokerError> {
        let Some(url) = &settings.management else { return Ok(None) };
        let unfit = |reason: String| {
            BrokerError::Permanent(format!(
                "the URL of RabbitMQ's management API will not do: {reason}; it is set under [rabbitmq]"
            ))
        };
        let mut base = Url::parse(url).map_err(|error| unfit(error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || base.cannot_be_a_base() {
            return Err(unfit("it begins with http:// or https://".into()));
        }
        let whose = if base.username().is_empty() { amqp } else { &base };
        let (user, password) = (plain(whose.username()), plain(whose.password().unwrap_or_default()));
        // Both can be taken out of what can be a base.
        let _ = base.set_username("");
        let _ = base.set_password(None);
        let http = client(settings, base.scheme() == "https")?;
        Ok(Some(Management { http, base, user, password }))
    }

    /// Reads what is at this path; `None` where nothing is.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &[&str]) -> Result<Option<T>, BrokerError> {
        let Some(answer) = self.ask(Method::GET, path, None).await? else { return Ok(None) };
        let unread = |error: reqwest::Error| BrokerError::Transient(format!("the management API: {}", words(&error)));
        answer.json().await.map(Some).map_err(unread)
    }

    /// Puts something there, or changes it.
    pub(super) async fn put(&self, path: &[&str], what: &Value) -> Result<(), BrokerError> {
        match self.ask(Method::PUT, path, Some(what)).await? {
            Some(_) => Ok(()),
            None => Err(BrokerError::Transient(format!("the management API knows no {}", path.join("/")))),
        }
    }

    /// Takes away what is there; whether something was.
    pub(super) async fn delete(&self, path: &[&str]) -> Result<bool, BrokerError> {
        Ok(self.ask(Method::DELETE, path, None).await?.is_some())
    }

    async fn ask(&self, method: Method, path: &[&str], what: Option<&Value>) -> Result<Option<Response>, BrokerError> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("api").extend(path);
        }
        let mut request = self.http.request(method, url).basic_auth(&self.user, Some(&self.password));
        if let Some(what) = what {
            request = request.json(what);
        }
        let unanswered = |error: reqwest::Error| {
            let told = format!("the management API of RabbitMQ at {}: {}", self.place(), words(&error));
            // A certificate does not change by waiting.
            if told.contains("certificate") { BrokerError::Permanent(told) } else { BrokerError::Transient(told) }
        };
        let answer = request.send().await.map_err(unanswered)?;
        let status = answer.status();
        if status.is_success() {
            return Ok(Some(answer));
        }
        let place = self.place();
        match status {
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(BrokerError::Permanent(format!(
                "the management API of RabbitMQ at {place} does not let the user {:?} do it: tag that user administrator, or \
                 name another one under [rabbitmq]",
                self.user
            ))),
            _ => {
                let said = answer.text().await.unwrap_or_default();
                let told = format!("the management API of RabbitMQ at {place} answers {status}: {said}");
                Err(if status.is_server_error() { BrokerError::Transient(told) } else { BrokerError::Permanent(told) })
            }
        }
    }

    fn place(&self) -> String {
        let port = self.base.port_or_known_default().unwrap_or_default();
        format!("{}:{port}", self.base.host_str().unwrap_or_default())
    }
}

fn client(settings: &RabbitSettings, with_tls: bool) -> Result<Client, BrokerError> {
    crate::tls::ready();
    let mut builder = Client::builder().timeout(ANSWER).no_proxy();
    let unfit = |path: &Path, error: reqwest::Error| {
        BrokerError::Permanent(format!(
            "{} will not do: {}; it is named under [rabbitmq]",
            path.display(),
            words(&error)
        ))
    };
    if with_tls && let Some(path) = &settings.ca {
        let trusted = Certificate::from_pem_bundle(&read(path)?).map_err(|error| unfit(path, error))?;
        builder = builder.tls_certs_only(trusted);
    }
    if with_tls && let Some((certificate, key)) = &settings.certificate {
        let both = [read(key)?, b"\n".to_vec(), read(certificate)?].concat();
        builder = builder.identity(Identity::from_pem(&both).map_err(|error| unfit(certificate, error))?);
    }
    builder.build().map_err(|error| BrokerError::Permanent(format!("no HTTP client can be made: {}", words(&error))))
}

/// Reads a file that the settings name.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, BrokerError> {
    std::fs::read(path).map_err(|error| {
        BrokerError::Permanent(format!("{} cannot be read: {error}; it is named under [rabbitmq]", path.display()))
    })
}

/// An error with what caused it: the outermost words alone say nothing. Without the URL, which may hold more than it should.
fn words(error: &reqwest::Error) -> String {
    use std::error::Error as _;
    let mut said = Vec::new();
    let mut cause = error.source();
    while let Some(inner) = cause {
        said.push(inner.to_string());
        cause = inner.source();
    }
    said.pop().unwrap_or_else(|| if error.is_timeout() { "no answer in time".into() } else { error.to_string() })
}

/// A part of a URL without its escapes.
pub(super) fn plain(part: &str) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let escaped = (first == b'%').then(|| behind.get(..2)).flatten();
        let byte =
            escaped.and_then(|hex| std::str::from_utf8(hex).ok()).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(first));
        rest = if byte.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_url_loses_its_escapes() {
        assert_eq!(plain("%2f"), "/");
        assert_eq!(plain("a%40b%"), "a@b%");
        assert_eq!(plain("100%zz%C3%A4"), "100%zzä");
    }
}
