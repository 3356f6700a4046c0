//! Streams on several hosts, as one: what is told to one all do, and what a tenant may take is all of theirs together.

use mysimbdp_tests::artefacts::obeys_messages;
use mysimbdp_tests::daemon::Daemon;
use mysimbdp_tests::servers::Servers;
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Nothing that a test waits for takes longer: a host that was killed is missed after a quarter of a minute.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the tenant may take in a window of two seconds.
const LIMIT: u64 = 200;

/// One stream with so many consumers, neither more nor fewer.
fn config(consumers: usize) -> String {
    format!(
        "[profiles.tight]\nwindow_seconds = 2\nmessages_per_window = {LIMIT}\nbytes_per_window = \"unlimited\"\n\
         [tenants.acme]\nprofile = \"tight\"\n\
         [tenants.acme.streams.obey]\napp = \"obeys-messages\"\n\
         consumers_min = {consumers}\nconsumers_max = {consumers}\n"
    )
}

/// A host of this name; not started.
fn host(name: &str, servers: &Servers, depot: &TempDir, config: &str) -> Daemon {
    let depot = depot.path().display();
    let mut daemon = Daemon::prepare(&format!("host = \"{name}\"\n[depot]\nurl = \"file://{depot}\"\n{config}"));
    daemon.use_servers(servers.clone());
    fs::create_dir_all(daemon.staging("acme")).unwrap();
    daemon
}

/// Two hosts that know of each other, with the app live on both.
fn two(config: &str) -> (Daemon, Daemon, Servers, TempDir) {
    let (servers, depot) = (Servers::start().with_broker(), TempDir::new().unwrap());
    let (mut one, mut two) = (host("one", &servers, &depot, config), host("two", &servers, &depot, config));
    one.serve();
    two.serve();
    one.drop_app_as("acme", &obeys_messages(0), "obeys.so");
    until(&two, "the app", || (!two.ask(&["apps", "list"], &[0]).as_array()?.is_empty()).then_some(()));
    for daemon in [&one, &two] {
        until(daemon, "the other host", || (stream(daemon)["hosts"].as_array()?.len() == 2).then_some(()));
    }
    (one, two, servers, depot)
}

fn until<T>(daemon: &Daemon, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "{what} does not come: {} {}", stream(daemon), daemon.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The stream, as a host lists it.
fn stream(daemon: &Daemon) -> Value {
    daemon.ask(&["streams", "list"], &[0])[0].clone()
}

/// Consumers on the host of this name, as another lists them.
fn consumers(daemon: &Daemon, host: &str) -> u64 {
    let line = stream(daemon);
    let own = line["hosts"].as_array().and_then(|hosts| hosts.iter().find(|line| line["host"] == host));
    own.map_or(0, |own| own["consumers"].as_u64().unwrap())
}

fn publish(daemon: &Daemon, messages: u64) {
    let mut lines = String::new();
    for number in 1..=messages {
        let _ = writeln!(lines, "n {number}");
    }
    let file = daemon.write("many.jsonl", lines);
    let answer = daemon.ask(&["publish", "acme/obey", file.to_str().unwrap(), "--ids", "many"], &[0]);
    assert_eq!(answer["refused"], 0, "{answer}");
}

/// The messages of each window that is in a host's journal, the oldest first.
fn windows(daemon: &Daemon) -> Vec<u64> {
    let events = daemon.command(["logs", "--json", "acme", "--event", "stream_window", "--limit", "1000"]);
    let messages = |line: &str| serde_json::from_str::<Value>(line).unwrap()["report"]["messages"].as_u64().unwrap();
    events.stdout.lines().map(messages).collect()
}

fn is(daemon: &Daemon, state: &str) {
    until(daemon, state, || (stream(daemon)["state"] == state).then_some(()));
}

#[test]
fn what_one_host_is_told_of_a_stream_all_do_and_find_again() {
    let (mut one, mut two, servers, depot) = two(&config(2));
    until(&one, "a consumer on each", || (consumers(&one, "one") == 1 && consumers(&one, "two") == 1).then_some(()));
    two.ask(&["streams", "stop", "acme/obey"], &[0]);
    is(&one, "stopped");
    let nobody = |daemon: &Daemon| until(daemon, "the end", || (stream(daemon)["consumers"] == 0).then_some(()));
    nobody(&one);
    nobody(&two);
    assert_eq!(stream(&one)["reason"], "by hand");
    assert_eq!(stream(&one)["since"], stream(&two)["since"]);
    // Over a restart of both, and for one that comes later.
    one.stop();
    two.kill();
    one.serve();
    assert_eq!((&stream(&one)["state"], &stream(&one)["consumers"]), (&"stopped".into(), &0.into()));
    let mut third = host("third", &servers, &depot, &config(2));
    third.serve();
    assert_eq!((&stream(&third)["state"], &stream(&third)["consumers"]), (&"stopped".into(), &0.into()));
    // The last word counts.
    third.ask(&["streams", "start", "acme/obey"], &[0]);
    until(&third, "a consumer on each", || {
        (consumers(&third, "one") == 1 && consumers(&third, "third") == 1).then_some(())
    });
    is(&one, "started");
    third.kill();
    two.serve();
    is(&two, "started");
}

#[test]
fn a_host_that_has_nothing_to_do_leaves_the_whole_allowance_to_the_other() {
    let (one, two, ..) = two(&config(1));
    // The one consumer is with one of them.
    until(&one, "the consumer", || (consumers(&one, "one") + consumers(&one, "two") == 1).then_some(()));
    publish(&one, 20 * LIMIT);
    let busy = if consumers(&one, "one") == 1 { &one } else { &two };
    until(busy, "a window with all of it", || windows(busy).contains(&LIMIT).then_some(()));
    let all = windows(busy);
    assert!(all.iter().sum::<u64>() <= LIMIT * (all.len() as u64 + 1), "{all:?}");
    // The first of them by name looks after the tenant, and names what all have taken.
    let breach = until(&one, "the breach", || {
        let told = one.command(["logs", "--json", "acme", "--event", "stream_breach", "--limit", "1000"]);
        let told = told.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        told.map(|event| event["notification"]["measured"].as_u64().unwrap()).find(|measured| *measured == LIMIT)
    });
    assert_eq!(breach, LIMIT);
    let told = two.command(["logs", "--json", "acme", "--event", "stream_breach", "--limit", "1000"]);
    assert_eq!(told.stdout, "", "it is told once");
}

#[test]
fn two_hosts_have_the_allowance_in_halves_and_one_that_is_left_has_all() {
    let (mut one, two, ..) = two(&config(2));
    until(&one, "a consumer on each", || (consumers(&one, "one") == 1 && consumers(&one, "two") == 1).then_some(()));
    publish(&one, 40 * LIMIT);
    let halves = |daemon: &Daemon| {
        let of = |messages: &u64| *messages > LIMIT / 3 && *messages <= LIMIT / 2;
        until(daemon, "two windows of half", || {
            (windows(daemon).iter().filter(|all| of(all)).count() >= 2).then_some(())
        });
    };
    halves(&one);
    halves(&two);
    for daemon in [&one, &two] {
        // Both list what both have done, the other's as it was told last.
        until(daemon, "what both have done", || {
            let line = stream(daemon);
            let hosts = line["hosts"].as_array()?;
            let sum: u64 = hosts.iter().map(|host| host["messages"].as_u64().unwrap()).sum();
            assert_eq!((line["messages"].as_u64(), line["consumers"].as_u64()), (Some(sum), Some(2)), "{line}");
            hosts.iter().all(|host| host["messages"].as_u64() > Some(LIMIT / 2)).then_some(())
        });
    }
    one.kill();
    let before = windows(&two).len();
    until(&two, "both consumers", || (consumers_alone(&two) == 2).then_some(()));
    until(&two, "a window with all of it", || {
        windows(&two).iter().skip(before + 1).any(|messages| *messages == LIMIT).then_some(())
    });
    let all = windows(&two);
    assert!(all.iter().sum::<u64>() <= LIMIT * (all.len() as u64 + 1), "{all:?}");
}

/// Consumers where there are no other hosts.
fn consumers_alone(daemon: &Daemon) -> u64 {
    let line = stream(daemon);
    if line["hosts"].is_null() { line["consumers"].as_u64().unwrap() } else { 0 }
}
