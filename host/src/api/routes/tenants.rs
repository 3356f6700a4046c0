//! Tenants, and the platform at a glance.

use super::super::acting::Acting;
use super::super::asks::Wanted;
use super::super::pages::{self, After, Paged};
use super::super::served::Served;
use super::Answer;
use crate::platform::error::ActionError;
use crate::platform::{Overview, TenantLine};
use crate::tenant::TenantId;
use axum::Json;
use axum::extract::{OriginalUri, Query};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Served> {
    OpenApiRouter::new().routes(routes!(status)).routes(routes!(tenants))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct OfTenant {
    /// Of this tenant alone.
    tenant: Option<TenantId>,
}

/// What is going on
#[utoipa::path(get, path = "/v1/status", tag = "log", params(OfTenant), responses((status = 200, body = Overview)))]
async fn status(acting: Acting, Wanted(Query(of)): Wanted<Query<OfTenant>>) -> Answer<Overview> {
    let tenant = acting.whose(of.tenant)?;
    acting.platform.overview(tenant.as_ref()).await.map(Json)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Listed {
    /// Behind this tenant.
    #[param(value_type = Option<TenantId>)]
    after: Option<After<TenantId>>,
    /// At most so many, and never more than 1,000; 100 where nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// The tenants there are
///
/// By name. The address of the next page stands in the `Link` header (`rel="next"`), where there is one. A tenant sees itself alone.
#[utoipa::path(get, path = "/v1/tenants", tag = "tenants", params(Listed), responses((status = 200, body = Vec<TenantLine>)))]
async fn tenants(
    acting: Acting,
    OriginalUri(uri): OriginalUri,
    Wanted(Query(Listed { after, limit })): Wanted<Query<Listed>>,
) -> Result<Paged<Vec<TenantLine>>, ActionError> {
    let part = pages::part(after, limit, pages::MOST)?;
    let page = match acting.whose(None)? {
        None => acting.platform.tenants(&part).await?,
        Some(own) => (vec![acting.platform.tenant_line(&own).await?], None),
    };
    Ok(Paged::new(&uri, page))
}
