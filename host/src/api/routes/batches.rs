//! Batches, sent file by file: opened, filled, committed. What `mysimbdp submit` does.

use super::super::acting::Acting;
use super::super::asks::Wanted;
use super::super::pages::{self, After, Paged};
use super::super::served::Served;
use super::Answer;
use crate::platform::error::ActionError;
use crate::platform::{BatchView, OpenBatch, OpenedBatch};
use crate::task::{BatchId, StoredFile};
use axum::Json;
use axum::body::Body;
use axum::extract::{OriginalUri, Path, Query};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Served> {
    OpenApiRouter::new().routes(routes!(open)).routes(routes!(batch)).routes(routes!(commit)).routes(routes!(send_file))
}

/// A batch that is in the queue.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Committed {
    /// Its id.
    pub(super) batch: BatchId,
    /// Numbers of its tasks, in the order of its files.
    pub(super) tasks: Vec<u64>,
}

/// Open a batch
///
/// Its limits are checked before a byte is sent. The id may be chosen by the sender: the same id again is the same batch.
#[utoipa::path(post, path = "/v1/batches", tag = "batches", request_body = OpenBatch, responses((status = 200, body = OpenedBatch)))]
async fn open(acting: Acting, Wanted(Json(plan)): Wanted<Json<OpenBatch>>) -> Answer<OpenedBatch> {
    acting.tenant(plan.tenant.clone())?;
    if let Some(batch) = plan.batch {
        // Whoever could choose those would learn, or take, what others make from their keys.
        if batch.is_derived() {
            let sentence =
                "a batch that is chosen has a UUID of another version than 8, such as 7: those are made from keys";
            return Err(ActionError::invalid("bad_batch", sentence));
        }
        acting.batch(batch).await?;
    }
    acting.platform.open_batch(plan).await.map(Json)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Checked {
    /// BLAKE3 of the file, 64 hexadecimal digits: what came otherwise is refused.
    blake3: Option<String>,
}

/// Send a file of a batch that is open
///
/// What does not come whole leaves nothing behind, and may be sent again.
#[utoipa::path(
    put, path = "/v1/batches/{batch}/files/{index}", tag = "batches",
    params(("batch" = BatchId, Path), ("index" = usize, Path, description = "Its place in the batch, from 0"), Checked),
    request_body(content = inline(super::apps::Bytes), content_type = "application/octet-stream"),
    responses((status = 200, body = StoredFile))
)]
async fn send_file(
    acting: Acting,
    Wanted(Path((batch, index))): Wanted<Path<(BatchId, usize)>>,
    Wanted(Query(Checked { blake3 })): Wanted<Query<Checked>>,
    body: Body,
) -> Answer<StoredFile> {
    acting.batch(batch).await?;
    let stored = acting.platform.send_file(batch, index, blake3.as_deref(), acting.reader(body)).await;
    stored.map(Json).map_err(|error| acting.told(error))
}

/// Put a batch into the queue
#[utoipa::path(
    post, path = "/v1/batches/{batch}/commit", tag = "batches", params(("batch" = BatchId, Path)),
    responses((status = 200, body = Committed))
)]
async fn commit(acting: Acting, Wanted(Path(batch)): Wanted<Path<BatchId>>) -> Answer<Committed> {
    acting.batch(batch).await?;
    let tasks = acting.platform.commit_batch(batch).await?;
    Ok(Json(Committed { batch, tasks }))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct OfTasks {
    /// Behind the task of this number.
    #[param(value_type = Option<u64>)]
    after: Option<After<u64>>,
    /// At most so many tasks, and never more than 1,000; 100 where nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// A batch and its tasks
///
/// `states` and `is_over` are of all its tasks. The address of the next page of them stands in the `Link` header (`rel="next"`),
/// where there may be one.
#[utoipa::path(
    get, path = "/v1/batches/{batch}", tag = "batches", params(("batch" = BatchId, Path), OfTasks),
    responses((status = 200, body = BatchView))
)]
async fn batch(
    acting: Acting,
    Wanted(Path(batch)): Wanted<Path<BatchId>>,
    OriginalUri(uri): OriginalUri,
    Wanted(Query(OfTasks { after, limit })): Wanted<Query<OfTasks>>,
) -> Result<Paged<BatchView>, ActionError> {
    acting.batch(batch).await?;
    let part = pages::part(after, limit, pages::MOST)?;
    Ok(Paged::new(&uri, acting.platform.batch(batch, part).await?))
}
