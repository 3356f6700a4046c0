//! The sinks of all tenants over one client of the driver, and one more for each event loop of streams.
//!
//! A collection that is open costs no connection, only an entry; a client's pool is for all of them. It stays open so
//! that the next task of the tenant need not ask MongoDB once more whether it exists.

use super::blame::NAMESPACE_EXISTS;
use super::client::client;
use super::command::write_concern;
use super::reply::Reply;
use super::sink::{Collection, MongoSink};
use super::size::Sizes;
use super::trouble::Trouble;
use super::{Settings, SettingsError, name};
use crate::sink::{BoxFuture, DocumentSink, SinkError, Sinks};
use crate::tenant::TenantId;
use bson::{Document, RawDocumentBuf, rawdoc};
use mongodb::Client;
use mongodb::error::{ErrorKind, Result as Driven};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;
use tokio::runtime::{Handle, Id};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long closing waits for what is under way, and then for the driver.
const CLOSE: Duration = Duration::from_secs(10);

/// See the module. Made on the runtime that outlives all who use it.
pub struct MongoSinks {
    pub(super) home: Arc<Home>,
    /// Those of event loops that have one of their own.
    others: Mutex<HashMap<Id, Arc<Home>>>,
    open: Mutex<Open>,
    sizes: Arc<Sizes>,
}

/// Collections that are open, each for the runtime on which its client lives.
type Open = HashMap<(Id, TenantId, String), Arc<Collection>>;

/// What the sinks of a client share: it, and the runtime on which it lives. The room is that of all clients.
pub(super) struct Home {
    pub(super) client: Client,
    pub(super) runtime: Handle,
    pub(super) settings: Settings,
    pub(super) concern: RawDocumentBuf,
    room: Arc<Semaphore>,
}

impl MongoSinks {
    /// Makes the client. Whether a server is there is seen when it is needed, or by [`check`](MongoSinks::check): a host
    /// may start before its MongoDB.
    ///
    /// # Errors
    /// The settings will not do, or a file that they name cannot be read.
    pub async fn connect(settings: Settings) -> Result<MongoSinks, SettingsError> {
        settings.check()?;
        let home = Home {
            client: client(&settings).await?,
            runtime: Handle::current(),
            concern: write_concern(&settings)?,
            room: Arc::new(Semaphore::new(settings.bytes_in_flight.min(Semaphore::MAX_PERMITS))),
            settings,
        };
        Ok(MongoSinks { home: Arc::new(home), others: Mutex::default(), open: Mutex::default(), sizes: Arc::default() })
    }

    /// Asks a server for a sign of life; it also checks the user.
    ///
    /// # Errors
    /// None answers, or it does not let us in.
    pub async fn check(&self) -> Result<(), SinkError> {
        let home = Arc::clone(&self.home);
        let database = home.client.database("admin");
        let asked = self.home.there(async move { home.within(database.run_raw_command(rawdoc! { "ping": 1 })).await });
        asked.await.map(drop).map_err(|trouble| trouble.into_sink_error("MongoDB".into()))
    }

    /// Finishes what is under way, then ends the driver's connections and tasks. Nothing can be asked of a sink afterwards.
    pub async fn close(&self) {
        self.lock().clear();
        let home = Arc::clone(&self.home);
        let closed = self.home.runtime.spawn(async move { home.close().await });
        // It fails only with the runtime, and then nothing is left to be closed.
        let _ = closed.await;
    }

    #[cfg(test)]
    pub(super) fn is_open(&self, tenant: &TenantId, collection: &str) -> bool {
        self.lock().contains_key(&(self.home.runtime.id(), tenant.clone(), collection.to_owned()))
    }

    /// How many clients there are.
    #[cfg(test)]
    pub(super) fn clients(&self) -> usize {
        1 + self.others().len()
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn others(&self) -> MutexGuard<'_, HashMap<Id, Arc<Home>>> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client of the present runtime, made where it has none.
    async fn here(&self) -> Result<Arc<Home>, SettingsError> {
        let runtime = Handle::current();
        let id = runtime.id();
        if id == self.home.runtime.id() {
            return Ok(Arc::clone(&self.home));
        }
        if let Some(home) = self.others().get(&id) {
            return Ok(Arc::clone(home));
        }
        let Home { settings, concern, room, .. } = &*self.home;
        let client = client(settings).await?;
        let (settings, concern, room) = (settings.clone(), concern.clone(), Arc::clone(room));
        let home = Arc::new(Home { client, runtime, settings, concern, room });
        // Somebody else may have been faster; what was made here has connected to nothing.
        Ok(Arc::clone(self.others().entry(id).or_insert(home)))
    }

    async fn collection(&self, home: &Arc<Home>, tenant: &TenantId, name: &str) -> Result<Arc<Collection>, SinkError> {
        let key = (home.runtime.id(), tenant.clone(), name.to_owned());
        if let Some(open) = self.lock().get(&key) {
            open.touch();
            return Ok(Arc::clone(open));
        }
        name::check_collection(name).map_err(|error| SinkError::Permanent {
            sink: format!("{name} of tenant {tenant}"),
            reason: error.to_string(),
        })?;
        let collection = Arc::new(Collection::new(home, home.database(tenant), name));
        let made = Arc::clone(&collection);
        let made = home.there(async move { made.make().await }).await;
        made.map_err(|trouble| trouble.into_sink_error(collection.label.clone()))?;
        // Somebody else may have been faster; all must stand in one line.
        Ok(Arc::clone(self.lock().entry(key).or_insert(collection)))
    }
}

impl Home {
    fn database(&self, tenant: &TenantId) -> mongodb::Database {
        self.client.database(&name::database(&self.settings.database_prefix, tenant))
    }

    /// Does it on the driver's runtime.
    pub(super) async fn there<T: Send + 'static>(
        &self,
        what: impl Future<Output = Result<T, Trouble>> + Send + 'static,
    ) -> Result<T, Trouble> {
        self.runtime.spawn(what).await.unwrap_or_else(|_| Err(Trouble::closed()))
    }

    pub(super) async fn within<T>(&self, answer: impl IntoFuture<Output = Driven<T>>) -> Result<T, Trouble> {
        let within = self.settings.answered_within;
        match tokio::time::timeout(within, answer).await {
            Ok(answered) => Ok(answered?),
            Err(_) => Err(Trouble::passing(format!("MongoDB gave no answer within {} s", within.as_secs_f64()))),
        }
    }

    /// Waits for room for so many bytes.
    pub(super) async fn room(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Trouble> {
        // One that is larger than all of it has all of it for itself.
        let bytes = u32::try_from(bytes.min(self.settings.bytes_in_flight)).unwrap_or(u32::MAX);
        Arc::clone(&self.room).acquire_many_owned(bytes).await.map_err(|_| Trouble::closed())
    }

    async fn close(&self) {
        let all = u32::try_from(self.settings.bytes_in_flight).unwrap_or(u32::MAX);
        let finished = tokio::time::timeout(CLOSE, self.room.acquire_many(all)).await;
        self.room.close();
        drop(finished);
        self.end_client().await;
    }

    async fn end_client(&self) {
        // A server that is gone cannot be told that the sessions end.
        if tokio::time::timeout(CLOSE, self.client.clone().shutdown()).await.is_err() {
            self.client.clone().shutdown().immediate(true).await;
        }
    }
}

impl Collection {
    /// Makes it in the database, where it does not exist.
    async fn make(&self) -> Result<(), Trouble> {
        let command = rawdoc! { "create": self.name.as_str(), "writeConcern": self.concern.clone() };
        let exists = |error: &mongodb::error::Error| match &*error.kind {
            ErrorKind::Command(said) => said.code == NAMESPACE_EXISTS,
            _ => false,
        };
        let answer = async {
            match self.database.run_raw_command(command).await {
                Err(error) if exists(&error) => Ok(Document::new()),
                answer => answer,
            }
        };
        let answer = self.within(answer).await?;
        Reply::of(&answer).durable().map(drop)
    }
}

impl Sinks for MongoSinks {
    fn open<'a>(
        &'a self,
        tenant: &'a TenantId,
        collection: &'a str,
    ) -> BoxFuture<'a, Result<Arc<dyn DocumentSink>, SinkError>> {
        Box::pin(async move {
            let collection = self.collection(&self.home, tenant, collection).await?;
            Ok(Arc::new(MongoSink(collection)) as Arc<dyn DocumentSink>)
        })
    }

    fn open_here<'a>(
        &'a self,
        tenant: &'a TenantId,
        collection: &'a str,
    ) -> BoxFuture<'a, Result<Arc<dyn DocumentSink>, SinkError>> {
        Box::pin(async move {
            let home = self.here().await.map_err(|error| SinkError::Permanent {
                sink: format!("{collection} of tenant {tenant}"),
                reason: error.to_string(),
            })?;
            let collection = self.collection(&home, tenant, collection).await?;
            Ok(Arc::new(MongoSink(collection)) as Arc<dyn DocumentSink>)
        })
    }

    fn answers(&self) -> BoxFuture<'_, Result<(), SinkError>> {
        Box::pin(self.check())
    }

    fn leave(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let id = Handle::current().id();
            self.lock().retain(|(of, ..), _| *of != id || id == self.home.runtime.id());
            let left = self.others().remove(&id);
            if let Some(home) = left {
                home.end_client().await;
            }
        })
    }

    /// What MongoDB said last; 0 before it has said anything. Asks anew in the background.
    fn stored_bytes(&self, tenant: &TenantId) -> u64 {
        let (bytes, due) = self.sizes.known(tenant, self.home.settings.size_age);
        if due {
            let (home, sizes) = (Arc::clone(&self.home), Arc::clone(&self.sizes));
            let (database, tenant) = (self.home.database(tenant), tenant.clone());
            self.home.runtime.spawn(async move {
                let stats = home.within(database.run_raw_command(rawdoc! { "dbStats": 1 })).await;
                sizes.learn(&tenant, stats.as_ref().ok());
            });
        }
        bytes
    }

    fn close_idle(&self, idle: Duration) {
        self.lock().retain(|_, collection| Arc::strong_count(collection) > 1 || collection.idle() < idle);
    }

    /// Blocks until everything is closed. Not for the thread that turns the driver's runtime: the daemon calls it on one
    /// for blocking work.
    fn close_all(&self) {
        self.lock().clear();
        let home = Arc::clone(&self.home);
        let (done, closed) = mpsc::channel();
        self.home.runtime.spawn(async move {
            home.close().await;
            let _ = done.send(());
        });
        let _ = closed.recv_timeout(3 * CLOSE);
    }
}
