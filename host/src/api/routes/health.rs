//! Whether the host lives, and whether it can work. Neither needs a token: they say nothing else.

use super::super::served::Served;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// For the description alone: they are served by [`open_routes`].
pub(super) fn routes() -> OpenApiRouter<Served> {
    let described = OpenApiRouter::<Served>::new().routes(routes!(live)).routes(routes!(ready));
    OpenApiRouter::with_openapi(described.split_for_parts().1)
}

pub(super) fn open_routes() -> Router<Served> {
    Router::new().route("/healthz", get(live)).route("/readyz", get(ready))
}

/// The host lives.
#[derive(Debug, Serialize, ToSchema)]
struct Health {
    /// `live`.
    status: &'static str,
}

/// Whether the host can work.
#[derive(Debug, Serialize, ToSchema)]
struct Readiness {
    /// It can.
    ready: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Whether the host lives
#[utoipa::path(get, path = "/healthz", tag = "health", security(()), responses((status = 200, body = Health)))]
async fn live() -> Json<Health> {
    Json(Health { status: "live" })
}

/// Whether the host can work
///
/// It can while it is not stopping or drained, and its queue answers.
#[utoipa::path(
    get, path = "/readyz", tag = "health", security(()),
    responses((status = 200, body = Readiness), (status = 503, description = "It cannot", body = Readiness))
)]
async fn ready(State(served): State<Served>) -> (StatusCode, Json<Readiness>) {
    match served.platform.ready().await {
        Ok(()) => (StatusCode::OK, Json(Readiness { ready: true, reason: None })),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, Json(Readiness { ready: false, reason: Some(reason) })),
    }
}
