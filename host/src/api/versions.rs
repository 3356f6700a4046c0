//! Which version somebody has looked at before changing something: `If-Match: "3"`, as `ETag` said it.

use crate::platform::Settlement;
use crate::platform::error::ActionError;
use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

/// The version that was looked at; `None` where nothing is said of it.
pub(super) struct Seen(pub(super) Option<u64>);

/// An answer with its version.
pub(super) struct Versioned(pub(super) Settlement);

impl<S: Send + Sync> FromRequestParts<S> for Seen {
    type Rejection = ActionError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Seen, ActionError> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else { return Ok(Seen(None)) };
        let text = value.to_str().unwrap_or_default().trim();
        if text == "*" {
            return Ok(Seen(None));
        }
        let version = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')?.parse().ok());
        version.map(|version| Seen(Some(version))).ok_or_else(|| {
            let sentence = format!(
                "If-Match: {text:?} is no version: send the ETag that you were given, such as \"3\" with its quotes"
            );
            ActionError::invalid("bad_version", sentence)
        })
    }
}

impl IntoResponse for Versioned {
    fn into_response(self) -> Response {
        let version = HeaderValue::from_str(&format!("\"{}\"", self.0.version));
        let mut response = Json(self.0).into_response();
        if let Ok(version) = version {
            response.headers_mut().insert(header::ETAG, version);
        }
        response
    }
}
