//! The tenants there are: from the configuration, and, where it says so, from directories that appear in staging.

use super::{AppName, AppSettings, SinkName, Stream, StreamName, Tenant, TenantId};
use crate::config::Config;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// All tenants. Clones share them.
#[derive(Clone, Debug)]
pub struct Tenants {
    config: Arc<Config>,
    known: Arc<RwLock<BTreeMap<TenantId, Arc<Tenant>>>>,
}

impl Tenants {
    /// Those of a configuration.
    pub fn new(config: Arc<Config>) -> Tenants {
        let known = config.tenants.iter().map(|(id, tenant)| (id.clone(), Arc::new(tenant.clone()))).collect();
        Tenants { config, known: Arc::new(RwLock::new(known)) }
    }

    /// A tenant that is registered and not disabled.
    pub fn active(&self, id: &TenantId) -> Option<Arc<Tenant>> {
        self.get(id).filter(|tenant| tenant.enabled)
    }

    /// A tenant that is registered.
    pub fn get(&self, id: &TenantId) -> Option<Arc<Tenant>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// All of them, by name.
    pub fn all(&self) -> Vec<Arc<Tenant>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Has a tenant be this one from now on.
    #[cfg(test)]
    pub(crate) fn replace(&self, tenant: Tenant) {
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(tenant.id.clone(), Arc::new(tenant));
    }

    /// The tenant whose staging directory has this name; `true` where it has just been registered for it.
    pub fn of_directory(&self, name: &str) -> Option<(Arc<Tenant>, bool)> {
        let id = TenantId::parse(name).ok()?;
        if let Some(tenant) = self.get(&id) {
            return tenant.enabled.then_some((tenant, false));
        }
        if !self.config.adopt_tenants {
            return None;
        }
        let tenant = Arc::new(self.config.adopt(&id));
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        Some((Arc::clone(known.entry(id).or_insert(tenant)), true))
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
}
