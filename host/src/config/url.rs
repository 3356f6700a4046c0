//! URLs of servers, and of what hosts share: of the right scheme, with a host, and nothing in them that a URL cannot hold. What a
//! mistake shows of one has neither user nor password in it.

use super::kind::{Kind, word};
use super::written::Value;

/// What a password must have instead of what means something else in a URL.
const ESCAPES: &str = "in a user or a password write %23 for #, %2F for /, %3A for :, %40 for @, %3F for ?";

/// A URL of a server.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServerUrl {
    /// What it is, with an article: `the URL of a Redis server`.
    pub(super) what: &'static str,
    /// What it may begin with.
    pub(super) schemes: [&'static str; 2],
    pub(super) such_as: &'static str,
    /// What may stand behind the host.
    pub(super) path: Behind,
    /// Whether it may be left empty.
    pub(super) may_be_empty: bool,
}

/// What may stand behind the host of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behind {
    /// Whatever the server makes of it.
    Anything,
    /// The number of a database.
    Number,
}

impl Kind for ServerUrl {
    type Value = String;

    fn read(&self, value: &Value) -> Result<String, String> {
        let ServerUrl { what, schemes: [one, other], such_as, .. } = self;
        let unfit =
            || format!("not {what}: it begins with {one}:// or {other}:// and names a host, such as \"{such_as}\"");
        let text = word(value).ok_or_else(unfit)?;
        if text.is_empty() && self.may_be_empty {
            return Ok(String::new());
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(unfit)?;
        if ![*one, *other].contains(&scheme) {
            return Err(unfit());
        }
        let (authority, behind) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let path = behind.split('?').next().unwrap_or_default();
        if text.contains('#') || path.contains('@') {
            return Err(format!("something in it ends a URL before its host: {ESCAPES}"));
        }
        let hosts = authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts);
        let mut hosts = hosts.split(',');
        if !hosts.all(is_host) {
            return Err(unfit());
        }
        let number = path.trim_start_matches('/');
        if self.path == Behind::Number && !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!("behind its host stands the number of a database, or nothing, such as \"{such_as}\""));
        }
        Ok(text.to_owned())
    }

    fn shown(&self, value: &Value) -> String {
        without_user(value)
    }
}

/// A directory that is mounted on all hosts, or a bucket; may be left empty.
#[derive(Clone, Copy, Debug)]
pub(super) struct SharedPlace;

impl Kind for SharedPlace {
    type Value = String;

    fn read(&self, value: &Value) -> Result<String, String> {
        let unfit = |such_as: &str| {
            Err(format!("no place for what hosts share: a directory is \"{such_as}\", a bucket \"s3://bucket/folder\""))
        };
        let usual = || unfit("file:///mnt/shared");
        let Some(text) = word(value) else { return usual() };
        if text.is_empty() {
            return Ok(String::new());
        }
        match text.split_once("://") {
            Some(("file", path)) if path.starts_with('/') => Ok(text.to_owned()),
            Some(("file", path)) => unfit(&format!("file:///{path}")),
            Some(("s3", bucket)) if !bucket.is_empty() && !bucket.starts_with('/') => Ok(text.to_owned()),
            None if text.starts_with('/') && !text.contains(char::is_control) => unfit(&format!("file://{text}")),
            _ => usual(),
        }
    }

    fn shown(&self, value: &Value) -> String {
        without_user(value)
    }
}

/// Whether it is a name or an address, with a port or without.
fn is_host(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((name, rest)) => (name, rest.strip_prefix(':').or(rest.is_empty().then_some("0"))),
        None => host.split_once(':').map_or((host, Some("0")), |(name, port)| (name, Some(port))),
    };
    let is_name = !name.is_empty() && !name.contains(|letter: char| letter.is_whitespace() || letter.is_control());
    is_name && port.is_some_and(|port| port.parse::<u16>().is_ok())
}

/// The value as a mistake shows it: whatever may be a user or a password is left out.
fn without_user(value: &Value) -> String {
    let Some((user, rest)) = word(value).and_then(|text| text.rsplit_once('@')) else { return value.shown() };
    let scheme = user.split_once("://").map_or(String::new(), |(scheme, _)| format!("{scheme}://"));
    Value::Text(format!("{scheme}***@{rest}")).shown()
}
