//! Queues that are there already, otherwise than they should be, or not any more.

use super::*;
use crate::broker::contract::outgoing;
use reqwest::{Client, Method};

/// Asks the management API as the operator does, by hand.
async fn by_hand(method: Method, settings: &RabbitSettings, path: &[&str], body: Option<serde_json::Value>) {
    crate::tls::ready();
    let mut url = reqwest::Url::parse(settings.management.as_ref().unwrap()).unwrap();
    url.path_segments_mut().unwrap().pop_if_empty().push("api").extend(path);
    let mut request = Client::new().request(method, url);
    if let Some(body) = body {
        request = request.json(&body);
    }
    let answer = request.send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

fn names(settings: &RabbitSettings) -> (String, String) {
    (format!("{}.acme", settings.prefix), format!("{}.acme.clicks", settings.prefix))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_with_other_settings_is_made_anew_where_it_is_empty_and_else_a_sentence_says_what_to_do() {
    for queues in [QueueKind::Quorum, QueueKind::Classic] {
        let (broker, _) = managed(queues).await;
        let spec = queue("clicks", &["click"]);
        let single = QueueSpec { single_active: true, ..spec.clone() };
        broker.declare(&spec).await.unwrap();
        broker.publish(&tenant("acme"), numbered("click", [1])).await.unwrap();
        let told = broker.declare(&single).await.unwrap_err();
        let is_clear = |told: &BrokerError| {
            let words = told.to_string();
            matches!(told, BrokerError::Permanent(_)) && words.contains("acme/clicks") && words.contains("run empty")
        };
        assert!(is_clear(&told), "{told}");
        // Nothing was lost, and its keys are as they were.
        broker.publish(&tenant("acme"), numbered("click", [2])).await.unwrap();
        let mut consumer = broker.consume(subscription(&spec, "c-1", 10)).await.unwrap();
        let got = take(&mut *consumer, 2).await;
        assert_eq!(ids(&got), ["1", "2"]);
        consumer.acknowledge(got[1].tag).await.unwrap();
        assert!(is_clear(&broker.declare(&single).await.unwrap_err()), "somebody consumes it");
        drop(consumer);
        insist(async || broker.declare(&single).await.map_err(|told| BrokerError::Transient(told.to_string()))).await;
        assert_eq!(broker.publish(&tenant("acme"), numbered("click", [3])).await.unwrap().accepted, 1);
        assert_eq!(broker.depth(&spec.key).await.unwrap().waiting, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn how_long_a_queue_may_be_can_be_changed_while_messages_wait() {
    let (broker, _) = managed(QueueKind::Quorum).await;
    let spec = QueueSpec { max_bytes: 100_000, ..queue("clicks", &["click"]) };
    broker.declare(&spec).await.unwrap();
    let large = || vec![outgoing("click", "1", &[7; 60_000])];
    let publish_until_full = async || {
        let mut accepted = 0;
        while broker.publish(&tenant("acme"), large()).await.unwrap().refused.is_empty() {
            accepted += 1;
        }
        accepted
    };
    let few: u32 = publish_until_full().await;
    assert!((1..20).contains(&few), "{few}");
    broker.declare(&QueueSpec { max_bytes: 10_000_000, ..spec.clone() }).await.unwrap();
    insist(async || match broker.publish(&tenant("acme"), large()).await?.accepted {
        1 => Ok(()),
        _ => Err(BrokerError::Transient("not yet".into())),
    })
    .await;
    assert!(publish_until_full().await > 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_deleted_by_hand_is_missed_and_comes_back() {
    let (broker, settings) = managed(QueueKind::Quorum).await;
    let spec = queue("clicks", &["click"]);
    broker.declare(&spec).await.unwrap();
    let mut consumer = broker.consume(subscription(&spec, "c-1", 10)).await.unwrap();
    let (vhost, name) = names(&settings);
    by_hand(Method::DELETE, &settings, &["queues", &vhost, &name], None).await;
    assert!(matches!(ended(&mut *consumer).await, BrokerError::NoQueue(key) if key == spec.key));
    let missing = |told: Option<BrokerError>| assert!(matches!(told, Some(BrokerError::NoQueue(_))), "{told:?}");
    missing(broker.consume(subscription(&spec, "c-1", 10)).await.err());
    missing(broker.depth(&spec.key).await.err());
    missing(broker.purge(&spec.key).await.err());
    missing(broker.put_back(&spec.key, outgoing("click", "1", b"").envelope).await.err());
    let published = broker.publish(&tenant("acme"), numbered("click", [1])).await.unwrap();
    assert!(published.accepted == 0 && published.refused[0].1.contains("\"click\""), "{published:?}");
    broker.declare(&spec).await.unwrap();
    broker.publish(&tenant("acme"), numbered("click", [2])).await.unwrap();
    let mut consumer = broker.consume(subscription(&spec, "c-1", 10)).await.unwrap();
    assert_eq!(ids(&take(&mut *consumer, 1).await), ["2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_virtual_host_that_is_deleted_by_hand_comes_back_too() {
    let (broker, settings) = managed(QueueKind::Quorum).await;
    let spec = queue("clicks", &["click"]);
    broker.declare(&spec).await.unwrap();
    let mut consumer = broker.consume(subscription(&spec, "c-1", 10)).await.unwrap();
    by_hand(Method::DELETE, &settings, &["vhosts", &names(&settings).0], None).await;
    ended(&mut *consumer).await;
    insist(async || broker.declare(&spec).await).await;
    broker.publish(&tenant("acme"), numbered("click", [1])).await.unwrap();
    let mut consumer = insist(async || broker.consume(subscription(&spec, "c-1", 10)).await).await;
    assert_eq!(ids(&take(&mut *consumer, 1).await), ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_another_host_has_bound_are_let_go() {
    let (first, settings) = managed(QueueKind::Quorum).await;
    let second = connect(&settings).await;
    first.declare(&queue("clicks", &["click", "old"])).await.unwrap();
    second.declare(&queue("clicks", &["click"])).await.unwrap();
    let published = second.publish(&tenant("acme"), numbered("old", [1])).await.unwrap();
    assert_eq!(published.accepted, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_limits_deliveries_is_told() {
    // On a server of its own: others look for such policies too.
    let server = RabbitMq::start().unwrap();
    let settings = RabbitSettings { management: Some(server.management_url()), ..settings(server.url()) };
    connect(&settings).await;
    let policy = serde_json::json!({ "pattern": ".*", "definition": { "delivery-limit": 5 }, "apply-to": "queues" });
    by_hand(Method::PUT, &settings, &["policies", "/", "strict"], Some(policy)).await;
    let (_, warnings) = RabbitBroker::connect(&settings).await.unwrap();
    assert!(warnings.len() == 1 && warnings[0].contains("\"strict\""), "{warnings:?}");
}
