//! Failures as RFC 9457 problem details:
//! `{"status": 404, "title": "Not Found", "code": "unknown_task", "detail": "there is no task 17", "request_id": "…"}`.

use crate::platform::error::{ActionError, Kind};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The media type of problem details.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// What kind of failure it is, in words.
    pub title: String,
    /// Stable, for programs.
    pub code: String,
    /// What, where, why, and how to mend it.
    pub detail: String,
    /// The request; it stands in the log of the host, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// The HTTP status of a kind of failure.
fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::Invalid => StatusCode::BAD_REQUEST,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::Limit => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::Method => StatusCode::METHOD_NOT_ALLOWED,
        Kind::Stranger => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::TooSlow => StatusCode::REQUEST_TIMEOUT,
        Kind::TooMany => StatusCode::TOO_MANY_REQUESTS,
        Kind::Stale => StatusCode::PRECONDITION_FAILED,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl Problem {
    fn of(error: ActionError) -> Problem {
        let status = status(error.kind);
        Problem {
            status: status.as_u16(),
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            code: error.code.to_owned(),
            detail: error.sentence,
            request_id: None,
        }
    }

    fn response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_string(&self).unwrap_or_default();
        let mut response = (status, [(header::CONTENT_TYPE, MEDIA_TYPE)], body).into_response();
        let again = match status {
            // It waits for another of the same token to end.
            StatusCode::TOO_MANY_REQUESTS => Some(1),
            // It waits for a server, a disk or another host.
            StatusCode::SERVICE_UNAVAILABLE => Some(5),
            _ => None,
        };
        if let Some(seconds) = again {
            response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
        }
        // For whoever knows the request's id.
        response.extensions_mut().insert(self);
        response
    }

    /// The same answer with the id of its request, where it is a problem.
    pub(super) fn stamped(mut response: Response, request_id: &str) -> Response {
        match response.extensions_mut().remove::<Problem>() {
            None => response,
            Some(problem) => {
                let headers = std::mem::take(response.headers_mut());
                let stamped = Problem { request_id: Some(request_id.to_owned()), ..problem };
                let mut response = stamped.response();
                for (name, value) in &headers {
                    if name != header::CONTENT_LENGTH {
                        response.headers_mut().insert(name, value.clone());
                    }
                }
                response
            }
        }
    }
}

/// What a connection is told for which there is no place, as it goes over the wire.
pub(super) fn no_place() -> String {
    let sentence = "each connection of this port has a request under way (api.connections): try again in a second";
    wire(Problem::of(ActionError::unavailable("no_place", sentence)), "retry-after: 1\r\n")
}

/// What is told of bytes that could not be read as a request for this reason (400, 414 or 431), as it goes over the wire.
pub(super) fn no_request(status: StatusCode) -> String {
    let (code, sentence) = match status {
        StatusCode::URI_TOO_LONG => {
            ("uri_too_long", "the address of the request is too long to be read: send what is large in the body")
        }
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => (
            "head_too_large",
            "the head of the request has more than 64 KiB, or more than 100 headers: send fewer and shorter ones",
        ),
        _ => (
            "bad_request",
            "what came cannot be read as a request of HTTP/1.1: its first line or one of its headers is malformed, such as a \
             Content-Length that is no number or stands there twice; look at what your client sends",
        ),
    };
    let (title, detail) = (status.canonical_reason().unwrap_or_default().to_owned(), sentence.to_owned());
    wire(Problem { status: status.as_u16(), title, code: code.to_owned(), detail, request_id: None }, "")
}

/// An answer after which its connection is closed, of a request that has come to no route.
fn wire(problem: Problem, more: &str) -> String {
    let id = uuid::Uuid::now_v7().to_string();
    let problem = Problem { request_id: Some(id.clone()), ..problem };
    let body = serde_json::to_string(&problem).unwrap_or_default();
    let (status, title, length) = (problem.status, problem.title, body.len());
    format!(
        "HTTP/1.1 {status} {title}\r\ncontent-type: {MEDIA_TYPE}\r\ncontent-length: {length}\r\ncache-control: no-store\r\n\
         x-content-type-options: nosniff\r\n{more}x-request-id: {id}\r\nconnection: close\r\n\r\n{body}"
    )
}

impl IntoResponse for ActionError {
    fn into_response(self) -> Response {
        if self.kind == Kind::Internal {
            tracing::error!(reason = %self.sentence, "a request failed by a mistake of the host");
        }
        Problem::of(self).response()
    }
}
