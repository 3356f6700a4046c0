//! What changes something: done as part of its connection's task, and come to its end although its client may be gone.
//!
//! A task of its own would come to its end too, but each piece of a body would then cross from one thread to another, and that was
//! a good part of what an upload cost.

use crate::platform::error::ActionError;
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::runtime::Handle;

/// A request on its way to a response. Dropped before that, it goes on in a task of its own.
pub(super) struct Deed(Option<BoxFuture<'static, Response>>);

impl Deed {
    /// One that panics answers with an internal error.
    pub(super) fn new(work: impl Future<Output = Response> + Send + 'static) -> Deed {
        let panicked = |_| ActionError::internal("what was asked for panicked; the log has its words").into_response();
        Deed(Some(AssertUnwindSafe(work).catch_unwind().map(move |done| done.unwrap_or_else(panicked)).boxed()))
    }
}

impl Future for Deed {
    type Output = Response;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Response> {
        let Some(work) = &mut self.0 else { return Poll::Pending };
        let polled = work.poll_unpin(context);
        if polled.is_ready() {
            self.0 = None;
        }
        polled
    }
}

impl Drop for Deed {
    fn drop(&mut self) {
        // Without a runtime nothing can go on: the host is at its end.
        if let (Some(work), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::StatusCode;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn what_is_dropped_comes_to_its_end() {
        let (go, may_go) = oneshot::channel::<()>();
        let (tell, told) = oneshot::channel();
        let mut deed = Deed::new(async move {
            may_go.await.unwrap();
            tell.send("done").unwrap();
            StatusCode::OK.into_response()
        });
        assert!((&mut deed).now_or_never().is_none());
        drop(deed);
        go.send(()).unwrap();
        assert_eq!(told.await, Ok("done"));
    }

    #[tokio::test]
    async fn what_panics_is_answered() {
        let answer = Deed::new(async { panic!("oh") }).await;
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let answer = Deed::new(async { StatusCode::NO_CONTENT.into_response() }).await;
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    }
}
