//! What is on record: the log, statistics, the bill.

use super::super::acting::Acting;
use super::super::asks::Wanted;
use super::super::pages::{Page, Paged};
use super::super::served::Served;
use super::{Answer, PAGE};
use crate::journal::stats::Stats;
use crate::journal::{Cursor, Event, Filter};
use crate::platform::error::ActionError;
use crate::quota::UsageLine;
use crate::tenant::{AppName, TenantId};
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{OriginalUri, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;
use std::convert::Infallible;
use tokio_stream::StreamExt as _;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Served> {
    OpenApiRouter::new().routes(routes!(logs)).routes(routes!(follow)).routes(routes!(stats)).routes(routes!(usage))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Logs {
    /// The log of this tenant; the general one where an operator names none.
    tenant: Option<TenantId>,
    /// Not before then.
    since: Option<Timestamp>,
    /// Before then.
    until: Option<Timestamp>,
    /// These kinds of events, with commas between them.
    event: Option<String>,
    /// About this app.
    app: Option<AppName>,
    /// About this task.
    task: Option<u64>,
    /// The last so many, and never more than 10,000; 100 where nothing is said.
    #[param(minimum = 1, maximum = 10_000)]
    limit: Option<usize>,
    /// Before those of an earlier page, whose `Link` says this.
    #[param(value_type = Option<String>, pattern = r"^\d{1,19}\.\d{1,19}$")]
    after: Option<Cursor>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Follow {
    /// The log of this tenant; the general one where an operator names none.
    tenant: Option<TenantId>,
    /// These kinds of events, with commas between them.
    event: Option<String>,
    /// About this app.
    app: Option<AppName>,
    /// About this task.
    task: Option<u64>,
    /// Not before then.
    since: Option<Timestamp>,
    /// Those that were the last so far, and never more than 10,000; 100 where nothing is said.
    limit: Option<usize>,
}

fn kinds(named: Option<String>) -> Vec<String> {
    named.iter().flat_map(|events| events.split(',')).map(str::to_owned).collect()
}

/// The log: the last events, oldest first
///
/// The address of the page with those before stands in the `Link` header (`rel="next"`), where there may be one.
#[utoipa::path(get, path = "/v1/logs", tag = "log", params(Logs), responses((status = 200, body = Vec<Event>)))]
async fn logs(
    acting: Acting,
    OriginalUri(uri): OriginalUri,
    Wanted(Query(of)): Wanted<Query<Logs>>,
) -> Result<Paged<Vec<Event>>, ActionError> {
    let Logs { tenant, since, until, event, app, task, limit, after } = of;
    let scope = acting.scope(tenant)?;
    let filter = Filter { since, until, kinds: kinds(event), app, task };
    let page = acting.platform.logs(scope, filter, Page::size(limit, PAGE, 10_000)?, after).await?;
    Ok(Paged { body: page.events, next: page.next.map(|next| Page::next(&uri, next)) })
}

/// The log, as it grows
///
/// One JSON object on each line, without an end; as server-sent events (`event: event`) where the client accepts those.
#[utoipa::path(
    get, path = "/v1/logs/follow", tag = "log", params(Follow),
    responses((status = 200, description = "A stream without an end", content(
        (String = "application/x-ndjson"), (String = "text/event-stream")
    )))
)]
async fn follow(
    State(served): State<Served>,
    acting: Acting,
    headers: HeaderMap,
    Wanted(Query(of)): Wanted<Query<Follow>>,
) -> Result<Response, ActionError> {
    let over = served.until_over(acting.caller.clone());
    let Follow { tenant, event, app, task, since, limit } = of;
    let scope = acting.scope(tenant)?;
    let filter = Filter { since, until: None, kinds: kinds(event), app, task };
    let events = acting.platform.follow(scope, filter, limit.unwrap_or(PAGE)).await?;
    let texts = events.map(|event| serde_json::to_string(&*event).unwrap_or_default());
    // Whoever follows is let go when the host stops; it would wait for them otherwise.
    let texts = futures_util::StreamExt::take_until(texts, over);
    if accepts(&headers, "text/event-stream") {
        let events = texts.map(|text| Ok::<_, Infallible>(sse::Event::default().event("event").data(text)));
        return Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response());
    }
    let lines = texts.map(|text| Ok::<_, Infallible>(Bytes::from(text + "\n")));
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response())
}

fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|one| one.split(';').next().is_some_and(|one| one.trim() == media_type))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Period {
    /// Of this tenant alone.
    tenant: Option<TenantId>,
    /// Of what ended since then.
    since: Option<Timestamp>,
}

/// Statistics
#[utoipa::path(get, path = "/v1/stats", tag = "log", params(Period), responses((status = 200, body = Stats)))]
async fn stats(acting: Acting, Wanted(Query(of)): Wanted<Query<Period>>) -> Answer<Stats> {
    let tenant = acting.whose(of.tenant)?;
    acting.platform.stats(tenant.as_ref(), of.since).await.map(Json)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Days {
    /// Of this tenant alone.
    tenant: Option<TenantId>,
    /// From this day on.
    from: Option<Date>,
    /// Up to this day.
    to: Option<Date>,
    /// JSON, or CSV with a head.
    #[serde(default)]
    #[param(inline)]
    format: Format,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Json,
    Csv,
}

/// What tenants have used, by tenant and day
#[utoipa::path(
    get, path = "/v1/usage", tag = "log", params(Days),
    responses((status = 200, description = "A line for each tenant and day", content(
        (Vec<UsageLine> = "application/json"), (String = "text/csv")
    )))
)]
async fn usage(acting: Acting, Wanted(Query(of)): Wanted<Query<Days>>) -> Result<Response, ActionError> {
    let tenant = acting.whose(of.tenant)?;
    let lines = acting.platform.usage(tenant.as_ref(), of.from, of.to).await?;
    Ok(match of.format {
        Format::Json => Json(lines).into_response(),
        Format::Csv => ([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], UsageLine::csv(&lines)).into_response(),
    })
}
