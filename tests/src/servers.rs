//! A Redis and a MongoDB for daemons, shared by as many as a test wants.

use bson::{Document, doc};
use mongodb::options::ClientOptions;
use mongodb::sync::Client;
use mysimbdp_servers::{MongoDb, Redis};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Both servers. Clones share them; they are stopped with the last.
#[derive(Clone, Debug)]
pub struct Servers {
    redis: Arc<Mutex<Redis>>,
    mongodb: Arc<Mutex<MongoDb>>,
    /// Where daemons connect to: the servers, or what stands between.
    urls: (String, String),
}

impl Servers {
    /// Starts both.
    ///
    /// # Panics
    /// Where they cannot be started.
    pub fn start() -> Servers {
        let redis = Redis::start().unwrap_or_else(|error| panic!("{error}"));
        let mongodb = MongoDb::start().unwrap_or_else(|error| panic!("{error}"));
        let urls = (redis.url(), mongodb.url());
        Servers { redis: Arc::new(Mutex::new(redis)), mongodb: Arc::new(Mutex::new(mongodb)), urls }
    }

    /// Has daemons connect to these ports on loopback instead, behind which the servers are.
    pub fn behind(mut self, redis: u16, mongodb: u16) -> Servers {
        // Directly, or the driver would learn the server's own address and go there.
        let mongodb = format!("mongodb://127.0.0.1:{mongodb}/?directConnection=true");
        self.urls = (format!("redis://127.0.0.1:{redis}/"), mongodb);
        self
    }

    /// The Redis.
    pub fn redis(&self) -> MutexGuard<'_, Redis> {
        self.redis.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The MongoDB.
    pub fn mongodb(&self) -> MutexGuard<'_, MongoDb> {
        self.mongodb.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Variables of the environment that name them to a daemon.
    pub fn variables(&self) -> [(&'static str, String); 4] {
        let (redis, mongodb) = self.urls.clone();
        [
            ("MYSIMBDP_QUEUE__KIND", "redis".into()),
            ("MYSIMBDP_REDIS__URL", redis),
            ("MYSIMBDP_SINK__KIND", "mongodb".into()),
            ("MYSIMBDP_MONGODB__URL", mongodb),
        ]
    }

    /// Documents of a tenant's collection as relaxed Extended JSON, by `_id`.
    ///
    /// # Panics
    /// Where they cannot be read.
    pub fn documents(&self, tenant: &str, collection: &str) -> Vec<String> {
        let read = || -> mongodb::error::Result<Vec<Document>> {
            let client = Client::with_options(ClientOptions::parse(self.mongodb().url()).run()?)?;
            let collection = client.database(&format!("mysimbdp_{tenant}")).collection::<Document>(collection);
            collection.find(Document::new()).sort(doc! { "_id": 1 }).run()?.collect()
        };
        let documents = read().unwrap_or_else(|error| panic!("cannot read {tenant}.{collection}: {error}"));
        documents
            .into_iter()
            .map(|document| bson::Bson::Document(document).into_relaxed_extjson().to_string())
            .collect()
    }
}
