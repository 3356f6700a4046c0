//! Several hosts on one queue: each with data and staging directories of its own, sharing a Redis, a MongoDB and a depot.

use crate::scene::CONFIG;
use mysimbdp_tests::artefacts;
use mysimbdp_tests::daemon::{Daemon, Outcome};
use mysimbdp_tests::data::Rows;
use mysimbdp_tests::servers::Servers;
use serde_json::Value;
use std::fs;
use tempfile::TempDir;

/// A host of this name; not started.
fn host(name: &str, servers: &Servers, depot: &TempDir) -> Daemon {
    let mut daemon =
        Daemon::prepare(&format!("{CONFIG}host = \"{name}\"\n[depot]\nurl = \"file://{}\"\n", depot.path().display()));
    daemon.use_servers(servers.clone());
    // Both have the tenant from the beginning.
    fs::create_dir_all(daemon.staging("acme")).unwrap();
    daemon
}

fn two() -> (Daemon, Daemon, Servers, TempDir) {
    let (servers, depot) = (Servers::start(), TempDir::new().unwrap());
    let (mut one, mut other) = (host("one", &servers, &depot), host("other", &servers, &depot));
    one.serve();
    other.serve();
    (one, other, servers, depot)
}

/// Generation and state of the app, as a host has it.
fn app(daemon: &Daemon) -> Option<(String, String)> {
    let apps = daemon.ask(&["apps", "list"], &[0]);
    let app = apps.as_array()?.first()?;
    Some((app["generation"].as_str()?.to_owned(), app["state"].as_str()?.to_owned()))
}

#[test]
fn an_app_that_is_dropped_on_one_is_live_on_all_and_so_is_whatever_becomes_of_it() {
    let (one, other, servers, depot) = two();
    one.drop_app("acme", &artefacts::villains());
    let dropped = app(&one).unwrap();
    assert_eq!(dropped.1, "live");
    other.until("the app", || (app(&other)? == dropped).then_some(()));
    // One that comes later has it as well.
    let mut third = host("third", &servers, &depot);
    third.serve();
    assert_eq!(app(&third), Some(dropped.clone()));
    fs::remove_file(one.staging("acme").join(artefacts::villains().file_name().unwrap())).unwrap();
    other.until("its end", || (app(&other)?.1 == "retired").then_some(()));
    other.ask(&["apps", "rollback", "acme", "villains"], &[0]);
    one.until("its return", || (app(&one)? == dropped).then_some(()));
    let hosts = one.ask(&["status"], &[0]);
    let names: Vec<&Value> = hosts["hosts"].as_array().unwrap().iter().map(|host| &host["name"]).collect();
    assert_eq!(names, ["one", "other", "third"]);
}

#[test]
fn an_app_that_the_depot_does_not_take_is_told_of_as_trouble_and_reaches_the_others_once_it_does() {
    let (one, other, _servers, depot) = two();
    // Nobody makes a folder of a file, whatever they may.
    fs::write(depot.path().join("apps"), "in the way").unwrap();
    one.drop_app("acme", &artefacts::villains());
    let told = one.until("a word of it", || {
        Some(one.command(["logs", "--event", "trouble"]).stdout).filter(|told| !told.is_empty())
    });
    assert!(told.contains(" acme trouble other hosts do not have app villains as it is here: "), "{told}");
    assert_eq!(app(&other), None);
    fs::remove_file(depot.path().join("apps")).unwrap();
    other.until("the app", || (app(&other)? == app(&one)?).then_some(()));
    assert!(one.log().contains("other hosts were told of the change of this app"), "{}", one.log());
}

#[test]
fn a_host_that_dies_has_its_tasks_finished_by_another_and_the_documents_are_the_same() {
    is_succeeded(|one, other, expected| {
        one.kill();
        assert_eq!(other.outcome("acme", FILES), expected);
    });
}

#[test]
fn a_host_that_is_held_up_for_longer_than_its_lease_changes_nothing_that_its_successor_wrote() {
    is_succeeded(|one, other, expected| {
        one.signal("STOP");
        assert_eq!(other.outcome("acme", FILES), expected);
        one.signal("CONT");
        one.until("that it hears of it", || one.log().contains("has taken this task over").then_some(()));
        one.until("its end", || one.ask(&["status"], &[0])["running"].as_array()?.is_empty().then_some(()));
        assert_eq!(other.outcome("acme", FILES), expected);
    });
}

const FILES: usize = 8;

/// One host is at work when another one comes; `what` happens to the first, and what the files become undisturbed.
fn is_succeeded(what: impl FnOnce(&mut Daemon, &Daemon, Vec<Outcome>)) {
    // None of them is over before it was seen to run.
    let rows = |file: usize| {
        let rows = Rows::innocent(4_000 + file as u64).with(30, "reject").with(2_000, "segfault");
        rows.with(3_000, "crawl=1000").csv()
    };
    let fill = |daemon: &Daemon| {
        let inbox = daemon.staging("acme").join("inbox/villains");
        daemon.until("the inbox", || inbox.is_dir().then_some(()));
        for file in 0..FILES {
            fs::write(inbox.join(format!("{file}.csv")), rows(file)).unwrap();
        }
    };
    let undisturbed = Daemon::start("");
    undisturbed.drop_app("acme", &artefacts::villains());
    fill(&undisturbed);
    let expected = undisturbed.outcome("acme", FILES);

    // The other one comes when the first is at work: it could have all that the tenant may run at once otherwise.
    let (servers, depot) = (Servers::start(), TempDir::new().unwrap());
    let (mut one, mut other) = (host("one", &servers, &depot), host("other", &servers, &depot));
    one.serve();
    one.drop_app("acme", &artefacts::villains());
    fill(&one);
    one.until("all of them in the queue", || {
        (one.ask(&["tasks", "list"], &[0]).as_array()?.len() == FILES).then_some(())
    });
    one.until("something to do", || {
        let running = one.ask(&["status"], &[0]);
        running["running"].as_array()?.first().map(|_| ())
    });
    other.serve();
    what(&mut one, &other, expected);
    let told = other.ask(&["logs", "acme", "--limit", "1000"], &[0]).to_string();
    assert!(told.contains("task_began") || told.contains("task_ended"), "the other one has worked: {told}");
}

#[test]
fn a_file_that_the_depot_gives_wrongly_is_not_ingested_however_often_it_is_tried() {
    let (mut one, other, _servers, depot) = two();
    one.drop_app("acme", &artefacts::villains());
    other.until("the app", || app(&other).map(|_| ()));
    let file = one.write("a.csv", Rows::innocent(100).csv());
    one.ask(&["submit", "acme", "villains", "a.csv"], &[0]);
    let tasks = one.ask(&["tasks", "list"], &[0]);
    let there = depot.path().join("files").join(tasks[0]["file"]["key"].as_str().unwrap());
    // Whichever of them had it: from here on it is the other one, which may have to fetch it.
    one.kill();
    fs::remove_dir_all(other.path("data/tenants/acme/files")).unwrap_or_default();
    let right = fs::read(&file).unwrap();
    for (wrong, length) in [(b"99".as_slice(), right.len()), (b"", right.len() / 2)] {
        let mut bytes = right.clone();
        bytes[10..10 + wrong.len()].copy_from_slice(wrong);
        bytes.truncate(length);
        fs::write(&there, bytes).unwrap();
        other.ask(&["tasks", "rerun", "1"], &[0]);
        for _ in 0..2 {
            let task = other.settled().remove(0);
            assert_eq!(task["state"], "parked", "{task}");
            let reason = task["reason"].as_str().unwrap();
            assert!(reason.contains("the file a.csv in the depot is not what was submitted"), "{reason}");
            other.ask(&["tasks", "retry", "1"], &[0]);
        }
        other.settled();
    }
    fs::write(&there, right).unwrap();
    other.ask(&["tasks", "retry", "1"], &[0]);
    let task = other.settled().remove(0);
    assert_eq!(
        (&task["state"], &task["checkpoint"]["counts"]["rows"]["read"]),
        (&"done".into(), &100.into()),
        "{task}"
    );
}

#[test]
fn a_name_that_another_host_has_is_refused() {
    let (servers, depot) = (Servers::start(), TempDir::new().unwrap());
    let mut one = host("one", &servers, &depot);
    one.serve();
    let mut twin = host("one", &servers, &depot);
    twin.launch();
    twin.wait();
    let told = twin.log();
    assert!(told.contains("another host goes by the name one"), "{told}");
    // The same host after a kill is no other one.
    one.kill();
    one.serve();
}
