//! HTTP over TCP, with TLS where there is a certificate.
//!
//! - At most so many connections at once (`api.connections`, [`places`](super::places)): those that do nothing make room for
//!   newcomers. One on which no request comes whole within [`PATIENCE`], or that reads nothing of its answer for so long, is
//!   closed.
//! - A handshake has its own task and deadline: nobody waits for somebody else's.
//! - At a stop, requests under way are finished, for at most [`GRACE`].

use super::guard::{Door, Way};
use super::places::{Place, Places};
use super::problem;
use super::routes;
use super::served::Served;
use crate::config::{Api, Listen};
use axum::Router;
use axum::http::StatusCode;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use jiff::Timestamp;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

/// Where HTTP is served where nothing is said.
pub const USUAL_PORT: u16 = 7373;
/// How long the head of a request may take, a connection be idle, and a client read nothing of its answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Largest head of a request, in bytes.
const MAX_HEAD: usize = 64 << 10;
/// How long requests under way may take at a stop.
const GRACE: Duration = Duration::from_secs(10);
/// Pause where no connection can be accepted: the process may have too many files open.
const PAUSE: Duration = Duration::from_millis(100);

/// HTTP cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address is taken, or is not ours.
    #[error("HTTP cannot be served on {address}: {source}; name another address with api.listen, or \"\" for none")]
    Bind {
        /// Which.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The certificate will not do.
    #[error("the file {} of api.{key} will not do: {reason}", path.display())]
    Pem {
        /// `certificate` or `key`.
        key: &'static str,
        /// Which.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
}

/// A port that is open.
pub struct HttpServer {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    certificate_ends: Option<Timestamp>,
    way: Way,
    requests: u64,
    connections: usize,
    /// Where it is reached: `http://127.0.0.1:7373`.
    pub address: String,
}

impl HttpServer {
    /// Opens the port that the configuration names; `None` where it names none. Without any token it is opened on loopback.
    ///
    /// # Errors
    /// See [`HttpError`].
    pub async fn open(api: &Api, none_was_issued: bool) -> Result<Option<HttpServer>, HttpError> {
        let tls = api.tls.as_ref().map(|(certificate, key)| acceptor(certificate, key)).transpose()?;
        let (tls, certificate_ends) = tls.unzip();
        let bind =
            async |address| TcpListener::bind(address).await.map_err(|source| HttpError::Bind { address, source });
        let listener = match api.listen {
            Listen::Nowhere => return Ok(None),
            Listen::At(address) if none_was_issued && !address.ip().is_loopback() => {
                let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, address.port()));
                tracing::warn!(
                    "no token was ever issued, so HTTP is served on {loopback} and not on {address}: issue one with \
                     `mysimbdp tokens issue`, then start again"
                );
                bind(loopback).await?
            }
            Listen::At(address) => bind(address).await?,
            Listen::Usual => match bind(SocketAddr::from((Ipv4Addr::LOCALHOST, USUAL_PORT))).await {
                Ok(listener) => listener,
                // Another host on this machine has it: nobody has said which port it must be.
                Err(_) => bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?,
            },
        };
        let at =
            listener.local_addr().map_err(|source| HttpError::Bind { address: ([0, 0, 0, 0], 0).into(), source })?;
        let way = if at.ip().is_loopback() { Way::Loopback } else { Way::Network };
        let address = format!("{}://{at}", if tls.is_some() { "https" } else { "http" });
        let Api { requests, connections, .. } = *api;
        let certificate_ends = certificate_ends.flatten();
        Ok(Some(HttpServer { listener, tls, certificate_ends, way, requests, connections, address }))
    }

    /// Answers requests until the routes are to stop.
    pub async fn serve(self, served: Served) {
        let stop = served.stop.clone();
        let metrics = served.metrics.clone();
        metrics.serves(self.connections);
        if let Some(at) = self.certificate_ends {
            metrics.certificate_ends(at);
        }
        let door = Door::new(served.clone(), self.way, self.requests, self.connections);
        let router = routes::router(door, served);
        let (graceful, places) = (GracefulShutdown::new(), Places::new(self.connections));
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = stop.cancelled() => break,
            };
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let Some(place) = places.take() else {
                if self.tls.is_none()
                    && let Ok(mut stream) = stream.into_std()
                {
                    // It does not block: a new connection has room for it. Whether it still hears that or not.
                    let _told = stream.write(problem::no_place().as_bytes());
                }
                metrics.turned_away(StatusCode::SERVICE_UNAVAILABLE.as_u16());
                continue;
            };
            // Answers are small and whole; waiting to fill a packet helps nobody.
            let _is_faster = stream.set_nodelay(true);
            let (router, watcher, tls) = (router.clone(), graceful.watcher(), self.tls.clone());
            let connected = metrics.connected();
            tokio::spawn(async move {
                let _connected = connected;
                let place = Arc::new(place);
                let seat = Arc::clone(&place);
                let work = async move {
                    match tls {
                        None => answer(stream, router, watcher, place).await,
                        Some(tls) => {
                            if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
                                answer(stream, router, watcher, place).await;
                            }
                        }
                    }
                };
                tokio::select! {
                    () = work => {}
                    () = seat.unseated() => {}
                }
            });
        }
        let _all_have_ended = tokio::time::timeout(GRACE, graceful.shutdown()).await;
    }
}

/// Answers the requests of one connection.
async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    watcher: hyper_util::server::graceful::Watcher,
    place: Arc<Place>,
) {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(PATIENCE));
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(Arc::clone(&place));
        router.clone().oneshot(request)
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(MAX_HEAD);
    let connection = http.serve_connection(TokioIo::new(Box::pin(stream)), service);
    // Whatever ends a connection early is its client's doing.
    let _ended = watcher.watch(connection).await;
}

/// TLS with a certificate and its key, and when that ends.
fn acceptor(certificate: &Path, key: &Path) -> Result<(TlsAcceptor, Option<Timestamp>), HttpError> {
    crate::tls::ready();
    let wrong = |key, path: &Path, reason: String| HttpError::Pem { key, path: path.to_owned(), reason };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect);
    let chain = chain.map_err(|error| wrong("certificate", certificate, error.to_string()))?;
    if chain.is_empty() {
        return Err(wrong("certificate", certificate, "there is no certificate in it: name a PEM file".to_owned()));
    }
    let ends = chain.iter().filter_map(end_of).min();
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong("key", key, error.to_string()))?;
    let config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, secret);
    let mut config = config.map_err(|error| wrong("key", key, error.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((TlsAcceptor::from(Arc::new(config)), ends))
}

/// When a certificate is good no more; none where it cannot be read, of which whoever connects will hear.
fn end_of(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mysimbdp_servers::Signer;

    #[test]
    fn the_end_of_a_certificate_is_read_from_it() {
        let folder = tempfile::tempdir().unwrap();
        let signed = Signer::new("known", folder.path()).unwrap().sign("localhost").unwrap();
        let (_, ends) = acceptor(&signed, &signed).unwrap();
        // As the tests' signer has it.
        assert_eq!(ends, Some("4096-01-01T00:00:00Z".parse().unwrap()));
    }
}
