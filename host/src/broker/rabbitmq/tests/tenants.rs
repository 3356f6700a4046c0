//! What a tenant's own user may do, and what it may not.

use super::*;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Connection, ConnectionProperties};

async fn client(credentials: &Credentials, password: &str) -> lapin::Result<Connection> {
    let user = credentials.user.as_ref().unwrap();
    let url = credentials.url.replace("amqp://", &format!("amqp://{user}:{password}@"));
    Connection::connect(&url, ConnectionProperties::default()).await
}

async fn publish(client: &Connection, exchange: &str, key: &str) -> lapin::Result<bool> {
    let channel = client.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let sent = channel.basic_publish(exchange.into(), key.into(), options, b"body", BasicProperties::default());
    let confirmed = sent.await?.await?;
    Ok(confirmed.is_ack() && confirmed.take_message().is_none())
}

fn is_refused<T>(answer: lapin::Result<T>) -> bool {
    matches!(answer, Err(error) if super::super::trouble::code(&error) == Some(403))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_user_may_write_to_its_own_exchange_and_nothing_else() {
    let (broker, settings) = managed(QueueKind::Quorum).await;
    let spec = queue("clicks", &["click"]);
    broker.declare(&spec).await.unwrap();
    broker.declare(&QueueSpec { key: crate::broker::contract::key("globex", "clicks"), ..spec.clone() }).await.unwrap();
    let ours = broker.credentials_of(&tenant("acme"), false).await.unwrap();
    let password = ours.password.clone().unwrap();
    assert!(!format!("{ours:?}").contains(&password), "{ours:?}");
    let client_of_ours = client(&ours, &password).await.unwrap();
    assert!(publish(&client_of_ours, &ours.exchange, "click").await.unwrap());
    assert!(!publish(&client_of_ours, &ours.exchange, "nobody").await.unwrap(), "it comes back");

    let queue_name = format!("{}.acme.clicks", settings.prefix);
    assert!(is_refused(publish(&client_of_ours, "", &queue_name).await), "the default exchange");
    assert!(is_refused(publish(&client_of_ours, "amq.direct", "click").await));
    let channel = client_of_ours.create_channel().await.unwrap();
    let (options, none) = (QueueDeclareOptions::default(), FieldTable::default());
    assert!(is_refused(channel.queue_declare("mine".into(), options, none.clone()).await));
    let channel = client_of_ours.create_channel().await.unwrap();
    let options = BasicConsumeOptions::default();
    assert!(is_refused(channel.basic_consume(queue_name.as_str().into(), "c".into(), options, none).await));
    // Another tenant's virtual host lets it not even in.
    let theirs = broker.credentials_of(&tenant("globex"), false).await.unwrap();
    let foreign = Credentials { url: theirs.url, vhost: theirs.vhost, ..ours };
    assert!(client(&foreign, &password).await.is_err());

    // What it published has its name on it.
    let mut consumer = broker.consume(subscription(&spec, "c-1", 10)).await.unwrap();
    let mut bundle = Bundle::default();
    consumer.next(WIDE, &mut bundle).await.unwrap();
    let message = crate::worker::delivery::Message::decode(&mut &bundle.payload[..]).unwrap().unwrap();
    assert_eq!((message.body, message.exchange), (&b"body"[..], Some(foreign.exchange.as_bytes())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_shown_once_and_rotating_it_shuts_the_old_one_out() {
    let (broker, _) = managed(QueueKind::Quorum).await;
    let acme = tenant("acme");
    let first = broker.credentials_of(&acme, false).await.unwrap();
    let old = first.password.clone().unwrap();
    let again = broker.credentials_of(&acme, false).await.unwrap();
    assert!(again.password.is_none() && again.note.contains("rotate"), "{}", again.note);
    let connected = client(&first, &old).await.unwrap();
    // The broker lists a connection a moment after it was made.
    let mut new = String::new();
    while connected.status().connected() {
        new = broker.credentials_of(&acme, true).await.unwrap().password.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(new != old && client(&first, &old).await.is_err());
    client(&first, &new).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_is_forgotten_leaves_no_virtual_host_no_user_and_no_connection() {
    let (broker, settings) = managed(QueueKind::Quorum).await;
    let spec = queue("clicks", &["click"]);
    broker.declare(&spec).await.unwrap();
    let credentials = broker.credentials_of(&tenant("acme"), false).await.unwrap();
    let password = credentials.password.clone().unwrap();
    let connected = client(&credentials, &password).await.unwrap();
    assert!(publish(&connected, &credentials.exchange, "click").await.unwrap());
    broker.forget_tenant(&tenant("acme"), std::slice::from_ref(&spec.key.stream)).await.unwrap();
    let api = broker.home.api.as_ref().unwrap();
    let name = format!("{}.acme", settings.prefix);
    for kind in ["vhosts", "users"] {
        let left: Option<serde_json::Value> = api.get(&[kind, &name]).await.unwrap();
        assert_eq!(left, None, "{kind}");
    }
    while connected.status().connected() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(client(&credentials, &password).await.is_err());
    // The next of that name has another password.
    let next = insist(async || broker.credentials_of(&tenant("acme"), false).await).await;
    assert!(next.password.is_some_and(|next| next != password));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_management_api_it_is_said_that_tenants_share() {
    let server = RabbitMq::shared().unwrap();
    let (broker, warnings) = RabbitBroker::connect(&settings(server.url())).await.unwrap();
    assert!(warnings.len() == 1 && warnings[0].contains("may publish for all"), "{warnings:?}");
    let shared = broker.credentials_of(&tenant("acme"), true).await.unwrap();
    assert_eq!((shared.user, shared.password, shared.note), (None, None, warnings[0].clone()));
    assert!(shared.url.ends_with("/%2f"), "{}", shared.url);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_is_not_let_in_is_told_with_one_sentence() {
    let server = RabbitMq::shared().unwrap();
    let wrong = server.url().replace("operator:", "nobody:");
    let told = RabbitBroker::connect(&settings(wrong)).await.err().unwrap();
    assert!(matches!(&told, BrokerError::Permanent(words) if words.contains("ACCESS_REFUSED")), "{told}");
    let management = Some(server.management_url().replace("operator:", "nobody:"));
    let told = RabbitBroker::connect(&RabbitSettings { management, ..settings(server.url()) }).await.err().unwrap();
    assert!(matches!(&told, BrokerError::Permanent(words) if words.contains("\"nobody\"")), "{told}");
    let told = RabbitBroker::connect(&settings("http://localhost/".into())).await.err().unwrap().to_string();
    assert!(told.contains("[rabbitmq]"), "{told}");
}
