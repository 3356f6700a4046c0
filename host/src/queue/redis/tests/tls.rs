//! TLS both ways: the server shows a certificate, and wants to see one.

use super::*;
use mysimbdp_servers::Signer;

#[tokio::test(flavor = "multi_thread")]
async fn who_signed_the_servers_certificate_and_whose_name_is_in_it_is_checked_and_ours_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let (known, unknown) =
        (Signer::new("known", folder.path()).unwrap(), Signer::new("unknown", folder.path()).unwrap());
    let server = Redis::start_with_tls(&known.sign("127.0.0.1").unwrap(), &known.file()).unwrap();
    let url = server.url().replace("redis://", "rediss://");
    let shown = |signer: &Signer| {
        let file = signer.sign("host").unwrap();
        Some((file.clone(), file))
    };
    let good = RedisSettings { ca: Some(known.file()), certificate: shown(&known), ..settings(url.clone()) };
    let (queue, _) = RedisQueue::connect(&good).await.unwrap();
    queue.enqueue(batch_of("acme", 1)).await.unwrap();
    assert!(queue.claim("host", LEASE).await.unwrap().is_some());

    // None of it passes by waiting.
    let refused = async |settings: RedisSettings| match RedisQueue::connect(&settings).await.err().unwrap() {
        QueueError::Permanent(told) => told,
        error => panic!("{error:?}"),
    };
    let told = refused(RedisSettings { ca: Some(unknown.file()), ..good.clone() }).await;
    assert!(told.contains("invalid peer certificate"), "{told}");
    let told = refused(RedisSettings { url: url.replace("127.0.0.1", "localhost"), ..good.clone() }).await;
    assert!(told.contains("not valid for name"), "{told}");
    let told = refused(RedisSettings { certificate: None, ..good.clone() }).await;
    assert!(told.contains("Redis wants to see a certificate of ours: name one and its key under [redis]"), "{told}");
    let told = refused(RedisSettings { certificate: shown(&unknown), ..good.clone() }).await;
    assert!(told.contains("received fatal alert"), "{told}");
    let told = refused(RedisSettings { ca: Some(folder.path().join("none.pem")), ..good }).await;
    assert!(told.contains("none.pem cannot be read") && told.contains("[redis]"), "{told}");
}
