//! Streams as their users know them: published with the command line, looked at with it and in the sink.

use mysimbdp_tests::artefacts::obeys_messages;
use mysimbdp_tests::daemon::Daemon;
pub(crate) use mysimbdp_tests::data::OBEY;
use mysimbdp_tests::expect::exit;
use serde_json::Value;
use std::fmt::Write as _;
use std::time::Instant;

/// A daemon with this configuration, and the app live for `acme`.
pub(crate) fn obeying(config: &str) -> Daemon {
    let daemon = Daemon::start(config);
    daemon.drop_app_as("acme", &obeys_messages(0), "obeys.so");
    daemon
}

/// `n 1`, `n 2`, … one on each line.
pub(crate) fn numbers(range: std::ops::RangeInclusive<u32>) -> String {
    let mut lines = String::new();
    for number in range {
        let _ = writeln!(lines, "n {number}");
    }
    lines
}

/// Publishes lines under message ids that begin with `ids`.
pub(crate) fn publish(daemon: &Daemon, stream: &str, lines: &str, ids: &str) {
    let file = daemon.write(&format!("{ids}.jsonl"), lines);
    let answer = daemon.ask(&["publish", stream, file.to_str().unwrap(), "--ids", ids], &[0]);
    assert_eq!(answer["refused"], 0, "{answer}");
}

/// What the stream has counted since the host is up.
pub(crate) fn stream(daemon: &Daemon, name: &str) -> Value {
    let list = daemon.ask(&["streams", "list"], &[0]);
    let found = list.as_array().unwrap().iter().find(|line| line["stream"] == name).cloned();
    found.unwrap_or_else(|| panic!("there is no stream {name}: {list}"))
}

/// Waits until nothing waits for a stream or is held by it.
pub(crate) fn drained(daemon: &Daemon, name: &str) -> Value {
    let mut since = None;
    daemon.until("the end of the queue", || {
        let line = stream(daemon, name);
        if line["waiting"] != 0 || line["held"].as_u64().unwrap_or_default() != 0 {
            since = None;
            return None;
        }
        let quiet = since.get_or_insert_with(Instant::now).elapsed();
        (quiet >= daemon.broker_lag()).then_some(line)
    })
}

/// The `n` of every document, sorted.
pub(crate) fn stored(daemon: &Daemon, collection: &str) -> Vec<i64> {
    let documents = daemon.documents("acme", collection);
    let n = |text: &String| {
        let document: Value = serde_json::from_str(text).unwrap();
        document["n"].as_i64().or_else(|| document["n"]["$numberLong"].as_str()?.parse().ok())
    };
    let mut numbers: Vec<i64> = documents.iter().map(|text| n(text).unwrap_or_else(|| panic!("{text}"))).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn every_message_becomes_its_documents_or_a_dead_letter() {
    let daemon = obeying(OBEY);
    let lines = format!("{}reject\nmany 3\nnothing\ndie\npanic\n{}", numbers(1..=500), numbers(501..=1_000));
    publish(&daemon, "acme/obey", &lines, "first");
    drained(&daemon, "obey");
    let mut expected: Vec<i64> = (0..=2).chain(1..=1_000).collect();
    expected.sort_unstable();
    assert_eq!(stored(&daemon, "documents"), expected);
    let mut letters = daemon.letters("acme");
    letters.sort_by_key(|letter| letter["message_id"].to_string());
    let told: Vec<_> = letters.iter().map(|letter| (letter["message_id"].clone(), letter["text"].clone())).collect();
    assert_eq!(
        told,
        [("first-501", "reject"), ("first-504", "die"), ("first-505", "panic")]
            .map(|(id, text)| (id.into(), text.into()))
    );
    assert_eq!(letters[0]["stream"], "obey");
    let reason = letters[1]["reason"].as_str().unwrap();
    assert!(reason.contains("in its place and alone: it was killed by an abort (SIGABRT)"), "{reason}");
    let line = stream(&daemon, "obey");
    let count = |name: &str| line[name].as_u64().unwrap();
    assert_eq!(count("messages"), count("ingested") + count("passed_over") + count("rejected"), "{line}");
    assert_eq!(count("emitted"), count("stored") + count("duplicate") + count("refused"), "{line}");
    assert_eq!(
        (count("messages"), count("rejected"), count("passed_over"), count("unnamed")),
        (1_005, 3, 1, 0),
        "{line}"
    );
    // Published once more under the same ids: nothing is stored twice.
    let before = daemon.documents("acme", "documents");
    publish(&daemon, "acme/obey", &numbers(1..=500), "first");
    drained(&daemon, "obey");
    assert_eq!(daemon.documents("acme", "documents"), before);
}

#[test]
fn dead_messages_are_replayed_into_their_queue() {
    let daemon = obeying(OBEY);
    publish(&daemon, "acme/obey", "reject\nn 1\nreject\n", "again");
    drained(&daemon, "obey");
    assert_eq!(daemon.letters("acme").len(), 2);
    let answer = daemon.ask(&["deadletters", "replay", "--stream", "acme/obey"], &[0]);
    assert_eq!((&answer["messages"], &answer["cut"]), (&2.into(), &0.into()), "{answer}");
    // They are as bad as before.
    daemon.until("the second try", || (stream(&daemon, "obey")["messages"] == 5).then_some(()));
    let ids: Vec<Value> = daemon.letters("acme").iter().map(|letter| letter["message_id"].clone()).collect();
    assert!(ids.contains(&"again-1".into()) && ids.contains(&"again-3".into()), "{ids:?}");
    assert_eq!(stored(&daemon, "documents"), [1]);
    // One of them alone, by its key; one that is none is told, and one that is no key.
    let letters = daemon.letters("acme");
    let key = |letter: &Value| format!("{}.{}.{}", letter["task"], letter["row"], letter["part"]);
    let replay = |keys: &str, codes: &[i32]| {
        daemon.ask(&["deadletters", "replay", "--stream", "acme/obey", "--letters", keys], codes)
    };
    for letter in &letters {
        assert_eq!(replay(&key(letter), &[0])["messages"], 1, "{letter}");
    }
    daemon.until("the third try", || (stream(&daemon, "obey")["messages"] == 7).then_some(()));
    assert_eq!(replay(&format!("{},{}", key(&letters[0]), key(&letters[1])), &[0])["messages"], 2);
    daemon.until("the fourth try", || (stream(&daemon, "obey")["messages"] == 9).then_some(()));
    for keys in ["1.2.3", "obey"] {
        replay(keys, &[1]);
    }
}

#[test]
fn the_letter_of_a_message_that_is_replayed_with_success_goes_and_its_document_is_stored_once() {
    let config = |bytes| OBEY.replace("[profiles.generous]", &format!("[profiles.generous]\nmessage_bytes = {bytes}"));
    for ids in [&["--ids", "named"][..], &[]] {
        let mut daemon = obeying(&config(10_000));
        let under = |daemon: &mut Daemon, bytes| {
            daemon.stop();
            daemon.write("mysimbdp.toml", config(bytes));
            daemon.serve();
        };
        daemon.ask(&["streams", "stop", "acme/obey"], &[0]);
        let lines = format!("n 1\nn 2 {0}\nn 3 {0}\nreject {0}\n", "x".repeat(2_000));
        let file = daemon.write("lines.jsonl", lines);
        daemon.ask(&[&["publish", "acme/obey", file.to_str().unwrap()], ids].concat(), &[0]);
        // Too large by now, until the limit is raised again.
        under(&mut daemon, 1_000);
        daemon.ask(&["streams", "start", "acme/obey"], &[0]);
        drained(&daemon, "obey");
        let letters = daemon.letters("acme");
        assert_eq!((letters.len(), stored(&daemon, "documents")), (3, vec![1]), "{ids:?}: {letters:?}");
        // As bad as before: it is the same letter.
        let replay = ["deadletters", "replay", "--stream", "acme/obey"];
        for round in 1..=2 {
            assert_eq!(daemon.ask(&replay, &[0])["messages"], 3);
            daemon.until("the next try", || (stream(&daemon, "obey")["messages"] == 4 + 3 * round).then_some(()));
            drained(&daemon, "obey");
            assert_eq!(daemon.letters("acme").len(), 3, "{ids:?}");
        }
        under(&mut daemon, 10_000);
        assert_eq!(daemon.ask(&replay, &[0])["messages"], 3);
        daemon.until("both documents", || (stored(&daemon, "documents") == [1, 2, 3]).then_some(()));
        daemon.until("the end of both letters", || (daemon.letters("acme").len() == 1).then_some(()));
        // What is replayed once more, and was delivered twice, is the same message still.
        let before = daemon.documents("acme", "documents");
        assert_eq!(daemon.ask(&replay, &[0])["messages"], 1);
        drained(&daemon, "obey");
        assert_eq!((daemon.documents("acme", "documents"), daemon.letters("acme").len()), (before, 1), "{ids:?}");
    }
}

#[test]
fn one_message_feeds_every_stream_that_its_key_fits() {
    let config = format!(
        "{OBEY}\n[tenants.acme.sinks.documents]\n[tenants.acme.sinks.copies]\n\
         [tenants.acme.streams.copy]\napp = \"obeys-messages\"\nsink = \"copies\"\nrouting_keys = [\"obey\", \"other\"]\n"
    );
    let daemon = obeying(&config);
    publish(&daemon, "acme/obey", &numbers(1..=100), "both");
    for name in ["obey", "copy"] {
        drained(&daemon, name);
    }
    let expected: Vec<i64> = (1..=100).collect();
    assert_eq!(stored(&daemon, "documents"), expected);
    assert_eq!(stored(&daemon, "copies"), expected);
}

#[test]
fn messages_wait_for_a_stream_that_is_stopped_and_outlive_a_restart() {
    let mut daemon = obeying(OBEY);
    let line = daemon.ask(&["streams", "stop", "acme/obey"], &[0]);
    assert_eq!((&line["state"], &line["consumers"]), (&"stopped".into(), &0.into()), "{line}");
    publish(&daemon, "acme/obey", &numbers(1..=10_000), "waiting");
    assert_eq!(stream(&daemon, "obey")["waiting"], 10_000);
    daemon.kill();
    daemon.serve();
    let line = stream(&daemon, "obey");
    assert_eq!((&line["state"], &line["waiting"]), (&"stopped".into(), &10_000.into()), "{line}");
    daemon.ask(&["streams", "start", "acme/obey"], &[0]);
    drained(&daemon, "obey");
    assert_eq!(stored(&daemon, "documents"), (1..=10_000).collect::<Vec<i64>>());
    daemon.ask(&["streams", "stop", "acme/obey"], &[0]);
    publish(&daemon, "acme/obey", &numbers(1..=5), "purged");
    assert_eq!(daemon.ask(&["streams", "purge", "acme/obey"], &[0])["purged"], 5);
    assert_eq!(stream(&daemon, "obey")["waiting"], 0);
}

#[test]
fn a_stream_waits_for_its_app_and_says_so() {
    let daemon = Daemon::start(OBEY);
    publish(&daemon, "acme/obey", &numbers(1..=10), "early");
    let trouble = daemon.until("the trouble", || stream(&daemon, "obey")["trouble"].as_str().map(str::to_owned));
    assert!(trouble.contains("no app obeys-messages is live for tenant acme: drop its .so"), "{trouble}");
    daemon.drop_app_as("acme", &obeys_messages(0), "obeys.so");
    drained(&daemon, "obey");
    assert_eq!(stored(&daemon, "documents"), (1..=10).collect::<Vec<i64>>());
}

#[test]
fn a_stream_that_waited_for_its_app_waits_for_it_no_more_before_there_is_a_message() {
    let daemon = Daemon::start(OBEY);
    let trouble = || stream(&daemon, "obey")["trouble"].as_str().map(str::to_owned);
    daemon.until("the trouble", trouble);
    daemon.drop_app_as("acme", &obeys_messages(0), "obeys.so");
    daemon.until("the end of it", || trouble().is_none().then_some(()));
    assert!(
        daemon.log().contains("goes on: what held it up is over (no app obeys-messages is live"),
        "{}",
        daemon.log()
    );
}

#[test]
fn a_new_generation_takes_over_while_messages_flow_and_so_does_a_rollback() {
    let daemon = obeying(OBEY);
    let hash = |daemon: &Daemon| daemon.ask(&["apps", "list"], &[0])[0]["generation"].clone();
    let first = hash(&daemon);
    for build in 1..=3_u32 {
        publish(&daemon, "acme/obey", &numbers(build * 10_000 + 1..=build * 10_000 + 5_000), &format!("load-{build}"));
        daemon.drop_app_as("acme", &obeys_messages(build), "obeys.so");
    }
    drained(&daemon, "obey");
    publish(&daemon, "acme/obey", "build\n", "build-3");
    drained(&daemon, "obey");
    publish(&daemon, "acme/obey", &numbers(40_001..=45_000), "load-4");
    let to = first.as_str().unwrap();
    daemon.ask(&["apps", "rollback", "acme", "obeys-messages", "--to", to], &[0]);
    drained(&daemon, "obey");
    assert_eq!(hash(&daemon), first);
    publish(&daemon, "acme/obey", "build\n", "build-0");
    drained(&daemon, "obey");
    let mut expected: Vec<i64> = (1..=4).flat_map(|build| build * 10_000 + 1..=build * 10_000 + 5_000).collect();
    expected.extend([0, 3]);
    expected.sort_unstable();
    assert_eq!(stored(&daemon, "documents"), expected);
}

#[test]
fn streams_take_turns_with_a_single_worker() {
    let mut config = format!("workers_max = 1\n{OBEY}");
    for number in 1..=3 {
        let _ = write!(config, "[tenants.acme.streams.s{number}]\napp = \"obeys-messages\"\n");
    }
    let daemon = obeying(&config);
    for number in 1..=3_u32 {
        publish(
            &daemon,
            &format!("acme/s{number}"),
            &numbers(number * 1_000 + 1..=number * 1_000 + 500),
            &format!("s{number}"),
        );
    }
    for number in 1..=3 {
        drained(&daemon, &format!("s{number}"));
    }
    let expected: Vec<i64> = (1..=3).flat_map(|number| number * 1_000 + 1..=number * 1_000 + 500).collect();
    assert_eq!(stored(&daemon, "documents"), expected);
}

#[test]
fn what_cannot_be_published_is_told() {
    let daemon = Daemon::start(OBEY);
    let told = |arguments: &[&str]| daemon.command(arguments.iter().copied()).stderr;
    daemon.write("one.jsonl", "n 1\n");
    let unknown = told(&["publish", "acme/nothing", "one.jsonl"]);
    assert!(unknown.contains("there is no stream acme/nothing: name it in the configuration"), "{unknown}");
    let unnamed = told(&["publish", "acme", "one.jsonl"]);
    assert!(unnamed.contains("write tenant/stream, such as acme/clicks"), "{unnamed}");
    let missing = told(&["publish", "acme/obey", "none.jsonl"]);
    assert!(missing.contains("none.jsonl cannot be read"), "{missing}");
    let large = format!("{}\nn 2\n", "x".repeat(17 << 20));
    daemon.write("large.jsonl", large);
    let answer = daemon.command(["publish", "acme/obey", "large.jsonl"]);
    assert_eq!(answer.code, exit::DEAD_LETTERS, "{}", answer.stderr);
    assert!(answer.stderr.contains("line 1: the message has"), "{}", answer.stderr);
    assert!(answer.stdout.contains("1 messages accepted, 1 refused"), "{}", answer.stdout);
}

#[test]
fn more_streams_or_consumers_than_the_profile_allows_are_not_started() {
    let config = OBEY.replace("[profiles.generous]", "[profiles.generous]\nstreams = 1\nconsumers = 4");
    let daemon =
        obeying(&format!("{config}\n[tenants.acme.streams.late]\napp = \"obeys-messages\"\nenabled = false\n"));
    let refused = daemon.command(["streams", "start", "acme/late"]);
    assert!(
        refused
            .stderr
            .contains("tenant acme would have 2 streams, where 1 are allowed (streams): stop another one first"),
        "{}",
        refused.stderr
    );
    daemon.ask(&["streams", "stop", "acme/obey"], &[0]);
    daemon.ask(&["streams", "start", "acme/late"], &[0]);
}

#[test]
fn messages_of_every_kind_of_badness_harm_nobody() {
    let daemon = obeying(OBEY);
    let lines = format!("n 1\n{{\n\u{1}\u{2}\nunheard of\nn\n{}\nn 2\n", "y".repeat(16 << 20));
    publish(&daemon, "acme/obey", &lines, "bad");
    drained(&daemon, "obey");
    let stored = stored(&daemon, "documents");
    assert_eq!(stored, [0, 1, 2], "a number that is missing is nought");
    let letters = daemon.letters("acme");
    assert_eq!(letters.len(), 4);
    let whole = letters.iter().find(|letter| letter["bytes"] == 16 << 20).unwrap();
    assert!(whole["text"].as_str().unwrap().len() >= 15 << 20);
}
