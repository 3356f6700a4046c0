//! What a request says: its path, query and body, of which every mistake is told as a problem.

use super::json::object;
use super::once::ReadBody;
use super::pace::{as_io, too_slow};
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
use tokio::io::AsyncRead;
use tokio_stream::StreamExt as _;
use tokio_util::io::StreamReader;

/// Bytes of the largest body that is needed as a whole: lines of messages, the largest message and then some.
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
        object(text).map(|value| Wanted(Json(value))).map_err(|sentence| ActionError::invalid("bad_body", sentence))
    }
}

/// Most bytes of a body that is needed as a whole, on the routes that have this layer.
#[derive(Clone, Copy)]
pub(super) struct Most(pub(super) usize);

/// A body that is needed as a whole, and no larger than its route allows ([`Most`]). It counts among what its token holds: as a
/// whole from its beginning where its sender says how much comes, else as it comes.
pub(super) struct Whole(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for Whole {
    type Rejection = ActionError;

    async fn from_request(request: Request, _: &S) -> Result<Whole, ActionError> {
        let most = request.extensions().get::<Most>().map_or(LARGEST, |Most(bytes)| *bytes);
        let turn = request.extensions().get::<Arc<Turn>>().cloned();
        let read = request.extensions().get::<ReadBody>().cloned();
        let hold = |bytes: usize| turn.as_ref().map_or(Ok(()), |turn| turn.hold(bytes as u64));
        let body = request.into_body();
        let said = body.size_hint().exact().map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        if let Some(bytes) = said {
            // Before a byte of it is read.
            within(bytes, most)?;
            hold(bytes)?;
        }
        let (mut whole, mut chunks) = (Vec::with_capacity(said.unwrap_or(0)), body.into_data_stream());
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| broken(&error))?;
            within(whole.len() + chunk.len(), most)?;
            if said.is_none() {
                hold(chunk.len())?;
            }
            whole.extend_from_slice(&chunk);
        }
        if let Some(read) = read {
            read.is(&whole);
        }
        Ok(Whole(whole.into()))
    }
}

fn within(bytes: usize, most: usize) -> Result<(), ActionError> {
    match bytes <= most {
        true => Ok(()),
        false => Err(ActionError::too_large(
            "body_too_large",
            format!("the body is larger than the {most} bytes that are read here: send less at once"),
        )),
    }
}

/// A body did not come whole.
fn broken(error: &axum::Error) -> ActionError {
    too_slow(error).unwrap_or_else(|| {
        ActionError::invalid("bad_body", format!("the body did not come whole ({error}): send it again"))
    })
}

/// The hash of a body, of which nothing is held; `None` where it is larger than any that is read as a whole.
pub(super) async fn hashed(body: Body) -> Result<Option<Hash>, ActionError> {
    let (mut hasher, mut bytes, mut chunks) = (Hasher::new(), 0, body.into_data_stream());
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| broken(&error))?;
        bytes += chunk.len();
        if bytes > LARGEST {
            return Ok(None);
        }
        hasher.update(&chunk);
    }
    Ok(Some(hasher.finalize()))
}

/// A body as it comes. It ends with an error where its sender is too slow, or may send no more: that is asked with each chunk,
/// and when all is there.
pub(super) fn reader(
    body: Body,
    may: impl Fn() -> Result<(), ActionError> + Send + 'static,
) -> impl AsyncRead + Unpin + Send {
    let chunks = body.into_data_stream().map(Some).chain(tokio_stream::once(None));
    let chunks = chunks.map(move |chunk| {
        may().map_err(io::Error::other)?;
        chunk.map_or(Ok(Bytes::new()), |chunk| chunk.map_err(as_io))
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
