//! This host: drained, shut down.

use super::super::acting::Acting;
use super::super::served::Served;
use super::Answer;
use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Served> {
    OpenApiRouter::new().routes(routes!(drain)).routes(routes!(shutdown))
}

/// How a host goes.
#[derive(Debug, Serialize, ToSchema)]
struct Going {
    /// `draining` or `stopping`.
    state: &'static str,
    /// Tasks that run on it now.
    running: usize,
}

/// Drain this host
///
/// It claims no more tasks and consumes no more messages; tasks that run are finished. It answers requests, takes files in for
/// other hosts and is not ready (`/readyz`), until it is started anew.
#[utoipa::path(post, path = "/v1/host/drain", tag = "health", responses((status = 200, body = Going)))]
async fn drain(acting: Acting) -> Answer<Going> {
    acting.operator()?;
    let running = acting.platform.drain().await;
    Ok(Json(Going { state: "draining", running }))
}

/// Shut this host down
///
/// As SIGTERM does: what runs is checkpointed and goes back into the queue.
#[utoipa::path(post, path = "/v1/host/shutdown", tag = "health", responses((status = 200, body = Going)))]
async fn shutdown(acting: Acting) -> Answer<Going> {
    acting.operator()?;
    let running = acting.platform.shut_down().await;
    Ok(Json(Going { state: "stopping", running }))
}
