//! Tokens: issued, listed, revoked. The operator's alone.

use super::super::acting::Acting;
use super::super::asks::Wanted;
use super::super::once::ShownOnce;
use super::super::pages::{self, After, Paged};
use super::super::served::Served;
use super::Answer;
use crate::identity::Scope;
use crate::identity::tokens::{LIFE, MAX_LIFE, MAX_NAME, Token, TokenError};
use crate::platform::error::ActionError;
use crate::tenant::TenantId;
use axum::extract::{OriginalUri, Path, Query, State};
use axum::{Extension, Json};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const DAY: SignedDuration = SignedDuration::from_hours(24);
/// For whoever asks for a token again under the same `Idempotency-Key`: no secret is kept to be shown again.
const ISSUED: ShownOnce = ShownOnce(
    "a token was issued under this Idempotency-Key, and its secret is shown once: if it was lost, revoke that token \
     (`mysimbdp tokens revoke`) and issue another under another key",
);

pub(super) fn routes() -> OpenApiRouter<Served> {
    OpenApiRouter::new().routes(routes!(issue, tokens)).routes(routes!(revoke))
}

/// A token that is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewToken {
    /// What it is for, in words.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// The tenant whose things it reaches; an operator's where none is named.
    tenant: Option<TenantId>,
    /// It may only look.
    #[serde(default)]
    read_only: bool,
    /// Days until it expires, 1 to 3,650; 90 where nothing is said.
    #[schema(minimum = 1, maximum = 3650)]
    days: Option<u16>,
}

/// A token, without its secret.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct TokenLine {
    /// What names it.
    id: String,
    #[serde(flatten)]
    token: Token,
    /// It lets somebody in.
    good: bool,
}

/// A token that was issued.
#[derive(Debug, Serialize, ToSchema)]
struct IssuedToken {
    /// The whole of it. It is shown this once.
    secret: String,
    #[serde(flatten)]
    line: TokenLine,
}

/// Issue a token
///
/// Its secret is shown this once: the same request again under its `Idempotency-Key` is a problem (409, `shown_once`).
#[utoipa::path(post, path = "/v1/tokens", tag = "identity", request_body = NewToken, responses((status = 200, body = IssuedToken)))]
async fn issue(
    State(served): State<Served>,
    acting: Acting,
    Wanted(Json(wanted)): Wanted<Json<NewToken>>,
) -> Result<(Extension<ShownOnce>, Json<IssuedToken>), ActionError> {
    acting.operator()?;
    let NewToken { name, tenant, read_only, days } = wanted;
    let name = name.trim().to_owned();
    if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        let sentence = format!("a token needs a name of 1 to {MAX_NAME} characters that says what it is for");
        return Err(ActionError::invalid("bad_name", sentence));
    }
    acting.platform.exists(tenant.as_ref())?;
    let life = days.map_or(LIFE, |days| DAY * i32::from(days));
    if life < DAY || life > MAX_LIFE {
        let most = MAX_LIFE.as_hours() / 24;
        return Err(ActionError::invalid("bad_life", format!("a token lives for 1 to {most} days: ask for so many")));
    }
    let now = Timestamp::now();
    let scope = tenant.map_or(Scope::Operator, Scope::Tenant);
    let (issued_by, expires) = (acting.caller.name, now + life);
    let token = Token { name, scope, read_only, issued: now, issued_by, expires, revoked: None };
    let issued = blocking(&served, {
        let token = token.clone();
        move |tokens| tokens.issue(token)
    })
    .await?;
    let may = if token.read_only { "read" } else { "read and write" };
    let whose = match &token.scope {
        Scope::Operator => "an operator".to_owned(),
        Scope::Tenant(tenant) => format!("tenant {tenant}"),
    };
    let (id, name, until) = (&issued.id, &token.name, token.expires);
    acting.noted.what(format!("token {id} ({name:?}) of {whose} was issued: it may {may} until {until}"));
    let line = TokenLine { id: issued.id, good: token.is_good(now), token };
    Ok((Extension(ISSUED), Json(IssuedToken { secret: issued.text, line })))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Listed {
    /// Behind the one of this id.
    #[param(value_type = Option<String>)]
    after: Option<After<String>>,
    /// At most so many, and never more than 1,000; 100 where nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// The tokens there are
///
/// By id. Those that are revoked or expired stay listed for 90 days. The address of the next page stands in the `Link` header
/// (`rel="next"`), where there is one.
#[utoipa::path(get, path = "/v1/tokens", tag = "identity", params(Listed), responses((status = 200, body = Vec<TokenLine>)))]
async fn tokens(
    State(served): State<Served>,
    acting: Acting,
    OriginalUri(uri): OriginalUri,
    Wanted(Query(Listed { after, limit })): Wanted<Query<Listed>>,
) -> Result<Paged<Vec<TokenLine>>, ActionError> {
    acting.operator()?;
    let (tokens, next) = served.tokens.list(&pages::part(after, limit, pages::MOST)?);
    let now = Timestamp::now();
    let line = |(id, token): (String, Token)| TokenLine { id, good: token.is_good(now), token };
    Ok(Paged::new(&uri, (tokens.into_iter().map(line).collect(), next)))
}

/// Revoke a token
#[utoipa::path(delete, path = "/v1/tokens/{id}", tag = "identity", params(("id" = String, Path)), responses((status = 200, body = TokenLine)))]
async fn revoke(
    State(served): State<Served>,
    acting: Acting,
    Wanted(Path(id)): Wanted<Path<String>>,
) -> Answer<TokenLine> {
    acting.operator()?;
    let now = Timestamp::now();
    let token = blocking(&served, {
        let id = id.clone();
        move |tokens| tokens.revoke(&id, now)
    })
    .await?;
    acting.noted.what(format!("token {id} ({:?}) was revoked", token.name));
    Ok(Json(TokenLine { id, good: token.is_good(now), token }))
}

/// The file of tokens is synced: off the runtime's threads.
pub(super) async fn blocking<T: Send + 'static>(
    served: &Served,
    work: impl FnOnce(crate::identity::tokens::Tokens) -> Result<T, TokenError> + Send + 'static,
) -> Result<T, ActionError> {
    let tokens = served.tokens.clone();
    let done = tokio::task::spawn_blocking(move || work(tokens)).await;
    let done = done.map_err(|error| ActionError::internal(error.to_string()))?;
    done.map_err(|error| match error {
        TokenError::NoToken(_) => ActionError::not_found("unknown_token", error.to_string()),
        TokenError::TooMany => ActionError::conflict("too_many_tokens", error.to_string()),
        TokenError::Io(_) => ActionError::unavailable("tokens_unavailable", error.to_string()),
    })
}
