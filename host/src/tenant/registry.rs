//! The tenants there are: from the configuration, from directories that appear in staging (where the configuration says so),
//! and from what operators have settled since, which is kept in `tenants.json` of the data directory.
//!
//! ```text
//!   the file's tables ─┐
//!                      ├─ what was settled stands instead of what the file says ─▶ read as the file is ─▶ profiles, tenants
//!   tenants.json ──────┘                                                            (all mistakes: nothing is changed)
//! ```
//!
//! - Each profile and tenant that was settled has a version, which rises with each change: whoever changes one says which
//!   version it has looked at, and where another was faster, nothing is changed.
//! - One that was removed stays away, over a restart too, although the file or a directory in staging names it: until
//!   somebody settles it anew.

use super::settled::Settled;
use super::{AppName, AppSettings, Profile, SinkName, Stream, StreamName, Tenant, TenantId};
use crate::config::{Config, Documents, Roster};
use crate::durable;
use serde_json::Value;
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
    /// It is not there.
    #[error("there is no {0}")]
    Missing(String),
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
    /// Those of a configuration, and what was settled since.
    ///
    /// # Errors
    /// What was settled cannot be read, or does not go with the configuration any more; the sentences say why.
    pub fn open(config: Arc<Config>, path: &Path) -> Result<Tenants, SettleError> {
        let settled: Settled = durable::read_json(path)?.unwrap_or_default();
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

    /// Settles a profile or a tenant, or removes it (`None`), durably. `seen` is the version that was looked at; without it,
    /// whatever is there is changed. Answers the version that it has now.
    ///
    /// # Errors
    /// It will not do (or something that stands on it would not), it was changed since, or it cannot be kept. Nothing has
    /// changed then.
    pub fn settle(&self, of: Of<'_>, settings: Option<Value>, seen: Option<u64>) -> Result<u64, SettleError> {
        let _turn = self.settling.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut settled, there, adopted) = {
            let now = self.read();
            let adopted = match of {
                Of::Stream(id, _) if !now.settled.over(&self.written).tenants.contains_key(id.as_str()) => {
                    now.document(Of::Tenant(id), &self.written)
                }
                _ => None,
            };
            (now.settled.clone(), now.document(of, &self.written), adopted)
        };
        let version = settled.version(of);
        if settings.is_none() && there.is_none() {
            return match of {
                // Removed before: whoever could not end everything then may try again.
                Of::Tenant(id) if settled.is_removed(id) => Ok(version),
                _ => Err(SettleError::Missing(of.to_string())),
            };
        }
        if let Some(seen) = seen.filter(|seen| *seen != version) {
            return Err(SettleError::Stale { what: of.to_string(), now: version, seen });
        }
        if let (Of::Stream(id, _), Some(adopted)) = (of, adopted) {
            settled.say(Of::Tenant(id), Some(adopted.settings));
        }
        let version = settled.say(of, settings);
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
        Ok(version)
    }

    /// Hears of whatever is settled.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// The version of what is settled for one, there or not.
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
                let adopted = self.known.get(id)?;
                Some(Config::document(adopted, &self.profiles))
            }),
            Of::Stream(id, stream) => {
                let tenant = self.document(Of::Tenant(id), written)?.settings;
                tenant.get("streams").and_then(|streams| streams.get(stream.as_str())).cloned()
            }
        };
        settings.map(|settings| Document { settings, version })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn open(folder: &tempfile::TempDir, adopt: bool) -> Tenants {
        let text = "[profiles.large]\nrows_per_task = 9\n[tenants.acme]\nprofile = \"large\"\n";
        let file = folder.path().join("c.toml");
        std::fs::write(&file, format!("adopt_tenants = {adopt}\n{text}")).unwrap();
        let config = Config::load(Some(&file), []).unwrap();
        Tenants::open(Arc::new(config), &folder.path().join("tenants.json")).unwrap()
    }

    fn id(name: &str) -> TenantId {
        TenantId::parse(name).unwrap()
    }

    #[test]
    fn what_is_settled_holds_at_once_and_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let tenants = open(&folder, false);
        let (acme, globex) = (id("acme"), id("globex"));
        assert_eq!(tenants.settle(Of::Tenant(&globex), Some(json!({ "weight": 5 })), None).unwrap(), 1);
        assert_eq!(tenants.settle(Of::Profile("large"), Some(json!({ "rows_per_task": 11 })), Some(0)).unwrap(), 1);
        tenants.settle(Of::Tenant(&acme), Some(json!({ "profile": "large", "enabled": false })), Some(0)).unwrap();
        for tenants in [tenants, open(&folder, false)] {
            assert_eq!(tenants.get(&globex).unwrap().weight, 5);
            assert_eq!(
                tenants.get(&acme).unwrap().limits.rows_per_task,
                11,
                "whoever has a profile has it as it is now"
            );
            assert!(tenants.active(&acme).is_none());
            assert_eq!(tenants.document(Of::Tenant(&globex)).unwrap().version, 1);
        }
    }

    #[test]
    fn the_second_of_two_who_change_the_same_is_told_so() {
        let folder = tempfile::tempdir().unwrap();
        let tenants = open(&folder, false);
        let acme = id("acme");
        let change = |weight: u64| tenants.settle(Of::Tenant(&acme), Some(json!({ "weight": weight })), Some(0));
        change(2).unwrap();
        let told = change(3).unwrap_err().to_string();
        assert!(told.starts_with("tenant acme has version 1 by now, and you have looked at 0"), "{told}");
        assert_eq!(tenants.get(&acme).unwrap().weight, 2);
    }

    #[test]
    fn what_will_not_do_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let tenants = open(&folder, false);
        let acme = id("acme");
        for (of, settings, part) in [
            (Of::Tenant(&acme), Some(json!({ "profile": "none" })), "no such profile"),
            (
                Of::Tenant(&acme),
                Some(json!({ "limits": { "rows_per_task": "many" } })),
                "tenants.acme.limits.rows_per_task",
            ),
            (Of::Profile("large"), None, "no such profile"),
        ] {
            let told = tenants.settle(of, settings, None).unwrap_err().to_string();
            assert!(told.contains(part), "{part}: {told}");
        }
        assert!(matches!(tenants.settle(Of::Tenant(&id("nobody")), None, None), Err(SettleError::Missing(_))));
        assert!(!folder.path().join("tenants.json").exists());
        assert_eq!(tenants.get(&acme).unwrap().limits.rows_per_task, 9);
    }

    #[test]
    fn one_that_is_removed_stays_away_until_it_is_settled_anew() {
        let folder = tempfile::tempdir().unwrap();
        let tenants = open(&folder, true);
        let (acme, stray) = (id("acme"), id("stray"));
        assert!(tenants.of_directory("stray").unwrap().1);
        for gone in [&acme, &stray] {
            tenants.settle(Of::Tenant(gone), None, None).unwrap();
        }
        for tenants in [tenants, open(&folder, true)] {
            assert!(tenants.get(&acme).is_none() && tenants.of_directory("stray").is_none());
        }
        let tenants = open(&folder, true);
        assert_eq!(tenants.removed(), [acme.clone(), stray]);
        assert_eq!(tenants.settle(Of::Tenant(&acme), None, None).unwrap(), 1, "removed twice is as once");
        assert_eq!(tenants.settle(Of::Tenant(&acme), Some(json!({})), None).unwrap(), 2);
        assert!(tenants.active(&acme).is_some());
    }

    #[test]
    fn a_stream_that_is_settled_leaves_the_rest_of_its_tenant_to_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let tenants = open(&folder, true);
        tenants.of_directory("stray").unwrap();
        let (acme, stray, clicks) = (id("acme"), id("stray"), StreamName::parse("clicks").unwrap());
        for tenant in [&acme, &stray] {
            let of = Of::Stream(tenant, &clicks);
            assert!(tenants.document(of).is_none());
            assert_eq!(tenants.settle(of, Some(json!({ "app": "clicks" })), Some(0)).unwrap(), 1);
            assert!(tenants.stream(tenant, &clicks).is_some());
        }
        // The file says something else of the tenant later.
        let file = folder.path().join("c.toml");
        std::fs::write(&file, "[profiles.large]\nrows_per_task = 5\n[tenants.acme]\nprofile = \"large\"\n").unwrap();
        let config = Config::load(Some(&file), []).unwrap();
        let tenants = Tenants::open(Arc::new(config), &folder.path().join("tenants.json")).unwrap();
        let now = tenants.get(&acme).unwrap();
        assert_eq!((now.limits.rows_per_task, now.streams.len()), (5, 1));
        tenants.settle(Of::Stream(&acme, &clicks), None, None).unwrap();
        assert!(tenants.stream(&acme, &clicks).is_none());
        assert!(matches!(tenants.settle(Of::Stream(&acme, &clicks), None, None), Err(SettleError::Missing(_))));
    }
}
