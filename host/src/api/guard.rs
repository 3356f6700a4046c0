//! What stands before the routes: who asks, whether that one may, how often, and what is written down of it.
//!
//! ```text
//!   request ─ id ─ origin ─ who? ─ its rate ─ its tenant ─ may it write? ─ its share ─▶ route ─▶ id on the answer ─ audit, where it changed something
//! ```
//!
//! - Whoever comes by the control socket is an operator: the socket has mode 0600. Whoever comes by HTTP needs a token, unless
//!   no token was ever issued *and* the port is on loopback.
//! - A browser on this machine obeys whatever page it shows. So a request that says it comes from another origin is refused,
//!   and without tokens one that calls this host by another name than loopback's, too (DNS rebinding).
//! - The audit log is the journal: a `request` for each that may have changed something, or was to by somebody who may only
//!   read, with who, what, and what came of it. Messages that are published and parts of uploads are not in it: they are data.

use super::deed::Deed;
use super::held::held;
use super::noted::Noted;
use super::pace::Paced;
use super::places::Place;
use super::problem::Problem;
use super::rates::{self, Rates};
use super::served::Served;
use super::shares::{Shares, Turn};
use super::told;
use crate::config::Api;
use crate::identity::Caller;
use crate::journal::{Event, Happening};
use crate::platform::error::{ActionError, Kind};
use crate::telemetry::metrics::Answered;
use crate::tenant::TenantId;
use axum::body::Body;
use axum::body::HttpBody as _;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::{Instrument, Span};

/// Carries the id of a request, both ways.
pub(super) const REQUEST_ID: &str = "x-request-id";
/// Longest id that is taken from a client.
const MAX_ID: usize = 128;
/// The code for a token that may only read: what it tried is told.
const READ_ONLY: &str = "read_only";
/// Characters of a path that are told.
const MAX_PATH: usize = 256;

/// A way in.
#[derive(Clone)]
pub(super) struct Door {
    served: Served,
    way: Way,
    rates: Rates,
    shares: Shares,
    /// How long whoever sends a body may say nothing.
    patience: Duration,
}

/// How somebody comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// By a socket that only the operator can open.
    ControlSocket,
    /// By HTTP on loopback.
    Loopback,
    /// By HTTP from wherever this host is reached.
    Network,
}

impl Door {
    /// To a port that is settled so.
    pub(super) fn new(served: Served, way: Way, api: &Api) -> Door {
        let (rates, shares) = (Rates::new(api.requests, Instant::now()), Shares::new(api.connections));
        Door { served, way, rates, shares, patience: api.patience }
    }

    /// Whether whoever comes this way needs no token.
    fn is_open(&self) -> bool {
        match self.way {
            Way::ControlSocket => true,
            Way::Loopback => self.served.tokens.none_was_issued(),
            Way::Network => false,
        }
    }

    fn who(&self, headers: &HeaderMap) -> Result<Caller, ActionError> {
        let stranger = |sentence: String| ActionError { kind: Kind::Stranger, code: "unauthorized", sentence };
        match headers.get(header::AUTHORIZATION) {
            None if self.way == Way::ControlSocket => Ok(Caller::local("control socket")),
            None if self.is_open() => Ok(Caller::local("loopback")),
            None => Err(stranger(
                "this needs a token: send it as `Authorization: Bearer msb_…`; the operator issues one with `mysimbdp tokens issue`"
                    .to_owned(),
            )),
            Some(value) => {
                let text = value.to_str().ok().and_then(|value| value.split_once(' '));
                let token = text.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
                let token = token.ok_or_else(|| {
                    stranger("the Authorization header is not of the form `Bearer msb_…`: send a token of this platform".to_owned())
                })?;
                self.served.tokens.who(token, Timestamp::now()).map_err(|error| stranger(error.to_string()))
            }
        }
    }

    /// Refuses what another site's page has a browser send.
    fn origin(&self, headers: &HeaderMap, uri: &Uri) -> Result<(), ActionError> {
        if self.way == Way::ControlSocket {
            return Ok(());
        }
        let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let host = text(header::HOST).or(uri.authority().map(axum::http::uri::Authority::as_str)).unwrap_or_default();
        if let Some(origin) = text(header::ORIGIN) {
            let from = origin.split_once("://").map(|(_, from)| from);
            if from != Some(host) {
                let sentence = format!(
                    "a page of {origin:?} asks, and this is {host:?}: requests from other sites' pages are refused"
                );
                return Err(ActionError::forbidden("other_origin", sentence));
            }
        }
        if self.way == Way::Loopback && self.is_open() && !is_loopback(host) {
            let sentence = format!(
                "this host is open on loopback and was called {host:?}: call it 127.0.0.1 or localhost, or issue a token \
                 (`mysimbdp tokens issue`), after which every name is good"
            );
            return Err(ActionError::forbidden("other_host", sentence));
        }
        Ok(())
    }

    fn rate(&self, caller: &Caller) -> Result<(), Refused> {
        let Some(token) = &caller.token else { return Ok(()) };
        let Err(wait) = self.rates.ask(token, Instant::now()) else { return Ok(()) };
        let seconds = wait.as_secs() + 1;
        let sentence = format!(
            "this token has asked {} times in {} s, and no more are answered (api.requests): ask again in {seconds} s",
            self.rates.most,
            rates::WINDOW.as_secs()
        );
        let error = ActionError { kind: Kind::TooMany, code: "too_many_requests", sentence };
        Err(Refused { error, again: Some(seconds) })
    }

    fn admit(&self, request: &Request, caller: &Caller) -> Result<Option<Turn>, Refused> {
        self.rate(caller)?;
        // One whose tenant is suspended or gone reaches nothing.
        self.served.platform.lets_in(caller.tenant())?;
        let changes = !request.method().is_safe();
        if caller.read_only && changes {
            let sentence = "your token may only read: ask the operator for one that may write";
            return Err(ActionError::forbidden(READ_ONLY, sentence).into());
        }
        Ok(self.shares.begin(caller, changes)?)
    }
}

/// Why a request is not let in, and in how many seconds it may be sent again, where that is known.
struct Refused {
    error: ActionError,
    again: Option<u64>,
}

impl From<ActionError> for Refused {
    fn from(error: ActionError) -> Refused {
        Refused { error, again: None }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = self.error.into_response();
        if let Some(seconds) = self.again {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// See the module.
pub(super) async fn guard(State(door): State<Door>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = request_id(request.headers());
    let span = told::span(&id, &request);
    let (answered, watched) = (told::answered(&request), door.clone());
    let is_loud = !request.method().is_safe() && is_told(request.uri().path());
    let work = async {
        let known = door.origin(request.headers(), request.uri()).and_then(|()| door.who(request.headers()));
        let caller = match known {
            Ok(caller) => caller,
            Err(error) => return error.into_response(),
        };
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let turn = match door.admit(&request, &caller) {
            Ok(turn) => turn.map(Arc::new),
            Err(refused) => {
                let is_refused = refused.error.code == READ_ONLY;
                let response = refused.into_response();
                if is_refused && is_told(uri.path()) {
                    door.tell(&caller, &method, &uri, response.status(), &id, &Noted::default()).await;
                }
                return response;
            }
        };
        let under_way = (turn.clone(), request.extensions().get::<Arc<Place>>().map(|place| place.begin()));
        let mut request = request.map(|body| Body::new(Paced::new(body, door.patience)));
        request.extensions_mut().insert(caller.clone());
        if let Some(turn) = turn {
            request.extensions_mut().insert(turn);
        }
        if method.is_safe() {
            let response = next.run(request).await;
            let turn = under_way.0.as_deref();
            let has_room = turn.map_or(Ok(()), |turn| turn.hold_answer(response.body().size_hint().lower()));
            return held(has_room.map_or_else(IntoResponse::into_response, |()| response), under_way);
        }
        // What changes something comes to its end, and is told, although its client may be gone.
        let (door, id, noted) = (door.clone(), id.clone(), Noted::default());
        request.extensions_mut().insert(noted.clone());
        let deed = async move {
            let response = next.run(request).await;
            if is_told(uri.path()) {
                door.tell(&caller, &method, &uri, response.status(), &id, &noted).await;
            }
            held(response, under_way)
        };
        Deed::new(deed.in_current_span()).await
    };
    watched.told(work, Asked { id: &id, span, answered, is_loud, began }).await
}

/// What stands before routes that are open to everybody: an id, and that they are counted.
pub(super) async fn open(State(door): State<Door>, request: Request, next: Next) -> Response {
    let (id, began) = (request_id(request.headers()), Instant::now());
    let asked =
        Asked { id: &id, span: told::span(&id, &request), answered: told::answered(&request), is_loud: false, began };
    door.told(next.run(request), asked).await
}

/// What is told of a request.
struct Asked<'a> {
    id: &'a str,
    span: Span,
    /// Its status is not known yet.
    answered: Answered,
    /// Whether it is of interest to whoever reads the log.
    is_loud: bool,
    began: Instant,
}

impl Door {
    /// The answer with the id of its request, counted and logged.
    async fn told(&self, work: impl Future<Output = Response>, asked: Asked<'_>) -> Response {
        let Asked { id, span, mut answered, is_loud, began } = asked;
        let mut response = Problem::stamped(work.instrument(span.clone()).await, id);
        answered.status = response.status().as_u16();
        if self.way != Way::ControlSocket {
            self.served.metrics.answered(&answered, began.elapsed());
        }
        span.in_scope(|| told::line(&answered, began.elapsed(), is_loud));
        if let Ok(id) = HeaderValue::from_str(id) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        response
    }

    async fn tell(&self, caller: &Caller, method: &Method, uri: &Uri, status: StatusCode, id: &str, noted: &Noted) {
        let (about, what) = noted.read();
        let what = Happening::Request {
            by: caller.name.clone(),
            token: caller.token.clone(),
            operator: caller.is_operator(),
            method: method.to_string(),
            path: uri.path().chars().take(MAX_PATH).collect(),
            status: status.as_u16(),
            request_id: id.to_owned(),
            what,
        };
        let named = || uri.path().strip_prefix("/v1/tenants/")?.split('/').next()?.parse::<TenantId>().ok();
        let tenant = caller.tenant().cloned().or(about).or_else(named);
        // A tenant that is not there has no journal.
        let tenant = tenant.filter(|tenant| self.served.platform.batches.parts.tenants.get(tenant).is_some());
        self.served.platform.batches.parts.journal.record(Event::now(tenant.as_ref(), what)).await;
    }
}

/// Whether a request that may have changed something stands in the audit log.
fn is_told(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    !matches!(parts[..], ["v1", "tenants", _, "streams", _, "lines" | "messages"] | ["v1", "batches", _, "files", _])
}

fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let will_do = |id: &&str| (1..=MAX_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    given.filter(will_do).map_or_else(|| uuid::Uuid::now_v7().to_string(), str::to_owned)
}

/// Whether a `Host` header calls this machine itself.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let address: Option<std::net::IpAddr> = name.parse().ok();
    name.eq_ignore_ascii_case("localhost") || address.is_some_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_loopback() {
        for host in ["localhost", "localhost:7373", "127.0.0.1:1", "127.9.9.9", "[::1]:80", "LOCALHOST"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in
            ["", "evil.example", "localhost.evil.example:7373", "127.0.0.1.evil.example", "10.0.0.1", "[fe80::1]"]
        {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn messages_and_parts_of_uploads_are_not_told_and_everything_else_is() {
        for path in [
            "/v1/tenants/acme/streams/clicks/lines",
            "/v1/tenants/acme/streams/clicks/messages",
            "/v1/batches/b/files/0",
        ] {
            assert!(!is_told(path), "{path}");
        }
        for path in [
            "/v1/tenants/lines",
            "/v1/tenants/acme/streams/lines",
            "/v1/batches/b/commit",
            "/v1/batches",
            "/v1/tokens/x",
        ] {
            assert!(is_told(path), "{path}");
        }
    }

    #[test]
    fn an_id_that_a_header_cannot_carry_back_is_not_taken() {
        let mut headers = HeaderMap::new();
        assert_eq!(request_id(&headers).len(), 36);
        headers.insert(REQUEST_ID, HeaderValue::from_static("mine-1"));
        assert_eq!(request_id(&headers), "mine-1");
        headers.insert(REQUEST_ID, HeaderValue::from_static("two words"));
        assert_eq!(request_id(&headers).len(), 36);
    }
}
