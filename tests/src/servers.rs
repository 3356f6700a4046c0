//! A Redis and a MongoDB for daemons, shared by as many as a test wants, and a RabbitMQ for their streams.

use bson::{Document, doc};
use mongodb::options::ClientOptions;
use mongodb::sync::Client;
use mysimbdp_servers::{MongoDb, Proxy, RabbitMq, Redis};
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
    /// The RabbitMQ, where it is nobody else's.
    own_broker: Option<Arc<Mutex<RabbitMq>>>,
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
        Servers {
            redis: Arc::new(Mutex::new(redis)),
            mongodb: Arc::new(Mutex::new(mongodb)),
            urls,
            broker: None,
            own_broker: None,
        }
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

    /// Has daemons take messages from a RabbitMQ that is nobody else's, and can be killed.
    ///
    /// # Panics
    /// Where it cannot be started.
    pub fn with_broker_of_its_own(mut self) -> Servers {
        let rabbitmq = RabbitMq::start().unwrap_or_else(|error| panic!("{error}"));
        self.broker = Some((rabbitmq.url(), rabbitmq.management_url(), "mysimbdp".into()));
        self.own_broker = Some(Arc::new(Mutex::new(rabbitmq)));
        self
    }

    /// Has daemons reach their RabbitMQ through a proxy, but for its management API.
    ///
    /// # Panics
    /// Where there is none, or no port.
    pub fn with_broker_behind_proxy(mut self) -> (Servers, Proxy) {
        let start = |rabbitmq: &RabbitMq| {
            let proxy = Proxy::start(rabbitmq.port()).unwrap_or_else(|error| panic!("{error}"));
            (rabbitmq.url_through("127.0.0.1", proxy.port()), proxy)
        };
        let (url, proxy) = match &self.own_broker {
            Some(_) => start(&self.rabbitmq()),
            None => start(RabbitMq::shared().unwrap_or_else(|error| panic!("{error}"))),
        };
        match &mut self.broker {
            Some((there, ..)) => *there = url,
            None => panic!("there is no RabbitMQ"),
        }
        (self, proxy)
    }

    /// What names in the RabbitMQ begin with: those of `tenant` are `<prefix>.<tenant>` and `<prefix>.<tenant>.<stream>`.
    ///
    /// # Panics
    /// Where there is none.
    pub fn prefix(&self) -> &str {
        self.broker.as_ref().map_or_else(|| panic!("there is no RabbitMQ"), |(.., prefix)| prefix)
    }

    /// Where the RabbitMQ itself is, with a user who may do everything.
    ///
    /// # Panics
    /// Where there is none.
    pub fn broker_url(&self) -> String {
        match &self.own_broker {
            Some(_) => self.rabbitmq().url(),
            None => RabbitMq::shared().unwrap_or_else(|error| panic!("{error}")).url(),
        }
    }

    /// The RabbitMQ that is nobody else's.
    ///
    /// # Panics
    /// Where there is none.
    pub fn rabbitmq(&self) -> MutexGuard<'_, RabbitMq> {
        let own = self.own_broker.as_ref().unwrap_or_else(|| panic!("there is no RabbitMQ of its own"));
        own.lock().unwrap_or_else(PoisonError::into_inner)
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
