//! Failures as RFC 9457 problem details: `{"status": 404, "code": "unknown_task", "detail": "there is no task 17"}`.

use crate::platform::error::{ActionError, Kind};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

/// The media type of problem details.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// A failure, as it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// What kind of failure it is, in words.
    pub title: String,
    /// Stable, for programs.
    pub code: String,
    /// What, where, why, and how to mend it.
    pub detail: String,
}

/// The HTTP status of a kind of failure.
fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::Invalid => StatusCode::BAD_REQUEST,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::Limit => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for ActionError {
    fn into_response(self) -> Response {
        if self.kind == Kind::Internal {
            tracing::error!(reason = %self.sentence, "a request failed by a mistake of the host");
        }
        let status = status(self.kind);
        let problem = Problem {
            status: status.as_u16(),
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            code: self.code.to_owned(),
            detail: self.sentence,
        };
        let body = serde_json::to_string(&problem).unwrap_or_default();
        (status, [(header::CONTENT_TYPE, MEDIA_TYPE)], body).into_response()
    }
}
