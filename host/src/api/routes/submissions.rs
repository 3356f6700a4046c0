//! Files submitted in one request each: the raw file as the body, or several as a form.

use super::super::acting::Acting;
use super::super::asks::Wanted;
use super::super::once::{self, IdempotencyKey};
use super::super::pace::{as_io, too_slow};
use super::super::served::Served;
use super::batches::Committed;
use crate::platform::Receiving;
use crate::platform::error::ActionError;
use crate::tenant::{AppName, TenantId};
use axum::Json;
use axum::body::Body;
use axum::extract::multipart::MultipartError;
use axum::extract::{FromRequest as _, Multipart, Path, Query, Request};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use tokio_stream::StreamExt as _;
use tokio_util::io::{ReaderStream, StreamReader};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Served> {
    OpenApiRouter::new().routes(routes!(submit))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Named {
    /// Name of the file, without a directory. Needed where the body is the file itself.
    name: Option<String>,
    /// BLAKE3 of the file, 64 hexadecimal digits: what came otherwise is refused.
    blake3: Option<String>,
}

/// Submit files for an app
///
/// The body is the file itself (any content type, with `name`), or a form (`multipart/form-data`) with a part for each file.
/// Limits are enforced while the bytes arrive; what is cut off leaves nothing behind. With an `Idempotency-Key`, the same files
/// again are the same batch, even over a restart (with `Idempotency-Replayed: true`), and others under that key a problem (409). A
/// key is a token's own.
#[utoipa::path(
    post, path = "/v1/tenants/{tenant}/apps/{app}/files", tag = "batches",
    params(("tenant" = TenantId, Path), ("app" = AppName, Path), Named),
    request_body(content(
        (inline(super::apps::Bytes) = "application/octet-stream"), (String = "text/csv"), (String = "multipart/form-data")
    )),
    responses((status = 200, body = Committed))
)]
async fn submit(
    acting: Acting,
    Wanted(Path((tenant, app))): Wanted<Path<(TenantId, AppName)>>,
    Wanted(Query(Named { name, blake3 })): Wanted<Query<Named>>,
    key: IdempotencyKey,
    request: Request,
) -> Result<Response, ActionError> {
    let tenant = acting.tenant(tenant)?;
    let batch = key.batch(&acting.caller, &tenant, &app);
    let mut receiving = acting.platform.receive(batch, tenant, app).await?;
    if let Err(error) = receive(&acting, request, name, blake3, &mut receiving).await {
        receiving.give_up().await;
        return Err(acting.told(error));
    }
    let is_repeated = receiving.is_repeated();
    let answer = Json(Committed { batch, tasks: receiving.commit().await? });
    Ok(if is_repeated { (once::REPEATED, answer).into_response() } else { answer.into_response() })
}

async fn receive(
    acting: &Acting,
    request: Request,
    name: Option<String>,
    blake3: Option<String>,
    receiving: &mut Receiving,
) -> Result<(), ActionError> {
    let is_form = request.headers().get(header::CONTENT_TYPE).is_some_and(|kind| {
        kind.to_str().is_ok_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("multipart/form-data"))
    });
    if is_form {
        receive_form(acting, request, receiving).await?;
    } else {
        let name = name.ok_or_else(|| {
            ActionError::invalid("bad_query", "the file has no name: add ?name=<name> to the address, or send a form")
        })?;
        let said = length(&request);
        receiving.file(&name, said, acting.reader(request.into_body())).await?;
    }
    if let Some(wanted) = blake3 {
        receiving.must_be(&wanted)?;
    }
    acting.still()
}

/// A form is read as long as its sender may send, as any other body.
fn while_it_may(acting: &Acting, request: Request) -> Request {
    let (parts, body) = request.into_parts();
    Request::from_parts(parts, Body::from_stream(ReaderStream::new(acting.reader(body))))
}

async fn receive_form(acting: &Acting, request: Request, receiving: &mut Receiving) -> Result<(), ActionError> {
    let bad = |why: String| ActionError::invalid("bad_form", format!("the form cannot be read: {why}"));
    let broken = |error: MultipartError| too_slow(&error).unwrap_or_else(|| bad(error.body_text()));
    let form = Multipart::from_request(while_it_may(acting, request), &()).await;
    let mut form = form.map_err(|error| bad(error.body_text()))?;
    let mut count = 0;
    while let Some(part) = form.next_field().await.map_err(broken)? {
        let Some(name) = part.file_name().map(str::to_owned) else { continue };
        count += 1;
        let content = StreamReader::new(part.map(|chunk| chunk.map_err(as_io)));
        receiving.file(&name, None, Box::pin(content)).await?;
    }
    match count {
        0 => Err(ActionError::invalid("bad_form", "the form has no file in it: send each as a part with a filename")),
        _ => Ok(()),
    }
}

fn length(request: &Request<Body>) -> Option<u64> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
