//! What an operator can set, and what is wrong with it.

use super::command::{MAX_COMMAND_BYTES, MAX_COMMAND_DOCUMENTS};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// How the servers are reached, and how much is asked of them.
#[derive(Clone)]
pub struct Settings {
    /// Connection string: servers, user, options, as MongoDB documents them. Holds secrets, so it is never printed.
    pub url: String,
    /// What a tenant's database is called, before the tenant's name.
    pub database_prefix: String,
    /// Whose acknowledgement a write waits for.
    pub acknowledged: Acknowledged,
    /// A write waits until it is in the journal on the disk.
    pub journal: bool,
    /// How long the servers may take to acknowledge a write among themselves.
    pub acknowledged_within: Duration,
    /// How long finding a server, and connecting to it, may take.
    pub connected_within: Duration,
    /// How long any answer may take; a connection that gives none until then is closed.
    pub answered_within: Duration,
    /// Certificates (PEM) of those who may sign a server's; the usual ones where there is none. Turns TLS on.
    pub ca_file: Option<PathBuf>,
    /// Certificate and key (PEM, one file) that are shown to the server. Turns TLS on.
    pub client_certificate: Option<PathBuf>,
    /// The server's certificate, and the name in it, are checked. Without it anybody can be the server.
    pub check_server: bool,
    /// Bytes of documents that are under way at most, over all tenants.
    pub bytes_in_flight: usize,
    /// Bytes of documents in one command, unless a single one is longer.
    pub command_bytes: usize,
    /// Documents in one command.
    pub command_documents: usize,
    /// Commands of one collection that are under way at the same time.
    pub commands_at_once: usize,
    /// How old the size of a tenant's database may be that [`stored_bytes`](crate::sink::Sinks::stored_bytes) answers.
    pub size_age: Duration,
}

/// Whose acknowledgement a write waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acknowledged {
    /// That of most of a replica set's members: it outlives the loss of any minority.
    Majority,
    /// That of so many members, at least 1.
    Members(u32),
}

/// The settings will not do. The sentence says which and why, without the secrets in them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the settings of the MongoDB sink will not do: {0}")]
pub struct SettingsError(pub(super) String);

impl Settings {
    /// These servers, and the defaults for everything else.
    pub fn new(url: impl Into<String>) -> Settings {
        Settings {
            url: url.into(),
            database_prefix: "mysimbdp_".into(),
            acknowledged: Acknowledged::Majority,
            journal: true,
            acknowledged_within: Duration::from_secs(30),
            connected_within: Duration::from_secs(5),
            answered_within: Duration::from_secs(60),
            ca_file: None,
            client_certificate: None,
            check_server: true,
            bytes_in_flight: 32 << 20,
            command_bytes: 1 << 20,
            command_documents: 20_000,
            commands_at_once: 3,
            size_age: Duration::from_secs(5),
        }
    }

    /// # Errors
    /// The first that is out of its bounds.
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        let between = |name, value: usize, least: usize, most: usize| match (least..=most).contains(&value) {
            true => Ok(()),
            false => Err(SettingsError(format!("{name} is {value}, but goes from {least} to {most}"))),
        };
        super::name::check_prefix(&self.database_prefix)?;
        if self.acknowledged == Acknowledged::Members(0) {
            let reason = "a write that no server acknowledges may be lost: let at least 1 do so";
            return Err(SettingsError(reason.into()));
        }
        between("the number of bytes in flight", self.bytes_in_flight, 1 << 20, u32::MAX as usize)?;
        between("the number of bytes in a command", self.command_bytes, 1 << 10, MAX_COMMAND_BYTES)?;
        between("the number of documents in a command", self.command_documents, 1, MAX_COMMAND_DOCUMENTS)?;
        between("the number of commands at once", self.commands_at_once, 1, 64)
    }
}

/// Without the connection string, which holds a password.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { database_prefix, acknowledged, journal, .. } = self;
        f.debug_struct("Settings")
            .field("database_prefix", database_prefix)
            .field("acknowledged", acknowledged)
            .field("journal", journal)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_will_do() {
        assert_eq!(Settings::new("mongodb://localhost").check(), Ok(()));
    }

    #[test]
    fn what_is_out_of_bounds_is_told() {
        let base = || Settings::new("mongodb://localhost");
        for (settings, told) in [
            (Settings { acknowledged: Acknowledged::Members(0), ..base() }, "let at least 1 do so"),
            (Settings { bytes_in_flight: 1, ..base() }, "bytes in flight is 1"),
            (Settings { command_bytes: 1 << 30, ..base() }, "goes from 1024 to 16777216"),
            (Settings { command_documents: 0, ..base() }, "documents in a command is 0"),
            (Settings { commands_at_once: 0, ..base() }, "commands at once is 0"),
            (Settings { database_prefix: "a.b".into(), ..base() }, "a.b"),
        ] {
            let error = settings.check().unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn a_password_is_not_printed() {
        let settings = Settings::new("mongodb://user:geheim@localhost");
        assert!(!format!("{settings:?}").contains("geheim"));
    }
}
