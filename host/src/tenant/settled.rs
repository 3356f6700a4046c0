//! What was settled since the file was read: JSON objects that stand instead of the file's tables. Pure.
//!
//! Streams are a layer of their own, since tenants settle theirs themselves: whatever else the file says of a tenant, now or
//! later, still holds. When an operator settles a tenant as a whole, its streams are among that, and their layer goes.

use super::TenantId;
use super::registry::Of;
use crate::config::Documents;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Everything that was settled.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settled {
    #[serde(default)]
    profiles: BTreeMap<String, Said>,
    #[serde(default)]
    tenants: BTreeMap<String, Said>,
    /// By tenant and name.
    #[serde(default)]
    streams: BTreeMap<String, BTreeMap<String, Said>>,
}

/// What was said of one last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Said {
    /// How often something was said of it.
    version: u64,
    /// As its table in the file would say it; `None` where it was removed.
    settings: Option<Value>,
}

impl Settled {
    /// What holds, where the file says `written`.
    pub(super) fn over(&self, written: &Documents) -> Documents {
        let lay = |mut under: Map<String, Value>, over: &BTreeMap<String, Said>| {
            for (name, said) in over {
                match &said.settings {
                    Some(settings) => under.insert(name.clone(), settings.clone()),
                    None => under.remove(name),
                };
            }
            under
        };
        let mut tenants = lay(written.tenants.clone(), &self.tenants);
        for (tenant, streams) in &self.streams {
            let document = tenants.get_mut(tenant).and_then(Value::as_object_mut);
            let under = document.map(|document| document.entry("streams").or_insert_with(|| Map::new().into()));
            if let Some(under) = under.and_then(Value::as_object_mut) {
                *under = lay(std::mem::take(under), streams);
            }
        }
        Documents { profiles: lay(written.profiles.clone(), &self.profiles), tenants }
    }

    /// How often something was said of one.
    pub(super) fn version(&self, of: Of<'_>) -> u64 {
        let said = match of {
            Of::Profile(name) => self.profiles.get(name),
            Of::Tenant(id) => self.tenants.get(id.as_str()),
            Of::Stream(id, stream) => self.streams.get(id.as_str()).and_then(|of| of.get(stream.as_str())),
        };
        said.map_or(0, |said| said.version)
    }

    /// Says something of one; answers its version.
    pub(super) fn say(&mut self, of: Of<'_>, settings: Option<Value>) -> u64 {
        let (all, name) = match of {
            Of::Profile(name) => (&mut self.profiles, name),
            Of::Tenant(id) => {
                self.streams.remove(id.as_str());
                (&mut self.tenants, id.as_str())
            }
            Of::Stream(id, stream) => (self.streams.entry(id.to_string()).or_default(), stream.as_str()),
        };
        let version = all.get(name).map_or(0, |said| said.version) + 1;
        all.insert(name.to_owned(), Said { version, settings });
        version
    }

    /// The tenants that were removed, and not settled since.
    pub(super) fn removed(&self) -> impl Iterator<Item = TenantId> + '_ {
        let removed = self.tenants.iter().filter(|(_, said)| said.settings.is_none());
        removed.filter_map(|(name, _)| TenantId::parse(name).ok())
    }

    /// Whether a tenant was removed, and not settled since.
    pub(super) fn is_removed(&self, id: &TenantId) -> bool {
        self.tenants.get(id.as_str()).is_some_and(|said| said.settings.is_none())
    }
}
