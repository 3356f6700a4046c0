//! The contract over RabbitMQ, with queues of each kind and with and without its management API; and what is special about it.

use super::*;
use crate::broker::contract::{self, Home};
use mysimbdp_servers::RabbitMq;
use std::sync::atomic::{AtomicU32, Ordering};

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
