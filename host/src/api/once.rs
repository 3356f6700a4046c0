//! A request that is sent again, because its answer was lost, is not done again.
//!
//! A client that sends an `Idempotency-Key` with a request that changes something gets, for the same key and the same request
//! within [`KEPT`], the answer that the first one got (with `Idempotency-Replayed: true`); while the first one is under way, a
//! problem that says so; and for another request under the same key, too. Answers are kept in memory, so a restart forgets
//! them; what would then be done twice has names of its own: a batch its id (which is made from the key where files are
//! submitted in one request), a message its message id.

use crate::identity::Caller;
use crate::platform::error::ActionError;
use crate::task::BatchId;
use crate::tenant::{AppName, TenantId};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Carries the key.
const KEY: &str = "idempotency-key";
/// Says that an answer is an earlier one.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Longest key, in bytes.
const MAX_KEY: usize = 255;
/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(24 * 3_600);
/// Keys of one caller that are kept; of those that are answered, the oldest go.
const MAX_KEYS: usize = 500;
/// Largest answer that is kept, in bytes. No route that changes something answers more.
const MAX_ANSWER: usize = 1 << 20;

/// The key of a request, where it has one.
pub(super) struct IdempotencyKey(Option<String>);

/// Answers that were given. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Once {
    answers: Arc<Mutex<HashMap<(String, String), Entry>>>,
}

struct Entry {
    /// BLAKE3 of method and address.
    request: blake3::Hash,
    began: Instant,
    /// `None` while it is under way.
    answer: Option<(StatusCode, Option<HeaderValue>, Bytes)>,
}

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

    /// The batch that files under this key are: the same one for the same key. A new one without a key.
    pub(super) fn batch(&self, tenant: &TenantId, app: &AppName) -> BatchId {
        let Some(key) = &self.0 else { return BatchId::new() };
        BatchId::derived(&format!("{tenant}\n{app}\n{key}"))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = ActionError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<IdempotencyKey, ActionError> {
        IdempotencyKey::of(&parts.headers)
    }
}

impl Once {
    fn lock(&self) -> MutexGuard<'_, HashMap<(String, String), Entry>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the key, or answers for whoever had it before.
    fn begin(&self, key: &(String, String), request: blake3::Hash) -> Option<Response> {
        let mut all = self.lock();
        match all.get(key) {
            None => {}
            Some(entry) if entry.request != request => {
                let sentence = "this Idempotency-Key was used for another request: use another key for each";
                return Some(ActionError::conflict("idempotency_key_reused", sentence).into_response());
            }
            Some(Entry { answer: None, .. }) => {
                let sentence = "the first request with this Idempotency-Key is still under way: ask again in a moment";
                return Some(ActionError::conflict("request_under_way", sentence).into_response());
            }
            Some(Entry { answer: Some((status, kind, body)), .. }) => {
                let mut response = (*status, Body::from(body.clone())).into_response();
                if let Some(kind) = kind {
                    response.headers_mut().insert(header::CONTENT_TYPE, kind.clone());
                }
                response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
                return Some(response);
            }
        }
        let own = all.iter().filter(|((whose, _), entry)| *whose == key.0 && entry.answer.is_some());
        let mut own: Vec<_> = own.map(|(key, entry)| (entry.began, key.clone())).collect();
        own.sort_by_key(|(began, _)| *began);
        let too_many = (own.len() + 1).saturating_sub(MAX_KEYS);
        for (place, (began, key)) in own.into_iter().enumerate() {
            if place < too_many || began.elapsed() > KEPT {
                all.remove(&key);
            }
        }
        all.insert(key.clone(), Entry { request, began: Instant::now(), answer: None });
        None
    }
}

/// Gives a key back that was taken and not answered: its request was cut off, or may be tried again.
struct Taken {
    once: Once,
    key: (String, String),
    is_answered: bool,
}

impl Drop for Taken {
    fn drop(&mut self) {
        if !self.is_answered {
            self.once.lock().remove(&self.key);
        }
    }
}

/// See the module.
pub(super) async fn once(State(once): State<Once>, request: Request, next: Next) -> Response {
    let key = match IdempotencyKey::of(request.headers()) {
        Ok(IdempotencyKey(Some(key))) if !request.method().is_safe() => key,
        Ok(_) => return next.run(request).await,
        Err(error) => return error.into_response(),
    };
    let caller = request.extensions().get::<Caller>();
    let whose = caller.map_or_else(String::new, |caller| caller.token.clone().unwrap_or_else(|| caller.name.clone()));
    let key = (whose, key);
    let asked = blake3::hash(format!("{} {}", request.method(), request.uri()).as_bytes());
    if let Some(answer) = once.begin(&key, asked) {
        return answer;
    }
    let mut taken = Taken { once: once.clone(), key: key.clone(), is_answered: false };
    let response = next.run(request).await;
    // What was not done may be tried again.
    if !response.status().is_success() {
        return response;
    }
    let (parts, body) = response.into_parts();
    let body = match to_bytes(body, MAX_ANSWER).await {
        Ok(body) => body,
        Err(error) => return ActionError::internal(error.to_string()).into_response(),
    };
    if let Some(entry) = once.lock().get_mut(&key) {
        entry.answer = Some((parts.status, parts.headers.get(header::CONTENT_TYPE).cloned(), body.clone()));
        taken.is_answered = true;
    }
    Response::from_parts(parts, Body::from(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_key_is_the_same_batch_for_the_same_app_alone() {
        let key = |text: &str| IdempotencyKey(Some(text.to_owned()));
        let (acme, globex) = ("acme".parse().unwrap(), "globex".parse().unwrap());
        let (orders, trips) = ("orders".parse().unwrap(), "trips".parse().unwrap());
        let batch = key("k").batch(&acme, &orders);
        assert_eq!(key("k").batch(&acme, &orders), batch);
        for other in [key("l").batch(&acme, &orders), key("k").batch(&globex, &orders), key("k").batch(&acme, &trips)] {
            assert_ne!(other, batch);
        }
        let none = IdempotencyKey(None);
        assert_ne!(none.batch(&acme, &orders), none.batch(&acme, &orders));
    }
}
