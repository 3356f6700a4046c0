//! Generations: a new one at once, old ones to the end of what they began, back by hand, gone with the file.

use mysimbdp_tests::artefacts;
use mysimbdp_tests::daemon::Daemon;
use mysimbdp_tests::data::Rows;
use std::fs;

fn generation(daemon: &Daemon, app: &str) -> String {
    let apps = daemon.ask(&["apps", "list"], &[0]);
    let found = apps.as_array().unwrap().iter().find(|line| line["app"] == app).unwrap_or_else(|| panic!("{apps}"));
    found["generation"].as_str().unwrap().to_owned()
}

#[test]
fn a_new_build_is_live_at_once_and_a_rollback_outlives_a_restart() {
    let mut daemon = Daemon::start("");
    daemon.drop_app_as("acme", &artefacts::example("twin_a"), "twin.so");
    let first = generation(&daemon, "twin");
    daemon.drop_app_as("acme", &artefacts::example("twin_b"), "twin.so");
    let second = generation(&daemon, "twin");
    assert_ne!(first, second);
    daemon.ask(&["apps", "rollback", "acme", "twin"], &[0]);
    assert_eq!(generation(&daemon, "twin"), first);
    daemon.stop();
    daemon.serve();
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert_eq!(generation(&daemon, "twin"), first);
    let history = daemon.ask(&["apps", "history", "acme", "twin"], &[0]);
    assert!(history.as_array().unwrap().len() >= 3, "{history}");
    let told = daemon.command(["apps", "rollback", "acme", "twin", "--to", "ffffffff"]);
    assert_eq!(told.code, 1, "{}", told.stdout);
}

#[test]
fn removing_the_file_retires_the_app_and_dropping_it_again_brings_it_back() {
    let daemon = Daemon::start("");
    let app = artefacts::villains();
    daemon.drop_app("acme", &app);
    let name = app.file_name().unwrap().to_str().unwrap().to_owned();
    fs::remove_file(daemon.staging("acme").join(&name)).unwrap();
    daemon.write("a.csv", Rows::innocent(5).csv());
    daemon.until("the end of the app", || {
        let told = daemon.command(["submit", "acme", "villains", "a.csv"]);
        told.stderr.contains("tenant acme has no app villains").then_some(())
    });
    daemon.drop_app("acme", &app);
    daemon.write("b.csv", Rows::innocent(6).csv());
    daemon.ask(&["submit", "acme", "villains", "b.csv"], &[0]);
}

#[test]
fn an_app_overwritten_in_place_while_it_runs_hurts_nothing() {
    let mut daemon = Daemon::start("");
    let app = artefacts::villains();
    daemon.drop_app("acme", &app);
    let dropped = daemon.staging("acme").join(app.file_name().unwrap());
    daemon.write("a.csv", Rows::innocent(30_000).csv());
    daemon.ask(&["submit", "acme", "villains", "a.csv", "--no-wait"], &[0]);
    for round in 0..20_u8 {
        // As a careless copy does: the same inode, other bytes.
        fs::write(&dropped, vec![round; 100_000]).unwrap();
    }
    assert_eq!(daemon.settled()[0]["state"], "done");
    assert!(daemon.is_running());
    assert_eq!(daemon.documents("acme", "documents").len(), 30_000);
    daemon.write("b.csv", Rows::innocent(10).with(3, "reject").csv());
    daemon.ask(&["submit", "acme", "villains", "b.csv"], &[3]);
}

#[test]
fn a_task_ends_on_the_generation_that_it_began_with_whatever_becomes_of_the_app() {
    let daemon = Daemon::start("");
    let app = artefacts::villains();
    let name = app.file_name().unwrap().to_str().unwrap();
    daemon.drop_app("acme", &app);
    let first = generation(&daemon, "villains");
    let begin = |file: &str, rows: &Rows| {
        daemon.write(file, rows.csv());
        daemon.ask(&["submit", "acme", "villains", file, "--no-wait"], &[0]);
        daemon.until("that it runs", || {
            let running = daemon.ask(&["status"], &[0]);
            running["running"].as_array()?.first().map(|_| ())
        });
    };
    let ended = |on: &str, rows: &Rows, index: usize| {
        let task = daemon.settled().remove(index);
        let counts = &task["checkpoint"]["counts"]["documents"]["stored"];
        assert_eq!(
            (&task["state"], &task["generation"], &task["epoch"], counts),
            (&"done".into(), &on.into(), &1.into(), &rows.count().into()),
            "{task}"
        );
    };
    // Another build is dropped while a task runs.
    let rows = Rows::innocent(20_000).with(10_000, "crawl=2000");
    begin("a.csv", &rows);
    let mut build = fs::read(&app).unwrap();
    build.extend_from_slice(b"another build");
    let build = daemon.write("build.so", build);
    assert_eq!(daemon.drop_app_as("acme", &build, name)["verdict"], "live");
    let second = generation(&daemon, "villains");
    assert_ne!(first, second);
    assert_eq!(daemon.ask(&["status"], &[0])["running"].as_array().unwrap().len(), 1, "it has ended too soon");
    ended(&first, &rows, 0);
    // The file is removed while a task runs.
    let rows = Rows::innocent(20_001).with(10_000, "crawl=2000");
    begin("b.csv", &rows);
    fs::remove_file(daemon.staging("acme").join(name)).unwrap();
    daemon.until("the end of the app", || (daemon.ask(&["apps", "list"], &[0])[0]["state"] == "retired").then_some(()));
    assert_eq!(daemon.ask(&["status"], &[0])["running"].as_array().unwrap().len(), 1, "it has ended too soon");
    ended(&second, &rows, 1);
}

#[test]
fn two_hundred_generations_leave_the_daemon_as_large_as_it_was() {
    let daemon = Daemon::start("");
    let app = fs::read(artefacts::csv_app_in_c()).unwrap();
    let build = |round: u32| {
        // Bytes behind the end change nothing but the generation.
        let mut build = app.clone();
        build.extend_from_slice(format!("build {round:08}").as_bytes());
        daemon.write("build.so", build)
    };
    let drop = |round| {
        let verdict = daemon.drop_app_as("acme", &build(round), "app.so");
        assert_eq!(verdict["verdict"], "live", "{verdict}");
    };
    (0..20).for_each(drop);
    let before = memory(daemon.pid());
    (20..220).for_each(drop);
    let after = memory(daemon.pid());
    assert!(after < before + 5 * 1024, "{before} KiB before, {after} KiB after");
    let kept = fs::read_dir(daemon.path("data/apps")).unwrap().count();
    assert!(kept >= 1, "{kept}");
}

/// Anonymous memory of a process in KiB.
fn memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
