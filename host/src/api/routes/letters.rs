//! Dead letters: a page, or all of them as JSON lines.

use super::super::acting::Acting;
use super::super::asks::Wanted;
use super::super::served::Served;
use super::{Answer, PAGE};
use crate::platform::error::ActionError;
use crate::platform::{LetterLine, LetterPage};
use crate::sink::{LetterFilter, LetterKey};
use crate::tenant::{SinkName, TenantId};
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Letters that are read at once for an export.
const EXPORT: usize = 500;

/// Some letters, and behind which the next ones begin.
type Lines = (Vec<LetterLine>, Option<LetterKey>);

pub(super) fn routes() -> OpenApiRouter<Served> {
    OpenApiRouter::new().routes(routes!(letters)).routes(routes!(export))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Letters {
    /// In this sink; in the default one where none is named.
    sink: Option<SinkName>,
    /// Of this task.
    task: Option<u64>,
    /// Of this app.
    app: Option<String>,
    /// Of this stream.
    stream: Option<String>,
    /// `task.row.part` of the last letter of the page before.
    after: Option<String>,
    /// At most so many, and never more than 500; 100 where nothing is said.
    limit: Option<usize>,
}

impl Letters {
    fn filter(&self) -> Result<LetterFilter, ActionError> {
        let after = self.after.as_deref().map(key).transpose()?;
        Ok(LetterFilter { task: self.task, app: self.app.clone(), stream: self.stream.clone(), after })
    }
}

fn key(text: &str) -> Result<LetterKey, ActionError> {
    let parts: Vec<&str> = text.split('.').collect();
    let key = match parts.as_slice() {
        [task, row, part] => task.parse().ok().zip(row.parse().ok()).zip(part.parse().ok()),
        _ => None,
    };
    key.map(|((task, row), part)| (task, row, part)).ok_or_else(|| {
        ActionError::invalid("bad_query", format!("after = {text:?} is not of the form task.row.part, such as 17.3.0"))
    })
}

/// Dead letters
///
/// By task, row and part; `next` of a page, joined by dots, is `after` of the next one.
#[utoipa::path(
    get, path = "/v1/tenants/{tenant}/dead-letters", tag = "dead letters", params(("tenant" = TenantId, Path), Letters),
    responses((status = 200, body = LetterPage))
)]
async fn letters(
    acting: Acting,
    Wanted(Path(tenant)): Wanted<Path<TenantId>>,
    Wanted(Query(asked)): Wanted<Query<Letters>>,
) -> Answer<LetterPage> {
    let tenant = acting.tenant(tenant)?;
    let filter = asked.filter()?;
    acting.platform.letters(&tenant, asked.sink.as_ref(), &filter, asked.limit.unwrap_or(PAGE)).await.map(Json)
}

/// All dead letters, one JSON object on each line
#[utoipa::path(
    get, path = "/v1/tenants/{tenant}/dead-letters/export", tag = "dead letters",
    params(("tenant" = TenantId, Path), Letters),
    responses((status = 200, description = "A line for each letter", content_type = "application/x-ndjson", body = String))
)]
async fn export(
    acting: Acting,
    Wanted(Path(tenant)): Wanted<Path<TenantId>>,
    Wanted(Query(asked)): Wanted<Query<Letters>>,
) -> Result<Response, ActionError> {
    let tenant = acting.tenant(tenant)?;
    let filter = asked.filter()?;
    // Whatever is wrong is told before the first line.
    let first = acting.platform.letter_lines(&tenant, asked.sink.as_ref(), &filter, EXPORT).await?;
    let platform = acting.platform;
    let lines = futures_util::stream::try_unfold(Some(first), move |page: Option<Lines>| {
        let (platform, tenant, sink, filter) = (platform.clone(), tenant.clone(), asked.sink.clone(), filter.clone());
        async move {
            let Some((letters, next)) = page else { return Ok(None) };
            let mut text = String::new();
            for letter in &letters {
                text.push_str(&serde_json::to_string(letter)?);
                text.push('\n');
            }
            let next = match next {
                None => None,
                after => {
                    let filter = LetterFilter { after, ..filter };
                    Some(platform.letter_lines(&tenant, sink.as_ref(), &filter, EXPORT).await?)
                }
            };
            Ok::<_, axum::BoxError>(Some((Bytes::from(text), next)))
        }
    });
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response())
}
