//! The host dies at each place between two steps of which the second relies on the first; afterwards everything is as if it
//! had not.

use mysimbdp_tests::artefacts;
use mysimbdp_tests::daemon::Daemon;
use mysimbdp_tests::data::Rows;
use serde_json::Value;
use std::fs;

fn names() -> Vec<String> {
    let source = fs::read_to_string(artefacts::root().join("host/src/failpoint.rs")).unwrap();
    let list = source.split("pub const ALL").nth(1).unwrap().split("];").next().unwrap();
    let names: Vec<String> = list.split('"').skip(1).step_by(2).map(str::to_owned).collect();
    assert!(names.len() > 10, "{names:?}");
    names
}

#[test]
fn dying_between_any_two_steps_changes_nothing() {
    let rows = Rows::innocent(1_000).with(5, "reject").with(500, "segfault");
    for name in names() {
        for nth in [1, 3] {
            let mut daemon = Daemon::prepare("");
            let folder = daemon.staging("acme");
            fs::create_dir_all(folder.join("inbox/villains")).unwrap();
            fs::copy(artefacts::villains(), folder.join("libvillains.so")).unwrap();
            fs::write(folder.join("inbox/villains/a.csv"), rows.csv()).unwrap();
            daemon.set("MYSIMBDP_FAILPOINT", &format!("{name}:{nth}"));
            daemon.launch();
            let died = crosses(&mut daemon);
            assert!(died || nth > 1, "{name} was not crossed: {}", daemon.log());
            daemon.kill();
            daemon.unset("MYSIMBDP_FAILPOINT");
            daemon.serve();
            daemon.until("a task", || {
                daemon.ask(&["tasks", "list"], &[0]).as_array().filter(|all| !all.is_empty()).map(|_| ())
            });
            let tasks = daemon.settled();
            assert_eq!((tasks.len(), &tasks[0]["state"]), (1, &"done".into()), "{name}:{nth}: {tasks:?}");
            let counts = &tasks[0]["checkpoint"]["counts"];
            assert_eq!(
                (&counts["rows"]["read"], &counts["documents"]["stored"]),
                (&1000.into(), &998.into()),
                "{name}:{nth}"
            );
            assert_eq!(daemon.documents("acme", "documents").len(), 998, "{name}:{nth}");
            let letters: Vec<Value> = daemon.letters("acme").iter().map(|letter| letter["row"].clone()).collect();
            assert_eq!(letters, [5, 500], "{name}:{nth}");
            let usage = daemon.ask(&["usage", "acme"], &[0]);
            let billed: u64 = usage.as_array().unwrap().iter().map(|day| day["documents"].as_u64().unwrap()).sum();
            assert_eq!(billed, 998, "{name}:{nth}: {usage}");
        }
    }
}

/// Whether the daemon died before its task was done.
fn crosses(daemon: &mut Daemon) -> bool {
    let until = std::time::Instant::now() + mysimbdp_tests::daemon::PATIENCE;
    while std::time::Instant::now() < until {
        if !daemon.is_running() {
            return true;
        }
        let tasks = daemon.command(["tasks", "list", "--state", "done", "--json"]);
        if tasks.code == 0 && tasks.json().as_array().is_some_and(|tasks| !tasks.is_empty()) {
            // Died at the very end, or not at all.
            std::thread::sleep(std::time::Duration::from_millis(300));
            return !daemon.is_running();
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    false
}
