//! Apps: uploaded, listed, rolled back, retired.

use super::super::acting::Acting;
use super::super::asks::Wanted;
use super::super::pages::{self, After, Paged};
use super::super::served::Served;
use super::Answer;
use crate::apps::{AppStatus, HistoryEntry, Verdict};
use crate::platform::AppKey;
use crate::platform::error::ActionError;
use crate::tenant::{AppName, TenantId};
use axum::Json;
use axum::body::{Body, HttpBody as _};
use axum::extract::{OriginalUri, Path, Query};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Served> {
    OpenApiRouter::new()
        .routes(routes!(apps))
        .routes(routes!(history))
        .routes(routes!(roll_back))
        .routes(routes!(retire))
        .routes(routes!(upload))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Listed {
    /// Of this tenant alone.
    tenant: Option<TenantId>,
    /// Behind this one, as `tenant/app`.
    #[param(value_type = Option<String>)]
    after: Option<After<AppKey>>,
    /// At most so many, and never more than 1,000; 100 where nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// The apps there are
///
/// By tenant and name. The address of the next page stands in the `Link` header (`rel="next"`), where there is one.
#[utoipa::path(get, path = "/v1/apps", tag = "apps", params(Listed), responses((status = 200, body = Vec<AppStatus>)))]
async fn apps(
    acting: Acting,
    OriginalUri(uri): OriginalUri,
    Wanted(Query(Listed { tenant, after, limit })): Wanted<Query<Listed>>,
) -> Result<Paged<Vec<AppStatus>>, ActionError> {
    let tenant = acting.whose(tenant)?;
    acting.platform.exists(tenant.as_ref())?;
    let part = pages::part(after, limit, pages::MOST)?;
    Ok(Paged::new(&uri, acting.platform.apps(tenant.as_ref(), &part)))
}

/// Upload an app
///
/// The body is the `.so`. It goes into the tenant's staging directory as `apps/<app>.so` and is examined, probed and made live
/// (or refused) as if it had been dropped there; the answer is the verdict.
#[utoipa::path(
    post, path = "/v1/tenants/{tenant}/apps", tag = "apps", params(("tenant" = TenantId, Path)),
    request_body(content = inline(Bytes), content_type = "application/octet-stream"),
    responses((status = 200, description = "The verdict: `live`, `refused` or `unchanged`", body = Verdict))
)]
async fn upload(acting: Acting, Wanted(Path(tenant)): Wanted<Path<TenantId>>, body: Body) -> Answer<Verdict> {
    let tenant = acting.tenant(tenant)?;
    let said = body.size_hint().lower();
    let verdict = acting.platform.upload_app(&tenant, said, acting.reader(body)).await;
    verdict.map(Json).map_err(|error| acting.told(error))
}

/// Raw bytes.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "stands for bytes in the description")]
pub(super) struct Bytes(Vec<u8>);

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct OfHistory {
    /// Before the last one of an earlier page, whose `Link` says this.
    #[param(value_type = Option<u64>)]
    after: Option<After<u64>>,
    /// At most so many, and never more than 1,000; 100 where nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// What became of an app
///
/// The address of the next page, with what was before, stands in the `Link` header (`rel="next"`), where there is one.
#[utoipa::path(
    get, path = "/v1/tenants/{tenant}/apps/{app}/history", tag = "apps",
    params(("tenant" = TenantId, Path), ("app" = AppName, Path), OfHistory),
    responses((status = 200, description = "The newest first", body = Vec<HistoryEntry>))
)]
async fn history(
    acting: Acting,
    Wanted(Path((tenant, app))): Wanted<Path<(TenantId, AppName)>>,
    OriginalUri(uri): OriginalUri,
    Wanted(Query(OfHistory { after, limit })): Wanted<Query<OfHistory>>,
) -> Result<Paged<Vec<HistoryEntry>>, ActionError> {
    let tenant = acting.tenant(tenant)?;
    let part = pages::part(after, limit, pages::MOST)?;
    Ok(Paged::new(&uri, acting.platform.app_history(&tenant, &app, &part).await?))
}

/// Which generation to go back to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RollBack {
    /// The beginning of its hash; the one before where nothing is said.
    to: Option<String>,
}

/// Make an earlier generation live
#[utoipa::path(
    post, path = "/v1/tenants/{tenant}/apps/{app}/rollback", tag = "apps",
    params(("tenant" = TenantId, Path), ("app" = AppName, Path)), request_body = RollBack,
    responses((status = 200, body = AppStatus))
)]
async fn roll_back(
    acting: Acting,
    Wanted(Path((tenant, app))): Wanted<Path<(TenantId, AppName)>>,
    Wanted(Json(RollBack { to })): Wanted<Json<RollBack>>,
) -> Answer<AppStatus> {
    let tenant = acting.tenant(tenant)?;
    acting.platform.roll_back(&tenant, &app, to.as_deref()).await.map(Json)
}

/// Retire an app
///
/// New tasks and messages find it no more; running ones finish. Its file stays in staging, and a rollback brings it back.
#[utoipa::path(
    delete, path = "/v1/tenants/{tenant}/apps/{app}", tag = "apps",
    params(("tenant" = TenantId, Path), ("app" = AppName, Path)), responses((status = 200, body = AppStatus))
)]
async fn retire(acting: Acting, Wanted(Path((tenant, app))): Wanted<Path<(TenantId, AppName)>>) -> Answer<AppStatus> {
    let tenant = acting.tenant(tenant)?;
    acting.platform.retire_app(&tenant, &app).await.map(Json)
}
