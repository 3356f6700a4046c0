//! TLS both ways: the server shows a certificate, and wants to see one.

use super::*;
use mysimbdp_servers::{MongoDb, Signer};

async fn tried(settings: Settings) -> Result<Written, SinkError> {
    let sinks = MongoSinks::connect(settings).await.unwrap();
    let written = match sinks.open(&TenantId::parse("acme").unwrap(), COLLECTION).await {
        Ok(sink) => sink.write(rows(1, 10)).await,
        Err(error) => Err(error),
    };
    sinks.close().await;
    written
}

#[tokio::test]
async fn who_signed_the_servers_certificate_and_whose_name_is_in_it_is_checked_and_ours_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let (known, unknown) =
        (Signer::new("known", folder.path()).unwrap(), Signer::new("unknown", folder.path()).unwrap());
    let (ca_file, other_ca) = (known.file(), unknown.file());
    let server = MongoDb::start_with_tls(&known.sign("127.0.0.1").unwrap(), &ca_file).unwrap();
    let settings = Settings {
        connected_within: Duration::from_secs(5),
        ca_file: Some(ca_file),
        client_certificate: Some(known.sign("host").unwrap()),
        ..Settings::new(server.url())
    };
    assert_eq!(tried(settings.clone()).await.unwrap(), stored(10));

    let soon = Settings { connected_within: Duration::from_millis(500), ..settings.clone() };
    let error = tried(Settings { ca_file: Some(other_ca.clone()), ..soon.clone() }).await.unwrap_err().to_string();
    assert!(error.contains("invalid peer certificate"), "{error}");
    let other_name = Settings { url: server.url().replace("127.0.0.1", "localhost"), ..soon.clone() };
    let error = tried(other_name).await.unwrap_err().to_string();
    assert!(error.contains("not valid for name"), "{error}");
    assert!(tried(Settings { client_certificate: None, ..soon.clone() }).await.is_err());
    let stranger = unknown.sign("host").unwrap();
    assert!(tried(Settings { client_certificate: Some(stranger), ..soon }).await.is_err());

    let trusting = Settings { check_server: false, ca_file: Some(other_ca), ..settings };
    assert_eq!(tried(trusting).await.unwrap(), stored(10));
}
