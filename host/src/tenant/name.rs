//! Names: parsed once, never checked again. Each fits a path, a URL and a sentence.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// Longest name in bytes.
pub const MAX_NAME: usize = 64;

/// A name that will not do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is {}", self.rule())]
pub struct NameError {
    /// What was to be named, with an article.
    pub what: &'static str,
    /// The name, cut where it is long.
    pub name: String,
}

impl NameError {
    /// The sentence without its subject: what it is not, and what would do.
    pub fn rule(&self) -> String {
        let what = self.what;
        format!("not the name of {what}: a name has 1 to {MAX_NAME} of a-z, 0-9, - and _, and starts with a letter")
    }
}

/// 1 to [`MAX_NAME`] of `a-z 0-9 - _`, the first a letter.
pub fn is_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    name.len() <= MAX_NAME && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.bytes().all(is_allowed)
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes a name if it will do.
            ///
            /// # Errors
            /// It will not; the sentence says what would.
            pub fn parse(name: &str) -> Result<$name, NameError> {
                if is_name(name) {
                    return Ok($name(name.into()));
                }
                Err(NameError { what: $what, name: name.chars().take(MAX_NAME).collect() })
            }

            /// The name.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                use utoipa::openapi::schema::{ObjectBuilder, Type};
                let name = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[a-z][a-z0-9_-]{0,63}$"));
                name.description(Some(concat!("The name of ", $what))).into()
            }
        }

        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(name: String) -> Result<$name, NameError> {
                $name::parse(&name)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0.as_ref().to_owned()
            }
        }

        impl std::str::FromStr for $name {
            type Err = NameError;

            fn from_str(name: &str) -> Result<$name, NameError> {
                $name::parse(name)
            }
        }
    };
}

name! {
    /// A customer of the platform; also the name of its directories.
    TenantId, "a tenant"
}
name! {
    /// An app of a tenant, as its descriptor says.
    AppName, "an app"
}
name! {
    /// A destination of a tenant's documents, as the operator named it.
    SinkName, "a sink"
}

name! {
    /// A tenant's stream of messages, as the operator named it.
    StreamName, "a stream"
}

impl Default for SinkName {
    /// The sink that a tenant has where none is named.
    fn default() -> SinkName {
        SinkName("documents".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_fit_a_path_and_a_url_will_do() {
        for name in ["a", "clientbatchingestapp-csv", "a1_b-c", &"x".repeat(64)] {
            assert!(TenantId::parse(name).is_ok(), "{name}");
        }
        for name in ["", "1a", "-a", "_a", "A", "aB", "a.b", "a/b", "..", "ä", "a b", &"x".repeat(65)] {
            assert!(TenantId::parse(name).is_err(), "{name}");
        }
        assert!(is_name(SinkName::default().as_str()));
        let told = AppName::parse("../etc").unwrap_err().to_string();
        assert!(told.starts_with("\"../etc\" is not the name of an app"), "{told}");
    }
}
