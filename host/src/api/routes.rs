//! The routes, version 1. Each reads its request, makes one call, and writes the answer as JSON.

use crate::broker::StreamKey;
use crate::journal::{Filter, Scope};
use crate::platform::error::ActionError;
use crate::platform::{OpenBatch, Platform};
use crate::queue::TaskFilter;
use crate::sink::{LetterFilter, LetterKey};
use crate::task::{BatchId, TaskState};
use crate::tenant::{AppName, SinkName, StreamName, TenantId};
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Path, Query, Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use std::convert::Infallible;
use tokio_stream::StreamExt as _;
use tokio_util::io::StreamReader;
use tokio_util::sync::CancellationToken;

/// Tasks, letters or events on a page where nobody says how many.
const PAGE: usize = 100;

/// Bytes of lines that are published at once: the largest message, and then some.
const MAX_LINES: usize = 32 << 20;

type Answer<T> = Result<Json<T>, ActionError>;

#[derive(Clone)]
struct Served {
    platform: Platform,
    stop: CancellationToken,
}

/// All routes. Streams that never end do when `stop` comes.
pub fn router(platform: Platform, stop: CancellationToken) -> Router {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/tenants", get(tenants))
        .route("/v1/batches", post(open_batch))
        .route("/v1/batches/{batch}", get(batch))
        .route("/v1/batches/{batch}/files/{index}", put(send_file).layer(DefaultBodyLimit::disable()))
        .route("/v1/batches/{batch}/commit", post(commit_batch))
        .route("/v1/tasks", get(tasks))
        .route("/v1/tasks/{task}", get(task))
        .route("/v1/tasks/{task}/retry", post(retry))
        .route("/v1/tasks/{task}/cancel", post(cancel))
        .route("/v1/tasks/{task}/rerun", post(rerun))
        .route("/v1/tasks/{task}/replay", post(replay))
        .route("/v1/apps", get(apps))
        .route("/v1/tenants/{tenant}/apps/{app}/history", get(app_history))
        .route("/v1/tenants/{tenant}/apps/{app}/rollback", post(roll_back))
        .route("/v1/tenants/{tenant}/dead-letters", get(letters))
        .route("/v1/streams", get(streams))
        .route("/v1/tenants/{tenant}/streams/{stream}/start", post(start_stream))
        .route("/v1/tenants/{tenant}/streams/{stream}/stop", post(stop_stream))
        .route("/v1/tenants/{tenant}/streams/{stream}/purge", post(purge_stream))
        .route("/v1/tenants/{tenant}/streams/{stream}/replay", post(replay_messages))
        .route("/v1/tenants/{tenant}/credentials", post(credentials))
        .route(
            "/v1/tenants/{tenant}/streams/{stream}/lines",
            post(publish_lines).layer(DefaultBodyLimit::max(MAX_LINES)),
        )
        .route("/v1/stats", get(stats))
        .route("/v1/usage", get(usage))
        .route("/v1/logs", get(logs))
        .route("/v1/logs/follow", get(follow))
        .merge(super::dashboard::routes())
        .fallback(async |request: Request| {
            ActionError::not_found(
                "unknown_route",
                format!("there is no {} {}", request.method(), request.uri().path()),
            )
        })
        .with_state(Served { platform, stop })
}

/// A path, a query or a body of which every mistake is told as a problem.
struct Wanted<T>(T);

impl<S: Send + Sync, T> FromRequestParts<S> for Wanted<Path<T>>
where
    Path<T>: FromRequestParts<S, Rejection: std::fmt::Display>,
{
    type Rejection = ActionError;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, state: &S) -> Result<Self, ActionError> {
        let path = Path::<T>::from_request_parts(parts, state).await;
        path.map(Wanted).map_err(|error| ActionError::invalid("bad_path", error.to_string()))
    }
}

impl<S: Send + Sync, T> FromRequestParts<S> for Wanted<Query<T>>
where
    Query<T>: FromRequestParts<S, Rejection: std::fmt::Display>,
{
    type Rejection = ActionError;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, state: &S) -> Result<Self, ActionError> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        query.map(Wanted).map_err(|error| ActionError::invalid("bad_query", error.to_string()))
    }
}

impl<S: Send + Sync, T> FromRequest<S> for Wanted<Json<T>>
where
    T: for<'de> Deserialize<'de>,
{
    type Rejection = ActionError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ActionError> {
        let invalid = |error: &dyn std::fmt::Display| ActionError::invalid("bad_body", error.to_string());
        let body = Bytes::from_request(request, state).await.map_err(|error| invalid(&error))?;
        // No body means that nothing is said.
        let text: &[u8] = if body.is_empty() { b"{}" } else { &body };
        serde_json::from_slice(text).map(|value| Wanted(Json(value))).map_err(|error| invalid(&error))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfTenant {
    tenant: Option<TenantId>,
}

async fn status(
    State(served): State<Served>,
    Wanted(Query(of)): Wanted<Query<OfTenant>>,
) -> Answer<crate::platform::Overview> {
    served.platform.overview(of.tenant.as_ref()).await.map(Json)
}

async fn tenants(State(served): State<Served>) -> Answer<Vec<crate::platform::TenantLine>> {
    served.platform.tenants().await.map(Json)
}

async fn open_batch(
    State(served): State<Served>,
    Wanted(Json(plan)): Wanted<Json<OpenBatch>>,
) -> Answer<crate::platform::OpenedBatch> {
    served.platform.open_batch(plan).await.map(Json)
}

async fn send_file(
    State(served): State<Served>,
    Wanted(Path((batch, index))): Wanted<Path<(BatchId, usize)>>,
    body: Body,
) -> Answer<crate::task::StoredFile> {
    let content = StreamReader::new(body.into_data_stream().map(|chunk| chunk.map_err(std::io::Error::other)));
    served.platform.send_file(batch, index, content).await.map(Json)
}

async fn commit_batch(
    State(served): State<Served>,
    Wanted(Path(batch)): Wanted<Path<BatchId>>,
) -> Answer<serde_json::Value> {
    served.platform.commit_batch(batch).await.map(|tasks| Json(json!({ "batch": batch, "tasks": tasks })))
}

async fn batch(
    State(served): State<Served>,
    Wanted(Path(batch)): Wanted<Path<BatchId>>,
) -> Answer<crate::platform::BatchView> {
    served.platform.batch(batch).await.map(Json)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tasks {
    tenant: Option<TenantId>,
    app: Option<AppName>,
    batch: Option<BatchId>,
    state: Option<TaskState>,
    after: Option<u64>,
    #[serde(default)]
    newest_first: bool,
    limit: Option<usize>,
}

async fn tasks(
    State(served): State<Served>,
    Wanted(Query(asked)): Wanted<Query<Tasks>>,
) -> Answer<Vec<crate::platform::TaskView>> {
    let Tasks { tenant, app, batch, state, after, newest_first, limit } = asked;
    let filter = TaskFilter { tenant, app, batch, state, after, newest_first };
    served.platform.tasks(&filter, limit.unwrap_or(PAGE)).await.map(Json)
}

async fn task(State(served): State<Served>, Wanted(Path(task)): Wanted<Path<u64>>) -> Answer<crate::task::TaskRecord> {
    served.platform.task(task).await.map(Json)
}

async fn retry(State(served): State<Served>, Wanted(Path(task)): Wanted<Path<u64>>) -> Answer<crate::task::TaskRecord> {
    served.platform.retry(task).await.map(Json)
}

async fn cancel(
    State(served): State<Served>,
    Wanted(Path(task)): Wanted<Path<u64>>,
) -> Answer<crate::task::TaskRecord> {
    served.platform.cancel(task).await.map(Json)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rerun {
    #[serde(default)]
    same_generation: bool,
}

async fn rerun(
    State(served): State<Served>,
    Wanted(Path(task)): Wanted<Path<u64>>,
    Wanted(Json(how)): Wanted<Json<Rerun>>,
) -> Answer<crate::task::TaskRecord> {
    served.platform.rerun(task, how.same_generation).await.map(Json)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Replay {
    #[serde(default)]
    rows: Vec<u64>,
}

async fn replay(
    State(served): State<Served>,
    Wanted(Path(task)): Wanted<Path<u64>>,
    Wanted(Json(Replay { rows })): Wanted<Json<Replay>>,
) -> Answer<crate::platform::ReplayAnswer> {
    served.platform.replay(task, &rows).await.map(Json)
}

async fn apps(
    State(served): State<Served>,
    Wanted(Query(of)): Wanted<Query<OfTenant>>,
) -> Answer<Vec<crate::apps::AppStatus>> {
    Ok(Json(served.platform.apps(of.tenant.as_ref())))
}

async fn app_history(
    State(served): State<Served>,
    Wanted(Path((tenant, app))): Wanted<Path<(TenantId, AppName)>>,
) -> Answer<Vec<crate::apps::HistoryEntry>> {
    served.platform.app_history(&tenant, &app).await.map(Json)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RollBack {
    to: Option<String>,
}

async fn roll_back(
    State(served): State<Served>,
    Wanted(Path((tenant, app))): Wanted<Path<(TenantId, AppName)>>,
    Wanted(Json(RollBack { to })): Wanted<Json<RollBack>>,
) -> Answer<crate::apps::AppStatus> {
    served.platform.roll_back(&tenant, &app, to.as_deref()).await.map(Json)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Letters {
    sink: Option<SinkName>,
    task: Option<u64>,
    app: Option<String>,
    stream: Option<String>,
    /// `task.row.part` of the last letter of the page before.
    after: Option<String>,
    limit: Option<usize>,
}

async fn letters(
    State(served): State<Served>,
    Wanted(Path(tenant)): Wanted<Path<TenantId>>,
    Wanted(Query(Letters { sink, task, app, stream, after, limit })): Wanted<Query<Letters>>,
) -> Answer<crate::platform::LetterPage> {
    let after = after.as_deref().map(letter_key).transpose()?;
    let filter = LetterFilter { task, app, stream, after };
    served.platform.letters(&tenant, sink.as_ref(), &filter, limit.unwrap_or(PAGE)).await.map(Json)
}

fn letter_key(text: &str) -> Result<LetterKey, ActionError> {
    let parts: Vec<&str> = text.split('.').collect();
    let key = match parts.as_slice() {
        [task, row, part] => task.parse().ok().zip(row.parse().ok()).zip(part.parse().ok()),
        _ => None,
    };
    key.map(|((task, row), part)| (task, row, part)).ok_or_else(|| {
        ActionError::invalid("bad_query", format!("after = {text:?} is not of the form task.row.part, such as 17.3.0"))
    })
}

async fn streams(
    State(served): State<Served>,
    Wanted(Query(of)): Wanted<Query<OfTenant>>,
) -> Answer<Vec<crate::platform::StreamLine>> {
    served.platform.list_streams(of.tenant.as_ref()).await.map(Json)
}

type OfStream = Wanted<Path<(TenantId, StreamName)>>;

async fn start_stream(
    State(served): State<Served>,
    Wanted(Path((tenant, stream))): OfStream,
) -> Answer<crate::platform::StreamLine> {
    served.platform.start_stream(&StreamKey { tenant, stream }).await.map(Json)
}

async fn stop_stream(
    State(served): State<Served>,
    Wanted(Path((tenant, stream))): OfStream,
) -> Answer<crate::platform::StreamLine> {
    served.platform.stop_stream(&StreamKey { tenant, stream }).await.map(Json)
}

async fn purge_stream(
    State(served): State<Served>,
    Wanted(Path((tenant, stream))): OfStream,
) -> Answer<serde_json::Value> {
    let purged = served.platform.purge_stream(&StreamKey { tenant, stream }).await?;
    Ok(Json(json!({ "purged": purged })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotate {
    #[serde(default)]
    rotate: bool,
}

async fn credentials(
    State(served): State<Served>,
    Wanted(Path(tenant)): Wanted<Path<TenantId>>,
    Wanted(Json(Rotate { rotate })): Wanted<Json<Rotate>>,
) -> Answer<crate::broker::Credentials> {
    served.platform.credentials(&tenant, rotate).await.map(Json)
}

async fn replay_messages(
    State(served): State<Served>,
    Wanted(Path((tenant, stream))): OfStream,
) -> Answer<crate::platform::StreamReplay> {
    served.platform.replay_messages(&StreamKey { tenant, stream }).await.map(Json)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lines {
    /// What the message ids begin with; the number of the line follows.
    ids: Option<String>,
    /// Number of the first line.
    first: Option<u64>,
}

/// The body is a message on each line.
async fn publish_lines(
    State(served): State<Served>,
    Wanted(Path((tenant, stream))): OfStream,
    Wanted(Query(Lines { ids, first })): Wanted<Query<Lines>>,
    lines: Bytes,
) -> Answer<crate::platform::PublishAnswer> {
    let key = StreamKey { tenant, stream };
    served.platform.publish_lines(&key, ids.as_deref(), first.unwrap_or(1), &lines).await.map(Json)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Period {
    tenant: Option<TenantId>,
    since: Option<Timestamp>,
}

async fn stats(
    State(served): State<Served>,
    Wanted(Query(of)): Wanted<Query<Period>>,
) -> Answer<crate::journal::stats::Stats> {
    served.platform.stats(of.tenant.as_ref(), of.since).await.map(Json)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Days {
    tenant: Option<TenantId>,
    from: Option<jiff::civil::Date>,
    to: Option<jiff::civil::Date>,
}

async fn usage(
    State(served): State<Served>,
    Wanted(Query(of)): Wanted<Query<Days>>,
) -> Answer<Vec<crate::quota::UsageLine>> {
    served.platform.usage(of.tenant.as_ref(), of.from, of.to).await.map(Json)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Logs {
    tenant: Option<TenantId>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    event: Option<String>,
    app: Option<AppName>,
    task: Option<u64>,
    limit: Option<usize>,
}

impl Logs {
    fn scope(&self) -> Scope {
        self.tenant.clone().map_or(Scope::General, Scope::Tenant)
    }

    fn filter(&self) -> Filter {
        let kinds = self.event.iter().flat_map(|events| events.split(',')).map(str::to_owned).collect();
        Filter { since: self.since, until: self.until, kinds, app: self.app.clone(), task: self.task }
    }
}

async fn logs(
    State(served): State<Served>,
    Wanted(Query(of)): Wanted<Query<Logs>>,
) -> Answer<Vec<crate::journal::Event>> {
    served.platform.logs(of.scope(), of.filter(), of.limit.unwrap_or(PAGE)).await.map(Json)
}

/// One JSON object on each line, without an end.
async fn follow(State(served): State<Served>, Wanted(Query(of)): Wanted<Query<Logs>>) -> Result<Response, ActionError> {
    let events = served.platform.follow(of.scope(), of.filter(), of.limit.unwrap_or(PAGE)).await?;
    let lines = events.map(|event| {
        let line = serde_json::to_string(&*event).unwrap_or_default();
        Ok::<_, Infallible>(Bytes::from(line + "\n"))
    });
    let stop = served.stop;
    // Whoever follows is let go when the host stops; it would wait for them otherwise.
    let until_stopped = futures_util::StreamExt::take_until(lines, stop.cancelled_owned());
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(until_stopped)).into_response())
}
