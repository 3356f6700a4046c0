//! The bill: whole, or page by page.

use super::super::acting::Acting;
use super::super::asks::Wanted;
use super::super::pages::{self, After, Paged};
use super::super::served::Served;
use crate::part::Part;
use crate::platform::error::ActionError;
use crate::quota::{UsageKey, UsageLine};
use crate::tenant::TenantId;
use axum::body::{Body, Bytes};
use axum::extract::{OriginalUri, Query};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::civil::Date;
use serde::Deserialize;
use std::future::ready;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Served> {
    OpenApiRouter::new().routes(routes!(usage))
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
    /// Behind this line, as `tenant/day`.
    #[param(value_type = Option<String>)]
    after: Option<After<UsageKey>>,
    /// At most so many, and never more than 1,000; all where nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Json,
    Csv,
}

/// What tenants have used, by tenant and day
///
/// All of it, or, with a `limit`, a page, of which the next one's address stands in the `Link` header (`rel="next"`), where there
/// is one.
#[utoipa::path(
    get, path = "/v1/usage", tag = "log", params(Days),
    responses((status = 200, description = "A line for each tenant and day", content(
        (Vec<UsageLine> = "application/json"), (String = "text/csv")
    )))
)]
async fn usage(
    acting: Acting,
    OriginalUri(uri): OriginalUri,
    Wanted(Query(of)): Wanted<Query<Days>>,
) -> Result<Response, ActionError> {
    let Days { tenant, from, to, format, after, limit } = of;
    let tenant = acting.whose(tenant)?;
    let is_whole = limit.is_none();
    let part = pages::part(after, limit.or(Some(pages::MOST)), pages::MOST)?;
    let limit = part.limit;
    // Whatever is wrong is told before the first line.
    let (lines, next) = acting.platform.usage(tenant.as_ref(), (from, to), part).await?;
    let (rest, link) = if is_whole { (next, None) } else { (None, next) };
    let platform = acting.platform;
    let rest = stream::try_unfold(rest, move |after| {
        let (platform, tenant) = (platform.clone(), tenant.clone());
        async move {
            let Some(after) = after else { return Ok(None) };
            let part = Part { after: Some(after), limit };
            platform.usage(tenant.as_ref(), (from, to), part).await.map(Some)
        }
    });
    let lines = stream::once(ready(Ok(lines))).chain(rest).enumerate();
    let texts = lines.map(move |(page, lines)| lines.map(|lines: Vec<UsageLine>| format.text(&lines, page == 0)));
    let texts = stream::once(ready(Ok(format.opening()))).chain(texts).chain(stream::once(ready(Ok(format.closing()))));
    let body = Body::from_stream(texts.map_ok(Bytes::from).map_err(|error: ActionError| error.sentence));
    let response = ([(header::CONTENT_TYPE, format.media_type())], body).into_response();
    Ok(Paged::new(&uri, (response, link)).ready())
}

impl Format {
    fn media_type(self) -> &'static str {
        match self {
            Format::Json => "application/json",
            Format::Csv => "text/csv; charset=utf-8",
        }
    }

    fn opening(self) -> String {
        match self {
            Format::Json => "[".to_owned(),
            Format::Csv => UsageLine::csv_head(),
        }
    }

    fn text(self, lines: &[UsageLine], is_first: bool) -> String {
        let line = |(number, line): (usize, &UsageLine)| match self {
            Format::Json => {
                let comma = if is_first && number == 0 { "" } else { "," };
                format!("{comma}{}", serde_json::to_string(line).unwrap_or_default())
            }
            Format::Csv => line.csv(),
        };
        lines.iter().enumerate().map(line).collect()
    }

    fn closing(self) -> String {
        match self {
            Format::Json => "]".to_owned(),
            Format::Csv => String::new(),
        }
    }
}
