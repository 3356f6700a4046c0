//! Variables set keys, and their mistakes name them.

use super::super::Config;
use super::super::environment::find;
use super::{config, mistakes_with, read_with};
use crate::tenant::{AppName, StreamName, TenantId};
use std::path::{Path, PathBuf};

#[test]
fn a_variable_sets_a_key_and_has_the_last_word() {
    let env = [
        ("MYSIMBDP_SLOTS", "5"),
        ("MYSIMBDP_LEASE", "2s"),
        ("MYSIMBDP_ADOPT_TENANTS", "true"),
        ("MYSIMBDP_KEEP__JOURNAL_BYTES", "1_000_000"),
        ("MYSIMBDP_PROFILES__NORMAL__FILE_BYTES", "1GB"),
        ("MYSIMBDP_PROFILES__NORMAL__WAITING_TASKS", "unlimited"),
        ("MYSIMBDP_PROFILES__NORMAL__DEAD_LETTER_PERCENT", "2.5"),
        ("MYSIMBDP_PROFILES__NORMAL__FORMATS", "csv, jsonl"),
    ];
    let text = "slots = 7\nadopt_tenants = false\nlease = '1s'\n[keep]\njournal_bytes = '1MiB'\n[profiles.normal]\n\
                file_bytes = '1GB'\nwaiting_tasks = 'unlimited'\ndead_letter_percent = 2.5\nformats = ['csv', 'jsonl']";
    let by_file = config(
        &text.replace("slots = 7", "slots = 5").replace("1MiB", "1MB").replace("1s", "2s").replace("false", "true"),
    );
    assert_eq!(read_with(text, &env), Ok(by_file.clone()));
    assert_eq!(read_with("", &env), Ok(by_file));
}

#[test]
fn a_variable_finds_the_name_that_is_written_with_a_dash() {
    let text = "[tenants.acme-eu.apps.trips-csv]\n[tenants.a_b]\n[tenants.a-b]\n[profiles.small]";
    let env = [
        ("MYSIMBDP_TENANTS__ACME_EU__APPS__TRIPS_CSV__CONFIG", r#"{"b":1,"a":[true]}"#),
        ("MYSIMBDP_tenants__a_b__profile", "small"),
        ("MYSIMBDP_TENANTS__NEW__WEIGHT", "2"),
        ("MYSIMBDP_TENANTS__NEW__STREAMS__S__APP", "json"),
        ("MYSIMBDP_TENANTS__NEW__STREAMS__S__ROUTING_KEYS", "a, b.c"),
        ("MYSIMBDP_TENANTS__NEW__STREAMS__S__LIMITS__MEMORY_BYTES", "8MiB"),
    ];
    let config = read_with(text, &env).unwrap();
    let tenant = |name| config.tenants[&TenantId::parse(name).unwrap()].clone();
    let app = tenant("acme-eu").app(&AppName::parse("trips-csv").unwrap());
    assert_eq!(app.config.as_deref(), Some(r#"{"b":1,"a":[true]}"#));
    assert_eq!([tenant("a_b").profile, tenant("a-b").profile], ["small", "normal"]);
    assert_eq!(tenant("new").weight, 2);
    let stream = &tenant("new").streams[&StreamName::parse("s").unwrap()];
    assert_eq!((stream.app.as_str(), stream.limits.memory_bytes), ("json", 8 << 20));
    assert_eq!(stream.routing_keys, ["a", "b.c"]);
    assert_eq!(config.tenants.len(), 4);
}

#[test]
fn variables_that_are_meant_for_something_else_are_passed_over() {
    let others = [
        "CONFIG",
        "SERVER",
        "TOKEN",
        "CA",
        "SOCKET",
        "FAILPOINT",
        "PREBUILT",
        "BLESS",
        "LOG",
        "PORT",
        "PORT_80_TCP",
        "SERVICE_HOST",
        "SERVICE_PORT_HTTP",
        "TEST_KILLED_WRITER",
    ];
    let names = others.map(|name| format!("MYSIMBDP_{name}"));
    let mut env: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "x")).collect();
    env.extend([("HOME", "/"), ("mysimbdp_slots", "0"), ("XMYSIMBDP_SLOTS", "0")]);
    assert_eq!(read_with("", &env), Ok(config("")));
}

#[test]
fn mistakes_name_the_variable() {
    let env = [
        ("MYSIMBDP_SLOTS", "0"),
        ("MYSIMBDP_SLOT", "1"),
        ("MYSIMBDP_WARM", ""),
        ("MYSIMBDP_ADOPT_TENANTS", "yes"),
        ("MYSIMBDP_QUEUE", "embedded"),
        ("MYSIMBDP_DATA__X", "1"),
        ("MYSIMBDP_STAGING_RULES__QUITE", "1s"),
        ("MYSIMBDP_TENANTS__ACME__PROFILE", "huge"),
        ("MYSIMBDP_TENANTS__ACME__APPS__A__CONFIG__X", "1"),
        ("MYSIMBDP_TENANTS__ACME__APPS__B__CONFIG", "{"),
        ("MYSIMBDP_TENANTS__ACME__APPS__C__CONFIG", r#"{"a":[{"b":null}]}"#),
        ("MYSIMBDP_TENANTS__1__WEIGHT", "1"),
        ("MYSIMBDP_A__B__C__D__E__F__G", "1"),
        ("MYSIMBDP_LEASE", "5s"),
        ("MYSIMBDP_lease", "6s"),
        ("MYSIMBDP_", "1"),
    ];
    assert_eq!(
        mistakes_with("data = 'd'\nslots = 2", &env),
        [
            "MYSIMBDP_: \"\": no such key; there are adopt_tenants, api, broker, data, depot, host, isolation, keep, \
             lease, mongodb, profiles, queue, rabbitmq, redis, retry_pause, sink, slots, staging, staging_rules, \
             stream_threads, tenants, warm, workers_max",
            "MYSIMBDP_ADOPT_TENANTS: adopt_tenants = \"yes\": neither yes nor no: true or false, without quotes",
            "MYSIMBDP_A__B__C__D__E__F__G: no such key: no key has more than 6 levels",
            "MYSIMBDP_DATA__X: data is set to a value: no key can stand below it",
            "MYSIMBDP_QUEUE: queue = \"embedded\": not a table: its keys are set by variables like MYSIMBDP_QUEUE__KEY",
            "MYSIMBDP_SLOT: slot: no such key; did you mean slots?",
            "MYSIMBDP_SLOTS: slots = \"0\": at least 1, such as 3",
            "MYSIMBDP_STAGING_RULES__QUITE: staging_rules.quite: no such key; did you mean quiet?",
            "MYSIMBDP_TENANTS__1__WEIGHT: tenants.1: not the name of a tenant: a name has 1 to 64 of a-z, 0-9, - and _, and \
             starts with a letter",
            "MYSIMBDP_TENANTS__ACME__APPS__A__CONFIG__X: tenants.acme.apps.a.config is the app's own: set it as a whole, to \
             a JSON object",
            "MYSIMBDP_TENANTS__ACME__APPS__B__CONFIG: tenants.acme.apps.b.config = \"{\": not a JSON object, such as \
             {\"delimiter\":\";\"}: EOF while parsing an object at line 1 column 1",
            "MYSIMBDP_TENANTS__ACME__APPS__C__CONFIG: tenants.acme.apps.c.config = \"{\\\"a\\\":[{\\\"b\\\":null}]}\": b is \
             null, for which a table has no word: leave the key out",
            "MYSIMBDP_TENANTS__ACME__PROFILE: tenants.acme.profile = \"huge\": no such profile; there is \"normal\"",
            "MYSIMBDP_WARM: warm = \"\": not a duration: from \"0s\" to \"1d\", such as \"1m\"",
            "MYSIMBDP_lease: lease is set by MYSIMBDP_LEASE as well: leave one out",
        ]
    );
}

#[test]
fn the_file_is_the_one_that_is_named_else_the_usual_one_if_it_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let env = |value: &str| vec![("MYSIMBDP_CONFIG".to_owned(), value.to_owned())];
    let explicit = Path::new("explicit");
    assert_eq!(find(Some(explicit), env("named"), folder.path()), Some(explicit.to_owned()));
    assert_eq!(find(None, env("named"), folder.path()), Some(PathBuf::from("named")));
    assert_eq!(find(None, env(""), folder.path()), None);
    std::fs::write(folder.path().join("mysimbdp.toml"), "slots = 4").unwrap();
    let found = find(None, env(""), folder.path());
    assert_eq!(found, Some(folder.path().join("mysimbdp.toml")));
    assert_eq!(Config::load(found.as_deref(), env("named")).unwrap().slots, 4);
}
