//! Dead letters: a page, or all of them as JSON lines.

use super::super::acting::Acting;
use super::super::asks::Wanted;
use super::super::pages::{self, After, Paged};
use super::super::served::Served;
use crate::part::Part;
use crate::platform::error::ActionError;
use crate::platform::{LetterLine, LetterPage};
use crate::sink::{LetterFilter, LetterKey};
use crate::tenant::{SinkName, TenantId};
use axum::body::{Body, Bytes};
use axum::extract::{OriginalUri, Path, Query};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Deserializer};
use std::fmt::{self, Display, Formatter};
use std::str::FromStr;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Most letters that are read at once.
const MOST: usize = 500;

/// Some letters, and behind which the next ones begin.
type Lines = (Vec<LetterLine>, Option<LetterKey>);

pub(super) fn routes() -> OpenApiRouter<Served> {
    OpenApiRouter::new().routes(routes!(letters)).routes(routes!(export))
}

/// A letter's place among all, as an address says it: `17.3.0` is task, row and part.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(pub(super) LetterKey);

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
    /// Behind this one: `task.row.part`.
    #[param(value_type = Option<String>, pattern = r"^\d{1,19}\.\d{1,19}\.\d{1,9}$")]
    after: Option<After<Place>>,
    /// At most so many, and never more than 500; 100 where nothing is said.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Exported {
    /// In this sink; in the default one where none is named.
    sink: Option<SinkName>,
    /// Of this task.
    task: Option<u64>,
    /// Of this app.
    app: Option<String>,
    /// Of this stream.
    stream: Option<String>,
    /// Behind this one, where an export is gone on with: `task.row.part`.
    #[param(value_type = Option<String>, pattern = r"^\d{1,19}\.\d{1,19}\.\d{1,9}$")]
    after: Option<After<Place>>,
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Place, String> {
        let parts: Vec<&str> = text.split('.').collect();
        let key = match parts.as_slice() {
            [task, row, part] => task.parse().ok().zip(row.parse().ok()).zip(part.parse().ok()),
            _ => None,
        };
        let key = key.map(|((task, row), part)| Place((task, row, part)));
        key.ok_or_else(|| format!("{text:?} is not of the form task.row.part, such as 17.3.0"))
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Place, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Place((task, row, part)) = self;
        write!(f, "{task}.{row}.{part}")
    }
}

/// Dead letters
///
/// By task, row and part. The address of the next page stands in the `Link` header (`rel="next"`), where there is one; `next` of a
/// page, joined by dots, is its `after`.
#[utoipa::path(
    get, path = "/v1/tenants/{tenant}/dead-letters", tag = "dead letters", params(("tenant" = TenantId, Path), Letters),
    responses((status = 200, body = LetterPage))
)]
async fn letters(
    acting: Acting,
    Wanted(Path(tenant)): Wanted<Path<TenantId>>,
    OriginalUri(uri): OriginalUri,
    Wanted(Query(asked)): Wanted<Query<Letters>>,
) -> Result<Paged<LetterPage>, ActionError> {
    let tenant = acting.tenant(tenant)?;
    let Letters { sink, task, app, stream, after, limit } = asked;
    let Part { after, limit } = pages::part(after, limit, MOST)?;
    let filter = LetterFilter { task, app, stream, after: after.map(|Place(key)| key) };
    let page = acting.platform.letters(&tenant, sink.as_ref(), &filter, limit).await?;
    let next = page.next.map(Place);
    Ok(Paged::new(&uri, (page, next)))
}

/// All dead letters, one JSON object on each line
#[utoipa::path(
    get, path = "/v1/tenants/{tenant}/dead-letters/export", tag = "dead letters",
    params(("tenant" = TenantId, Path), Exported),
    responses((status = 200, description = "A line for each letter", content_type = "application/x-ndjson", body = String))
)]
async fn export(
    acting: Acting,
    Wanted(Path(tenant)): Wanted<Path<TenantId>>,
    Wanted(Query(asked)): Wanted<Query<Exported>>,
) -> Result<Response, ActionError> {
    let tenant = acting.tenant(tenant)?;
    let Exported { sink, task, app, stream, after } = asked;
    let filter = LetterFilter { task, app, stream, after: after.map(|After(Place(key))| key) };
    // Whatever is wrong is told before the first line.
    let first = acting.platform.letter_lines(&tenant, sink.as_ref(), &filter, MOST).await?;
    let platform = acting.platform;
    let lines = futures_util::stream::try_unfold(Some(first), move |page: Option<Lines>| {
        let (platform, tenant, sink, filter) = (platform.clone(), tenant.clone(), sink.clone(), filter.clone());
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
                    Some(platform.letter_lines(&tenant, sink.as_ref(), &filter, MOST).await?)
                }
            };
            Ok::<_, axum::BoxError>(Some((Bytes::from(text), next)))
        }
    });
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response())
}
