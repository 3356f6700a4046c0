//! TLS both ways: the server shows a certificate, and wants to see one.

use super::*;
use mysimbdp_servers::Signer;

#[tokio::test(flavor = "multi_thread")]
async fn who_signed_the_servers_certificate_and_whose_name_is_in_it_is_checked_and_ours_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let (known, unknown) =
        (Signer::new("known", folder.path()).unwrap(), Signer::new("unknown", folder.path()).unwrap());
    let server = RabbitMq::start_with_tls(&known.sign("127.0.0.1").unwrap(), &known.file()).unwrap();
    let shown = |signer: &Signer| {
        let file = signer.sign("host").unwrap();
        Some((file.clone(), file))
    };
    let good = RabbitSettings {
        management: Some(server.management_url()),
        ca: Some(known.file()),
        certificate: shown(&known),
        ..settings(server.url())
    };
    let broker = connect(&good).await;
    let spec = queue("clicks", &["click"]);
    broker.declare(&spec).await.unwrap();
    assert_eq!(broker.publish(&tenant("acme"), numbered("click", 0..1000)).await.unwrap().accepted, 1000);
    let mut consumer = broker.consume(subscription(&spec, "c-1", 2000)).await.unwrap();
    assert_eq!(take(&mut *consumer, 1000).await.len(), 1000);
    let told = broker.credentials_of(&tenant("acme"), false).await.unwrap();
    assert!(told.url.starts_with("amqps://127.0.0.1:") && told.ca == good.ca, "{told:?}");

    let refused = async |settings: RabbitSettings| {
        // A server that has sent its alert may reset the connection before the alert is read: then nothing but that is known.
        for _ in 0..20 {
            match RabbitBroker::connect(&settings).await.err().unwrap() {
                BrokerError::Transient(reset) if reset.contains("reset") || reset.contains("Broken pipe") => {}
                error => {
                    assert!(matches!(error, BrokerError::Permanent(_)), "{error}");
                    return error.to_string();
                }
            }
        }
        panic!("the connection is reset each time");
    };
    let told = refused(RabbitSettings { ca: Some(unknown.file()), ..good.clone() }).await;
    assert!(told.contains("invalid peer certificate"), "{told}");
    let told = refused(RabbitSettings { ca: None, ..good.clone() }).await;
    assert!(told.contains("invalid peer certificate"), "{told}");
    let url = server.url_through("localhost", server.port());
    let told = refused(RabbitSettings { url, ..good.clone() }).await;
    assert!(told.contains("not valid for name"), "{told}");
    let told = refused(RabbitSettings { certificate: None, ..good.clone() }).await;
    assert!(told.contains("certificate") && told.contains("[rabbitmq]"), "{told}");
    let told = refused(RabbitSettings { certificate: shown(&unknown), ..good.clone() }).await;
    assert!(told.contains("received fatal alert"), "{told}");
    let told = refused(RabbitSettings { ca: Some(folder.path().join("none.pem")), ..good.clone() }).await;
    assert!(told.contains("none.pem cannot be read") && told.contains("[rabbitmq]"), "{told}");
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let told = refused(RabbitSettings { ca: Some(empty), ..good }).await;
    assert!(told.contains("no certificate in it"), "{told}");
}
