//! HTTP over TCP, with TLS where there is a certificate.
//!
//! - At most so many connections at once (`api.connections`, [`places`](super::places)): those that do nothing make room for
//!   newcomers. One on which no request comes within `api.patience`, or that reads nothing of its answer for so long, is closed;
//!   how slowly a body may come is [`pace`](super::pace)'s to say.
//! - What is no request is answered too, and an answer is not lost because its client still sends ([`wire`](super::wire)).
//! - A handshake has its own task and deadline: nobody waits for somebody else's.
//! - At a stop, requests under way are finished, for at most [`GRACE`].

use super::certificate::Certificate;
use super::guard::{Door, Way};
use super::places::{Place, Places};
use super::problem;
use super::routes;
use super::served::Served;
use super::wire::{Exchange, Wire};
use crate::config::{Api, Listen};
use crate::telemetry::metrics::Metrics;
use axum::Router;
use axum::http::StatusCode;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt as _;

/// Where HTTP is served where nothing is said.
pub const USUAL_PORT: u16 = 7373;
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
    #[error("api.{key} = {path:?}: {reason}")]
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
    /// With which TLS is spoken; without one it is not.
    pub certificate: Option<Arc<Certificate>>,
    way: Way,
    api: Api,
    /// Where it is reached: `http://127.0.0.1:7373`.
    pub address: String,
}

impl HttpServer {
    /// Opens the port that the configuration names; `None` where it names none. Without any token it is opened on loopback.
    ///
    /// # Errors
    /// See [`HttpError`].
    pub async fn open(api: &Api, none_was_issued: bool) -> Result<Option<HttpServer>, HttpError> {
        let certificate = api.tls.as_ref().map(|(own, key)| Certificate::read(own, key)).transpose()?.map(Arc::new);
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
        let address = format!("{}://{at}", if certificate.is_some() { "https" } else { "http" });
        Ok(Some(HttpServer { listener, certificate, way, api: api.clone(), address }))
    }

    /// Answers requests until the routes are to stop.
    pub async fn serve(self, served: Served) {
        let stop = served.stop.clone();
        let metrics = served.metrics.clone();
        metrics.serves(self.api.connections);
        if let Some(certificate) = &self.certificate {
            certificate.watched_by(metrics.clone());
        }
        let door = Door::new(served.clone(), self.way, &self.api);
        let router = routes::router(door, served);
        let tls = self.certificate.as_ref().map(Certificate::acceptor);
        let (graceful, places) = (GracefulShutdown::new(), Places::new(self.api.connections));
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
                if tls.is_none()
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
            let tls = tls.clone();
            let connected = metrics.connected();
            let place = Arc::new(place);
            let seat = Arc::clone(&place);
            let (router, metrics, patience) = (router.clone(), metrics.clone(), self.api.patience);
            let line = Line { router, watcher: graceful.watcher(), place, metrics, patience };
            tokio::spawn(async move {
                let _connected = connected;
                let work = async move {
                    match tls {
                        None => line.answer(stream).await,
                        Some(tls) => {
                            if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
                                line.answer(stream).await;
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

/// A connection that has a place.
struct Line {
    router: Router,
    watcher: Watcher,
    place: Arc<Place>,
    metrics: Metrics,
    patience: Duration,
}

impl Line {
    /// Answers its requests.
    async fn answer(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let Line { router, watcher, place, metrics, patience } = self;
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(patience));
        let exchange = Exchange::default();
        let wire = Wire::new(Box::pin(stream), exchange.clone(), metrics);
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let mut request = request.map(|body| exchange.begin(body));
            request.extensions_mut().insert(Arc::clone(&place));
            let (router, exchange) = (router.clone(), exchange.clone());
            async move { router.oneshot(request).await.map(|response| exchange.answer(response)) }
        });
        let mut http = hyper::server::conn::http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(patience).max_buf_size(MAX_HEAD);
        let connection = http.serve_connection(TokioIo::new(wire), service);
        // Whatever ends a connection early is its client's doing.
        let _ended = watcher.watch(connection).await;
    }
}
