//! URLs: what will do, what will not, and that no mistake shows a password.

use super::{config, mistakes, mistakes_with};

/// What is said of a value of a key, behind the two.
fn told(table: &str, key: &str, value: &str) -> String {
    let kind = if table == "depot" { "[queue]\nkind = 'redis'\n" } else { "" };
    let told = mistakes(&format!("{kind}[{table}]\n{key} = {value:?}"));
    let [told] = &told[..] else { panic!("{told:#?}") };
    told.split_once(&format!("{table}.{key} = ")).unwrap().1.to_owned()
}

#[test]
fn what_servers_are_called_is_read() {
    for (table, url) in [
        ("redis", "redis://127.0.0.1:6379/"),
        ("redis", "rediss://:se%23cret@[::1]:6380/12"),
        ("redis", "redis://redis.internal"),
        ("mongodb", "mongodb://u:p@a:1,b.internal:2,c/db?replicaSet=rs0&tls=true"),
        ("mongodb", "mongodb+srv://cluster.example/?retryWrites=true"),
        ("rabbitmq", "amqps://u:p@r:5671/v%2Fhost"),
        ("rabbitmq", "amqp://r?heartbeat=10"),
    ] {
        config(&format!("[{table}]\nurl = '{url}'"));
    }
    config("[rabbitmq]\nmanagement = ''\n[depot]\nurl = ''");
    for url in ["file:///mnt/shared", "s3://bucket", "s3://bucket/folder"] {
        assert_eq!(config(&format!("[queue]\nkind = 'redis'\n[depot]\nurl = '{url}'")).depot.unwrap(), url);
    }
}

#[test]
fn what_is_no_url_of_a_server_is_told_with_one_that_would_do() {
    let redis = "not the URL of a Redis server: it begins with redis:// or rediss:// and names a host, such as \
                 \"redis://127.0.0.1:6379/\"";
    for url in ["redis.internal:6379", "http://redis.internal", "redis://", "redis://h:70000", "redis://h i", ""] {
        assert_eq!(told("redis", "url", url), format!("{url:?}: {redis}"));
    }
    assert_eq!(
        told("redis", "url", "redis://h/first"),
        "\"redis://h/first\": behind its host stands the number of a database, or nothing, such as \
         \"redis://127.0.0.1:6379/\""
    );
    let mongodb = told("mongodb", "url", "mongo://x");
    assert!(mongodb.contains("it begins with mongodb:// or mongodb+srv:// and names a host"), "{mongodb}");
    assert!(told("mongodb", "url", "mongodb://a,,b").contains("names a host"));
    let management = told("rabbitmq", "management", "amqp://rabbit:15672");
    assert!(management.contains("management API: it begins with http:// or https://"), "{management}");
    assert!(told("rabbitmq", "url", "http://rabbit:15672").contains("it begins with amqp:// or amqps://"));
}

#[test]
fn a_password_that_a_url_cannot_hold_is_told_with_what_it_can_and_not_shown() {
    for (table, url) in [
        ("redis", "redis://u:sec#ret@h:6379/"),
        ("redis", "redis://u:sec/ret@h:6379/"),
        ("mongodb", "mongodb://u:sec/ret@h/"),
        ("rabbitmq", "amqp://u:sec#ret@h"),
    ] {
        let told = told(table, "url", url);
        assert!(told.contains("write %23 for #, %2F for /"), "{told}");
        assert!(told.contains("://***@h") && !told.contains("sec") && !told.contains("ret"), "{told}");
    }
    let told = mistakes_with("", &[("MYSIMBDP_REDIS__URL", "u:secret@redis.internal")]).join("");
    assert!(told.contains("redis.url = \"***@redis.internal\": not the URL") && !told.contains("secret"), "{told}");
}

#[test]
fn what_is_no_place_that_hosts_share_is_told_with_what_was_meant() {
    let rule =
        |path| format!("no place for what hosts share: a directory is \"{path}\", a bucket \"s3://bucket/folder\"");
    for (url, meant) in [
        ("/mnt/shared", "file:///mnt/shared"),
        ("file://mnt/shared", "file:///mnt/shared"),
        ("ftp://h/x", "file:///mnt/shared"),
        ("s3://", "file:///mnt/shared"),
        ("nonsense", "file:///mnt/shared"),
    ] {
        assert_eq!(told("depot", "url", url), format!("{url:?}: {}", rule(meant)));
    }
    assert_eq!(
        mistakes("[depot]\nurl = 'file:///mnt/shared'"),
        [
            "f:2: depot.url = \"file:///mnt/shared\": a host with an embedded queue shares nothing with others: set queue.kind to \
          \"redis\", or leave this out"
        ]
    );
}

#[test]
fn a_name_is_no_address_to_listen_on() {
    assert_eq!(
        mistakes("[api]\nlisten = 'localhost:7373'"),
        [
            "f:2: api.listen = \"localhost:7373\": not a number with a port, and names are not looked up: such as \"127.0.0.1:7373\""
        ]
    );
}

#[test]
fn the_keys_below_a_head_that_cannot_be_read_are_not_told_of_besides() {
    assert_eq!(
        mistakes("slots = 0\n[tenants.acme\nprofile = 'large'\n"),
        ["f:1: slots = 0: at least 1, such as 3", "f:2: not TOML: unclosed table, expected `]`"]
    );
}
