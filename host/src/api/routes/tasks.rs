//! Tasks: looked at, and what can be done with one by hand.

use super::super::acting::Acting;
use super::super::asks::Wanted;
use super::super::pages::{self, After, Paged};
use super::super::served::Served;
use super::Answer;
use crate::part::Part;
use crate::platform::error::ActionError;
use crate::platform::{ReplayAnswer, TaskView};
use crate::queue::TaskFilter;
use crate::task::{BatchId, ShownTask, TaskState};
use crate::tenant::{AppName, TenantId};
use axum::Json;
use axum::extract::{OriginalUri, Path, Query};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Served> {
    OpenApiRouter::new()
        .routes(routes!(tasks))
        .routes(routes!(task))
        .routes(routes!(retry))
        .routes(routes!(cancel))
        .routes(routes!(rerun))
        .routes(routes!(replay))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Tasks {
    /// Of this tenant.
    tenant: Option<TenantId>,
    /// Of this app.
    app: Option<AppName>,
    /// Of this batch.
    batch: Option<BatchId>,
    /// In this state.
    state: Option<TaskState>,
    /// The number of the last task of the page before.
    #[param(value_type = Option<u64>)]
    after: Option<After<u64>>,
    /// The newest first.
    #[serde(default)]
    #[param(default = false)]
    newest_first: bool,
    /// At most so many, and never more than 1,000; 100 where nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// Tasks
///
/// By number. The address of the next page stands in the `Link` header (`rel="next"`), where there may be one.
#[utoipa::path(get, path = "/v1/tasks", tag = "tasks", params(Tasks), responses((status = 200, body = Vec<TaskView>)))]
async fn tasks(
    acting: Acting,
    OriginalUri(uri): OriginalUri,
    Wanted(Query(asked)): Wanted<Query<Tasks>>,
) -> Result<Paged<Vec<TaskView>>, ActionError> {
    let Tasks { tenant, app, batch, state, after, newest_first, limit } = asked;
    let tenant = acting.whose(tenant)?;
    let Part { after, limit } = pages::part(after, limit, pages::MOST)?;
    let filter = TaskFilter { tenant, app, batch, state, after, newest_first };
    let found = acting.platform.tasks(&filter, limit).await?;
    let next = found.last().filter(|_| found.len() == limit).map(|view| view.task.number);
    Ok(Paged::new(&uri, (found, next)))
}

/// A task
#[utoipa::path(get, path = "/v1/tasks/{task}", tag = "tasks", params(("task" = u64, Path)), responses((status = 200, body = ShownTask)))]
async fn task(acting: Acting, Wanted(Path(task)): Wanted<Path<u64>>) -> Answer<ShownTask> {
    acting.task(task).await.map(|task| Json(task.shown()))
}

/// Put a task that is parked, partial or cancelled back into the queue
#[utoipa::path(post, path = "/v1/tasks/{task}/retry", tag = "tasks", params(("task" = u64, Path)), responses((status = 200, body = ShownTask)))]
async fn retry(acting: Acting, Wanted(Path(task)): Wanted<Path<u64>>) -> Answer<ShownTask> {
    acting.task(task).await?;
    acting.platform.retry(task).await.map(|task| Json(task.shown()))
}

/// Cancel a task
#[utoipa::path(post, path = "/v1/tasks/{task}/cancel", tag = "tasks", params(("task" = u64, Path)), responses((status = 200, body = ShownTask)))]
async fn cancel(acting: Acting, Wanted(Path(task)): Wanted<Path<u64>>) -> Answer<ShownTask> {
    acting.task(task).await?;
    acting.platform.cancel(task).await.map(|task| Json(task.shown()))
}

/// How a task runs again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Rerun {
    /// On the generation that it began with; on the live one otherwise.
    #[serde(default)]
    same_generation: bool,
}

/// Run a task once more from nothing
#[utoipa::path(
    post, path = "/v1/tasks/{task}/rerun", tag = "tasks", params(("task" = u64, Path)), request_body = Rerun,
    responses((status = 200, body = ShownTask))
)]
async fn rerun(
    acting: Acting,
    Wanted(Path(task)): Wanted<Path<u64>>,
    Wanted(Json(how)): Wanted<Json<Rerun>>,
) -> Answer<ShownTask> {
    acting.task(task).await?;
    acting.platform.rerun(task, how.same_generation).await.map(|task| Json(task.shown()))
}

/// Which dead rows to run again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Replay {
    /// Their numbers; all where none is named.
    #[serde(default)]
    rows: Vec<u64>,
}

/// Run rows that are dead letters once more
#[utoipa::path(
    post, path = "/v1/tasks/{task}/replay", tag = "dead letters", params(("task" = u64, Path)), request_body = Replay,
    responses((status = 200, body = ReplayAnswer))
)]
async fn replay(
    acting: Acting,
    Wanted(Path(task)): Wanted<Path<u64>>,
    Wanted(Json(Replay { rows })): Wanted<Json<Replay>>,
) -> Answer<ReplayAnswer> {
    acting.task(task).await?;
    acting.platform.replay(task, &rows).await.map(Json)
}
