//! What a request says: its path, query and body, of which every mistake is told as a problem.

use super::once::ReadBody;
use super::shares::Turn;
use crate::platform::error::ActionError;
use axum::Json;
use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use blake3::{Hash, Hasher};
use serde::Deserialize;
use std::fmt::Display;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncRead;
use tokio_stream::StreamExt as _;
use tokio_util::io::StreamReader;

/// How long the sender of a body may say nothing.
const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes of the largest body that is needed as a whole: lines of messages, the largest message and then some. A body stands for
/// so many while its sender does not say how many come.
pub(super) const LARGEST: usize = 32 << 20;

/// A path, a query or a body of JSON.
pub(super) struct Wanted<T>(pub(super) T);

impl<S: Send + Sync, T> FromRequestParts<S> for Wanted<Path<T>>
where
    Path<T>: FromRequestParts<S, Rejection: Display>,
{
    type Rejection = ActionError;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, state: &S) -> Result<Self, ActionError> {
        let path = Path::<T>::from_request_parts(parts, state).await;
        path.map(Wanted).map_err(|error| ActionError::invalid("bad_path", error.to_string()))
    }
}

impl<S: Send + Sync, T> FromRequestParts<S> for Wanted<Query<T>>
where
    Query<T>: FromRequestParts<S, Rejection: Display>,
{
    type Rejection = ActionError;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, state: &S) -> Result<Self, ActionError> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        query.map(Wanted).map_err(|error| ActionError::invalid("bad_query", error.to_string()))
    }
}

impl<S: Send + Sync, T> FromRequest<S> for Wanted<Json<T>>
where
    T: for<'de> Deserialize<'de>,
{
    type Rejection = ActionError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ActionError> {
        let Whole(body) = Whole::from_request(request, state).await?;
        // No body means that nothing is said.
        let text: &[u8] = if body.is_empty() { b"{}" } else { &body };
        let read = serde_json::from_slice(text).map(|value| Wanted(Json(value)));
        read.map_err(|error| ActionError::invalid("bad_body", error.to_string()))
    }
}

/// A body that is needed as a whole: no larger than its route allows, and no slower than [`PATIENCE`] allows.
pub(super) struct Whole(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for Whole {
    type Rejection = ActionError;

    async fn from_request(request: Request, state: &S) -> Result<Whole, ActionError> {
        if let Some(turn) = request.extensions().get::<Arc<Turn>>() {
            let most = LARGEST as u64;
            turn.hold(request.body().size_hint().upper().map_or(most, |bytes| bytes.min(most)))?;
        }
        let read = request.extensions().get::<ReadBody>().cloned();
        let whole = tokio::time::timeout(PATIENCE, Bytes::from_request(request, state)).await.map_err(|_| late())?;
        if let (Some(read), Ok(body)) = (read, &whole) {
            read.is(body);
        }
        whole.map(Whole).map_err(|rejection| match rejection.status() {
            axum::http::StatusCode::PAYLOAD_TOO_LARGE => {
                ActionError::too_large("body_too_large", "the body is larger than is read here: send less at once")
            }
            _ => ActionError::invalid("bad_body", rejection.body_text()),
        })
    }
}

/// A body that is needed as a whole did not come in time.
fn late() -> ActionError {
    ActionError::too_slow(format!("the body did not come within {} s: send it faster", PATIENCE.as_secs()))
}

/// The hash of a body, of which nothing is held; `None` where it is larger than any that is read as a whole.
pub(super) async fn hashed(body: Body) -> Result<Option<Hash>, ActionError> {
    let hashing = async {
        let (mut hasher, mut bytes, mut chunks) = (Hasher::new(), 0, body.into_data_stream());
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| ActionError::invalid("bad_body", error.to_string()))?;
            bytes += chunk.len();
            if bytes > LARGEST {
                return Ok(None);
            }
            hasher.update(&chunk);
        }
        Ok(Some(hasher.finalize()))
    };
    tokio::time::timeout(PATIENCE, hashing).await.map_err(|_| late())?
}

/// A body as it comes. It ends with an error where its sender says nothing for too long, or may send no more: that is asked with
/// each chunk, and when all is there.
pub(super) fn reader(
    body: Body,
    may: impl Fn() -> Result<(), ActionError> + Send + 'static,
) -> impl AsyncRead + Unpin + Send {
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, "nothing came for 30 s: the sender is too slow, or gone");
    let chunks = body.into_data_stream().timeout(PATIENCE).map(Some).chain(tokio_stream::once(None));
    let chunks = chunks.map(move |chunk| {
        may().map_err(io::Error::other)?;
        chunk.map_or(Ok(Bytes::new()), |chunk| chunk.map_err(late)?.map_err(io::Error::other))
    });
    StreamReader::new(Box::pin(chunks))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::io::AsyncReadExt as _;

    #[tokio::test]
    async fn a_body_is_read_as_long_as_its_sender_may_send_and_not_whole_where_it_may_not_at_its_end() {
        let read = async |allowed: usize| {
            let asked = AtomicUsize::new(0);
            let may = move || match asked.fetch_add(1, Ordering::Relaxed) < allowed {
                true => Ok(()),
                false => Err(ActionError::forbidden("over", "no more")),
            };
            let chunks = ["some ", "text"].map(|chunk| Ok::<_, io::Error>(Bytes::from(chunk)));
            let mut text = String::new();
            let body = Body::from_stream(tokio_stream::iter(chunks));
            reader(body, may).read_to_string(&mut text).await.map(|_| text).map_err(|error| error.to_string())
        };
        assert_eq!(read(3).await.as_deref(), Ok("some text"));
        for allowed in [0, 1, 2] {
            assert_eq!(read(allowed).await, Err("no more".to_owned()), "{allowed} times");
        }
    }
}
