//! Tenants, and the platform at a glance.

use super::super::acting::Acting;
use super::super::asks::Wanted;
use super::super::served::Served;
use super::Answer;
use crate::platform::{Overview, TenantLine};
use crate::tenant::TenantId;
use axum::Json;
use axum::extract::Query;
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

/// The tenants there are
///
/// A tenant sees itself alone.
#[utoipa::path(get, path = "/v1/tenants", tag = "tenants", responses((status = 200, body = Vec<TenantLine>)))]
async fn tenants(acting: Acting) -> Answer<Vec<TenantLine>> {
    match acting.whose(None)? {
        None => acting.platform.tenants().await.map(Json),
        Some(own) => acting.platform.tenant_line(&own).await.map(|line| Json(vec![line])),
    }
}
