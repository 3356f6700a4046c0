//! Which version somebody has looked at before changing something: `If-Match: "3"`, as `ETag` said it; `If-Match: *` for one that
//! is there, whatever its version; `If-None-Match: *` for one that is not.

use crate::platform::Settlement;
use crate::platform::error::ActionError;
use crate::tenant::Seen;
use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// What was seen of it; whatever is there where nothing is said.
pub(super) struct Looked(pub(super) Seen);

/// An answer with its version.
pub(super) struct Versioned<T>(pub(super) T);

/// What has a version.
pub(super) trait HasVersion {
    /// Its version.
    fn version(&self) -> u64;
}

impl HasVersion for Settlement {
    fn version(&self) -> u64 {
        self.version
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Looked {
    type Rejection = ActionError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Looked, ActionError> {
        let (there, not) = (asked(parts, &header::IF_MATCH)?, asked(parts, &header::IF_NONE_MATCH)?);
        Ok(Looked(Seen { there, not }))
    }
}

/// What a header names: any version, or one.
fn asked(parts: &Parts, name: &HeaderName) -> Result<Option<Option<u64>>, ActionError> {
    let mut values = parts.headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    let version = || text.strip_prefix('"').and_then(|text| text.strip_suffix('"')?.parse().ok());
    let asked = if text == "*" { Some(None) } else { version().map(Some) };
    asked.filter(|_| values.next().is_none()).map(Some).ok_or_else(|| {
        let name = if *name == header::IF_MATCH { "If-Match" } else { "If-None-Match" };
        let sentence = format!(
            "{name}: {text:?} is no version: send one ETag that you were given, such as \"3\" with its quotes, or *"
        );
        ActionError::invalid("bad_version", sentence)
    })
}

impl<T: HasVersion + Serialize> IntoResponse for Versioned<T> {
    fn into_response(self) -> Response {
        let version = HeaderValue::from_str(&format!("\"{}\"", self.0.version()));
        let mut response = Json(self.0).into_response();
        if let Ok(version) = version {
            response.headers_mut().insert(header::ETAG, version);
        }
        response
    }
}
