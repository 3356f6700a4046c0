//! A broker that is killed, and a network that cuts connections, loses answers and falls silent.

use super::*;
use fastrand::Rng;
use mysimbdp_servers::{Proxy, Weather};
use std::collections::BTreeSet;

/// Takes messages up to this one and acknowledges none.
async fn came(broker: &RabbitBroker, spec: &QueueSpec, last: &str) -> Vec<Got> {
    let mut consumer = insist(async || broker.consume(subscription(spec, "again", 100)).await).await;
    let mut got = Vec::new();
    while got.last().is_none_or(|got: &Got| got.id != last) {
        got.extend(take(&mut *consumer, 1).await);
    }
    got
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_killed_keeps_what_it_accepted_and_everything_works_again() {
    for queues in [QueueKind::Quorum, QueueKind::Classic] {
        let mut server = RabbitMq::start().unwrap();
        let management = Some(server.management_url());
        let broker = connect(&RabbitSettings { queues, management, ..settings(server.url()) }).await;
        let spec = queue("clicks", &["click"]);
        broker.declare(&spec).await.unwrap();
        assert_eq!(broker.publish(&tenant("acme"), numbered("click", 0..10)).await.unwrap().accepted, 10);
        let mut consumer = broker.consume(subscription(&spec, "c-1", 100)).await.unwrap();
        let got = take(&mut *consumer, 10).await;
        consumer.acknowledge(got[3].tag).await.unwrap();
        // It has arrived when what comes behind it on the same channel has.
        insist(async || match broker.depth(&spec.key).await?.held {
            6 => Ok(()),
            _ => Err(BrokerError::Transient("not yet".into())),
        })
        .await;
        server.kill();
        assert!(matches!(ended(&mut *consumer).await, BrokerError::Transient(_)));
        assert!(matches!(consumer.acknowledge(got[9].tag).await, Err(BrokerError::Transient(_))));
        let refused = broker.publish(&tenant("acme"), numbered("click", [10])).await;
        assert!(matches!(refused, Err(BrokerError::Transient(_))), "{refused:?}");
        server.restart().unwrap();
        insist(async || broker.declare(&spec).await).await;
        insist(async || broker.publish(&tenant("acme"), numbered("click", [11])).await).await;
        let mut got = came(&broker, &spec, "11").await;
        if queues == QueueKind::Classic {
            // It does not write at once that messages are acknowledged: those come again.
            got.retain(|got| !["0", "1", "2", "3"].contains(&got.id.as_str()));
        }
        assert_eq!(ids(&got), ["4", "5", "6", "7", "8", "9", "11"], "{queues:?}");
        assert!(got[..6].iter().all(|got| got.redelivered));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_cut_ends_its_consumers_and_gives_back_what_they_held() {
    let server = RabbitMq::shared().unwrap();
    let proxy = Proxy::start(server.port()).unwrap();
    let broker = connect(&settings(server.url_through("127.0.0.1", proxy.port()))).await;
    let spec = queue("clicks", &["click"]);
    broker.declare(&spec).await.unwrap();
    broker.publish(&tenant("acme"), numbered("click", 0..5)).await.unwrap();
    let mut consumer = broker.consume(subscription(&spec, "c-1", 3)).await.unwrap();
    take(&mut *consumer, 3).await;
    proxy.cut_once();
    assert!(matches!(ended(&mut *consumer).await, BrokerError::Transient(_)));
    let got = came(&broker, &spec, "4").await;
    assert_eq!(ids(&got), ["0", "1", "2", "3", "4"]);
    proxy.set(Weather::Cut);
    let told = insist(async || match broker.depth(&spec.key).await {
        Ok(_) => Err(BrokerError::Transient("not yet".into())),
        Err(error) => Ok(error.to_string()),
    });
    assert!(told.await.contains("cannot answer just now"));
    proxy.set(Weather::Fair);
    insist(async || broker.depth(&spec.key).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_message_comes_whatever_answers_are_lost_and_connections_cut() {
    let server = RabbitMq::shared().unwrap();
    let proxy = Proxy::start(server.port()).unwrap();
    let broker = connect(&settings(server.url_through("127.0.0.1", proxy.port()))).await;
    let spec = queue("clicks", &["click"]);
    broker.declare(&spec).await.unwrap();
    let mut random = Rng::with_seed(5);
    let mut storm = || match random.u8(..4) {
        0 => proxy.lose_answers(1),
        1 => proxy.cut_once(),
        _ => {}
    };
    for batch in 0..20 {
        storm();
        let messages = numbered("click", batch * 10..batch * 10 + 10);
        insist(async || broker.publish(&tenant("acme"), messages.clone()).await).await;
    }
    let mut missing: BTreeSet<String> = (0..200).map(|number| number.to_string()).collect();
    while !missing.is_empty() {
        let mut consumer = insist(async || broker.consume(subscription(&spec, "c-1", 7)).await).await;
        loop {
            storm();
            let mut bundle = Bundle::default();
            if consumer.next(Room { messages: 5, ..WIDE }, &mut bundle).await.is_err() {
                break;
            }
            let got = crate::broker::contract::unpacked(&bundle);
            for got in &got {
                missing.remove(&got.id);
            }
            if missing.is_empty() || consumer.acknowledge(got[got.len() - 1].tag).await.is_err() {
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_is_silent_is_given_up() {
    let server = RabbitMq::shared().unwrap();
    let proxy = Proxy::start(server.port()).unwrap();
    let broker = connect(&settings(server.url_through("127.0.0.1", proxy.port()))).await;
    let spec = queue("clicks", &["click"]);
    broker.declare(&spec).await.unwrap();
    let mut consumer = broker.consume(subscription(&spec, "c-1", 3)).await.unwrap();
    proxy.set(Weather::Frozen);
    assert!(matches!(ended(&mut *consumer).await, BrokerError::Transient(_)));
    let told = broker.depth(&spec.key).await.unwrap_err();
    assert!(matches!(told, BrokerError::Transient(_)), "{told}");
    proxy.set(Weather::Fair);
    insist(async || broker.depth(&spec.key).await).await;
}
