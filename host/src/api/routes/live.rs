//! What goes on, as it changes.

use super::super::acting::Acting;
use super::super::asks::Wanted;
use super::super::live::News;
use super::super::served::Served;
use crate::platform::error::ActionError;
use crate::tenant::TenantId;
use axum::extract::{Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use serde::Deserialize;
use std::convert::Infallible;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::{Stream, StreamExt as _};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Served> {
    OpenApiRouter::new().routes(routes!(live))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct OfTenant {
    /// Of this tenant alone.
    tenant: Option<TenantId>,
}

/// What goes on, live
///
/// Server-sent events: `status` (as `/v1/status`), `streams` (as `/v1/streams`) and `tasks` (the newest, as `/v1/tasks`) now and
/// whenever they have changed, at most once a second; `event` for each event of the log.
#[utoipa::path(
    get, path = "/v1/live", tag = "log", params(OfTenant),
    responses((status = 200, description = "A stream without an end", content_type = "text/event-stream", body = String))
)]
async fn live(
    State(served): State<Served>,
    acting: Acting,
    Wanted(Query(OfTenant { tenant })): Wanted<Query<OfTenant>>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ActionError> {
    let tenant = acting.whose(tenant)?;
    let over = served.until_over(acting.caller.clone(), tenant.clone());
    acting.platform.exists(tenant.as_ref())?;
    let (last, news) = served.live.look(tenant);
    // Who is too slow misses some; the snapshots that follow are whole.
    let news = BroadcastStream::new(news).filter_map(Result::ok);
    let all = tokio_stream::iter(last)
        .chain(news)
        .map(|News { name, data }| Ok(Event::default().event(name).data(data.as_ref())));
    let until_stopped = futures_util::StreamExt::take_until(all, over);
    Ok(Sse::new(until_stopped).keep_alive(KeepAlive::default()))
}
