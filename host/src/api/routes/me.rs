//! Who I am to the platform.

use super::super::acting::Acting;
use super::super::served::Served;
use super::Answer;
use crate::identity::Scope;
use crate::tenant::TenantId;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Served> {
    OpenApiRouter::new().routes(routes!(me))
}

/// Who asks, and what that one may.
#[derive(Debug, Serialize, ToSchema)]
struct Me {
    /// Name of the token, or how it came without one.
    name: String,
    /// `operator` or `tenant`.
    scope: &'static str,
    /// The tenant, where it is one's.
    tenant: Option<TenantId>,
    /// It may only look.
    read_only: bool,
    /// No token was ever issued: whoever reaches this host on loopback is an operator.
    open: bool,
}

/// Who I am
#[utoipa::path(get, path = "/v1/me", tag = "identity", responses((status = 200, body = Me)))]
async fn me(State(served): State<Served>, acting: Acting) -> Answer<Me> {
    let caller = acting.caller;
    let (scope, tenant) = match caller.scope {
        Scope::Operator => ("operator", None),
        Scope::Tenant(tenant) => ("tenant", Some(tenant)),
    };
    let open = served.tokens.none_was_issued();
    Ok(Json(Me { name: caller.name, scope, tenant, read_only: caller.read_only, open }))
}
