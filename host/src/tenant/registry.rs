//! The tenants there are: from the configuration, from directories that appear in staging (where the configuration says so),
//! and from what operators have settled since, which is kept in `tenants.json` of the data directory.
//!
//! ```text
//!   the file's tables ─┐
//!                      ├─ what was settled is laid over what the file says ─▶ read as the file is ─▶ profiles, tenants
//!   tenants.json ──────┘                                                       (all mistakes: nothing is changed)
//! ```
//!
//! - Each profile, tenant and stream that was settled has a version, which rises with each change: whoever changes one says
//!   which version it has looked at, and where another was faster, nothing is changed. Two who change parts of one at once
//!   lose nothing of each other's: parts are laid over what is there, one after another.
//! - One that was removed stays away, over a restart too, although the file or a directory in staging names it: until
//!   somebody settles it anew.

use super::seen::Seen;
use super::settled::{Change, Settled};
use super::{AppName, AppSettings, NORMAL, Profile, SinkName, Stream, StreamName, Tenant, TenantId};
use crate::config::{Config, Documents, Roster};
use crate::durable;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use tokio::sync::watch;

/// All tenants. Clones share them.
#[derive(Clone, Debug)]
pub struct Tenants {
    config: Arc<Config>,
    /// As the file has them.
    written: Arc<Documents>,
    path: Arc<PathBuf>,
    now: Arc<RwLock<Now>>,
    /// Whoever settles something. What is settled is read meanwhile.
    settling: Arc<Mutex<()>>,
    changed: Arc<watch::Sender<()>>,
}

#[derive(Debug)]
struct Now {
    settled: Settled,
    profiles: BTreeMap<String, Profile>,
    known: BTreeMap<TenantId, Arc<Tenant>>,
}

/// What is settled for a profile or a tenant, and which version of that it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// As the file would say it.
    pub settings: Value,
    /// 0 where nobody has settled anything since the file was read.
    pub version: u64,
}

/// Something was not settled.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// It will not do.
    #[error("{}", .0.join("; "))]
    Mistakes(Vec<String>),
    /// It was changed since.
    #[error("{what} has version {now} by now, and you have looked at {seen}: look at it again, then change that")]
    Stale {
        /// What, with its name.
        what: String,
        /// The version that it has.
        now: u64,
        /// The version that was looked at.
        seen: u64,
    },
    /// It was to be there.
    #[error("{0} is not there, and If-Match says that it is: leave that out to create it")]
    Gone(String),
    /// It was not to be there.
    #[error(
        "{what} is there already, with version {now}, and If-None-Match says that it is not: look at it, then change that"
    )]
    There {
        /// What, with its name.
        what: String,
        /// The version that it has.
        now: u64,
    },
    /// It is not there.
    #[error("there is no {0}")]
    Missing(String),
    /// It is always there.
    #[error(
        "profile {NORMAL} is always there, for tenants that name none: change it, or go back to what the file says (reset)"
    )]
    Always,
    /// The file says nothing of it, or nothing that would hold.
    #[error(
        "there is nothing that {0} could go back to: the configuration file does not name it, or its tenant was settled as a whole \
         instead; change it, or remove it"
    )]
    NotWritten(String),
    /// It cannot be written.
    #[error("tenants.json cannot be written: {0}")]
    Io(#[from] io::Error),
}

/// What is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of<'a> {
    /// A profile.
    Profile(&'a str),
    /// A tenant.
    Tenant(&'a TenantId),
    /// A stream of a tenant.
    Stream(&'a TenantId, &'a StreamName),
}

impl std::fmt::Display for Of<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Of::Profile(name) => write!(f, "profile {name}"),
            Of::Tenant(name) => write!(f, "tenant {name}"),
            Of::Stream(tenant, stream) => write!(f, "stream {tenant}/{stream}"),
        }
    }
}

impl Tenants {
    /// What was settled is kept in this file of the data directory.
    pub const FILE: &str = "tenants.json";

    /// Those of a configuration, and what was settled since.
    ///
    /// # Errors
    /// What was settled cannot be read, or does not go with the configuration any more; the sentences say why.
    pub fn open(config: Arc<Config>, path: &Path) -> Result<Tenants, SettleError> {
        let settled = durable::read_json(path)?.map(Settled::kept).unwrap_or_default();
        let written = Documents::of(&config);
        let roster = settled.over(&written).read().map_err(|mistakes| {
            let told =
                mistakes.into_iter().map(|mistake| format!("{}, beside the configuration: {mistake}", path.display()));
            SettleError::Mistakes(told.collect())
        })?;
        let Roster { profiles, tenants } = roster;
        let known = tenants.into_iter().map(|(id, tenant)| (id, Arc::new(tenant))).collect();
        let now = Arc::new(RwLock::new(Now { settled, profiles, known }));
        let (path, settling) = (Arc::new(path.to_owned()), Arc::default());
        let changed = Arc::new(watch::Sender::new(()));
        Ok(Tenants { config, written: Arc::new(written), path, now, settling, changed })
    }

    fn read(&self) -> RwLockReadGuard<'_, Now> {
        self.now.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// A tenant that is registered and not disabled.
    pub fn active(&self, id: &TenantId) -> Option<Arc<Tenant>> {
        self.get(id).filter(|tenant| tenant.enabled)
    }

    /// A tenant that is registered.
    pub fn get(&self, id: &TenantId) -> Option<Arc<Tenant>> {
        self.read().known.get(id).cloned()
    }

    /// All of them, by name.
    pub fn all(&self) -> Vec<Arc<Tenant>> {
        self.read().known.values().cloned().collect()
    }

    /// All profiles, by name.
    pub fn profiles(&self) -> Vec<Profile> {
        self.read().profiles.values().cloned().collect()
    }

    /// Has a tenant be this one from now on.
    #[cfg(test)]
    pub(crate) fn replace(&self, tenant: Tenant) {
        let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
        now.known.insert(tenant.id.clone(), Arc::new(tenant));
    }

    /// The tenant whose staging directory has this name; `true` where it has just been registered for it.
    pub fn of_directory(&self, name: &str) -> Option<(Arc<Tenant>, bool)> {
        let id = TenantId::parse(name).ok()?;
        if let Some(tenant) = self.get(&id) {
            return tenant.enabled.then_some((tenant, false));
        }
        let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
        if !self.config.adopt_tenants || now.settled.is_removed(&id) {
            return None;
        }
        let profile = now.profiles.get(super::NORMAL).cloned().unwrap_or_else(Profile::normal);
        let tenant = Arc::new(Tenant::of(id.clone(), &profile));
        Some((Arc::clone(now.known.entry(id).or_insert(tenant)), true))
    }

    /// What a tenant's app is run with; `None` for a tenant that is not registered or disabled.
    pub fn app(&self, tenant: &TenantId, app: &AppName) -> Option<AppSettings> {
        self.active(tenant).map(|tenant| tenant.app(app))
    }

    /// What is settled for a stream; `None` for one that is not configured, and for a tenant that is not registered or
    /// disabled.
    pub fn stream(&self, tenant: &TenantId, stream: &StreamName) -> Option<Stream> {
        self.active(tenant)?.streams.get(stream).cloned()
    }

    /// The collection that a tenant's sink is.
    pub fn collection(&self, tenant: &TenantId, sink: &SinkName) -> Option<String> {
        Some(self.active(tenant)?.sinks.get(sink)?.collection.clone())
    }

    /// What is settled for a profile or a tenant; `None` where there is no such one.
    pub fn document(&self, of: Of<'_>) -> Option<Document> {
        let now = self.read();
        now.document(of, &self.written)
    }

    /// Settles one, or a part of it, or removes it, durably. `keeping` names those of its keys that stay as they are, whatever is
    /// settled as a whole. Answers the version that it has now.
    ///
    /// # Errors
    /// It will not do (or something that stands on it would not), it is not as whoever asks has `seen` it, or it cannot be kept.
    /// Nothing has changed then.
    pub fn settle(&self, of: Of<'_>, change: Change, seen: Seen, keeping: &[&str]) -> Result<u64, SettleError> {
        let _turn = self.settling.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut settled, there, is_tenants) = {
            let now = self.read();
            let is_tenants = match of {
                Of::Stream(id, _) => now.document(Of::Tenant(id), &self.written).is_some(),
                Of::Tenant(_) | Of::Profile(_) => true,
            };
            (now.settled.clone(), now.document(of, &self.written), is_tenants)
        };
        if let (Of::Tenant(id), Change::Removed, None) = (of, &change, &there)
            && settled.is_removed(id)
        {
            // Whoever could not end everything then may try again.
            return Ok(settled.version(of));
        }
        match &change {
            Change::Whole(_) if is_tenants => {}
            Change::Removed if of == Of::Profile(NORMAL) => return Err(SettleError::Always),
            Change::Reset if !settled.is_written(of, &self.written) => {
                return Err(SettleError::NotWritten(of.to_string()));
            }
            Change::Reset => {}
            _ if there.is_none() => return Err(SettleError::Missing(of.to_string())),
            _ => {}
        }
        seen.check(of, there.as_ref().map(|there| there.version))?;
        let change = match (change, there) {
            (Change::Whole(settings), Some(there)) => Change::Whole(kept(settings, &there.settings, keeping)),
            (change, _) => change,
        };
        settled.say(of, change, &self.written);
        let version = settled.version(of);
        self.hold(settled)?;
        Ok(version)
    }

    /// Keeps what was settled, and has it hold.
    fn hold(&self, settled: Settled) -> Result<(), SettleError> {
        let Roster { profiles, tenants } = settled.over(&self.written).read().map_err(SettleError::Mistakes)?;
        durable::write_json(&self.path, &settled)?;
        let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
        // Those that were adopted stand in no document.
        let adopted = now.known.iter().filter(|(id, _)| !tenants.contains_key(*id) && !settled.is_removed(id));
        // They have nothing but their profile, as it is now.
        let as_now = |(id, tenant): (&TenantId, &Arc<Tenant>)| {
            let anew = profiles.get(&tenant.profile).map(|profile| Arc::new(Tenant::of(id.clone(), profile)));
            (id.clone(), anew.unwrap_or_else(|| Arc::clone(tenant)))
        };
        let adopted: Vec<_> = adopted.map(as_now).collect();
        let known = tenants.into_iter().map(|(id, tenant)| (id, Arc::new(tenant))).chain(adopted).collect();
        *now = Now { settled, profiles, known };
        drop(now);
        self.changed.send_replace(());
        Ok(())
    }

    /// Hears of whatever is settled.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// What of the file does nothing, because something else was settled since: a sentence for each.
    pub fn overrides(&self) -> Vec<String> {
        self.read().settled.overrides(&self.written)
    }

    /// The version of what is settled for one; 0 where nobody has settled anything.
    pub fn version(&self, of: Of<'_>) -> u64 {
        self.read().settled.version(of)
    }

    /// The tenants that were removed, and not settled since.
    pub fn removed(&self) -> Vec<TenantId> {
        self.read().settled.removed().collect()
    }
}

impl Now {
    fn document(&self, of: Of<'_>, written: &Documents) -> Option<Document> {
        let version = self.settled.version(of);
        let documents = self.settled.over(written);
        let settings = match of {
            Of::Profile(name) => documents.profiles.get(name).cloned(),
            Of::Tenant(id) => documents.tenants.get(id.as_str()).cloned().or_else(|| {
                // Nobody says anything of one that was adopted.
                self.known.contains_key(id).then(|| json!({}))
            }),
            Of::Stream(id, stream) => {
                let tenant = self.document(Of::Tenant(id), written)?.settings;
                tenant.get("streams").and_then(|streams| streams.get(stream.as_str())).cloned()
            }
        };
        settings.map(|settings| Document { settings, version })
    }
}

/// Settings, with some keys as they are in those before.
fn kept(mut settings: Value, before: &Value, keys: &[&str]) -> Value {
    if let Some(settings) = settings.as_object_mut() {
        for key in keys {
            settings.shift_remove(*key);
            if let Some(said) = before.get(key) {
                settings.insert((*key).to_owned(), said.clone());
            }
        }
    }
    settings
}

#[cfg(test)]
mod tests;
