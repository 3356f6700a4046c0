//! The routes, version 1. Each reads its request, asks [`Acting`](super::acting::Acting) whether its caller may name what it
//! names, makes one call, and writes the answer as JSON. One file by subject; each describes itself, and [`description`] is
//! all of that as OpenAPI.

mod apps;
mod batches;
mod health;
mod host;
mod letters;
mod live;
mod me;
mod metrics;
mod records;
mod settlements;
mod streams;
mod submissions;
mod tasks;
mod tenants;
mod tokens;
mod usage;

use super::asks::Most;
use super::dashboard;
use super::guard::{self, Door};
use super::once;
use super::openapi;
use super::served::Served;
use crate::platform::error::ActionError;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use axum::{Extension, Json, Router, middleware};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

/// Bytes of a body that is needed as a whole.
const MAX_BODY: usize = 2 << 20;

type Answer<T> = Result<Json<T>, ActionError>;

fn described() -> OpenApiRouter<Served> {
    OpenApiRouter::with_openapi(openapi::head())
        .merge(health::routes())
        .merge(host::routes())
        .merge(me::routes())
        .merge(metrics::routes())
        .merge(live::routes())
        .merge(tenants::routes())
        .merge(settlements::routes())
        .merge(apps::routes())
        .merge(submissions::routes())
        .merge(batches::routes())
        .merge(tasks::routes())
        .merge(letters::routes())
        .merge(streams::routes())
        .merge(records::routes())
        .merge(usage::routes())
        .merge(tokens::routes())
}

/// The description of all routes.
pub(super) fn description() -> OpenApi {
    openapi::complete(described().split_for_parts().1)
}

/// All routes behind a door.
pub(super) fn router(door: Door, served: Served) -> Router {
    let (routes, _) = described().split_for_parts();
    let other_method = async |request: Request| {
        ActionError::method(format!("{} does not take {}", request.uri().path(), request.method()))
    };
    let guarded = routes
        .fallback(async |request: Request| {
            ActionError::not_found(
                "unknown_route",
                format!("there is no {} {}", request.method(), request.uri().path()),
            )
        })
        .method_not_allowed_fallback(other_method)
        .layer(DefaultBodyLimit::disable())
        .layer(Extension(Most(MAX_BODY)))
        .layer(middleware::from_fn_with_state(once::Once::new(), once::once))
        .layer(middleware::from_fn_with_state(door.clone(), guard::guard));
    let open = health::open_routes()
        .merge(openapi::routes())
        .merge(dashboard::routes())
        .method_not_allowed_fallback(other_method)
        .layer(middleware::from_fn_with_state(door, guard::open));
    guarded.merge(open).layer(middleware::map_response(plain)).with_state(served)
}

/// What every answer says to a browser: take it for nothing else than it is, and keep none of it.
async fn plain(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
