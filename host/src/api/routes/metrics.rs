//! Metrics, for Prometheus.

use super::super::acting::Acting;
use super::super::served::Served;
use crate::platform::error::ActionError;
use crate::telemetry::metrics::MEDIA_TYPE;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Served> {
    OpenApiRouter::new().routes(routes!(metrics))
}

/// Metrics of the host and of all tenants
///
/// In the text format of OpenMetrics, which Prometheus reads.
#[utoipa::path(
    get, path = "/metrics", tag = "health",
    responses((status = 200, description = "All metrics", content_type = "application/openmetrics-text", body = String))
)]
async fn metrics(State(served): State<Served>, acting: Acting) -> Result<Response, ActionError> {
    acting.operator()?;
    let text = served.metrics.text(&acting.platform.measure().await?);
    Ok(([(header::CONTENT_TYPE, MEDIA_TYPE)], text).into_response())
}
