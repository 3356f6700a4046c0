//! Messages while servers fall and hosts die: every message that was accepted is a document in the end, once.

use mysimbdp_tests::artefacts::obeys_messages;
use mysimbdp_tests::daemon::Daemon;
use mysimbdp_tests::servers::Servers;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::ops::RangeInclusive;
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) use mysimbdp_tests::data::OBEY as CONFIG;

/// Nothing that a test waits for takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

fn servers() -> Servers {
    Servers::start().with_broker_of_its_own()
}

/// A host of this name with the app live for `acme`.
fn host(name: &str, servers: &Servers, depot: &TempDir) -> Daemon {
    let depot = depot.path().display();
    let mut daemon = Daemon::prepare(&format!("host = \"{name}\"\n[depot]\nurl = \"file://{depot}\"\n{CONFIG}"));
    daemon.use_servers(servers.clone());
    fs::create_dir_all(daemon.staging("acme")).unwrap();
    daemon.serve();
    daemon
}

/// A host that is alone, with this configuration and the app live for `acme`.
pub(crate) fn obeying(config: &str, servers: &Servers) -> Daemon {
    let mut daemon = Daemon::prepare(config);
    daemon.use_servers(servers.clone());
    daemon.serve();
    daemon.drop_app_as("acme", &obeys_messages(0), "obeys.so");
    daemon
}

/// Publishes `n 1`, `n 2`, … under their own message ids, as often as it takes: what is accepted twice is stored once.
pub(crate) fn publish(daemon: &Daemon, numbers: RangeInclusive<u32>) {
    let mut lines = String::new();
    for number in numbers.clone() {
        let _ = writeln!(lines, "n {number}");
    }
    let ids = format!("from-{}", numbers.start());
    insist(daemon, &ids, &lines, &["--ids", &ids]);
}

/// The same without message ids: what is accepted twice is stored twice.
pub(crate) fn publish_without_ids(daemon: &Daemon, numbers: RangeInclusive<u32>) {
    let name = format!("plain-{}", numbers.start());
    let lines: String = numbers.fold(String::new(), |mut lines, number| {
        let _ = writeln!(lines, "n {number}");
        lines
    });
    insist(daemon, &name, &lines, &["--no-ids"]);
}

/// Publishes lines until all of them are accepted.
fn insist(daemon: &Daemon, name: &str, lines: &str, ids: &[&str]) {
    let file = daemon.write(&format!("{name}.jsonl"), lines);
    let until = Instant::now() + PATIENCE;
    loop {
        let answer = daemon.command(["publish", "acme/obey", file.to_str().unwrap()].iter().chain(ids));
        if answer.code == 0 {
            return;
        }
        assert!(Instant::now() < until, "nothing can be published: {} {}", answer.stderr, daemon.log());
        sleep(Duration::from_millis(500));
    }
}

/// The `n` of every document, sorted.
pub(crate) fn stored(servers: &Servers) -> Vec<i64> {
    let number = |text: &String| serde_json::from_str::<Value>(text).unwrap()["n"].as_i64().unwrap();
    let mut stored: Vec<i64> = servers.documents("acme", "documents").iter().map(number).collect();
    stored.sort_unstable();
    stored
}

/// Waits until all of these are stored: those with message ids once, those without at least once.
pub(crate) fn all_are_stored(servers: &Servers, daemon: &Daemon, once: &[i64], at_least_once: &[i64]) {
    let until = Instant::now() + PATIENCE;
    let expected: BTreeSet<i64> = once.iter().chain(at_least_once).copied().collect();
    loop {
        let stored = stored(servers);
        let different: BTreeSet<i64> = stored.iter().copied().collect();
        if different == expected {
            let doubles: Vec<i64> = stored.windows(2).filter(|two| two[0] == two[1]).map(|two| two[0]).collect();
            assert!(doubles.iter().all(|double| at_least_once.contains(double)), "stored twice: {doubles:?}");
            assert!(daemon.letters("acme").is_empty(), "an innocent was convicted: {:?}", daemon.letters("acme"));
            return;
        }
        assert!(different.is_subset(&expected), "nobody published {:?}", different.difference(&expected));
        assert!(Instant::now() < until, "only {} of {}: {}", different.len(), expected.len(), daemon.log());
        sleep(Duration::from_millis(250));
    }
}

/// Waits until there are so many documents, and holds them against the messages.
pub(crate) fn is_stored(servers: &Servers, daemon: &Daemon, numbers: RangeInclusive<i64>) {
    let until = Instant::now() + PATIENCE;
    let expected = usize::try_from(numbers.end() - numbers.start() + 1).unwrap();
    loop {
        let stored = stored(servers);
        if stored.len() >= expected {
            assert_eq!(stored, numbers.collect::<Vec<i64>>());
            assert!(daemon.letters("acme").is_empty(), "an innocent was convicted: {:?}", daemon.letters("acme"));
            return;
        }
        assert!(Instant::now() < until, "only {} of {expected}: {}", stored.len(), daemon.log());
        sleep(Duration::from_millis(250));
    }
}

#[test]
fn rabbitmq_is_killed_and_comes_back_while_messages_flow() {
    let (servers, depot) = (servers(), TempDir::new().unwrap());
    let daemon = host("one", &servers, &depot);
    daemon.drop_app_as("acme", &obeys_messages(0), "obeys.so");
    publish(&daemon, 1..=1_000);
    is_stored(&servers, &daemon, 1..=1_000);
    // A virtual host that was made just before a RabbitMQ is killed may not come up with it again: that is its own affair.
    sleep(Duration::from_secs(5));
    publish(&daemon, 1_001..=6_000);
    servers.rabbitmq().kill();
    sleep(Duration::from_secs(2));
    servers.rabbitmq().restart().unwrap();
    publish(&daemon, 6_001..=8_000);
    is_stored(&servers, &daemon, 1..=8_000);
}

#[test]
fn the_sink_is_gone_for_half_a_minute_and_nothing_is_lost() {
    let (servers, depot) = (servers(), TempDir::new().unwrap());
    let daemon = host("one", &servers, &depot);
    daemon.drop_app_as("acme", &obeys_messages(0), "obeys.so");
    publish(&daemon, 1..=2_000);
    servers.mongodb().kill();
    publish(&daemon, 2_001..=5_000);
    sleep(Duration::from_secs(30));
    servers.mongodb().restart().unwrap();
    is_stored(&servers, &daemon, 1..=5_000);
}

#[test]
fn a_host_that_dies_has_its_messages_taken_by_another() {
    let (servers, depot) = (servers(), TempDir::new().unwrap());
    let mut one = host("one", &servers, &depot);
    let other = host("other", &servers, &depot);
    one.drop_app_as("acme", &obeys_messages(0), "obeys.so");
    other.until("the app", || (!other.ask(&["apps", "list"], &[0]).as_array()?.is_empty()).then_some(()));
    publish(&one, 1..=5_000);
    one.kill();
    publish(&other, 5_001..=10_000);
    is_stored(&servers, &other, 1..=10_000);
}
