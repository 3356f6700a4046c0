//! How a connection to the broker is made.

use super::management::{plain, read};
use super::settings::RabbitSettings;
use super::socket::{Kit, Socket, Wire};
use super::trouble::told;
use crate::broker::BrokerError;
use async_rs::Runtime;
use lapin::uri::AMQPUri;
use lapin::{AsyncTcpStream, Connection, ConnectionProperties};
use reqwest::Url;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

/// How long a connection may take to be made, until the broker has let us in.
const CONNECT: Duration = Duration::from_secs(10);
/// Seconds between heartbeats: a peer that is gone without a word is given up after two.
const HEARTBEAT: u16 = 10;

/// Where the broker is, and what is shown to it.
#[derive(Clone)]
pub(super) struct Line {
    uri: AMQPUri,
    tls: Option<TlsConnector>,
}

impl Line {
    /// The line of the settings. Connects to nothing.
    ///
    /// # Errors
    /// They will not do.
    pub(super) fn of(settings: &RabbitSettings) -> Result<(Line, Url), BrokerError> {
        let unfit = |reason: String| {
            BrokerError::Permanent(format!("the URL of RabbitMQ will not do: {reason}; it is set under [rabbitmq]"))
        };
        let url = Url::parse(&settings.url).map_err(|error| unfit(error.to_string()))?;
        let mut uri: AMQPUri = settings.url.parse().map_err(unfit)?;
        uri.vhost = match url.path() {
            "" | "/" => "/".into(),
            path => plain(&path[1..]),
        };
        uri.query.heartbeat = Some(HEARTBEAT);
        let tls = (url.scheme() == "amqps").then(|| tls(settings)).transpose()?;
        Ok((Line { uri, tls }, url))
    }

    /// The user we are.
    pub(super) fn user(&self) -> &str {
        &self.uri.authority.userinfo.username
    }

    /// The virtual host of the URL.
    pub(super) fn vhost(&self) -> &str {
        &self.uri.vhost
    }

    /// Where a client finds this virtual host, without a user.
    pub(super) fn url_of(&self, vhost: &str) -> String {
        let scheme = if self.tls.is_some() { "amqps" } else { "amqp" };
        let vhost = vhost.replace('%', "%25").replace('/', "%2f");
        format!("{scheme}://{}:{}/{vhost}", self.uri.authority.host, self.uri.authority.port)
    }

    /// Connects, on the present runtime. Answers the server's version too, where it has told one.
    ///
    /// # Errors
    /// The broker cannot be reached, does not let us in, or is not who it should be.
    pub(super) async fn connect(&self, vhost: &str) -> Result<(Connection, Option<String>), BrokerError> {
        let uri = AMQPUri { vhost: vhost.to_owned(), ..self.uri.clone() };
        let name = format!("mysimbdp {}", std::process::id());
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let (version, abandoned) = (Arc::new(OnceLock::new()), CancellationToken::new());
        // Ends what goes on behind our back when nobody waits for it any more.
        let abandon = abandoned.clone().drop_guard();
        let connect = {
            let (tls, version) = (self.tls.clone(), Arc::clone(&version));
            async move |uri: AMQPUri, _runtime: Runtime<Kit>| {
                let wire = wire(&uri, tls.as_ref()).await?;
                let socket = Socket::new(wire, Arc::clone(&version), abandoned.clone().cancelled_owned());
                Ok(AsyncTcpStream::Plain(socket))
            }
        };
        let connected = Connection::connector(uri, Runtime::new(Kit::current()), connect, properties);
        let silent = |_| {
            let host = &self.uri.authority.host;
            BrokerError::Transient(format!("RabbitMQ at {host} has not let us in within {} s", CONNECT.as_secs()))
        };
        let connection = timeout(CONNECT, connected).await.map_err(silent)?.map_err(|error| told(&error))?;
        let _it_stays = abandon.disarm();
        Ok((connection, version.get().cloned()))
    }
}

async fn wire(uri: &AMQPUri, tls: Option<&TlsConnector>) -> io::Result<Wire> {
    let (host, port) = (uri.authority.host.as_str(), uri.authority.port);
    let bare_host = host.trim_start_matches('[').trim_end_matches(']');
    let made = async {
        let socket = TcpStream::connect((bare_host, port)).await?;
        socket.set_nodelay(true)?;
        let Some(tls) = tls else { return Ok(Wire::Plain(socket)) };
        let name = ServerName::try_from(bare_host.to_owned()).map_err(io::Error::other)?;
        Ok(Wire::Tls(Box::new(tls.connect(name, socket).await?)))
    };
    timeout(CONNECT, made).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

fn tls(settings: &RabbitSettings) -> Result<TlsConnector, BrokerError> {
    crate::tls::ready();
    let mut trusted = RootCertStore::empty();
    match &settings.ca {
        Some(path) => {
            for certificate in certificates(path)? {
                trusted.add(certificate).map_err(|error| unfit(path, &error.to_string()))?;
            }
        }
        None => {
            trusted.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let config = ClientConfig::builder().with_root_certificates(trusted);
    let config = match &settings.certificate {
        None => config.with_no_client_auth(),
        Some((certificate, key)) => {
            let secret = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|error| unfit(key, &error.to_string()))?;
            let shown = certificates(certificate)?;
            config.with_client_auth_cert(shown, secret).map_err(|error| unfit(certificate, &error.to_string()))?
        }
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, BrokerError> {
    let bytes = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(unfit(path, "there is no certificate in it (PEM)")),
        Err(error) => Err(unfit(path, &error.to_string())),
    }
}

fn unfit(path: &Path, reason: &str) -> BrokerError {
    BrokerError::Permanent(format!("{} will not do: {reason}; it is named under [rabbitmq]", path.display()))
}
