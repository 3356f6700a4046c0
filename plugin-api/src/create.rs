//! An app's configuration, and how an instance of an app is made from it.

use crate::error::AppError;
use serde::Deserialize;

/// The configuration that the operator or tenant gave this app: a JSON object, or nothing.
#[derive(Clone, Debug, Default)]
pub struct Config {
    json: Option<String>,
}

impl Config {
    /// A configuration from JSON text, as the host passes it; `None` where there is none.
    pub fn from_json(json: Option<&str>) -> Config {
        Config { json: json.map(str::to_owned) }
    }

    /// The configuration as JSON text.
    pub fn json(&self) -> Option<&str> {
        self.json.as_deref()
    }

    /// The configuration as `T`; with none given, `T` is read from an empty object, so that its defaults apply.
    ///
    /// # Errors
    /// The configuration is not JSON or does not fit `T`.
    pub fn parse<'a, T: Deserialize<'a>>(&'a self) -> Result<T, AppError> {
        serde_json::from_str(self.json().unwrap_or("{}"))
            .map_err(|error| AppError::new(format_args!("the app's configuration does not fit: {error}")))
    }
}

/// How an instance of an app is made, once in each worker and for each kind that it provides.
///
/// Every type that implements [`Default`] has it already. An app that needs its configuration, or may fail to start,
/// leaves `Default` out and implements it by hand:
///
/// ```
/// use mysimbdp_plugin_api::prelude::*;
///
/// #[derive(Deserialize)]
/// struct Settings {
///     #[serde(default)]
///     currency: String,
/// }
///
/// struct Fares { settings: Settings }
///
/// impl Create for Fares {
///     fn create(config: &Config) -> Result<Self, AppError> {
///         Ok(Fares { settings: config.parse()? })
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be made into an app",
    label = "implements neither `Default` nor `Create`",
    note = "add `#[derive(Default)]`, or implement `mysimbdp_plugin_api::Create` to read the app's configuration"
)]
pub trait Create: Sized {
    /// Makes an instance.
    ///
    /// # Errors
    /// The app cannot start with this configuration; the sentence is shown to whoever submits work for it.
    fn create(config: &Config) -> Result<Self, AppError>;
}

impl<T: Default> Create for T {
    fn create(_config: &Config) -> Result<Self, AppError> {
        Ok(T::default())
    }
}
