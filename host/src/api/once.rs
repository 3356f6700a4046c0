//! A request that is sent again, because its answer was lost, is not done again.
//!
//! A client that sends an `Idempotency-Key` with a request that changes something gets, for the same key and the same request,
//! the answer that the first one got (with `Idempotency-Replayed: true`); while the first one is under way, a problem that says
//! so; and for another request under the same key, too. The same request has the same method, the same address, and, where its
//! body is read as a whole (JSON, lines, a message), the same body. Files that are submitted in one request are a batch whose id is
//! made from the key: they are held against what came before under it, for as long as its tasks are known, and not looked up here.
//!
//! What was done is kept in memory, for a day and within bounds ([`kept`](super::kept)), so a restart forgets it; what would then
//! be done twice has names of its own: a batch its id, a message its message id. An answer that is too large to be kept, has made room for newer ones, or holds a secret is not given
//! again: its key is known as done, and a repeat is a problem that says so, never a second deed.

use super::asks::hashed;
use super::kept::{Answer, Begun, Kept, Left};
use crate::identity::Caller;
use crate::platform::error::ActionError;
use crate::task::BatchId;
use crate::tenant::{AppName, TenantId};
use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use blake3::Hash;
use std::sync::{Arc, OnceLock};
use std::time::Instant;
use tokio_stream::StreamExt as _;

/// Carries the key.
const KEY: &str = "idempotency-key";
/// Says that an answer is an earlier one.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// What such an answer has.
pub(super) const REPEATED: [(HeaderName, HeaderValue); 1] = [(REPLAYED, HeaderValue::from_static("true"))];
/// Longest key, in bytes.
pub(super) const MAX_KEY: usize = 255;
/// Headers of an answer that are part of what it says: which version it is of, and where more of it is.
const TOLD_AGAIN: [HeaderName; 4] = [header::CONTENT_TYPE, header::ETAG, header::LINK, header::LOCATION];
/// Largest answer that is kept, in bytes.
const MAX_ANSWER: usize = 1 << 20;

/// The key of a request, where it has one.
pub(super) struct IdempotencyKey(Option<String>);

/// Goes with a request that has a key: the hash of its body, once that was read as a whole.
#[derive(Clone, Default)]
pub(super) struct ReadBody(Arc<OnceLock<Hash>>);

/// Goes with an answer that must not be kept. The sentence is for whoever asks for it again.
#[derive(Clone, Copy)]
pub(super) struct ShownOnce(pub(super) &'static str);

/// The keys of all callers. Clones share them.
#[derive(Clone)]
pub(super) struct Once(Kept);

impl IdempotencyKey {
    fn of(headers: &HeaderMap) -> Result<IdempotencyKey, ActionError> {
        let Some(value) = headers.get(KEY) else { return Ok(IdempotencyKey(None)) };
        let key = value.to_str().ok().filter(|key| (1..=MAX_KEY).contains(&key.len()));
        let key = key.ok_or_else(|| {
            ActionError::invalid(
                "bad_idempotency_key",
                format!("an Idempotency-Key has 1 to {MAX_KEY} printable characters"),
            )
        })?;
        Ok(IdempotencyKey(Some(key.to_owned())))
    }

    /// The batch that files of a caller under this key are: the same one for the same key. A new one without a key.
    pub(super) fn batch(&self, caller: &Caller, tenant: &TenantId, app: &AppName) -> BatchId {
        let Some(key) = &self.0 else { return BatchId::new() };
        BatchId::derived(&format!("{}\n{tenant}\n{app}\n{key}", whose(caller)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = ActionError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<IdempotencyKey, ActionError> {
        IdempotencyKey::of(&parts.headers)
    }
}

/// Whose keys a caller's are: its token's, or those of the way it comes without one.
fn whose(caller: &Caller) -> &str {
    caller.token.as_deref().unwrap_or(&caller.name)
}

/// Whether what the files of a request are is known by its key alone, for longer than anything is kept here: whoever sends them
/// again is answered there.
fn has_batch(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    matches!(parts[..], ["v1", "tenants", _, "apps", _, "files"])
}

impl Once {
    pub(super) fn new() -> Once {
        Once(Kept::new(Instant::now()))
    }
}

impl ReadBody {
    /// This is all that the request sent.
    pub(super) fn is(&self, body: &[u8]) {
        self.0.get_or_init(|| blake3::hash(body));
    }
}

/// See the module.
pub(super) async fn once(State(Once(kept)): State<Once>, mut request: Request, next: Next) -> Response {
    let key = match IdempotencyKey::of(request.headers()) {
        Ok(IdempotencyKey(Some(key))) if !request.method().is_safe() && !has_batch(request.uri().path()) => key,
        Ok(_) => return next.run(request).await,
        Err(error) => return error.into_response(),
    };
    let caller = request.extensions().get::<Caller>();
    let whose = caller.map_or_else(String::new, |caller| whose(caller).to_owned());
    let asked = blake3::hash(format!("{} {}", request.method(), request.uri()).as_bytes());
    let taken = match kept.begin(&whose, &key, asked, Instant::now()) {
        Begun::Taken(taken) => taken,
        Begun::UnderWay => {
            let sentence = "the first request with this Idempotency-Key is still under way: ask again in a moment";
            return ActionError::conflict("request_under_way", sentence).into_response();
        }
        Begun::Another => return another().into_response(),
        Begun::Done { body, left } => {
            return again(request, body, left).await.unwrap_or_else(IntoResponse::into_response);
        }
    };
    let read = ReadBody::default();
    request.extensions_mut().insert(read.clone());
    let response = next.run(request).await;
    // What was not done may be tried again.
    if !response.status().is_success() {
        return response;
    }
    let shown_once = response.extensions().get::<ShownOnce>().copied();
    let (parts, body) = response.into_parts();
    let (body, whole) = collected(body).await;
    let left = match (shown_once, whole) {
        (Some(ShownOnce(sentence)), _) => Left::Secret(sentence),
        (None, None) => Left::Nothing,
        (None, Some(body)) => {
            let mut headers = HeaderMap::new();
            for name in TOLD_AGAIN {
                for value in parts.headers.get_all(&name) {
                    headers.append(name.clone(), value.clone());
                }
            }
            Left::Answer(Answer { status: parts.status, headers, body })
        }
    };
    taken.settle(read.0.get().copied(), left, Instant::now());
    Response::from_parts(parts, body)
}

fn another() -> ActionError {
    let sentence = "this Idempotency-Key was used for another request: use another key for each";
    ActionError::conflict("idempotency_key_reused", sentence)
}

/// The answer to a request that was done before.
async fn again(request: Request, body: Option<Hash>, left: Left) -> Result<Response, ActionError> {
    if let Some(first) = body
        && hashed(request.into_body()).await? != Some(first)
    {
        return Err(another());
    }
    match left {
        Left::Answer(Answer { status, headers, body }) => {
            let mut response = (status, headers, Body::from(body)).into_response();
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
            Ok(response)
        }
        Left::Nothing => {
            let sentence = "the request with this Idempotency-Key was done, and is not done again; its answer is not kept (it was too \
                            large, or made room for newer ones): look at what came of it";
            Err(ActionError::conflict("answer_not_kept", sentence))
        }
        Left::Secret(sentence) => Err(ActionError::conflict("shown_once", sentence)),
    }
}

/// The body of an answer as it goes on to the client, and in one piece, where it is small enough to be kept.
async fn collected(body: Body) -> (Body, Option<Bytes>) {
    if body.size_hint().lower() > MAX_ANSWER as u64 {
        return (body, None);
    }
    let (mut whole, mut chunks) = (Vec::new(), body.into_data_stream());
    while let Some(chunk) = chunks.next().await {
        match chunk {
            Ok(chunk) if whole.len() + chunk.len() <= MAX_ANSWER => whole.extend_from_slice(&chunk),
            // Whatever became of the rest is between the route and the client.
            chunk => {
                let before = tokio_stream::iter([Ok(Bytes::from(whole)), chunk]);
                return (Body::from_stream(before.chain(chunks)), None);
            }
        }
    }
    let whole = Bytes::from(whole);
    (Body::from(whole.clone()), Some(whole))
}

#[cfg(test)]
mod tests {
    use super::super::asks::Whole;
    use super::*;

    #[test]
    fn the_same_key_is_the_same_batch_for_the_same_app_alone() {
        let key = |text: &str| IdempotencyKey(Some(text.to_owned()));
        let (acme, globex) = ("acme".parse().unwrap(), "globex".parse().unwrap());
        let (orders, trips) = ("orders".parse().unwrap(), "trips".parse().unwrap());
        let (one, two) = (Caller::local("one"), Caller::local("two"));
        let batch = key("k").batch(&one, &acme, &orders);
        assert_eq!(key("k").batch(&one, &acme, &orders), batch);
        for other in [
            key("l").batch(&one, &acme, &orders),
            key("k").batch(&two, &acme, &orders),
            key("k").batch(&one, &globex, &orders),
            key("k").batch(&one, &acme, &trips),
        ] {
            assert_ne!(other, batch);
        }
        let none = IdempotencyKey(None);
        assert_ne!(none.batch(&one, &acme, &orders), none.batch(&one, &acme, &orders));
    }

    /// A service behind the keys: it tells how often something was done, and answers with so many bytes.
    async fn ask(once: &Once, uri: &str, sent: &'static str) -> Response {
        use axum::Router;
        use axum::middleware::from_fn_with_state;
        use axum::routing::post;
        use tower::ServiceExt as _;
        let big = async || "x".repeat(MAX_ANSWER + 1);
        let pieces = async || {
            Body::from_stream(tokio_stream::iter(vec!["y".repeat(MAX_ANSWER); 2]).map(Ok::<_, std::io::Error>))
        };
        let whole = async |Whole(body): Whole| body;
        let secret = async || (axum::Extension(ShownOnce("it was shown")), "secret");
        let routes = Router::new().route("/big", post(big)).route("/pieces", post(pieces));
        let routes = routes
            .route("/whole", post(whole))
            .route("/streamed", post(async |_: Body| "taken"))
            .route("/secret", post(secret));
        let service: Router = routes.layer(from_fn_with_state(once.clone(), super::once));
        let request = Request::post(uri).header(KEY, "k").body(Body::from(sent)).unwrap();
        service.oneshot(request).await.unwrap()
    }

    async fn text(response: Response) -> String {
        String::from_utf8(axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn an_answer_that_is_too_large_to_keep_comes_whole_and_its_request_is_not_done_again() {
        for (uri, bytes) in [("/big", MAX_ANSWER + 1), ("/pieces", 2 * MAX_ANSWER)] {
            let once = Once::new();
            let first = ask(&once, uri, "").await;
            assert_eq!((first.status().as_u16(), text(first).await.len()), (200, bytes), "{uri}");
            let again = ask(&once, uri, "").await;
            assert_eq!(again.status(), 409, "{uri}");
            assert!(text(again).await.contains("answer_not_kept"));
        }
    }

    #[tokio::test]
    async fn another_body_under_the_same_key_is_another_request_where_bodies_are_read_whole() {
        let once = Once::new();
        assert_eq!(text(ask(&once, "/whole", "one").await).await, "one");
        let again = ask(&once, "/whole", "one").await;
        assert_eq!(again.headers().get(REPLAYED).unwrap(), "true");
        assert_eq!(text(again).await, "one");
        let other = ask(&once, "/whole", "two").await;
        assert_eq!(other.status(), 409);
        assert!(text(other).await.contains("idempotency_key_reused"));
        let once = Once::new();
        assert_eq!(text(ask(&once, "/streamed", "one").await).await, "taken");
        assert_eq!(ask(&once, "/streamed", "two").await.headers().get(REPLAYED).unwrap(), "true");
    }

    #[tokio::test]
    async fn an_answer_that_is_shown_once_is_not_kept() {
        let once = Once::new();
        assert_eq!(text(ask(&once, "/secret", "").await).await, "secret");
        let again = ask(&once, "/secret", "").await;
        assert_eq!(again.status(), 409);
        let told = text(again).await;
        assert!(told.contains("shown_once") && told.contains("it was shown"), "{told}");
    }
}
