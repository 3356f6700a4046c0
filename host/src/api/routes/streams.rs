//! Streams: listed, started, stopped, purged; messages published.

use super::super::acting::Acting;
use super::super::asks::{LARGEST, Most, Wanted, Whole};
use super::super::once::ShownOnce;
use super::super::pages::{self, After, Paged};
use super::super::served::Served;
use super::Answer;
use super::letters::Place;
use crate::broker::{Credentials, StreamKey};
use crate::journal::Cursor;
use crate::platform::error::ActionError;
use crate::platform::{PublishAnswer, Single, StreamLine, StreamReplay};
use crate::stream::window::WindowReport;
use crate::tenant::{StreamName, TenantId};
use axum::extract::{OriginalUri, Path, Query};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Served> {
    let published = OpenApiRouter::new().routes(routes!(publish_lines)).routes(routes!(publish_message));
    OpenApiRouter::new()
        .routes(routes!(streams))
        .routes(routes!(start))
        .routes(routes!(stop))
        .routes(routes!(purge))
        .routes(routes!(replay))
        .routes(routes!(windows))
        .routes(routes!(credentials))
        .merge(published.layer(Extension(Most(LARGEST))))
}

type OfStream = Wanted<Path<(TenantId, StreamName)>>;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Listed {
    /// Of this tenant alone.
    tenant: Option<TenantId>,
    /// Behind this one, as `tenant/stream`.
    #[param(value_type = Option<String>)]
    after: Option<After<StreamKey>>,
    /// At most so many, and never more than 1,000; 100 where nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// The streams there are
///
/// By tenant and name. The address of the next page stands in the `Link` header (`rel="next"`), where there is one.
#[utoipa::path(get, path = "/v1/streams", tag = "streams", params(Listed), responses((status = 200, body = Vec<StreamLine>)))]
async fn streams(
    acting: Acting,
    OriginalUri(uri): OriginalUri,
    Wanted(Query(Listed { tenant, after, limit })): Wanted<Query<Listed>>,
) -> Result<Paged<Vec<StreamLine>>, ActionError> {
    let tenant = acting.whose(tenant)?;
    let part = pages::part(after, limit, pages::MOST)?;
    Ok(Paged::new(&uri, acting.platform.streams_of(tenant.as_ref(), &part).await?))
}

/// Start a stream
#[utoipa::path(
    post, path = "/v1/tenants/{tenant}/streams/{stream}/start", tag = "streams",
    params(("tenant" = TenantId, Path), ("stream" = StreamName, Path)), responses((status = 200, body = StreamLine))
)]
async fn start(acting: Acting, Wanted(Path(named)): OfStream) -> Answer<StreamLine> {
    let key = acting.stream(named)?;
    acting.platform.start_stream(&key).await.map(Json)
}

/// Stop a stream
///
/// Messages wait in its queue.
#[utoipa::path(
    post, path = "/v1/tenants/{tenant}/streams/{stream}/stop", tag = "streams",
    params(("tenant" = TenantId, Path), ("stream" = StreamName, Path)), responses((status = 200, body = StreamLine))
)]
async fn stop(acting: Acting, Wanted(Path(named)): OfStream) -> Answer<StreamLine> {
    let key = acting.stream(named)?;
    acting.platform.stop_stream(&key).await.map(Json)
}

/// What was thrown away.
#[derive(Serialize, ToSchema)]
struct Purged {
    /// So many messages.
    purged: u64,
}

/// Throw away what waits in a stream's queue
#[utoipa::path(
    post, path = "/v1/tenants/{tenant}/streams/{stream}/purge", tag = "streams",
    params(("tenant" = TenantId, Path), ("stream" = StreamName, Path)), responses((status = 200, body = Purged))
)]
async fn purge(acting: Acting, Wanted(Path(named)): OfStream) -> Answer<Purged> {
    let key = acting.stream(named)?;
    let purged = acting.platform.purge_stream(&key).await?;
    Ok(Json(Purged { purged }))
}

/// Which dead messages to replay.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Messages {
    /// Their letters, each as `task.row.part`; all of the stream where none is named.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10_000)]
    letters: Vec<Place>,
}

/// Put dead letters of a stream back into its queue
#[utoipa::path(
    post, path = "/v1/tenants/{tenant}/streams/{stream}/replay", tag = "dead letters",
    params(("tenant" = TenantId, Path), ("stream" = StreamName, Path)), request_body = Messages,
    responses((status = 200, body = StreamReplay))
)]
async fn replay(
    acting: Acting,
    Wanted(Path(named)): OfStream,
    Wanted(Json(Messages { letters })): Wanted<Json<Messages>>,
) -> Answer<StreamReplay> {
    let key = acting.stream(named)?;
    let letters = letters.into_iter().map(|Place(key)| key).collect();
    acting.platform.replay_messages(&key, &letters).await.map(Json)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct OfWindows {
    /// Before those of an earlier page, whose `Link` says this.
    #[param(value_type = Option<String>, pattern = r"^\d{1,19}\.\d{1,19}$")]
    after: Option<Cursor>,
    /// At most so many, and never more than 1,000; 100 where nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// The last windows of a stream in which something had happened, oldest first
///
/// As this host saw them: with several hosts, each has its own. The address of the page with those before stands in the `Link`
/// header (`rel="next"`), where there may be one.
#[utoipa::path(
    get, path = "/v1/tenants/{tenant}/streams/{stream}/windows", tag = "streams",
    params(("tenant" = TenantId, Path), ("stream" = StreamName, Path), OfWindows),
    responses((status = 200, body = Vec<WindowReport>))
)]
async fn windows(
    acting: Acting,
    Wanted(Path(named)): OfStream,
    OriginalUri(uri): OriginalUri,
    Wanted(Query(OfWindows { after, limit })): Wanted<Query<OfWindows>>,
) -> Result<Paged<Vec<WindowReport>>, ActionError> {
    let key = acting.stream(named)?;
    let part = pages::part(after.map(After), limit, pages::MOST)?;
    Ok(Paged::new(&uri, acting.platform.stream_windows(&key, part).await?))
}

/// Whether to make another password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Rotate {
    /// Make another one; the one before is no good any more.
    #[serde(default)]
    rotate: bool,
}

/// For whoever asks again under the same `Idempotency-Key`: no password is kept.
const SHOWN: ShownOnce =
    ShownOnce("a password was shown under this Idempotency-Key, and is not kept: ask without a key, or with another");

/// What a client needs to publish with AMQP
///
/// The same request again under its `Idempotency-Key` is a problem (409, `shown_once`): no password is kept.
#[utoipa::path(
    post, path = "/v1/tenants/{tenant}/credentials", tag = "streams", params(("tenant" = TenantId, Path)),
    request_body = Rotate, responses((status = 200, body = Credentials))
)]
async fn credentials(
    acting: Acting,
    Wanted(Path(tenant)): Wanted<Path<TenantId>>,
    Wanted(Json(Rotate { rotate })): Wanted<Json<Rotate>>,
) -> Result<(Extension<ShownOnce>, Json<Credentials>), ActionError> {
    let tenant = acting.tenant(tenant)?;
    let credentials = acting.platform.credentials(&tenant, rotate).await?;
    Ok((Extension(SHOWN), Json(credentials)))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Lines {
    /// What the message ids begin with; `-` and the number of the line follow. Without it messages have none, and are
    /// delivered at least once.
    ids: Option<String>,
    /// Number of the first line; 1 where nothing is said.
    first: Option<u64>,
}

/// Publish messages, one on each line
///
/// What is accepted is durable when this answers. Lines are published by the portion: where one cannot be, the problem says from
/// which line on to send again.
#[utoipa::path(
    post, path = "/v1/tenants/{tenant}/streams/{stream}/lines", tag = "streams",
    params(("tenant" = TenantId, Path), ("stream" = StreamName, Path), Lines),
    request_body(content((String = "application/x-ndjson"), (String = "text/plain"))),
    responses((status = 200, body = PublishAnswer))
)]
async fn publish_lines(
    acting: Acting,
    Wanted(Path(named)): OfStream,
    Wanted(Query(Lines { ids, first })): Wanted<Query<Lines>>,
    Whole(lines): Whole,
) -> Answer<PublishAnswer> {
    let key = acting.stream(named)?;
    acting.platform.publish_lines(&key, ids.as_deref(), first.unwrap_or(1), &lines).await.map(Json)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct One {
    /// The message id: what is delivered twice under it is stored once. Without it the message is delivered at least once.
    id: Option<String>,
    /// One of the routing keys of the stream; its first where nothing is said.
    routing_key: Option<String>,
}

/// Publish one message
///
/// The body is the message, byte by byte, whatever is in it; its content type is the message's. It is accepted and durable when
/// this answers 200.
#[utoipa::path(
    post, path = "/v1/tenants/{tenant}/streams/{stream}/messages", tag = "streams",
    params(("tenant" = TenantId, Path), ("stream" = StreamName, Path), One),
    request_body(content(
        (inline(super::apps::Bytes) = "application/octet-stream"), (String = "application/json"), (String = "text/plain")
    )),
    responses((status = 200, body = PublishAnswer))
)]
async fn publish_message(
    acting: Acting,
    Wanted(Path(named)): OfStream,
    Wanted(Query(One { id, routing_key })): Wanted<Query<One>>,
    headers: HeaderMap,
    Whole(body): Whole,
) -> Answer<PublishAnswer> {
    let key = acting.stream(named)?;
    let content_type = headers.get(header::CONTENT_TYPE).map(HeaderValue::to_str).transpose();
    let content_type = content_type.map_err(|_| {
        ActionError::invalid(
            "bad_content_type",
            "the content type has characters that none has: send a MIME type, or none",
        )
    })?;
    let message = Single { body: &body, id: id.as_deref(), routing_key: routing_key.as_deref(), content_type };
    acting.platform.publish_message(&key, &message).await.map(Json)
}
