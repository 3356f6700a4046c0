//! A breach of each limit of streams under each policy: what is told, and what is done. Those that need only one stream and one
//! sentence of each kind; what throttling, pausing and deleting mean is in `stream_limits`. Limits of consumers and of streams are
//! never above what was there when they were started: `app/daemon/tests.rs` lowers them while it runs.

use mysimbdp_tests::artefacts::obeys_messages;
use mysimbdp_tests::daemon::Daemon;
use serde_json::Value;
use std::fmt::Write as _;

struct Row {
    limit: &'static str,
    allowed: &'static str,
    policy: &'static str,
    /// What the stream is in the end.
    state: &'static str,
    /// How the notification begins.
    told: &'static str,
    /// What the manager says of what it did.
    done: &'static str,
}

const PAUSED: &str = ". the stream was paused; start it when that is mended";
const DELETED: &str = ". the stream was deleted, with what waited in its queue";

const ROWS: &[Row] = &[
    Row {
        limit: "bytes_per_window",
        allowed: "\"1kB\"",
        policy: "pause",
        state: "paused",
        told: "the streams of tenant t0 consumed ",
        done: PAUSED,
    },
    Row {
        limit: "bytes_per_window",
        allowed: "\"1kB\"",
        policy: "delete",
        state: "deleted",
        told: "the streams of tenant t1 consumed ",
        done: DELETED,
    },
    Row {
        limit: "storage_bytes",
        allowed: "\"20kB\"",
        policy: "pause",
        state: "paused",
        told: "tenant t2 keeps ",
        done: PAUSED,
    },
    Row {
        limit: "storage_bytes",
        allowed: "\"20kB\"",
        policy: "delete",
        state: "deleted",
        told: "tenant t3 keeps ",
        done: DELETED,
    },
];

fn config() -> String {
    let mut config = String::new();
    for (number, Row { limit, allowed, policy, .. }) in ROWS.iter().enumerate() {
        let others: String = ["messages_per_window", "bytes_per_window"]
            .iter()
            .filter(|other| *other != limit)
            .map(|other| format!("{other} = \"unlimited\"\n"))
            .collect();
        let _ = writeln!(
            config,
            "[profiles.p{number}]\nwindow_seconds = 1\n{others}{limit} = {allowed}\non_breach = \"{policy}\"\n\
             [tenants.t{number}]\nprofile = \"p{number}\"\n[tenants.t{number}.streams.obey]\napp = \"obeys-messages\""
        );
    }
    config
}

/// Events of a kind in a tenant's journal, the oldest first.
fn events(daemon: &Daemon, tenant: &str, kind: &str) -> Vec<Value> {
    let answer = daemon.command(["logs", "--json", tenant, "--event", kind, "--limit", "1000"]);
    answer.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn line(daemon: &Daemon, tenant: &str) -> Value {
    let list = daemon.ask(&["streams", "list"], &[0]);
    list.as_array().unwrap().iter().find(|line| line["tenant"] == tenant).unwrap().clone()
}

#[test]
fn each_limit_that_is_broken_is_told_of_and_has_the_consequence_of_its_policy() {
    let daemon = Daemon::start(&config());
    let wide: String = (1..=40).fold(String::new(), |mut text, number| {
        let _ = writeln!(text, "n {number} {}", "x".repeat(300));
        text
    });
    let many: String = (1..=2_000).fold(String::new(), |mut text, number| {
        let _ = writeln!(text, "n {number}");
        text
    });
    for (number, row) in ROWS.iter().enumerate() {
        daemon.drop_app_as(&format!("t{number}"), &obeys_messages(0), "obeys.so");
        let lines = if row.limit == "storage_bytes" { &many } else { &wide };
        let file = daemon.write("lines.jsonl", lines);
        daemon.ask(&["publish", &format!("t{number}/obey"), file.to_str().unwrap()], &[0]);
    }
    for (number, row) in ROWS.iter().enumerate() {
        let (tenant, what) = (format!("t{number}"), format!("{} under {}", row.limit, row.policy));
        let breach = daemon.until(&what, || events(&daemon, &tenant, "stream_breach").into_iter().next());
        let notification = &breach["notification"];
        assert_eq!(
            (&notification["limit"], &notification["policy"]),
            (&row.limit.into(), &row.policy.into()),
            "{breach}"
        );
        assert_eq!(notification["tenant"], tenant.as_str(), "{breach}");
        let (measured, allowed) = (notification["measured"].as_u64(), notification["allowed"].as_u64());
        let has_waited = notification["waiting"].as_u64() > Some(0);
        assert!(measured > allowed || has_waited, "{what}: {breach}");
        let sentence = breach["sentence"].as_str().unwrap();
        assert!(sentence.starts_with(row.told) && sentence.contains(&format!("({})", row.limit)), "{what}: {sentence}");
        // It is said before its consumers have ended.
        let is_over = |line: &Value| line["state"] == row.state && line["consumers"] == 0;
        let line = daemon.until(&what, || Some(line(&daemon, &tenant)).filter(is_over));
        let reason = line["reason"].as_str().unwrap();
        assert!(reason.starts_with(row.told) && reason.ends_with(row.done), "{what}: {reason}");
        let changed = daemon.until(&what, || events(&daemon, &tenant, "stream_changed").into_iter().next_back());
        assert_eq!((&changed["state"], &changed["reason"]), (&row.state.into(), &reason.into()), "{what}: {changed}");
        let file = daemon.write("late.jsonl", "n 1\n");
        // What is published for a stream that is paused waits; one that is deleted takes nothing.
        let accepts = || daemon.command(["publish", &format!("{tenant}/obey"), file.to_str().unwrap()]).code == 0;
        daemon.until(&what, || (accepts() == (row.state == "paused")).then_some(()));
    }
}
