//! Limits of streams, under each policy, with the notification that a breach produces; consumers that come and go.

use super::streams::{drained, numbers, obeying, publish, stored, stream};
use mysimbdp_tests::daemon::Daemon;
use serde_json::Value;
use std::fmt::Write as _;

/// One stream under a profile with windows of a second and these limits.
fn config(limits: &str) -> String {
    format!(
        "[profiles.tight]\nwindow_seconds = 1\n{limits}\n[tenants.acme]\nprofile = \"tight\"\n\
         [tenants.acme.streams.obey]\napp = \"obeys-messages\"\n"
    )
}

/// The events of a kind in the tenant's journal, the oldest first.
fn events(daemon: &Daemon, kind: &str) -> Vec<Value> {
    let answer = daemon.command(["logs", "--json", "acme", "--event", kind, "--limit", "1000"]);
    answer.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn first(daemon: &Daemon, kind: &str) -> Value {
    daemon.until(kind, || events(daemon, kind).into_iter().next())
}

#[test]
fn a_stream_that_is_throttled_is_slower_and_loses_nothing() {
    let daemon = obeying(&config("messages_per_window = 100"));
    publish(&daemon, "acme/obey", &numbers(1..=350), "many");
    let breach = first(&daemon, "stream_breach");
    let told = breach["sentence"].as_str().unwrap();
    assert!(told.starts_with("the streams of tenant acme consumed 100 messages in a window of 1 s, and "), "{told}");
    assert!(told.contains("where 100 are allowed (messages_per_window): publish less, or raise the limit"), "{told}");
    let notification = &breach["notification"];
    assert_eq!(
        (&notification["measured"], &notification["allowed"], &notification["policy"]),
        (&100.into(), &100.into(), &"throttle".into()),
        "{breach}"
    );
    drained(&daemon, "obey");
    assert_eq!(stored(&daemon, "documents"), (1..=350).collect::<Vec<i64>>());
    assert_eq!(stream(&daemon, "obey")["state"], "started");
    let windows = events(&daemon, "stream_window");
    let most = windows.iter().map(|window| window["report"]["messages"].as_u64().unwrap()).max();
    assert!(most <= Some(100), "a window had {most:?} messages");
}

#[test]
fn bytes_are_limited_as_messages_are() {
    let daemon = obeying(&config("bytes_per_window = \"1kB\""));
    let mut lines = String::new();
    // Long enough for a broker that counts what is held from time to time.
    for number in 1..=36 {
        let _ = writeln!(lines, "n {number} {}", "x".repeat(300));
    }
    publish(&daemon, "acme/obey", &lines, "wide");
    let breach = first(&daemon, "stream_breach");
    assert_eq!(breach["notification"]["limit"], "bytes_per_window", "{breach}");
    drained(&daemon, "obey");
    assert_eq!(stored(&daemon, "documents"), (1..=36).collect::<Vec<i64>>());
}

#[test]
fn a_stream_that_is_paused_keeps_its_messages_until_somebody_starts_it() {
    let daemon = obeying(&config("messages_per_window = 100\non_breach = \"pause\""));
    publish(&daemon, "acme/obey", &numbers(1..=350), "many");
    let line = daemon.until("the pause, with every message waiting or done", || {
        let line = stream(&daemon, "obey");
        // It is said before its consumers have ended, and what waits is counted from time to time: what they gave
        // back counts a moment later.
        let known = line["waiting"].as_u64().unwrap() + line["messages"].as_u64().unwrap();
        (line["state"] == "paused" && line["consumers"] == 0 && known == 350).then_some(line)
    });
    let reason = line["reason"].as_str().unwrap();
    assert!(reason.contains("consumed 100 messages in a window of 1 s"), "{reason}");
    daemon.ask(&["streams", "start", "acme/obey"], &[0]);
    daemon.until("more", || (stored(&daemon, "documents").len() > 100).then_some(()));
}

#[test]
fn a_stream_that_is_deleted_has_no_queue_until_somebody_starts_it() {
    let mut daemon = obeying(&config("messages_per_window = 100\non_breach = \"delete\""));
    publish(&daemon, "acme/obey", &numbers(1..=350), "many");
    daemon.until("the end of the stream", || (stream(&daemon, "obey")["state"] == "deleted").then_some(()));
    let file = daemon.write("late.jsonl", "n 1\n");
    let refused = daemon.command(["publish", "acme/obey", file.to_str().unwrap()]);
    assert!(refused.stdout.contains("0 messages accepted, 1 refused"), "{} {}", refused.stdout, refused.stderr);
    // It stays so over a restart.
    daemon.stop();
    daemon.serve();
    assert_eq!(stream(&daemon, "obey")["state"], "deleted");
    daemon.ask(&["streams", "start", "acme/obey"], &[0]);
    publish(&daemon, "acme/obey", "n 1001\n", "anew");
    daemon.until("the message", || stored(&daemon, "documents").contains(&1_001).then_some(()));
}

#[test]
fn storage_that_is_used_up_pauses_streams() {
    let daemon = obeying(&config("storage_bytes = \"20kB\"\nmessages_per_window = \"unlimited\""));
    publish(&daemon, "acme/obey", &numbers(1..=2_000), "full");
    let breach = first(&daemon, "stream_breach");
    assert_eq!(breach["notification"]["limit"], "storage_bytes", "{breach}");
    daemon.until("the pause", || (stream(&daemon, "obey")["state"] == "paused").then_some(()));
    let refused = daemon.command(["streams", "start", "acme/obey"]);
    assert!(refused.stderr.contains("are allowed (storage_bytes): remove something first"), "{}", refused.stderr);
}

#[test]
fn consumers_come_with_the_load_and_go_with_it() {
    let daemon = obeying(&config("messages_per_window = \"unlimited\""));
    // Twelve seconds of work for one consumer.
    publish(&daemon, "acme/obey", &"slow 20\n".repeat(600), "slow");
    let scaled = first(&daemon, "stream_scaled");
    assert!(scaled["to"].as_u64() > scaled["from"].as_u64(), "{scaled}");
    daemon.until("the least", || {
        let line = stream(&daemon, "obey");
        (line["consumers"] == 1 && line["messages"] == 600).then_some(())
    });
    let all = events(&daemon, "stream_scaled");
    assert!(all.len() >= 2, "{all:?}");
    let usage = daemon.ask(&["usage", "acme"], &[0]);
    assert_eq!(usage[0]["documents"], 600, "{usage}");
}
