//! A server that lets only those in whom it knows.

use super::*;
use mysimbdp_servers::MongoDb;

#[tokio::test]
async fn who_is_not_let_in_is_told_so_without_the_password_and_it_does_not_pass() {
    let mut server = MongoDb::start().unwrap();
    let open = MongoSinks::connect(Settings::new(server.url())).await.unwrap();
    let user = doc! { "createUser": "ingest", "pwd": "geheim", "roles": [{ "role": "root", "db": "admin" }] };
    open.home.client.database("admin").run_command(user).await.unwrap();
    open.close().await;
    server.restart_with_users_only().unwrap();

    let with = |user: &str| Settings::new(server.url().replace("//", &format!("//{user}")));
    let known = MongoSinks::connect(with("ingest:geheim@")).await.unwrap();
    known.check().await.unwrap();
    let sink = known.open(&TenantId::parse("acme").unwrap(), COLLECTION).await.unwrap();
    assert_eq!(sink.write(rows(1, 10)).await.unwrap(), stored(10));
    known.close().await;

    for user in ["ingest:falsch@", "nobody:falsch@", ""] {
        let sinks = MongoSinks::connect(with(user)).await.unwrap();
        let error = sinks.open(&TenantId::parse("acme").unwrap(), COLLECTION).await.err().unwrap();
        assert!(matches!(error, SinkError::Permanent { .. }), "{user}: {error}");
        assert!(error.to_string().to_lowercase().contains("auth") && !error.to_string().contains("falsch"), "{error}");
        sinks.close().await;
    }
}
