//! Tenants, profiles and streams, settled while the host runs.
//!
//! What is settled has the form of its table in the configuration (`docs/configuration.md`), and is read by the same reader.
//! Each answer carries the version in `ETag`; with `If-Match`, nothing is changed where somebody else was faster, and with
//! `If-None-Match: *`, where there is one already (412).

use super::super::acting::Acting;
use super::super::asks::Wanted;
use super::super::pages::{self, After, Paged};
use super::super::served::Served;
use super::super::versions::{HasVersion, Looked, Versioned};
use crate::broker::StreamKey;
use crate::platform::error::ActionError;
use crate::platform::{Settlement, StreamLine};
use crate::tenant::{Change, Of, Seen, StreamName, TenantId, is_name};
use axum::Json;
use axum::extract::{OriginalUri, Path, Query, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Served> {
    OpenApiRouter::new()
        .routes(routes!(tenant, settle_tenant, change_tenant, remove_tenant))
        .routes(routes!(profiles))
        .routes(routes!(profile, settle_profile, change_profile, remove_profile))
        .routes(routes!(stream, settle_stream, change_stream, remove_stream))
        .routes(routes!(reset_tenant))
        .routes(routes!(reset_profile))
        .routes(routes!(reset_stream))
}

/// What is settled, or a patch of it: the keys of its table in the configuration.
#[derive(Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object)]
struct Settings(Map<String, Value>);

type Settled = Result<Versioned<Settlement>, ActionError>;
type SettledStream = Result<Versioned<StreamLine>, ActionError>;

impl HasVersion for StreamLine {
    fn version(&self) -> u64 {
        self.version
    }
}

/// How it is to be for a change to be made.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "stands for headers in the description")]
struct Seens {
    /// The version that was looked at, as its `ETag` said it; or `*` for whichever is there.
    #[param(rename = "If-Match")]
    there: Option<String>,
    /// `*`: it is not there.
    #[param(rename = "If-None-Match")]
    not: Option<String>,
}

/// What is settled for a tenant
#[utoipa::path(get, path = "/v1/tenants/{tenant}", tag = "tenants", params(("tenant" = TenantId, Path)), responses((status = 200, body = Settlement)))]
async fn tenant(acting: Acting, Wanted(Path(tenant)): Wanted<Path<TenantId>>) -> Settled {
    let tenant = acting.tenant(tenant)?;
    acting.platform.settlement(Of::Tenant(&tenant)).map(Versioned)
}

/// Create a tenant, or settle it anew as a whole
///
/// Its streams are a part of it: those that are not named go, with their queues.
#[utoipa::path(
    put, path = "/v1/tenants/{tenant}", tag = "tenants",
    params(("tenant" = TenantId, Path), Seens),
    request_body = Settings, responses((status = 200, body = Settlement))
)]
async fn settle_tenant(
    State(served): State<Served>,
    acting: Acting,
    Wanted(Path(tenant)): Wanted<Path<TenantId>>,
    Looked(seen): Looked,
    Wanted(Json(settings)): Wanted<Json<Settings>>,
) -> Settled {
    acting.operator()?;
    revoke_if_removed(&served, &acting, &tenant).await?;
    acting
        .settling(
            Of::Tenant(&tenant),
            acting.platform.settle(Of::Tenant(&tenant), Change::Whole(settings.0.into()), seen),
        )
        .await
        .map(Versioned)
}

/// Change a tenant
///
/// The body is a JSON merge patch (RFC 7396): `{"enabled": false}` suspends it. What it does not name stays as it is or as the
/// configuration file says, now and later; streams that it does not name stay.
#[utoipa::path(
    patch, path = "/v1/tenants/{tenant}", tag = "tenants",
    params(("tenant" = TenantId, Path), Seens),
    request_body = Settings, responses((status = 200, body = Settlement))
)]
async fn change_tenant(
    acting: Acting,
    Wanted(Path(tenant)): Wanted<Path<TenantId>>,
    Looked(seen): Looked,
    Wanted(Json(patch)): Wanted<Json<Settings>>,
) -> Settled {
    acting.operator()?;
    acting
        .settling(Of::Tenant(&tenant), acting.platform.settle(Of::Tenant(&tenant), Change::Part(patch.0.into()), seen))
        .await
        .map(Versioned)
}

/// Remove a tenant
///
/// Its tokens are revoked, its tasks cancelled, its queues deleted, its apps retired. Its documents, dead letters and files stay.
#[utoipa::path(
    delete, path = "/v1/tenants/{tenant}", tag = "tenants",
    params(("tenant" = TenantId, Path), Seens),
    responses((status = 204, description = "It is removed"))
)]
async fn remove_tenant(
    State(served): State<Served>,
    acting: Acting,
    Wanted(Path(tenant)): Wanted<Path<TenantId>>,
    Looked(seen): Looked,
) -> Result<StatusCode, ActionError> {
    acting.operator()?;
    let began = Timestamp::now();
    acting.settling(Of::Tenant(&tenant), acting.platform.remove(Of::Tenant(&tenant), seen)).await?;
    // Before anything else, which may take its time: whoever had a token of this one is a stranger to whom its name is given
    // meanwhile, and who may have tokens by now.
    revoke(&served, &tenant, began).await?;
    acting.platform.clear(&tenant).await.map(|()| StatusCode::NO_CONTENT)
}

/// Revokes what was issued for a tenant before that moment.
async fn revoke(served: &Served, tenant: &TenantId, before: Timestamp) -> Result<(), ActionError> {
    let tenant = tenant.clone();
    super::tokens::blocking(served, move |tokens| tokens.revoke_all_of(&tenant, before)).await
}

/// Revokes what is left of the tokens of a tenant that was removed, before its name is given to somebody else.
async fn revoke_if_removed(served: &Served, acting: &Acting, tenant: &TenantId) -> Result<(), ActionError> {
    if acting.platform.was_removed(tenant) { revoke(served, tenant, Timestamp::now()).await } else { Ok(()) }
}

/// Have what the configuration file says of a tenant hold again
///
/// What was settled for it while the host ran goes, or that it was removed. Streams that were settled stay as they are.
#[utoipa::path(
    post, path = "/v1/tenants/{tenant}/reset", tag = "tenants", params(("tenant" = TenantId, Path), Seens),
    responses((status = 200, body = Settlement))
)]
async fn reset_tenant(
    State(served): State<Served>,
    acting: Acting,
    Wanted(Path(tenant)): Wanted<Path<TenantId>>,
    Looked(seen): Looked,
) -> Settled {
    acting.operator()?;
    revoke_if_removed(&served, &acting, &tenant).await?;
    acting
        .settling(Of::Tenant(&tenant), acting.platform.settle(Of::Tenant(&tenant), Change::Reset, seen))
        .await
        .map(Versioned)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Listed {
    /// Behind this profile.
    #[param(value_type = Option<String>)]
    after: Option<After<String>>,
    /// At most so many, and never more than 1,000; 100 where nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// The profiles there are
///
/// By name. The address of the next page stands in the `Link` header (`rel="next"`), where there is one.
#[utoipa::path(get, path = "/v1/profiles", tag = "tenants", params(Listed), responses((status = 200, body = Vec<Settlement>)))]
async fn profiles(
    acting: Acting,
    OriginalUri(uri): OriginalUri,
    Wanted(Query(Listed { after, limit })): Wanted<Query<Listed>>,
) -> Result<Paged<Vec<Settlement>>, ActionError> {
    acting.operator()?;
    let part = pages::part(after, limit, pages::MOST)?;
    Ok(Paged::new(&uri, acting.platform.profiles(&part)))
}

/// What is settled for a profile
#[utoipa::path(get, path = "/v1/profiles/{profile}", tag = "tenants", params(("profile" = String, Path)), responses((status = 200, body = Settlement)))]
async fn profile(acting: Acting, Wanted(Path(profile)): Wanted<Path<String>>) -> Settled {
    acting.operator()?;
    acting.platform.settlement(Of::Profile(&profile)).map(Versioned)
}

/// Create a profile, or settle it anew as a whole
#[utoipa::path(
    put, path = "/v1/profiles/{profile}", tag = "tenants",
    params(("profile" = String, Path), Seens),
    request_body = Settings, responses((status = 200, body = Settlement))
)]
async fn settle_profile(
    acting: Acting,
    Wanted(Path(profile)): Wanted<Path<String>>,
    Looked(seen): Looked,
    Wanted(Json(settings)): Wanted<Json<Settings>>,
) -> Settled {
    acting.operator()?;
    if !is_name(&profile) {
        let sentence = "not the name of a profile: a name has 1 to 64 of a-z, 0-9, - and _, and starts with a letter";
        return Err(ActionError::invalid("bad_path", sentence));
    }
    acting
        .settling(
            Of::Profile(&profile),
            acting.platform.settle(Of::Profile(&profile), Change::Whole(settings.0.into()), seen),
        )
        .await
        .map(Versioned)
}

/// Change a profile
///
/// The body is a JSON merge patch (RFC 7396). Whoever has the profile has it as it is from now on.
#[utoipa::path(
    patch, path = "/v1/profiles/{profile}", tag = "tenants",
    params(("profile" = String, Path), Seens),
    request_body = Settings, responses((status = 200, body = Settlement))
)]
async fn change_profile(
    acting: Acting,
    Wanted(Path(profile)): Wanted<Path<String>>,
    Looked(seen): Looked,
    Wanted(Json(patch)): Wanted<Json<Settings>>,
) -> Settled {
    acting.operator()?;
    acting
        .settling(
            Of::Profile(&profile),
            acting.platform.settle(Of::Profile(&profile), Change::Part(patch.0.into()), seen),
        )
        .await
        .map(Versioned)
}

/// Remove a profile
///
/// It is refused while a tenant has it. `normal` is always there (409, `always_there`): reset it instead.
#[utoipa::path(
    delete, path = "/v1/profiles/{profile}", tag = "tenants",
    params(("profile" = String, Path), Seens),
    responses((status = 204, description = "It is removed"))
)]
async fn remove_profile(
    acting: Acting,
    Wanted(Path(profile)): Wanted<Path<String>>,
    Looked(seen): Looked,
) -> Result<StatusCode, ActionError> {
    acting.operator()?;
    acting
        .settling(Of::Profile(&profile), acting.platform.remove(Of::Profile(&profile), seen))
        .await
        .map(|()| StatusCode::NO_CONTENT)
}

/// Have what the configuration file says of a profile hold again
///
/// What was settled for it while the host ran goes, or that it was removed.
#[utoipa::path(
    post, path = "/v1/profiles/{profile}/reset", tag = "tenants", params(("profile" = String, Path), Seens),
    responses((status = 200, body = Settlement))
)]
async fn reset_profile(acting: Acting, Wanted(Path(profile)): Wanted<Path<String>>, Looked(seen): Looked) -> Settled {
    acting.operator()?;
    acting
        .settling(Of::Profile(&profile), acting.platform.settle(Of::Profile(&profile), Change::Reset, seen))
        .await
        .map(Versioned)
}

type OfStream = Wanted<Path<(TenantId, StreamName)>>;

async fn settle(
    acting: Acting,
    named: (TenantId, StreamName),
    change: Change,
    seen: Seen,
) -> Result<(Acting, StreamKey), ActionError> {
    let key = acting.stream(named)?;
    let is_operator = acting.caller.is_operator();
    let of = Of::Stream(&key.tenant, &key.stream);
    acting.settling(of, acting.platform.settle_stream(&key, change, seen, is_operator)).await?;
    Ok((acting, key))
}

/// A stream
///
/// With what is settled for it.
#[utoipa::path(
    get, path = "/v1/tenants/{tenant}/streams/{stream}", tag = "streams",
    params(("tenant" = TenantId, Path), ("stream" = StreamName, Path)), responses((status = 200, body = StreamLine))
)]
async fn stream(acting: Acting, Wanted(Path(named)): OfStream) -> SettledStream {
    let key = acting.stream(named)?;
    acting.platform.stream(&key).await.map(Versioned)
}

/// Have what the configuration file says of a stream hold again
///
/// What was settled for it while the host ran goes, or that it was deleted. Messages that wait stay.
#[utoipa::path(
    post, path = "/v1/tenants/{tenant}/streams/{stream}/reset", tag = "streams",
    params(("tenant" = TenantId, Path), ("stream" = StreamName, Path), Seens), responses((status = 200, body = StreamLine))
)]
async fn reset_stream(acting: Acting, Wanted(Path(named)): OfStream, Looked(seen): Looked) -> SettledStream {
    acting.operator()?;
    let (acting, key) = settle(acting, named, Change::Reset, seen).await?;
    acting.platform.stream(&key).await.map(Versioned)
}

/// Create a stream, or settle it anew as a whole
///
/// It starts at once, unless it is settled otherwise (`"enabled": false`). Its `limits` and `max_queue_bytes` are the operator's to
/// settle.
#[utoipa::path(
    put, path = "/v1/tenants/{tenant}/streams/{stream}", tag = "streams",
    params(
        ("tenant" = TenantId, Path), ("stream" = StreamName, Path), Seens
    ),
    request_body = Settings, responses((status = 200, body = StreamLine))
)]
async fn settle_stream(
    acting: Acting,
    Wanted(Path(named)): OfStream,
    Looked(seen): Looked,
    Wanted(Json(settings)): Wanted<Json<Settings>>,
) -> SettledStream {
    let (acting, key) = settle(acting, named, Change::Whole(settings.0.into()), seen).await?;
    acting.platform.stream(&key).await.map(Versioned)
}

/// Change a stream
///
/// The body is a JSON merge patch (RFC 7396). Consumers go on with the new settings; nothing is lost.
#[utoipa::path(
    patch, path = "/v1/tenants/{tenant}/streams/{stream}", tag = "streams",
    params(
        ("tenant" = TenantId, Path), ("stream" = StreamName, Path), Seens
    ),
    request_body = Settings, responses((status = 200, body = StreamLine))
)]
async fn change_stream(
    acting: Acting,
    Wanted(Path(named)): OfStream,
    Looked(seen): Looked,
    Wanted(Json(patch)): Wanted<Json<Settings>>,
) -> SettledStream {
    let (acting, key) = settle(acting, named, Change::Part(patch.0.into()), seen).await?;
    acting.platform.stream(&key).await.map(Versioned)
}

/// Delete a stream
///
/// Its queue goes with whatever waits in it; its documents and dead letters stay.
#[utoipa::path(
    delete, path = "/v1/tenants/{tenant}/streams/{stream}", tag = "streams",
    params(
        ("tenant" = TenantId, Path), ("stream" = StreamName, Path), Seens
    ),
    responses((status = 204, description = "It is deleted"))
)]
async fn remove_stream(
    acting: Acting,
    Wanted(Path(named)): OfStream,
    Looked(seen): Looked,
) -> Result<StatusCode, ActionError> {
    settle(acting, named, Change::Removed, seen).await.map(|_| StatusCode::NO_CONTENT)
}
