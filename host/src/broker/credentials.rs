//! What a client needs to publish for a tenant.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// What a client needs to publish for a tenant. Has a password in it: print its parts with care.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Credentials {
    /// `amqp://host:port/vhost` or `amqps://`, without a user.
    pub url: String,
    /// The virtual host.
    pub vhost: String,
    /// The exchange to publish to.
    pub exchange: String,
    /// The user to publish as; `None` where the tenant has none of its own.
    pub user: Option<String>,
    /// Its password, where it was made just now. It is not kept: show it.
    pub password: Option<String>,
    /// The certificate authority to trust, as this host knows it.
    #[schema(value_type = Option<String>)]
    pub ca: Option<PathBuf>,
    /// What else is to be known, as a sentence.
    pub note: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("url", &self.url).field("user", &self.user).finish_non_exhaustive()
    }
}
