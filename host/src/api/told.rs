//! What the host's own log and metrics hear of a request: a span that every line within it carries, one line at its end, and what
//! kind of request it was.

use crate::telemetry::metrics::{Answered, Route};
use axum::extract::Request;
use axum::http::Method;
use std::time::Duration;
use tracing::Span;

/// A request that is under way.
pub(super) fn span(id: &str, request: &Request) -> Span {
    let (method, path) = (request.method(), request.uri().path());
    // Of the highest level, so that no filter takes the id from the lines that it lets through.
    tracing::error_span!("request", request_id = id, %method, path)
}

/// What kind of request it is; its status is not known yet.
pub(super) fn answered(request: &Request) -> Answered {
    let (verb, path) = (request.method(), request.uri().path());
    Answered { method: method(verb), route: route(verb, path), status: 0 }
}

/// Its line. What changed nothing, and what is data, is of interest to whoever looks for a mistake.
pub(super) fn line(answered: &Answered, took: Duration, is_loud: bool) {
    let (status, seconds) = (answered.status, took.as_secs_f64());
    match status {
        500.. => tracing::warn!(status, seconds, "answered"),
        _ if is_loud => tracing::info!(status, seconds, "answered"),
        _ => tracing::debug!(status, seconds, "answered"),
    }
}

fn route(method: &Method, path: &str) -> Route {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    match parts[..] {
        ["metrics"] => Route::Metrics,
        ["v1", "live"] | ["v1", "logs", "follow"] => Route::Follow,
        ["v1", "tenants", _, "streams", _, "lines" | "messages"] => Route::Publish,
        ["v1", "batches", _, "files", _] | ["v1", "tenants", _, "apps", _, "files"] => Route::Upload,
        ["v1", "tenants", _, "apps", _] if *method == Method::PUT => Route::Upload,
        _ => Route::Other,
    }
}

fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::lines::Kept;

    #[test]
    fn routes_are_of_few_kinds_and_methods_of_few_names() {
        for (verb, path, expected) in [
            (Method::GET, "/metrics", Route::Metrics),
            (Method::GET, "/v1/logs/follow", Route::Follow),
            (Method::GET, "/v1/logs", Route::Other),
            (Method::POST, "/v1/tenants/{tenant}/streams/{stream}/lines", Route::Publish),
            (Method::PUT, "/v1/batches/{batch}/files/{index}", Route::Upload),
            (Method::PUT, "/v1/tenants/{tenant}/apps/{app}", Route::Upload),
            (Method::DELETE, "/v1/tenants/{tenant}/apps/{app}", Route::Other),
            (Method::GET, "/v1/tenants/a/streams/b/c/lines", Route::Other),
        ] {
            assert_eq!(route(&verb, path), expected, "{verb} {path}");
        }
        assert_eq!(method(&Method::from_bytes(b"X-WHATEVER").unwrap()), "other");
    }

    #[test]
    fn a_filter_that_hides_lines_takes_no_id_from_those_it_lets_through() {
        let kept = Kept::default();
        let request = Request::post("/v1/batches?secret=1").body(axum::body::Body::empty()).unwrap();
        let answered = |status| Answered { status, ..answered(&request) };
        tracing::dispatcher::with_default(&kept.log("warn"), || {
            span("r-1", &request).in_scope(|| {
                line(&answered(201), Duration::from_millis(5), true);
                line(&answered(503), Duration::from_millis(5), true);
            });
        });
        let lines = kept.lines();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert_eq!((&lines[0]["fields"]["status"], &lines[0]["span"]["request_id"]), (&503.into(), &"r-1".into()));
        assert_eq!((&lines[0]["span"]["path"], &lines[0]["span"]["method"]), (&"/v1/batches".into(), &"POST".into()));
    }
}
