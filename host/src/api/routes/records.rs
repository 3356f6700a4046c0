//! What is on record: the log and statistics.

use super::super::acting::Acting;
use super::super::asks::Wanted;
use super::super::pages::{self, After, Paged};
use super::super::served::Served;
use super::Answer;
use crate::journal::stats::Stats;
use crate::journal::{Cursor, Event, Filter};
use crate::platform::error::ActionError;
use crate::tenant::{AppName, StreamName, TenantId};
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{OriginalUri, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Deserialize;
use std::convert::Infallible;
use tokio_stream::StreamExt as _;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Served> {
    OpenApiRouter::new().routes(routes!(logs)).routes(routes!(follow)).routes(routes!(stats))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Logs {
    /// The log of this tenant; the general one where an operator names none.
    tenant: Option<TenantId>,
    /// The audit log: what operators asked for. Theirs alone.
    #[serde(default)]
    #[param(default = false)]
    audit: bool,
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
    /// About this stream.
    stream: Option<StreamName>,
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
    /// About this stream.
    stream: Option<StreamName>,
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
    let Logs { tenant, audit, since, until, event, app, task, stream, limit, after } = of;
    let scope = if audit { acting.audit(tenant)? } else { acting.scope(tenant)? };
    let filter = Filter { since, until, kinds: kinds(event), app, task, stream };
    let part = pages::part(after.map(After), limit, 10_000)?;
    let page = acting.platform.logs(scope, filter, part.limit, part.after).await?;
    Ok(Paged::new(&uri, (page.events, page.next)))
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
    let Follow { tenant, event, app, task, stream, since, limit } = of;
    let over = served.until_over(acting.caller.clone(), acting.whose(tenant.clone())?);
    let scope = acting.scope(tenant)?;
    let filter = Filter { since, until: None, kinds: kinds(event), app, task, stream };
    let events = acting.platform.follow(scope, filter, limit.unwrap_or(pages::USUAL)).await?;
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
