//! TLS both ways: the server shows a certificate, and wants to see one.

use super::*;
use mysimbdp_servers::MongoDb;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::fs;
use std::path::{Path, PathBuf};

type Signer = CertifiedIssuer<'static, KeyPair>;

fn signer(name: &str) -> Signer {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for this name and its key, in one file.
fn signed(signer: &Signer, name: &str, file: PathBuf) -> PathBuf {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, signer).unwrap();
    fs::write(&file, certificate.pem() + &key.serialize_pem()).unwrap();
    file
}

fn certificate_of(signer: &Signer, file: PathBuf) -> PathBuf {
    fs::write(&file, signer.pem()).unwrap();
    file
}

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
    let file = |name: &str| Path::join(folder.path(), name);
    let (known, unknown) = (signer("known"), signer("unknown"));
    let (ca_file, other_ca) = (certificate_of(&known, file("ca.pem")), certificate_of(&unknown, file("other.pem")));
    let server = MongoDb::start_with_tls(&signed(&known, "127.0.0.1", file("server.pem")), &ca_file).unwrap();
    let settings = Settings {
        connected_within: Duration::from_secs(5),
        ca_file: Some(ca_file),
        client_certificate: Some(signed(&known, "host", file("client.pem"))),
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
    let stranger = signed(&unknown, "host", file("stranger.pem"));
    assert!(tried(Settings { client_certificate: Some(stranger), ..soon }).await.is_err());

    let trusting = Settings { check_server: false, ca_file: Some(other_ca), ..settings };
    assert_eq!(tried(trusting).await.unwrap(), stored(10));
}
