//! How tenants are kept apart, and what a client of one needs.
//!
//! With a management API each tenant has a virtual host and a user of its own. That user may configure nothing, read nothing,
//! and write to the tenant's exchange alone:
//!
//! ```text
//!   PUT vhosts/<prefix>.<tenant>
//!   PUT permissions/<vhost>/<our user>     everything
//!   PUT users/<prefix>.<tenant>            a password, no tags
//!   PUT permissions/<vhost>/<its user>     configure ^$   write ^<exchange>$   read ^$
//! ```
//! A tenant that is forgotten loses its user first and its virtual host then, and with that its queues and its connections.
//!
//! A password is made of 32 random bytes and *shown once*, when it is made: nobody keeps it, the broker has a salted hash of
//! it. (One that is derived from a secret of ours could be shown again, and would let a tenant guess that secret.) Whoever
//! has lost it rotates it; what is connected with the old one is cut as far as the broker lists it, which it does within
//! seconds of a connection.
//!
//! Without a management API the tenants' things differ by name alone, and whoever may publish for one may for all.

use super::management::Management;
use super::names::{Names, exactly};
use crate::broker::BrokerError;
use crate::tenant::TenantId;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::json;

/// Random bytes in a password.
const SECRET: usize = 32;

/// What is said where no tenant has a user of its own.
pub(super) const SHARED: &str = "tenants share this virtual host and differ by the names of their things alone: whoever may publish for one \
     tenant may publish for all. Turn RabbitMQ's management API on and name it under [rabbitmq] to keep them apart";
const LOST: &str = "the password was shown when it was made and is not kept: rotate it where it is lost";
const MADE: &str = "the password is shown this once and is not kept";

/// Makes the tenant's virtual host, and lets our own user in.
pub(super) async fn admit(api: &Management, us: &str, names: &Names, tenant: &TenantId) -> Result<(), BrokerError> {
    let vhost = names.vhost(tenant);
    api.put(&["vhosts", &vhost], &json!({ "description": format!("streams of the tenant {tenant}") })).await?;
    let everything = json!({ "configure": ".*", "write": ".*", "read": ".*" });
    api.put(&["permissions", &vhost, us], &everything).await
}

/// Makes the tenant's user where there is none, and a password where there was none or another one is wanted. Answers the
/// password that was made, and what is to be said.
pub(super) async fn user(
    api: &Management,
    names: &Names,
    tenant: &TenantId,
    rotate: bool,
) -> Result<(Option<String>, &'static str), BrokerError> {
    let (user, vhost, exchange) = (names.user(tenant), names.vhost(tenant), names.exchange(tenant));
    let exists = api.get::<serde_json::Value>(&["users", &user]).await?.is_some();
    let password = if exists && !rotate { None } else { Some(secret()?) };
    if let Some(password) = &password {
        api.put(&["users", &user], &json!({ "password": password, "tags": "" })).await?;
    }
    // Also where it exists: somebody may have given it more.
    let little = json!({ "configure": "^$", "write": exactly(&exchange), "read": "^$" });
    api.put(&["permissions", &vhost, &user], &little).await?;
    if exists && rotate {
        cut(api, &vhost, &user).await?;
    }
    let note = if password.is_some() { MADE } else { LOST };
    Ok((password, note))
}

/// Takes the tenant's user away, so that nobody comes in any more, and then its virtual host with everything in it. Neither
/// need be there.
pub(super) async fn dismiss(api: &Management, names: &Names, tenant: &TenantId) -> Result<(), BrokerError> {
    api.delete(&["users", &names.user(tenant)]).await?;
    api.delete(&["vhosts", &names.vhost(tenant)]).await?;
    Ok(())
}

#[derive(Deserialize)]
struct Connected {
    name: String,
    #[serde(default)]
    user: String,
}

/// Closes the connections of a user.
async fn cut(api: &Management, vhost: &str, user: &str) -> Result<(), BrokerError> {
    let connected: Vec<Connected> = api.get(&["vhosts", vhost, "connections"]).await?.unwrap_or_default();
    for connection in connected.iter().filter(|connection| connection.user == user) {
        api.delete(&["connections", &connection.name]).await?;
    }
    Ok(())
}

fn secret() -> Result<String, BrokerError> {
    let mut bytes = [0; SECRET];
    let filled = rustls::crypto::ring::default_provider().secure_random.fill(&mut bytes);
    filled.map_err(|_| BrokerError::Transient("this machine gives no random bytes".into()))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
