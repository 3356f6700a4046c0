//! A Redis and a MongoDB for daemons, shared by as many as a test wants, and a RabbitMQ for their streams.

use bson::{Document, doc};
use mongodb::options::ClientOptions;
use mongodb::sync::Client;
use mysimbdp_servers::{MongoDb, RabbitMq, Redis};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Both servers. Clones share them; they are stopped with the last.
#[derive(Clone, Debug)]
pub struct Servers {
    redis: Arc<Mutex<Redis>>,
    mongodb: Arc<Mutex<MongoDb>>,
    /// Where daemons connect to: the servers, or what stands between.
    urls: (String, String),
    /// The RabbitMQ that all share, where streams are wanted: its URL, its management API's, and what names begin with.
    broker: Option<(String, String, String)>,
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
        Servers { redis: Arc::new(Mutex::new(redis)), mongodb: Arc::new(Mutex::new(mongodb)), urls, broker: None }
    }

    /// Has daemons take messages from a RabbitMQ: one for all tests of this program, with names of their own.
    ///
    /// # Panics
    /// Where it cannot be started.
    pub fn with_broker(mut self) -> Servers {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let rabbitmq = RabbitMq::shared().unwrap_or_else(|error| panic!("{error}"));
        let prefix = format!("test{}", NEXT.fetch_add(1, Ordering::Relaxed));
        self.broker = Some((rabbitmq.url(), rabbitmq.management_url(), prefix));
        self
    }

    /// Has daemons reach the broker at this URL instead, behind which it is.
    pub fn broker_behind(&mut self, behind: &str) {
        if let Some((url, ..)) = &mut self.broker {
            behind.clone_into(url);
        }
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
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let (redis, mongodb) = self.urls.clone();
        let mut variables = vec![
            ("MYSIMBDP_QUEUE__KIND", "redis".into()),
            ("MYSIMBDP_REDIS__URL", redis),
            ("MYSIMBDP_SINK__KIND", "mongodb".into()),
            ("MYSIMBDP_MONGODB__URL", mongodb),
        ];
        if let Some((url, management, prefix)) = self.broker.clone() {
            variables.extend([
                ("MYSIMBDP_BROKER__KIND", "rabbitmq".into()),
                ("MYSIMBDP_RABBITMQ__URL", url),
                ("MYSIMBDP_RABBITMQ__MANAGEMENT", management),
                ("MYSIMBDP_RABBITMQ__PREFIX", prefix),
            ]);
        }
        variables
    }

    /// Messages come from a RabbitMQ.
    pub fn has_broker(&self) -> bool {
        self.broker.is_some()
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
