//! What the databases and collections of the sinks are called.
//!
//! ```text
//!   mysimbdp_acme                                  <prefix><tenant>
//!   mysimbdp_a-very-long-na~0123456789abcdef01234567    where that is longer than MongoDB allows, or means something to it
//! ```
//!
//! MongoDB takes 63 bytes for a database; a tenant's name may have 64. The second form is cut, and ends with 96 bits of the
//! full name's BLAKE3 hash. No tenant's name has a `~`, so it is never another tenant's first form.

use super::SettingsError;
use crate::tenant::TenantId;

/// Longest name of a database in bytes.
const MAX_DATABASE: usize = 63;
/// Longest prefix: the second form must still have a part of the tenant's name.
const MAX_PREFIX: usize = 30;
/// Longest name of a collection in bytes; with the database's it is below MongoDB's 255.
const MAX_COLLECTION: usize = 120;
/// Hexadecimal digits of the hash.
const DIGITS: usize = 24;
/// Databases that are MongoDB's own.
const RESERVED: [&str; 3] = ["admin", "config", "local"];

/// A name that a collection cannot have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} cannot be the name of a collection: {reason}")]
pub struct NameError {
    /// The name, cut where it is long.
    pub name: String,
    /// Why, and what would do.
    pub reason: &'static str,
}

/// # Errors
/// It is too long, or has a character that the name of a database cannot have.
pub(super) fn check_prefix(prefix: &str) -> Result<(), SettingsError> {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    match prefix.len() <= MAX_PREFIX && prefix.bytes().all(is_allowed) {
        true => Ok(()),
        false => Err(SettingsError(format!(
            "{prefix:?} cannot begin the name of a database: it has up to {MAX_PREFIX} of a-z, 0-9, - and _"
        ))),
    }
}

/// The database of a tenant.
pub(super) fn database(prefix: &str, tenant: &TenantId) -> String {
    let whole = format!("{prefix}{tenant}");
    if whole.len() <= MAX_DATABASE && !RESERVED.contains(&whole.as_str()) {
        return whole;
    }
    let hash = blake3::hash(whole.as_bytes()).to_hex();
    // Both are ASCII.
    let kept = whole.len().min(MAX_DATABASE - 1 - DIGITS);
    format!("{}~{}", &whole[..kept], &hash[..DIGITS])
}

/// # Errors
/// MongoDB, or this sink, means something else by that name; or it could not be typed in a shell.
pub(super) fn check_collection(name: &str) -> Result<(), NameError> {
    let refuse = |reason| Err(NameError { name: name.chars().take(MAX_COLLECTION).collect(), reason });
    let Some(first) = name.bytes().next() else { return refuse("it is empty") };
    if name.len() > MAX_COLLECTION {
        return refuse("it is longer than 120 bytes");
    }
    if !first.is_ascii_alphanumeric() {
        return refuse("it must begin with a letter or a digit (a to z, A to Z, 0 to 9)");
    }
    if !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')) {
        return refuse("only letters (a to z, A to Z), digits, '_', '-' and '.' may stand in it");
    }
    if name.starts_with("system.") {
        return refuse("names that begin with system. are MongoDB's own");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(prefix: &str, tenant: &str) -> String {
        database(prefix, &TenantId::parse(tenant).unwrap())
    }

    #[test]
    fn an_ordinary_tenant_has_a_database_of_its_own_name() {
        assert_eq!(named("mysimbdp_", "acme"), "mysimbdp_acme");
        assert_eq!(named("", "acme"), "acme");
        assert_eq!(named("", &"x".repeat(63)), "x".repeat(63));
    }

    #[test]
    fn a_long_name_is_cut_and_stays_a_name_of_its_own() {
        let (one, other) = (format!("{}a", "x".repeat(63)), format!("{}b", "x".repeat(63)));
        for prefix in ["", "mysimbdp_", &"p".repeat(MAX_PREFIX)] {
            let names = [named(prefix, &one), named(prefix, &other)];
            assert_ne!(names[0], names[1]);
            assert!(names.iter().all(|name| name.len() == MAX_DATABASE && name.starts_with(&format!("{prefix}xxx"))));
        }
    }

    #[test]
    fn no_tenant_gets_a_database_of_mongodbs_own() {
        for (prefix, tenant) in [("", "admin"), ("", "local"), ("con", "fig"), ("a", "dmin")] {
            let name = named(prefix, tenant);
            assert!(name.contains('~'), "{name}");
        }
    }

    #[test]
    fn a_prefix_that_no_database_can_begin_with_is_refused() {
        assert!(check_prefix("mysimbdp_").is_ok() && check_prefix("").is_ok());
        for prefix in ["a.b", "a/b", "A", "ä", "$", &"x".repeat(MAX_PREFIX + 1)] {
            assert!(check_prefix(prefix).is_err(), "{prefix}");
        }
    }

    #[test]
    fn a_collection_that_mongodb_or_this_sink_has_for_itself_is_refused_with_the_reason() {
        for name in ["orders", "Trips2024", "2024-06.trips_eu", &"x".repeat(MAX_COLLECTION)] {
            assert_eq!(check_collection(name), Ok(()));
        }
        let long = "x".repeat(MAX_COLLECTION + 1);
        for (name, reason) in [
            ("", "it is empty"),
            (long.as_str(), "longer than 120 bytes"),
            ("_dead_letters", "must begin with a letter or a digit"),
            ("system.users", "MongoDB's own"),
            ("a$b", "only letters"),
            ("a\0", "only letters"),
        ] {
            let told = check_collection(name).unwrap_err().to_string();
            assert!(told.contains(reason), "{told}");
        }
    }
}
