//! Many streams: more than there are workers for, and far more than anybody uses; and queues that are full.

use super::streams::{OBEY, drained, numbers, obeying, publish, stored, stream};
use mysimbdp_tests::artefacts::obeys_messages;
use mysimbdp_tests::daemon::Daemon;
use mysimbdp_tests::expect::exit;
use mysimbdp_tests::leftovers;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Two streams of each of four tenants, all of them busy, and two workers.
#[test]
fn busy_streams_get_like_shares_of_scarce_workers() {
    const TENANTS: [&str; 4] = ["acme", "globex", "initech", "umbrella"];
    /// Of one stream: six seconds of work.
    const MESSAGES: usize = 3_000;
    /// What each has done when shares are compared: several turns of half a second.
    const LEAST: u64 = 500;
    let mut config =
        "workers_max = 2\n[profiles.generous]\nmessages_per_window = \"unlimited\"\nbytes_per_window = \"unlimited\"\n"
            .to_owned();
    for tenant in TENANTS {
        let _ = writeln!(config, "[tenants.{tenant}]\nprofile = \"generous\"");
        for name in ["one", "two"] {
            let _ = writeln!(
                config,
                "[tenants.{tenant}.streams.{name}]\napp = \"obeys-messages\"\nenabled = false\nconsumers_max = 1"
            );
        }
    }
    let daemon = Daemon::start(&config);
    let streams: Vec<String> =
        TENANTS.iter().flat_map(|tenant| ["one", "two"].map(|name| format!("{tenant}/{name}"))).collect();
    for tenant in TENANTS {
        daemon.drop_app_as(tenant, &obeys_messages(0), "obeys.so");
    }
    for name in &streams {
        // A queue is there once its stream was started.
        daemon.ask(&["streams", "start", name], &[0]);
        daemon.ask(&["streams", "stop", name], &[0]);
        publish(&daemon, name, &"slow 2\n".repeat(MESSAGES), &name.replace('/', "-"));
    }
    for name in &streams {
        daemon.ask(&["streams", "start", name], &[0]);
    }
    let shares = daemon.until("shares", || {
        let list = daemon.ask(&["streams", "list"], &[0]);
        let shares: Vec<u64> = list.as_array()?.iter().map(|line| line["stored"].as_u64().unwrap()).collect();
        (shares.iter().min()? >= &LEAST).then_some(shares)
    });
    let (least, most) = (shares.iter().min().unwrap(), shares.iter().max().unwrap());
    assert_eq!(shares.len(), streams.len());
    assert!(*most < MESSAGES as u64, "one had nothing left to do: {shares:?}");
    assert!(*most <= 3 * least, "{shares:?}");
    assert!(leftovers::workers_of(daemon.pid()).len() <= 2);
}

#[test]
fn a_thousand_streams_cost_no_worker_until_something_comes() {
    // A RabbitMQ needs its time for each of them.
    let is_embedded = |daemon: &Daemon| daemon.broker_lag().is_zero();
    let prepared = Daemon::prepare("[tenants.acme.streams.s]\napp = \"obeys-messages\"\n");
    let (tenants, each) = if is_embedded(&prepared) { (10, 100) } else { (4, 10) };
    let mut config = "warm = \"1s\"\n[profiles.wide]\nstreams = 100\nconsumers = 100\n".to_owned();
    for tenant in 0..tenants {
        let _ = writeln!(config, "[tenants.t{tenant}]\nprofile = \"wide\"");
        for stream in 0..each {
            let _ = writeln!(config, "[tenants.t{tenant}.streams.s{stream}]\napp = \"obeys-messages\"");
        }
    }
    let mut daemon = prepared;
    daemon.write("mysimbdp.toml", config);
    daemon.serve();
    for tenant in ["t0", "t1"] {
        daemon.drop_app_as(tenant, &obeys_messages(0), "obeys.so");
    }
    let lines = |daemon: &Daemon| daemon.ask(&["streams", "list"], &[0]).as_array().unwrap().clone();
    let all = lines(&daemon);
    assert_eq!(all.len(), tenants * each);
    assert!(all.iter().all(|line| line["state"] == "started" && line["consumers"] == 1), "{:?}", all[0]);
    daemon.until("no worker", || leftovers::workers_of(daemon.pid()).is_empty().then_some(()));
    for (tenant, name) in [("t0", "s0"), ("t0", "s7"), ("t1", "s3")] {
        publish(&daemon, &format!("{tenant}/{name}"), &numbers(1..=200), &format!("{tenant}-{name}"));
    }
    let sum = |lines: &[Value]| lines.iter().map(|line| line["stored"].as_u64().unwrap()).sum::<u64>();
    daemon.until("the documents", || (sum(&lines(&daemon)) == 600).then_some(()));
    for (tenant, documents) in [("t0", 400), ("t1", 200)] {
        assert_eq!(daemon.documents(tenant, "documents").len(), documents);
    }
    daemon.until("the end of the workers", || leftovers::workers_of(daemon.pid()).is_empty().then_some(()));
    let busy = lines(&daemon).iter().filter(|line| line["messages"] != 0).count();
    assert_eq!(busy, 3);
}

#[test]
fn a_queue_that_is_full_refuses_and_all_that_was_accepted_is_stored() {
    let daemon = obeying(&format!("{OBEY}max_queue_bytes = \"100kB\"\n"));
    daemon.ask(&["streams", "stop", "acme/obey"], &[0]);
    let mut accepted = BTreeSet::new();
    let mut number = 0;
    // One by one, so that it is known which of them was refused; ten times, since a refusal is no end.
    for _ in 0..10 {
        loop {
            number += 1;
            let file = daemon.write("one.jsonl", format!("n {number} {}\n", "x".repeat(20_000)));
            let answer =
                daemon.command(["publish", "acme/obey", file.to_str().unwrap(), "--ids", &format!("m{number}")]);
            if answer.code == 0 {
                assert!(accepted.len() < 200, "it is never full");
                accepted.insert(i64::from(number));
                continue;
            }
            assert_eq!(answer.code, exit::DEAD_LETTERS, "{}", answer.stderr);
            assert!(
                answer.stderr.contains("line 1: the queue of ") && answer.stderr.contains("is full"),
                "{}",
                answer.stderr
            );
            break;
        }
    }
    assert!(accepted.len() >= 4, "{accepted:?}");
    daemon.ask(&["streams", "start", "acme/obey"], &[0]);
    drained(&daemon, "obey");
    // Its room is free again.
    publish(&daemon, "acme/obey", "n 0\n", "again");
    drained(&daemon, "obey");
    accepted.insert(0);
    assert_eq!(stored(&daemon, "documents"), accepted.into_iter().collect::<Vec<i64>>());
    let line: Value = stream(&daemon, "obey");
    assert_eq!((&line["rejected"], &line["errors"]), (&0.into(), &0.into()), "{line}");
}
