//! The description of the API: OpenAPI 3.1, made from what each route says of itself, with what all of them have in common.
//!
//! `GET /openapi.json` is the description, `GET /docs` a page of it. `docs/openapi.json` in the source is the same, held to it
//! by a test: a change of the API is a change of that file.

use super::once;
use super::problem::{MEDIA_TYPE, Problem};
use super::routes;
use super::served::Served;
use axum::Json;
use axum::Router;
use axum::routing::get;
use std::sync::LazyLock;
use utoipa::OpenApi as _;
use utoipa::openapi::path::{HttpMethod, Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::Type;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, ObjectBuilder, OpenApi, Ref, RefOr, Required, Response, ResponseBuilder};
use utoipa::{PartialSchema as _, ToSchema as _};

static DESCRIPTION: LazyLock<OpenApi> = LazyLock::new(routes::description);

/// What stands above the routes.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "mysimbdp",
        description = "Multi-tenant data ingestion with the tenants' own native code. Every failure is a problem (RFC 9457) \
                       with a stable `code` and a sentence that says how to mend it. `X-Request-Id` names a request, in the \
                       answer and in the log. An `Idempotency-Key` on a request that changes something makes it safe to send \
                       again."
    ),
    // A task's parameter of its type is named there, and not found by itself.
    components(schemas(crate::task::ShownWork)),
    tags(
        (name = "apps", description = "Apps and their generations"),
        (name = "batches", description = "Files, submitted"),
        (name = "tasks", description = "A file for an app"),
        (name = "dead letters", description = "Rows and messages that did not become documents"),
        (name = "streams", description = "Messages"),
        (name = "log", description = "What goes on and what went on"),
        (name = "tenants", description = "Tenants and profiles"),
        (name = "identity", description = "Who may what"),
        (name = "health", description = "Whether the host works"),
    )
)]
struct Head;

pub(super) fn head() -> OpenApi {
    Head::openapi()
}

/// Adds what all routes have in common.
pub(super) fn complete(mut api: OpenApi) -> OpenApi {
    let components = api.components.get_or_insert_default();
    components.schemas.insert(Problem::name().into_owned(), Problem::schema());
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("msb_<id>_<secret>").build();
    components.security_schemes.insert("token".to_owned(), SecurityScheme::Http(bearer).into());
    for item in api.paths.paths.values_mut() {
        let methods = [HttpMethod::Get, HttpMethod::Put, HttpMethod::Post, HttpMethod::Delete, HttpMethod::Patch];
        for method in methods {
            let operation = match method {
                HttpMethod::Get => &mut item.get,
                HttpMethod::Put => &mut item.put,
                HttpMethod::Post => &mut item.post,
                HttpMethod::Delete => &mut item.delete,
                _ => &mut item.patch,
            };
            if let Some(operation) = operation {
                if method != HttpMethod::Get {
                    operation.parameters.get_or_insert_default().push(RefOr::T(idempotency_key()));
                }
                finish(operation);
            }
        }
    }
    api
}

fn finish(operation: &mut Operation) {
    if operation.security.is_some() {
        return;
    }
    operation.security = Some(vec![SecurityRequirement::new::<_, [&str; 0], &str>("token", [])]);
    let problems = [
        ("400", "The request is wrong"),
        ("401", "No token, or none that is good"),
        ("403", "The token may not"),
        ("404", "What it names is not there, or not yours"),
        ("409", "It cannot be done in the state things are in"),
        ("422", "A limit forbids it"),
        ("429", "The token asks too often, or has too much under way"),
        ("503", "It may work later"),
    ];
    for (status, words) in problems {
        operation.responses.responses.entry(status.to_owned()).or_insert_with(|| problem(words));
    }
    operation.responses.responses.insert("default".to_owned(), problem("Any other problem"));
}

/// What every request takes that changes something.
fn idempotency_key() -> Parameter {
    let schema = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(once::MAX_KEY))
        .pattern(Some("^[ -~]+$"));
    let words = "The same request again under the same key is not done again: it gets the answer of the first one, with \
                 `Idempotency-Replayed: true`, or a problem (409) where that is under way, was another request, or is not kept.";
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(words))
        .schema(Some(schema.build()))
        .build()
}

fn problem(words: &str) -> RefOr<Response> {
    let schema = Ref::from_schema_name(Problem::name());
    let content = ContentBuilder::new().schema(Some(schema)).build();
    RefOr::T(ResponseBuilder::new().description(words).content(MEDIA_TYPE, content).build())
}

/// The description, for whoever asks. It says nothing that is not public.
pub(super) fn routes() -> Router<Served> {
    Router::new().route("/openapi.json", get(async || Json(&*DESCRIPTION)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_is_the_one_that_was_agreed() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
        let now = serde_json::to_string_pretty(&*DESCRIPTION).unwrap() + "\n";
        if std::env::var_os("MYSIMBDP_BLESS").is_some() {
            std::fs::write(&path, &now).unwrap();
        }
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap_or_default();
        let agreed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            read(&now) == read(&agreed),
            "the API is another than docs/openapi.json says: run this test with MYSIMBDP_BLESS=1, and look at the change"
        );
    }

    #[test]
    fn whatever_the_description_refers_to_is_in_it() {
        let text = serde_json::to_string(&*DESCRIPTION).unwrap();
        let known = &DESCRIPTION.components.as_ref().unwrap().schemas;
        let named = text.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next());
        let missing: Vec<&str> = named.filter(|name| !known.contains_key(*name)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
