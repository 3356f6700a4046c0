//! What was settled since the file was read. Pure.
//!
//! Of each profile, tenant and stream one thing is kept: that it was removed; or all that is settled for it, which stands instead
//! of its table in the file; or what was changed of its table, as a merge patch that is laid over it. So whatever the file says
//! of keys that nobody has named, now or later, still holds. What was changed of a table that the file has no more does not hold.
//!
//! Streams are a layer of their own, since tenants settle theirs themselves: nothing of them is kept with their tenant, whoever
//! settles them. What is settled of a tenant without naming its streams leaves them as they are.
//!
//! Versions are given out one after another for all of them together, so none is given out twice. That of a tenant rises with each
//! change of its streams, too: they are part of what is shown as the tenant's.

mod overrides;

use super::patch::{compose, merged};
use super::registry::Of;
use super::{NORMAL, TenantId};
use crate::config::Documents;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What becomes of one.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// All of it is settled anew: a JSON object.
    Whole(Value),
    /// What differs, as a JSON merge patch (RFC 7396).
    Part(Value),
    /// It is removed.
    Removed,
    /// What the file says holds again.
    Reset,
}

/// Everything that was settled.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settled {
    /// The last one that was given out.
    #[serde(default)]
    version: u64,
    #[serde(default)]
    profiles: BTreeMap<String, Said>,
    #[serde(default)]
    tenants: BTreeMap<String, Said>,
    /// By tenant and name.
    #[serde(default)]
    streams: BTreeMap<String, Streams>,
}

type Streams = BTreeMap<String, Said>;

/// What was said of one last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Said {
    version: u64,
    /// As its table in the file would say it; `None` where it was removed.
    settings: Option<Value>,
    /// Whether that is a patch of its table.
    #[serde(default, skip_serializing_if = "is_whole")]
    is_patch: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_whole(is_patch: &bool) -> bool {
    !is_patch
}

impl Said {
    /// Nothing: the file's word holds.
    fn nothing(version: u64) -> Said {
        Said { version, settings: Some(Map::new().into()), is_patch: true }
    }

    /// What holds, where the file says `under`; `None` where it is not there.
    fn over(&self, under: Option<&Value>) -> Option<Value> {
        let settings = self.settings.clone()?;
        if self.is_patch { under.map(|under| merged(under.clone(), settings)) } else { Some(settings) }
    }
}

/// What holds, where the file says `under`.
fn lay(mut under: Map<String, Value>, over: &BTreeMap<String, Said>) -> Map<String, Value> {
    for (name, said) in over {
        match said.over(under.get(name)) {
            Some(settings) => under.insert(name.clone(), settings),
            None => under.shift_remove(name),
        };
    }
    under
}

/// Says something of one of them, where the file says `under`.
fn say(all: &mut BTreeMap<String, Said>, name: &str, change: Change, under: Option<&Value>, version: u64) {
    let before = all.remove(name).unwrap_or_else(|| Said::nothing(version));
    // A key that is null is one that is not there.
    let whole = |settings| Said { version, settings: Some(merged(Value::Null, settings)), is_patch: false };
    let said = match (change, under) {
        (Change::Whole(settings), _) => whole(settings),
        (Change::Part(patch), Some(Value::Object(under))) if before.is_patch => {
            let mut settings = before.settings.as_ref().and_then(Value::as_object).cloned().unwrap_or_default();
            compose(&mut settings, patch.as_object().cloned().unwrap_or_default(), under);
            Said { version, settings: Some(settings.into()), is_patch: true }
        }
        (Change::Part(patch), under) => whole(merged(before.over(under).unwrap_or(Value::Null), patch)),
        (Change::Removed, Some(_)) => Said { version, settings: None, is_patch: false },
        (Change::Reset, Some(_)) => Said::nothing(version),
        // Nothing is left that would have to be said.
        (Change::Removed | Change::Reset, None) => return,
    };
    all.insert(name.to_owned(), said);
}

fn streams_in(tenant: Option<&Value>) -> Map<String, Value> {
    let streams = tenant.and_then(|tenant| tenant.get("streams")).and_then(Value::as_object);
    streams.cloned().unwrap_or_default()
}

/// Takes the streams off a tenant's settings, or off a patch of them; all of them (`there`) where there are to be none.
fn take_streams(settings: &mut Value, there: &Map<String, Value>) -> Option<Map<String, Value>> {
    let settings = settings.as_object_mut()?;
    match settings.get("streams")? {
        Value::Object(_) | Value::Null => {}
        // Whoever reads it says what is wrong with it.
        _ => return None,
    }
    match settings.shift_remove("streams") {
        Some(Value::Object(streams)) => Some(streams),
        _ => Some(there.keys().map(|name| (name.clone(), Value::Null)).collect()),
    }
}

impl Settled {
    /// As it was kept: by earlier versions, streams that were settled with their tenant as a part of it.
    pub(super) fn kept(mut self) -> Settled {
        for (name, said) in &mut self.tenants {
            let Some(Value::Object(settings)) = said.settings.as_mut().filter(|_| !said.is_patch) else { continue };
            let streams = settings.shift_remove("streams");
            let Some(Value::Object(streams)) = streams else { continue };
            let layer = self.streams.entry(name.clone()).or_default();
            for (stream, settings) in streams {
                let version = said.version;
                layer.entry(stream).or_insert(Said { version, settings: Some(settings), is_patch: false });
            }
        }
        let all =
            self.profiles.values().chain(self.tenants.values()).chain(self.streams.values().flat_map(Streams::values));
        self.version = all.map(|said| said.version).max().unwrap_or_default().max(self.version);
        self
    }

    /// What holds, where the file says `written`.
    pub(super) fn over(&self, written: &Documents) -> Documents {
        let mut profiles = lay(written.profiles.clone(), &self.profiles);
        // It is always there, whatever an earlier version has kept.
        if let Some(normal) = written.profiles.get(NORMAL) {
            profiles.entry(NORMAL).or_insert_with(|| normal.clone());
        }
        let mut tenants = lay(written.tenants.clone(), &self.tenants);
        for (tenant, streams) in &self.streams {
            let Some(document) = tenants.get_mut(tenant).and_then(Value::as_object_mut) else { continue };
            let under = document.get("streams").and_then(Value::as_object).cloned().unwrap_or_default();
            let over = lay(under, streams);
            if !over.is_empty() || document.contains_key("streams") {
                document.insert("streams".to_owned(), over.into());
            }
        }
        Documents { profiles, tenants }
    }

    /// What a tenant's streams are, where nobody has settled any of them.
    fn streams_under(&self, id: &TenantId, written: &Documents) -> Map<String, Value> {
        let under = written.tenants.get(id.as_str());
        match self.tenants.get(id.as_str()) {
            Some(said) => streams_in(said.over(under).as_ref()),
            None => streams_in(under),
        }
    }

    /// Whether the file says something of one that would hold if nobody had settled it.
    pub(super) fn is_written(&self, of: Of<'_>, written: &Documents) -> bool {
        match of {
            Of::Profile(name) => written.profiles.contains_key(name),
            Of::Tenant(id) => written.tenants.contains_key(id.as_str()),
            Of::Stream(id, stream) => self.streams_under(id, written).contains_key(stream.as_str()),
        }
    }

    /// The version of one; 0 where nobody has settled anything.
    pub(super) fn version(&self, of: Of<'_>) -> u64 {
        let said = match of {
            Of::Profile(name) => self.profiles.get(name),
            Of::Tenant(id) => self.tenants.get(id.as_str()),
            Of::Stream(id, stream) => self.streams.get(id.as_str()).and_then(|of| of.get(stream.as_str())),
        };
        said.map_or(0, |said| said.version)
    }

    /// Says something of one, where the file says `written`. What a part of is changed is there.
    pub(super) fn say(&mut self, of: Of<'_>, change: Change, written: &Documents) {
        self.version += 1;
        let version = self.version;
        match of {
            Of::Profile(name) => say(&mut self.profiles, name, change, written.profiles.get(name), version),
            Of::Tenant(id) => self.say_of_tenant(id, change, written),
            Of::Stream(id, stream) => {
                let tenant = self.tenants.entry(id.to_string()).or_insert_with(|| Said::nothing(version));
                tenant.version = version;
                if tenant.is_patch && !written.tenants.contains_key(id.as_str()) {
                    // It is there for a directory in staging alone, and is to be without one.
                    *tenant = Said { is_patch: false, ..Said::nothing(version) };
                }
                let under = self.streams_under(id, written);
                let streams = self.streams.entry(id.to_string()).or_default();
                say(streams, stream.as_str(), change, under.get(stream.as_str()), version);
            }
        }
    }

    fn say_of_tenant(&mut self, id: &TenantId, mut change: Change, written: &Documents) {
        let (version, under) = (self.version, written.tenants.get(id.as_str()));
        let before = streams_in(self.over(written).tenants.get(id.as_str()));
        let named = match &mut change {
            Change::Whole(settings) | Change::Part(settings) => take_streams(settings, &before),
            Change::Removed | Change::Reset => None,
        };
        let is_whole = matches!(change, Change::Whole(_));
        match change {
            // It stays away, although a directory in staging may name it.
            Change::Removed => {
                self.streams.remove(id.as_str());
                self.tenants.insert(id.to_string(), Said { version, settings: None, is_patch: false });
            }
            change => say(&mut self.tenants, id.as_str(), change, under, version),
        }
        let under = self.streams_under(id, written);
        let layer = self.streams.entry(id.to_string()).or_default();
        if is_whole {
            let mut named = named.unwrap_or_default();
            named.retain(|_, settings| !settings.is_null());
            layer.retain(|name, _| named.contains_key(name));
            for (name, settings) in named {
                let is_new = before.get(&name) != Some(&settings);
                let version = layer.get(&name).filter(|_| !is_new).map_or(version, |said| said.version);
                layer.insert(name, Said { version, settings: Some(settings), is_patch: false });
            }
        } else {
            for (name, settings) in named.unwrap_or_default() {
                let change = match settings {
                    Value::Null => Change::Removed,
                    Value::Object(_) => Change::Part(settings),
                    // Whoever reads it says what is wrong with it.
                    settings => Change::Whole(settings),
                };
                say(layer, &name, change, under.get(&name), version);
            }
        }
        self.streams.retain(|_, streams| !streams.is_empty());
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
