//! The configuration: one TOML file, read twice. First as it was written (`written`), where every value knows its line;
//! then as it is meant (`read`), where everything is complete, looked up and within its bounds.
//!
//! ```text
//!   mysimbdp.toml ─▶ tree with lines ─┐
//!                                     ├─▶ tree ─▶ tables, taken apart key by key ─▶ Config
//!   MYSIMBDP_… ─────▶ text to be read ┘                     │
//!                      as the key wants                     └─▶ mistakes, all of them
//! ```
//!
//! - *All mistakes are told at once*, each with file and line (or variable), what stands there, and what would do. A table
//!   goes on after a key that will not do, with the default in its place; nobody sees that, since a single mistake refuses
//!   the whole.
//! - *Unknown keys are mistakes*: a slip of the finger must not leave a tenant without its limit.
//! - *Without a file* everything is embedded and every directory in staging that can be a tenant is one
//!   ([`Config::adopt_tenants`]); with one, only who stands in it.
//! - What is read is documented in `docs/configuration.md` and shown in `config/mysimbdp.toml`; tests hold the three together.
//! - [`Config::summary`] writes the file that would be read as this configuration.

mod api;
mod app_table;
mod environment;
mod keys;
mod kind;
mod limits;
mod mistake;
mod nearest;
mod read;
mod roster;
mod servers;
mod show;
mod streams;
mod table;
mod tenants;
#[cfg(test)]
mod tests;
mod url;
mod written;

pub use crate::tenant::{AppSettings, Limits, Profile, Sink, Stream, Tenant};
pub use api::{Api, Listen};
pub use environment::variables;
pub use keys::Keys;
pub use mistake::{ConfigErrors, Mistake, Place};
pub use roster::{Documents, Roster};
pub use servers::{AcknowledgedBy, MongoDb, QueueType, RabbitMq, Redis, Secret, Tls};

use crate::tenant::{NORMAL, TenantId};
use crate::worker::protocol::Isolation;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A larger file is none that somebody has written.
const LARGEST_FILE: u64 = 64 << 20;

/// The configuration as it is meant: complete, and everything that is named in it is there.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Directory of all that the platform keeps.
    pub data: PathBuf,
    /// Directory with a directory for each tenant, into which it drops what it has.
    pub staging: PathBuf,
    /// Tasks that run at the same time.
    pub slots: usize,
    /// How much of the sandbox is demanded.
    pub isolation: Isolation,
    /// How long a task stays with a host that says nothing.
    pub lease: Duration,
    /// Pause before a task that has failed is tried again.
    pub retry_pause: Duration,
    /// How long a worker without work is kept ready.
    pub warm: Duration,
    /// Worker processes of streams at once; streams that have none meanwhile take turns.
    pub workers_max: usize,
    /// Threads that carry the messages of streams.
    pub stream_threads: usize,
    /// Whether every directory in staging that can be a tenant is one.
    pub adopt_tenants: bool,
    /// What this host is called among others; the machine's name where it is empty.
    pub host: String,
    /// HTTP.
    pub api: Api,
    /// Which queue.
    pub queue: QueueKind,
    /// Where documents go.
    pub sink: SinkKind,
    /// Where messages wait.
    pub broker: BrokerKind,
    /// Where files and apps are that hosts share; a URL.
    pub depot: Option<String>,
    /// The Redis server, where the queue is on one.
    pub redis: Redis,
    /// The MongoDB, where documents go to one.
    pub mongodb: MongoDb,
    /// The RabbitMQ, where messages wait on one.
    pub rabbitmq: RabbitMq,
    /// How staging directories are watched.
    pub staging_rules: StagingRules,
    /// How long what is kept.
    pub keep: Keep,
    /// Profiles by name; `normal` is always among them.
    pub profiles: BTreeMap<String, Profile>,
    /// The tenants that are named.
    pub tenants: BTreeMap<TenantId, Tenant>,
    /// What of all that somebody has written.
    pub written: Keys,
}

/// Where tasks wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueKind {
    /// In a file of the data directory.
    Embedded,
    /// On a Redis server, shared by any number of hosts.
    Redis,
}

/// Where documents go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SinkKind {
    /// Into a file for each tenant, in the data directory.
    Embedded,
    /// Into a MongoDB, a database for each tenant.
    MongoDb,
}

/// Where messages of streams wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokerKind {
    /// In files of the data directory, fed by this host.
    Embedded,
    /// On a RabbitMQ, shared by any number of hosts and whoever publishes.
    RabbitMq,
}

/// How staging directories are watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StagingRules {
    /// How long a file must not have changed before it is taken.
    pub quiet: Duration,
    /// How often everything is looked at, whatever was reported.
    pub rescan: Duration,
    /// How often everything is looked at where the file system reports nothing.
    pub poll: Duration,
    /// What happens to a data file whose content was ingested already.
    pub on_known: OnKnown,
}

/// What happens to a data file that the same app has ingested already, with the same content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnKnown {
    /// It is refused, and the verdict names the task that ingested it.
    Refuse,
    /// It is a new batch.
    NewBatch,
}

/// How long what is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Tasks that are over, and their files.
    pub tasks: Duration,
    /// Bytes of a journal's file before the next is begun.
    pub journal_bytes: u64,
    /// Files of a journal that are kept beside the one that is written.
    pub journal_files: u32,
    /// Files of a journal that are older go.
    pub journal_age: Duration,
}

impl Default for Config {
    /// What holds where nothing is said.
    fn default() -> Config {
        Config {
            data: PathBuf::from("./data"),
            staging: PathBuf::from("./staging"),
            slots: 3,
            isolation: Isolation::Full,
            lease: Duration::from_secs(30),
            retry_pause: Duration::from_secs(5),
            warm: Duration::from_secs(60),
            workers_max: 8,
            stream_threads: 1,
            adopt_tenants: true,
            host: String::new(),
            api: Api::default(),
            queue: QueueKind::Embedded,
            sink: SinkKind::Embedded,
            broker: BrokerKind::Embedded,
            depot: None,
            redis: Redis::default(),
            mongodb: MongoDb::default(),
            rabbitmq: RabbitMq::default(),
            staging_rules: StagingRules::default(),
            keep: Keep::default(),
            profiles: BTreeMap::from([(NORMAL.to_owned(), Profile::normal())]),
            tenants: BTreeMap::new(),
            written: Keys::default(),
        }
    }
}

impl Default for StagingRules {
    fn default() -> StagingRules {
        StagingRules {
            quiet: Duration::from_millis(100),
            rescan: Duration::from_secs(30),
            poll: Duration::from_secs(1),
            on_known: OnKnown::Refuse,
        }
    }
}

impl Default for Keep {
    fn default() -> Keep {
        Keep {
            tasks: Duration::from_secs(30 * 86_400),
            journal_bytes: 64 << 20,
            journal_files: 8,
            journal_age: Duration::from_secs(90 * 86_400),
        }
    }
}

impl Config {
    /// Which file holds the configuration: `explicit` if there is one, else what `MYSIMBDP_CONFIG` names, else
    /// `./mysimbdp.toml` if it is there. `None`: there is no file, and the defaults hold.
    pub fn find(explicit: Option<&Path>, env: impl IntoIterator<Item = (String, String)>) -> Option<PathBuf> {
        environment::find(explicit, env, Path::new(""))
    }

    /// Reads the configuration: the file if there is one, and what the environment says instead; see [`variables`].
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn load(file: Option<&Path>, env: impl IntoIterator<Item = (String, String)>) -> Result<Config, ConfigErrors> {
        let read = match file {
            None => read::read(None, env, &read::real_path),
            Some(path) => {
                let name: Arc<str> = path.display().to_string().into();
                text_of(path)
                    .map_err(|sentence| vec![Mistake { place: Place::File(Arc::clone(&name)), sentence }])
                    .and_then(|text| read::read(Some((&name, &text)), env, &read::real_path))
            }
        };
        read.map_err(ConfigErrors::of)
    }

    /// The tenant that a directory in staging makes where tenants are adopted: of the profile `normal`, with nothing else
    /// said about it.
    pub fn adopt(&self, id: &TenantId) -> Tenant {
        let profile = self.profiles.get(NORMAL).cloned().unwrap_or_else(Profile::normal);
        Tenant::of(id.clone(), &profile)
    }
}

/// The text of the file.
///
/// # Errors
/// A sentence that says why it cannot be had.
fn text_of(path: &Path) -> Result<String, String> {
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}: name a file that can, or none");
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(format!("larger than {} MiB: this is no configuration", LARGEST_FILE >> 20));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1;
        format!("line {line} is not UTF-8: save the file as UTF-8")
    })
}
