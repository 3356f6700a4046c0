//! Dead letters: listed, exported, replayed.

use mysimbdp_tests::artefacts;
use mysimbdp_tests::daemon::Daemon;
use mysimbdp_tests::data::Rows;
use mysimbdp_tests::expect::exit;
use serde_json::Value;

#[test]
fn dead_letters_are_listed_exported_and_replayed() {
    let daemon = Daemon::start("");
    daemon.drop_app("acme", &artefacts::villains());
    let rows = Rows::innocent(2_000).with(3, "reject").with(700, "segfault").with(1_999, "reject");
    daemon.write("a.csv", rows.csv());
    daemon.ask(&["submit", "acme", "villains", "a.csv"], &[exit::DEAD_LETTERS]);
    let page = daemon.ask(&["deadletters", "list", "acme", "--task", "1"], &[0]);
    assert_eq!(page["count"], 3, "{page}");
    let second = &page["letters"][1];
    assert_eq!((&second["row"], &second["line"]), (&700.into(), &rows.line(700).into()), "{page}");
    assert_eq!(second["text"], rows.row(700));

    let exported = daemon.command(["deadletters", "export", "acme"]);
    let exported: Vec<Value> = exported.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(exported.len(), 3);

    // They are as bad as before: the same letters, and nothing else has changed.
    let before = daemon.documents("acme", "documents");
    let replay = daemon.ask(&["deadletters", "replay", "1"], &[0]);
    assert_eq!((&replay["task"], &replay["rows"]), (&2.into(), &3.into()), "{replay}");
    let tasks = daemon.settled();
    assert_eq!((&tasks[1]["state"], &tasks[1]["checkpoint"]["counts"]["rows"]["read"]), (&"done".into(), &3.into()));
    assert_eq!(daemon.documents("acme", "documents"), before);
    let rows: Vec<Value> = daemon.letters("acme").iter().map(|letter| letter["row"].clone()).collect();
    assert_eq!(rows, [3, 700, 1_999]);

    let told = daemon.command(["deadletters", "replay", "2"]);
    assert!(told.stderr.contains("task 2 replays rows of task 1"), "{}", told.stderr);
}

#[test]
fn rows_are_not_replayed_again_before_their_replay_is_over_nor_beyond_the_tasks_that_may_wait() {
    let daemon = Daemon::start("[tenants.acme.limits]\nwaiting_tasks = 2\nconcurrent_tasks = 1\n");
    daemon.drop_app("acme", &artefacts::villains());
    for (name, rows) in [("a.csv", 10), ("b.csv", 11)] {
        daemon.write(name, Rows::innocent(rows).with(3, "reject").with(5, "reject").csv());
        daemon.ask(&["submit", "acme", "villains", name], &[exit::DEAD_LETTERS]);
    }
    daemon.write("slow.csv", Rows::innocent(3).with(2, "crawl=6000").csv());
    daemon.ask(&["submit", "acme", "villains", "slow.csv", "--no-wait"], &[0]);
    // It waits behind the slow one.
    assert_eq!(daemon.ask(&["deadletters", "replay", "1"], &[0])["task"], 4);
    let told = daemon.command(["deadletters", "replay", "1", "--rows", "3"]);
    let sentence = "task 4 replays rows of task 1 and is waiting: wait until that is over, or cancel it";
    assert!(told.code != 0 && told.stderr.contains(sentence), "{}", told.stderr);
    let told = daemon.command(["deadletters", "replay", "2"]);
    let sentence = "2 tasks wait or run and 1 more are to come, where 2 are allowed (waiting_tasks of tenant acme)";
    assert!(told.code != 0 && told.stderr.contains(sentence), "{}", told.stderr);
    // Of the rows no more is shown than how many they are.
    let tasks = daemon.ask(&["tasks", "list"], &[0]);
    let replay = tasks.as_array().unwrap().iter().find(|task| task["number"] == 4).unwrap();
    assert_eq!(replay["work"], serde_json::json!({ "replay_rows": { "of": 1, "rows": 2 } }), "{replay}");
    daemon.settled();
    assert_eq!(daemon.ask(&["deadletters", "replay", "1", "--rows", "3"], &[0])["rows"], 1);
    daemon.settled();
}
