//! What is written well is read as it is meant.

use super::super::{BrokerKind, Config, OnKnown, QueueType, Secret, read};
use super::{config, read_with};
use crate::tenant::{AppName, Limits, OnBreach, Profile, StreamName, Tenant, TenantId, UNLIMITED};
use crate::worker::protocol::Isolation;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn tenant(config: &Config, name: &str) -> Tenant {
    config.tenants[&TenantId::parse(name).unwrap()].clone()
}

#[test]
fn without_a_file_the_defaults_hold_and_tenants_are_adopted() {
    let nobody = std::iter::empty::<(String, String)>();
    let config = Config::load(None, nobody).unwrap();
    assert_eq!(config, Config::default());
    assert!(config.adopt_tenants);
    assert!(!super::config("").adopt_tenants, "with a file, only who stands in it");
    assert!(super::config("adopt_tenants = true").adopt_tenants);

    let id = TenantId::parse("acme").unwrap();
    assert_eq!(config.adopt(&id), Tenant::of(id, &Profile::normal()));
}

#[test]
fn an_adopted_tenant_has_what_the_file_says_of_the_profile_normal() {
    let config = config("adopt_tenants = true\n[profiles.normal]\nweight = 7\nattempts = 9");
    let adopted = config.adopt(&TenantId::parse("acme").unwrap());
    assert_eq!((adopted.weight, adopted.limits.attempts), (7, 9));
}

#[test]
fn every_key_of_the_platform_is_taken() {
    let config = config(
        "data = '/d'\nstaging = 's'\nslots = 8\nisolation = 'reduced'\nlease = '1m'\nretry_pause = '0s'\nwarm = '0s'\n\
         [queue]\nkind = 'embedded'\n[sink]\nkind = 'embedded'\n\
         [staging_rules]\nquiet = '1s'\nrescan = '2s'\npoll = '3s'\non_known = 'new-batch'\n\
         [keep]\ntasks = '1w'\njournal_bytes = '1MB'\njournal_files = 2\njournal_age = '1d'",
    );
    assert_eq!((config.data, config.staging), (PathBuf::from("/d"), PathBuf::from("s")));
    assert_eq!((config.slots, config.isolation), (8, Isolation::Reduced));
    assert_eq!([config.lease, config.retry_pause, config.warm].map(|time| time.as_secs()), [60, 0, 0]);
    let rules = config.staging_rules;
    assert_eq!([rules.quiet, rules.rescan, rules.poll].map(|time| time.as_secs()), [1, 2, 3]);
    assert_eq!(rules.on_known, OnKnown::NewBatch);
    assert_eq!(
        (config.keep.tasks, config.keep.journal_age),
        (Duration::from_secs(604_800), Duration::from_secs(86_400))
    );
    assert_eq!((config.keep.journal_bytes, config.keep.journal_files), (1_000_000, 2));
}

#[test]
fn limits_are_laid_over_each_other_profile_tenant_app() {
    let config = config(
        "[profiles.p]\nattempts = 1\nkilling_rows = 1\nwaiting_tasks = 1\nfile_bytes = 'unlimited'\nbatch_bytes = 'unlimited'\n\
         [tenants.t]\nprofile = 'p'\n[tenants.t.limits]\nkilling_rows = 2\nwaiting_tasks = 2\n\
         [tenants.t.apps.a.limits]\nwaiting_tasks = 3",
    );
    let tenant = tenant(&config, "t");
    let app = |name| tenant.app(&AppName::parse(name).unwrap()).limits;
    let shown = |limits: &Limits| (limits.attempts, limits.killing_rows, limits.waiting_tasks, limits.file_bytes);
    assert_eq!(shown(&tenant.limits), (1, 2, 2, UNLIMITED));
    assert_eq!(shown(&app("a")), (1, 2, 3, UNLIMITED));
    assert_eq!(app("another"), tenant.limits);
}

#[test]
fn the_default_sink_is_the_one_that_is_named_or_called_documents_or_the_only_one() {
    let default = |text: &str| tenant(&config(text), "t").default_sink.to_string();
    assert_eq!(default("[tenants.t]"), "documents");
    assert_eq!(default("[tenants.t.sinks.a]"), "a");
    assert_eq!(default("[tenants.t.sinks.a]\n[tenants.t.sinks.documents]"), "documents");
    assert_eq!(default("[tenants.t]\ndefault_sink = 'b'\n[tenants.t.sinks.a]\n[tenants.t.sinks.b]"), "b");
    assert_eq!(default("[tenants.t]\ndefault_sink = 'documents'"), "documents");
    let app = AppName::parse("x").unwrap();
    assert_eq!(tenant(&config("[tenants.t.sinks.a]\n[tenants.t.apps.x]"), "t").app(&app).sink.as_str(), "a");
}

#[test]
fn an_apps_table_becomes_json() {
    let config = config(
        "[tenants.t.apps.a.config]\ntext = 'é\\\"'\nnumber = 0x10\nhalf = 0.5\nyes = true\n\
         at = 2024-01-01T00:00:00Z\nlist = [1, [2], { three = 3 }]\n[tenants.t.apps.a.config.below]\n\"a key\" = ''\n\
         [tenants.t.apps.b]\n[tenants.t.apps.c.config]",
    );
    let tenant = tenant(&config, "t");
    let told = |name| tenant.app(&AppName::parse(name).unwrap()).config;
    let json = r#"{"at":"2024-01-01T00:00:00Z","below":{"a key":""},"half":0.5,"list":[1,[2],{"three":3}],"number":16,"text":"é\\\"","yes":true}"#;
    assert_eq!(told("a").as_deref(), Some(json));
    assert_eq!((told("b"), told("c").as_deref()), (None, Some("{}")));
}

#[test]
fn a_broker_is_told_where_it_is() {
    let config = config(
        "workers_max = 2\nstream_threads = 3\n[broker]\nkind = 'rabbitmq'\n[rabbitmq]\nurl = 'amqps://u:p@r/v'\n\
         management = 'https://u:p@r:1'\nprefix = 'x'\nqueue_type = 'classic'\nca = '/ca'\ncertificate = '/c'\nkey = '/k'",
    );
    assert_eq!((config.broker, config.workers_max, config.stream_threads), (BrokerKind::RabbitMq, 2, 3));
    let rabbitmq = config.rabbitmq;
    assert_eq!((rabbitmq.url, rabbitmq.prefix.as_str()), (Secret("amqps://u:p@r/v".to_owned()), "x"));
    assert_eq!(
        (rabbitmq.management.unwrap().shown(), rabbitmq.queue_type),
        ("https://u:***@r:1".into(), QueueType::Classic)
    );
    assert_eq!(rabbitmq.tls.ca, Some(PathBuf::from("/ca")));
    assert_eq!(rabbitmq.tls.certificate, Some((PathBuf::from("/c"), PathBuf::from("/k"))));
}

#[test]
fn a_stream_has_what_its_app_has_and_what_is_said_of_it() {
    let config = config(
        "[tenants.t]\ndefault_sink = 'a'\n[tenants.t.sinks.a]\n[tenants.t.sinks.b]\n[tenants.t.limits]\nconsumers = 3\n\
         attempts = 1\non_breach = 'delete'\n[tenants.t.apps.x]\nsink = 'b'\nlimits = { killing_rows = 2 }\n\
         [tenants.t.streams.s]\napp = 'x'\nlimits = { messages_per_window = 3 }\n\
         [tenants.t.streams.o]\napp = 'y'\nordered = true\n[tenants.t.streams.m]\napp = 'y'\nconsumers_min = 3",
    );
    let tenant = tenant(&config, "t");
    let stream = |name| tenant.streams[&StreamName::parse(name).unwrap()].clone();
    let s = stream("s");
    assert_eq!((s.sink.as_str(), s.routing_keys.as_slice()), ("b", &["s".to_owned()][..]));
    assert_eq!((s.consumers_min, s.consumers_max), (1, 3), "as many as the tenant may have");
    let limits = &s.limits;
    assert_eq!((limits.attempts, limits.killing_rows, limits.messages_per_window), (1, 2, 3));
    assert_eq!(limits.on_breach, OnBreach::Delete);
    assert_eq!((stream("o").sink.as_str(), stream("o").consumers_max), ("a", 1));
    assert_eq!((stream("m").consumers_min, stream("m").consumers_max), (3, 3));
}

#[test]
fn where_a_batch_may_have_less_than_a_file_could_so_may_its_files() {
    let config = config("[profiles.p]\nbatch_bytes = '1GB'\n[tenants.t]\n[tenants.t.limits]\nbatch_bytes = '2GB'");
    assert_eq!(config.profiles["p"].limits.file_bytes, 1_000_000_000);
    assert_eq!(tenant(&config, "t").limits.file_bytes, 2_000_000_000);
    assert_eq!(super::config(&config.summary()), config);
}

#[test]
fn the_summary_is_read_as_the_same_configuration() {
    let text = "data = \"a \\\"b\\\"\"\nslots = 9\n[profiles.p]\nweight = 3\nfile_bytes = '1TB'\nbatch_bytes = '10TB'\n\
                dead_letter_percent = 2.5\nrows_per_task = 'unlimited'\nmemory_bytes = 123456789\n\
                [tenants.t]\nprofile = 'p'\nenabled = false\nweight = 2\n[tenants.t.limits]\nformats = ['csv']\n\
                file_bytes = '2TB'\nbatch_bytes = '3TB'\n\
                [tenants.t.sinks.a]\ncollection = 'X.y'\n[tenants.t.sinks.documents]\n\
                [tenants.t.apps.a]\nsink = 'a'\nconfig = { a = [1, 'x', { b = 1.5 }], c = {} }\n\
                [tenants.t.apps.a.limits]\nattempts = 7\n[tenants.t.apps.b]\n\
                [tenants.t.streams.s]\napp = 'a'\nrouting_keys = ['x y', '\"']\nconsumers_max = 1\nmax_queue_bytes = '1MB'\n\
                batch_messages = 7\nbatch_bytes = 65537\nenabled = false\n[tenants.t.streams.s.limits]\nattempts = 8\n\
                [tenants.t.streams.o]\napp = 'c'\nordered = true";
    let read = config(text);
    let summary = read.summary();
    assert_eq!(config(&summary), read, "{summary}");
    let json = serde_json::to_value(&read).unwrap();
    assert_eq!(json["tenants"]["t"]["limits"]["file_bytes"], "2TB");
    assert_eq!(json["profiles"]["p"]["rows_per_task"], "unlimited");
}

#[test]
fn the_summary_of_nothing_is_every_default() {
    let summary = Config::default().summary();
    let begin = "data = \"./data\"\nstaging = \"./staging\"\nslots = 3\nisolation = \"full\"\nlease = \"30s\"\n";
    assert!(summary.starts_with(begin), "{summary}");
    assert!(
        summary.contains("\n[profiles.normal]\nweight = 1\nfiles_per_batch = 10\nfile_bytes = \"4GB\"\n"),
        "{summary}"
    );
    assert_eq!(config(&summary), Config::default());
}

#[test]
fn a_path_is_compared_as_it_really_is() {
    let folder = tempfile::tempdir().unwrap();
    let real = folder.path().canonicalize().unwrap();
    std::fs::create_dir(real.join("data")).unwrap();
    std::os::unix::fs::symlink(real.join("data"), real.join("link")).unwrap();
    assert_eq!(read::real_path(&real.join("link/new/../staging")), real.join("data/staging"));
    assert_eq!(read::real_path(Path::new("a/b")), std::env::current_dir().unwrap().canonicalize().unwrap().join("a/b"));

    let file = real.join("f.toml");
    let text = format!("data = {:?}\nstaging = {:?}", real.join("data"), real.join("link/staging"));
    std::fs::write(&file, text).unwrap();
    let nobody = std::iter::empty::<(String, String)>();
    let told = Config::load(Some(&file), nobody).unwrap_err().to_string();
    assert!(told.contains(":2: staging = ") && told.contains(": staging lies inside data ("), "{told}");
}

#[test]
fn directories_beside_each_other_may_begin_alike() {
    assert!(read_with("data = '/a/data'\nstaging = '/a/data-staging'", &[]).is_ok());
}
