//! What the broker's side of the host stands on: whatever is not a consumer happens on the runtime that connected.

use super::RabbitSettings;
use super::line::Line;
use super::links::{Link, Links};
use super::management::Management;
use super::names::Names;
use super::settings::QueueKind;
use super::tenants::{self, SHARED};
use super::topology;
use crate::broker::{BrokerError, StreamKey};
use crate::tenant::{StreamName, TenantId};
use serde::Deserialize;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// See the module.
pub(super) struct Home {
    pub(super) links: Links,
    pub(super) names: Names,
    pub(super) queues: QueueKind,
    pub(super) api: Option<Management>,
    pub(super) bound: Bound,
    /// The certificate authority that the server's certificate is of, where the settings name one.
    pub(super) ca: Option<PathBuf>,
    /// Our user may publish under another's user id.
    pub(super) as_anybody: bool,
    /// Tenants whose virtual hosts are made.
    admitted: Mutex<HashSet<TenantId>>,
    /// Connections of the runtime that connected, by virtual host.
    kept: Mutex<HashMap<String, Arc<Link>>>,
}

/// The keys that this process has bound queues by, by queue.
#[derive(Default)]
pub(super) struct Bound(Mutex<HashMap<String, BTreeSet<String>>>);

impl Bound {
    /// Notes the keys of a queue, and answers those that were noted before.
    pub(super) fn exchange(&self, queue: &str, keys: BTreeSet<String>) -> BTreeSet<String> {
        let mut bound = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.is_empty() { bound.remove(queue) } else { bound.insert(queue.to_owned(), keys) }.unwrap_or_default()
    }
}

impl Home {
    /// Connects, and looks at the server. Answers what is not as it should be, in sentences for the operator.
    pub(super) async fn connect(settings: &RabbitSettings) -> Result<(Home, Vec<String>), BrokerError> {
        let (line, url) = Line::of(settings)?;
        let api = Management::of(settings, &url)?;
        let shared = api.is_none().then(|| line.vhost().to_owned());
        let names = Names::new(&settings.prefix, shared).map_err(BrokerError::Permanent)?;
        let mut home = Home {
            links: Links::new(line),
            names,
            queues: settings.queues,
            api,
            bound: Bound::default(),
            ca: settings.ca.clone(),
            as_anybody: false,
            admitted: Mutex::default(),
            kept: Mutex::default(),
        };
        let vhost = home.links.line().vhost().to_owned();
        home.links.get(&vhost).await?;
        let warnings = match &home.api {
            None => vec![SHARED.to_owned()],
            Some(api) => {
                let (tags, warnings) = look(api, home.links.line().user()).await?;
                home.as_anybody = tags;
                warnings
            }
        };
        Ok((home, warnings))
    }

    /// The connection to a tenant's virtual host, which is made where there is none.
    pub(super) async fn link(&self, tenant: &TenantId) -> Result<Arc<Link>, BrokerError> {
        self.admit(tenant).await?;
        let vhost = self.names.vhost(tenant);
        if let Some(link) = self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(&vhost)
            && link.stands()
        {
            return Ok(Arc::clone(link));
        }
        let link = self.forgetting(tenant, self.links.get(&vhost).await)?;
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(vhost, Arc::clone(&link));
        Ok(link)
    }

    /// Whether the server answers: a connection of ours stands, or can be made.
    pub(super) async fn answers(&self) -> Result<(), BrokerError> {
        let vhost = self.links.line().vhost().to_owned();
        if self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(&vhost).is_some_and(|link| link.stands()) {
            return Ok(());
        }
        let link = self.links.get(&vhost).await?;
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(vhost, link);
        Ok(())
    }

    /// Makes a tenant's virtual host, where tenants have one and it was not made.
    async fn admit(&self, tenant: &TenantId) -> Result<(), BrokerError> {
        let Some(api) = &self.api else { return Ok(()) };
        if !self.admitted.lock().unwrap_or_else(PoisonError::into_inner).contains(tenant) {
            tenants::admit(api, self.links.line().user(), &self.names, tenant).await?;
            self.admitted.lock().unwrap_or_else(PoisonError::into_inner).insert(tenant.clone());
        }
        Ok(())
    }

    /// Takes away everything that a tenant has. Where it has a virtual host that goes with all that is in it, and the broker cuts
    /// whoever is connected to it; where tenants share one, the queues of these streams go, and the tenant's exchange.
    pub(super) async fn forget(&self, tenant: &TenantId, streams: &[StreamName]) -> Result<(), BrokerError> {
        let keys = || streams.iter().map(|stream| StreamKey { tenant: tenant.clone(), stream: stream.clone() });
        match &self.api {
            Some(api) => {
                tenants::dismiss(api, &self.names, tenant).await?;
                self.admitted.lock().unwrap_or_else(PoisonError::into_inner).remove(tenant);
                self.kept.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.names.vhost(tenant));
            }
            None => {
                for key in keys() {
                    topology::delete(self, &key).await?;
                }
                topology::delete_exchange(&*self.link(tenant).await?, &self.names.exchange(tenant)).await?;
            }
        }
        for key in keys() {
            self.bound.exchange(&self.names.queue(&key), BTreeSet::new());
        }
        Ok(())
    }

    /// A connection that a tenant's virtual host may have refused: it may have been taken away since it was made, and is made
    /// again when it is asked for next.
    pub(super) fn forgetting<T>(&self, tenant: &TenantId, made: Result<T, BrokerError>) -> Result<T, BrokerError> {
        match made {
            Err(BrokerError::Permanent(told)) if self.api.is_some() && told.contains("vhost") => {
                self.admitted.lock().unwrap_or_else(PoisonError::into_inner).remove(tenant);
                Err(BrokerError::Transient(told))
            }
            made => made,
        }
    }
}

/// Whether our user may publish as anybody, and what an operator has to know of the server.
async fn look(api: &Management, us: &str) -> Result<(bool, Vec<String>), BrokerError> {
    #[derive(Deserialize)]
    struct User {
        tags: Tags,
    }
    /// Before 3.9 a text with commas.
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Tags {
        List(Vec<String>),
        Text(String),
    }
    #[derive(Deserialize)]
    struct Policy {
        name: String,
        vhost: String,
        definition: HashMap<String, serde_json::Value>,
    }
    let user: Option<User> = api.get(&["users", us]).await?;
    let as_anybody = match user.map(|user| user.tags) {
        Some(Tags::List(tags)) => tags.iter().any(|tag| tag == "impersonator"),
        Some(Tags::Text(tags)) => tags.split(',').any(|tag| tag.trim() == "impersonator"),
        None => false,
    };
    let policies: Vec<Policy> = api.get(&["policies"]).await?.unwrap_or_default();
    let limits = policies.iter().filter(|policy| policy.definition.contains_key("delivery-limit"));
    let warnings = limits.map(|policy| {
        format!(
            "RabbitMQ's policy {:?} in the virtual host {:?} sets a delivery limit: the broker drops messages that were \
             delivered more often, lost connections included; take it off the queues of streams",
            policy.name, policy.vhost
        )
    });
    Ok((as_anybody, warnings.collect()))
}
