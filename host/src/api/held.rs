//! The body of an answer that holds something until the last piece of it is with the connection that sends it, or its client is
//! gone. A connection takes whatever it is handed, however slowly its client reads: so it is handed a little at a time.

use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use hyper::body::{Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Bytes that a connection is handed at once.
const PIECE: usize = 64 << 10;

struct Held<T> {
    body: Body,
    /// What of the body was not handed over yet.
    rest: Bytes,
    /// Until the last piece is handed over.
    held: Option<T>,
}

/// The answer, which holds `held` as long as it is under way.
pub(super) fn held<T: Send + Unpin + 'static>(response: Response, held: T) -> Response {
    response.map(|body| Body::new(Held { body, rest: Bytes::new(), held: Some(held) }))
}

impl<T: Unpin> HttpBody for Held<T> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(context)).transpose()?.map(Frame::into_data) {
                None => return Poll::Ready(None),
                Some(Err(other)) => return Poll::Ready(Some(Ok(other))),
                Some(Ok(data)) => self.rest = data,
            }
        }
        let piece = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(piece);
        if self.is_end_stream() {
            // Not when the connection asks for more: whoever has the answer may have asked again by then.
            self.held = None;
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, body) = (self.rest.len() as u64, self.body.size_hint());
        let mut hint = SizeHint::new();
        hint.set_lower(rest + body.lower());
        if let Some(upper) = body.upper() {
            hint.set_upper(rest + upper);
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::response::IntoResponse as _;
    use std::future::poll_fn;
    use std::sync::Arc;

    async fn frame(body: &mut Body) -> Option<Result<Frame<Bytes>, axum::Error>> {
        poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await
    }

    #[tokio::test]
    async fn a_large_answer_comes_in_pieces_and_holds_until_the_last() {
        let bytes = 2 * PIECE + 5;
        let (token, answer) = (Arc::new(()), "x".repeat(bytes).into_response());
        let mut body = held(answer, Arc::clone(&token)).into_body();
        for (piece, left) in [(PIECE, bytes), (PIECE, PIECE + 5), (5, 5)] {
            assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(left as u64), false));
            assert_eq!(Arc::strong_count(&token), 2);
            assert_eq!(frame(&mut body).await.unwrap().unwrap().into_data().unwrap().len(), piece);
        }
        assert_eq!(Arc::strong_count(&token), 1);
        assert!(body.is_end_stream() && frame(&mut body).await.is_none());
    }
}
