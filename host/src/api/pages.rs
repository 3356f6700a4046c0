//! Lists, page by page: the address of the next one stands in the `Link` header (RFC 8288).
//!
//! A page goes on behind a key of the one before, which `after` names: what comes or goes between two pages makes nothing come
//! twice. Whoever follows the header needs to know nothing of keys.

use crate::part::Part;
use crate::platform::error::ActionError;
use axum::Json;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt::Display;
use std::str::FromStr;
use url::form_urlencoded;

/// Things on a page where nobody says how many.
pub(super) const USUAL: usize = 100;
/// Most things on a page of most lists.
pub(super) const MOST: usize = 1_000;

/// The key behind which a page begins, as an address says it.
pub(super) struct After<K>(pub(super) K);

/// A page, and the address of the next one, where there may be one.
pub(super) struct Paged<T> {
    body: T,
    next: Option<String>,
}

/// The page that is asked for.
pub(super) fn part<K>(after: Option<After<K>>, limit: Option<usize>, most: usize) -> Result<Part<K>, ActionError> {
    match limit.unwrap_or(USUAL) {
        0 => Err(ActionError::invalid("bad_query", format!("limit = 0 asks for nothing: ask for 1 to {most}"))),
        limit => Ok(Part { after: after.map(|After(key)| key), limit: limit.min(most) }),
    }
}

/// The address of the next page, which an answer names.
pub(super) fn next_page(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::LINK)?.to_str().ok()?.strip_prefix('<')?.strip_suffix(">; rel=\"next\"")
}

impl<T> Paged<T> {
    /// A page of what is at this address, and the key that `after` of the next one names.
    pub(super) fn new(uri: &Uri, (body, next): (T, Option<impl Display>)) -> Paged<T> {
        Paged { body, next: next.map(|key| behind(uri, &key)) }
    }
}

impl Paged<Response> {
    /// The page, where it is no JSON of one piece.
    pub(super) fn ready(self) -> Response {
        linked(self.body, self.next)
    }
}

/// The same address, going on behind `after`.
fn behind(uri: &Uri, after: &impl Display) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        if name != "after" {
            query.append_pair(&name, &value);
        }
    }
    format!("{}?{}", uri.path(), query.append_pair("after", &after.to_string()).finish())
}

impl<'de, K: FromStr<Err: Display>> Deserialize<'de> for After<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<After<K>, D::Error> {
        String::deserialize(deserializer)?.parse().map(After).map_err(serde::de::Error::custom)
    }
}

impl<T: Serialize> IntoResponse for Paged<T> {
    fn into_response(self) -> Response {
        linked(Json(self.body), self.next)
    }
}

fn linked(body: impl IntoResponse, next: Option<String>) -> Response {
    let mut response = body.into_response();
    let link = next.and_then(|next| HeaderValue::from_str(&format!("<{next}>; rel=\"next\"")).ok());
    if let Some(link) = link {
        response.headers_mut().insert(header::LINK, link);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_asks_the_same_behind_the_last() {
        let uri: Uri = "/v1/tasks?tenant=acme&after=3&limit=2".parse().unwrap();
        assert_eq!(behind(&uri, &5), "/v1/tasks?tenant=acme&limit=2&after=5");
        assert_eq!(behind(&"/v1/tasks".parse().unwrap(), &"1.2&3"), "/v1/tasks?after=1.2%263");
        let response = Paged::new(&uri, (["task"], Some(5))).into_response();
        assert_eq!(next_page(response.headers()), Some("/v1/tasks?tenant=acme&limit=2&after=5"));
        assert_eq!(next_page(Paged::new(&uri, (["task"], None::<u8>)).into_response().headers()), None);
    }

    #[test]
    fn a_page_has_at_least_one_and_at_most_so_many() {
        let limit = |asked| part(None::<After<u8>>, asked, 10).map(|part| part.limit).map_err(|error| error.code);
        assert_eq!((limit(Some(3)), limit(Some(11)), limit(None)), (Ok(3), Ok(10), Ok(10)));
        assert_eq!(limit(Some(0)), Err("bad_query"));
    }
}
