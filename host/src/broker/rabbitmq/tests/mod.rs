//! The contract over RabbitMQ, with queues of each kind and with and without its management API; and what is special about it.

use super::*;
use crate::broker::contract::{Got, Home, ids, numbered, queue, subscription, take, tenant};
use crate::broker::{Bundle, Room};
use mysimbdp_servers::RabbitMq;
use std::sync::atomic::{AtomicU32, Ordering};

mod clients;
mod pure;
mod queues;
mod tenants;
mod tls;
mod weather;

const WIDE: Room = Room { messages: 10_000, bytes: 64 << 20 };

/// A broker with names of its own on the server that all tests share.
pub(super) struct Shared<const IS_CLASSIC: bool, const IS_MANAGED: bool> {
    pub(super) broker: RabbitBroker,
    pub(super) settings: RabbitSettings,
}

mod quorum {
    crate::broker::contract::broker_contract!(super::Shared<false, true>);
}

mod classic {
    crate::broker::contract::broker_contract!(super::Shared<true, true>);
}

mod unmanaged {
    crate::broker::contract::broker_contract!(super::Shared<false, false>);
}

impl<const IS_CLASSIC: bool, const IS_MANAGED: bool> Home for Shared<IS_CLASSIC, IS_MANAGED> {
    fn fresh() -> BoxFuture<'static, Self> {
        Box::pin(async {
            let server = RabbitMq::shared().unwrap();
            let queues = if IS_CLASSIC { QueueKind::Classic } else { QueueKind::Quorum };
            let management = IS_MANAGED.then(|| server.management_url());
            let settings = RabbitSettings { queues, management, ..settings(server.url()) };
            Shared { broker: connect(&settings).await, settings }
        })
    }

    fn broker(&self) -> &dyn Broker {
        &self.broker
    }

    fn reopened(self) -> BoxFuture<'static, Self> {
        Box::pin(async {
            let Shared { broker, settings } = self;
            drop(broker);
            Shared { broker: connect(&settings).await, settings }
        })
    }
}

/// Settings with a prefix that nobody else has.
fn settings(url: String) -> RabbitSettings {
    static FRESH: AtomicU32 = AtomicU32::new(0);
    RabbitSettings { prefix: format!("t{}", FRESH.fetch_add(1, Ordering::Relaxed)), ..RabbitSettings::new(url) }
}

async fn connect(settings: &RabbitSettings) -> RabbitBroker {
    let (broker, warnings) = RabbitBroker::connect(settings).await.unwrap();
    assert_eq!(warnings.is_empty(), settings.management.is_some(), "{warnings:?}");
    broker
}

/// A broker of its own names on the shared server, with the management API.
async fn managed(queues: QueueKind) -> (RabbitBroker, RabbitSettings) {
    let server = RabbitMq::shared().unwrap();
    let settings = RabbitSettings { queues, management: Some(server.management_url()), ..settings(server.url()) };
    (connect(&settings).await, settings)
}

/// Asks until there is an answer.
async fn insist<T>(mut ask: impl AsyncFnMut() -> Result<T, BrokerError>) -> T {
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(BrokerError::Transient(_)) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Waits until a consumer has ended.
async fn ended(consumer: &mut dyn Consumer) -> BrokerError {
    let mut bundle = Bundle::default();
    loop {
        if let Err(error) = consumer.next(WIDE, &mut bundle).await {
            return error;
        }
    }
}
