//! What `config/` ships is read, and the parts of it agree with each other.

use super::super::{BrokerKind, Config, Listen, QueueKind, SinkKind};
use super::documented::load;
use super::{config, workspace};
use crate::tenant::{StreamName, TenantId};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const UNIT: &str = "config/mysimbdp.service";
/// What other programs read: tests beside what they are about hold them to it, and tests here the unit.
const OF_OTHERS: [&str; 3] = ["grafana-dashboard.json", "mysimbdp.service", "prometheus-alerts.yaml"];

fn names() -> Vec<String> {
    let entries = fs::read_dir(workspace("config")).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Each key of the unit with its values, in their order.
fn unit() -> BTreeMap<String, Vec<String>> {
    let mut keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let text = fs::read_to_string(workspace(UNIT)).unwrap();
    for line in text.lines().filter(|line| !line.starts_with(['#', '[']) && !line.is_empty()) {
        let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("{UNIT}: {line}"));
        keys.entry(key.to_owned()).or_default().push(value.to_owned());
    }
    keys
}

#[test]
fn every_example_file_is_read() {
    let (examples, others): (Vec<_>, Vec<_>) =
        names().into_iter().partition(|name| Path::new(name).extension().is_some_and(|kind| kind == "toml"));
    for name in &examples {
        let read = load(&format!("config/{name}"));
        assert_eq!(config(&read.summary()), read, "{name}");
    }
    assert_eq!(examples, ["minimal.toml", "mysimbdp.toml", "one-machine.toml", "several-hosts.toml"]);
    assert_eq!(others, OF_OTHERS);
}

#[test]
fn on_one_machine_everything_is_embedded_and_https_is_served_to_two_tenants() {
    let one = load("config/one-machine.toml");
    assert!(matches!(
        (&one.queue, &one.sink, &one.broker),
        (QueueKind::Embedded, SinkKind::Embedded, BrokerKind::Embedded)
    ));
    assert!(matches!(one.api.listen, Listen::At(address) if !address.ip().is_loopback()) && one.api.tls.is_some());
    assert_eq!(one.depot, None);
    let profile = |tenant: &str| one.tenants[&TenantId::parse(tenant).unwrap()].profile.clone();
    assert_eq!((profile("acme").as_str(), profile("globex").as_str()), ("large", "small"));
}

#[test]
fn several_hosts_share_everything_that_one_can_lose() {
    let several = load("config/several-hosts.toml");
    let on_servers = matches!(
        (&several.queue, &several.sink, &several.broker),
        (QueueKind::Redis, SinkKind::MongoDb, BrokerKind::RabbitMq)
    );
    assert!(on_servers && several.depot.is_some() && several.api.tls.is_some());
    let acme = &several.tenants[&TenantId::parse("acme").unwrap()];
    assert_eq!(acme.streams[&StreamName::parse("orders").unwrap()].consumers_min, 3);
}

#[test]
fn the_variables_that_the_example_of_several_hosts_names_are_read() {
    let text = fs::read_to_string(workspace("config/several-hosts.toml")).unwrap();
    let line = |line: &str| {
        let (name, value) = line.strip_prefix("#   ")?.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    };
    let variables: Vec<(String, String)> = text.lines().filter_map(line).collect();
    assert_eq!(variables.len(), 5, "{variables:?}");
    let path = workspace("config/several-hosts.toml");
    let read = Config::load(Some(&path), variables).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(read.host, "ingest-1");
    assert_eq!(read.redis.url.shown(), "rediss://ingest:***@redis.internal:6379/");
}

#[test]
fn the_unit_may_write_where_the_examples_keep_what_they_have_and_nowhere_else() {
    let unit = unit();
    assert_eq!(unit["ProtectSystem"], ["strict"]);
    let depot = load("config/several-hosts.toml").depot.unwrap();
    let depot = depot.strip_prefix("file://").unwrap();
    // Not everybody has it: no unit fails for want of it, and none is started before it is mounted.
    assert_eq!(unit["ReadWritePaths"], [format!("-{depot}")]);
    assert_eq!(unit["RequiresMountsFor"], [depot]);
    let state = Path::new("/var/lib").join(&unit["StateDirectory"][0]);
    for example in ["config/one-machine.toml", "config/several-hosts.toml"] {
        let read = load(example);
        for path in [&read.data, &read.staging] {
            assert_eq!(path.parent(), Some(state.as_path()), "{example}");
        }
    }
    // Tenants go through it into their directories; the data directory is closed by itself.
    assert_eq!((unit["StateDirectoryMode"][0].as_str(), unit["UMask"][0].as_str()), ("0755", "0022"));
}

#[test]
fn the_unit_stops_the_host_as_it_wants_to_be_stopped_and_keeps_it_where_a_worker_dies() {
    let unit = unit();
    let one = |key: &str| match &unit[key][..] {
        [value] => value.clone(),
        other => panic!("{key}: {other:?}"),
    };
    // Workers that were told to end as well would be deaths, and blamed on rows.
    assert_eq!((one("KillMode"), one("KillSignal")), ("mixed".to_owned(), "SIGTERM".to_owned()));
    let seconds: u64 = one("TimeoutStopSec").trim_end_matches('s').parse().unwrap();
    assert!(seconds >= 30, "requests under way alone have 10 s, what runs is checkpointed besides");
    assert_eq!(one("OOMPolicy"), "continue");
    assert_eq!((one("Type"), one("ExecReload")), ("notify".to_owned(), "/bin/kill -HUP $MAINPID".to_owned()));
    let number = |key: &str| -> u64 {
        let digits: String = one(key).chars().take_while(char::is_ascii_digit).collect();
        let unit = if one(key).ends_with("min") { 60 } else { 1 };
        digits.parse::<u64>().unwrap() * unit
    };
    assert!(number("TimeoutStartSec") > 3 * 30, "three servers are waited for");
    // A loop of starts that fail at once ends; one of starts that wait for a server does not.
    let (pause, starts, within) = (number("RestartSec"), number("StartLimitBurst"), number("StartLimitIntervalSec"));
    assert!(starts * (pause + 1) < within && starts * (pause + 30) > within);
    assert_eq!((one("Restart"), one("RestartPreventExitStatus")), ("on-failure".to_owned(), "2".to_owned()));
    assert!(one("LimitNOFILE").parse::<u64>().unwrap() >= 4_096, "what `mysimbdp doctor` asks for");
    assert_ne!(one("User"), "root");
}

#[test]
fn the_unit_takes_nothing_away_that_a_worker_needs() {
    let unit = unit();
    for key in [
        "ProtectProc",
        "ProcSubset",
        "RestrictSUIDSGID",
        "PrivateUsers",
        "PrivateNetwork",
        "RootDirectory",
        "DynamicUser",
    ] {
        assert!(!unit.contains_key(key), "{key}: the comment at the end of {UNIT} says why not");
    }
    let [calls] = &unit["SystemCallFilter"][..] else { panic!("{:?}", unit["SystemCallFilter"]) };
    let calls: Vec<&str> = calls.split_whitespace().collect();
    for needed in
        ["@system-service", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "seccomp"]
    {
        assert!(calls.contains(&needed), "{needed} is missing in {calls:?}");
    }
    assert!(calls.iter().all(|call| !call.starts_with('~')), "{calls:?}");
    // Not a kill: newer calls are tried, and done without.
    assert_eq!(unit["SystemCallErrorNumber"], ["EPERM"]);
    for family in ["AF_UNIX", "AF_INET", "AF_INET6"] {
        assert!(unit["RestrictAddressFamilies"][0].contains(family));
    }
    assert_eq!((unit["NoNewPrivileges"][0].as_str(), unit["CapabilityBoundingSet"][0].as_str()), ("yes", ""));
}
