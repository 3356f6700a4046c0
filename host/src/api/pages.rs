//! Lists, page by page: the address of the next one stands in the `Link` header (RFC 8288).

use crate::platform::error::ActionError;
use axum::Json;
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::fmt::Display;
use url::form_urlencoded;

/// What is common to pages.
pub(super) struct Page;

/// A page, and the address of the next one, where there may be one.
pub(super) struct Paged<T> {
    pub(super) body: T,
    pub(super) next: Option<String>,
}

impl Page {
    /// How many are asked for.
    pub(super) fn size(asked: Option<usize>, usual: usize, most: usize) -> Result<usize, ActionError> {
        match asked.unwrap_or(usual) {
            0 => Err(ActionError::invalid("bad_query", format!("limit = 0 asks for nothing: ask for 1 to {most}"))),
            asked => Ok(asked.min(most)),
        }
    }

    /// The address of this page, going on behind `after`.
    pub(super) fn next(uri: &Uri, after: impl Display) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
            if name != "after" {
                query.append_pair(&name, &value);
            }
        }
        format!("{}?{}", uri.path(), query.append_pair("after", &after.to_string()).finish())
    }
}

impl<T: Serialize> IntoResponse for Paged<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.body).into_response();
        let link = self.next.and_then(|next| HeaderValue::from_str(&format!("<{next}>; rel=\"next\"")).ok());
        if let Some(link) = link {
            response.headers_mut().insert(header::LINK, link);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_asks_the_same_behind_the_last() {
        let uri: Uri = "/v1/tasks?tenant=acme&after=3&limit=2".parse().unwrap();
        assert_eq!(Page::next(&uri, 5), "/v1/tasks?tenant=acme&limit=2&after=5");
        assert_eq!(Page::next(&"/v1/tasks".parse().unwrap(), "1.2&3"), "/v1/tasks?after=1.2%263");
    }
}
