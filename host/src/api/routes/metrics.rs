//! Metrics, for Prometheus.

use super::super::acting::Acting;
use super::super::served::Served;
use crate::platform::error::ActionError;
use crate::telemetry::exposition::Format;
use crate::telemetry::metrics::Snapshot;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Served> {
    OpenApiRouter::new().routes(routes!(metrics))
}

/// Metrics of the host and of all tenants
///
/// In the text format of Prometheus, or in that of OpenMetrics where it is asked for (`Accept`). What a server would have to tell
/// that does not answer is not among them; the rest is.
#[utoipa::path(
    get, path = "/metrics", tag = "health",
    responses((status = 200, description = "All metrics", content(
        (String = "text/plain"), (String = "application/openmetrics-text")
    )))
)]
async fn metrics(State(served): State<Served>, acting: Acting, headers: HeaderMap) -> Result<Response, ActionError> {
    acting.operator()?;
    let now = Timestamp::now();
    let snapshot = Snapshot {
        tokens: served.tokens.first_ends(now),
        own_token: acting.caller.token.as_ref().and_then(|id| served.tokens.end(id)),
        ..acting.platform.measure().await
    };
    served.metrics.moved(&acting.platform.running.take_moved());
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let format = Format::preferred(accept);
    let text = served.metrics.text(&snapshot, format);
    Ok(([(header::CONTENT_TYPE, format.media_type()), (header::VARY, "accept")], text).into_response())
}
