//! What the operator's guide says of backup, restore and upgrade, done as it is written there.
//!
//! The blocks of commands are taken out of the guide and run by a shell, each as a whole, with the guide's absolute paths below the
//! daemon's own directory. `systemctl` asks the harness, which is the service manager here.

use mysimbdp_tests::artefacts;
use mysimbdp_tests::daemon::Daemon;
use mysimbdp_tests::data::Rows;
use mysimbdp_tests::expect::exit;
use mysimbdp_tests::http::Http;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;

const CONFIG: &str = "
    data = \"var/lib/mysimbdp/data\"
    staging = \"var/lib/mysimbdp/staging\"
    adopt_tenants = true
    [api]
    listen = \"127.0.0.1:0\"
    [tenants.acme.streams.waits]
    app = \"nobody\"
";

/// The blocks of commands below a heading of the guide.
fn blocks(heading: &str) -> Vec<String> {
    let guide = fs::read_to_string(artefacts::root().join("docs/operator-guide.md")).unwrap();
    let (_, section) = guide.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no section {heading}"));
    let section = section.split("\n## ").next().unwrap();
    section.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

/// Runs a block of the guide as its reader would, all of it in one shell. Answers that shell's exit status.
fn follow(daemon: &mut Daemon, block: &str) -> Option<i32> {
    let folder = daemon.path("");
    let root = folder.to_str().unwrap().trim_end_matches('/').to_owned();
    let mut block = block.to_owned();
    for absolute in ["/var/lib/", "/var/backups/", "/usr/local/bin/"] {
        block = block.replace(absolute, &format!("{root}{absolute}"));
    }
    let path = format!("{root}/new:{}", std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    // Whoever puts it into a script may have it end at the first error.
    shell.args(["-euc", &block]).current_dir(format!("{root}/new")).stdin(Stdio::null());
    shell.env("PATH", path).env("MYSIMBDP_SOCKET", daemon.path("var/lib/mysimbdp/data/control.sock"));
    let mut shell = shell.spawn().unwrap();
    loop {
        if let Some(ended) = shell.try_wait().unwrap() {
            return ended.code();
        }
        // What the `systemctl` of this machine has asked for.
        for (asked, is_stop) in [("new/stop", true), ("new/start", false)] {
            if daemon.path(asked).exists() {
                if is_stop {
                    assert_eq!(daemon.stop(), 0, "{}", daemon.log());
                } else {
                    daemon.serve();
                }
                fs::remove_file(daemon.path(asked)).unwrap();
            }
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A program of this name, before all others, for those who follow the guide.
fn program(daemon: &Daemon, name: &str, text: &str) {
    let path = daemon.write(&format!("new/{name}"), format!("#!/bin/sh\n{text}\n"));
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A daemon whose directory has what a machine has that followed the guide: `/var/backups`, a binary, and a newer one in `new/`.
fn machine(mut daemon: Daemon) -> Daemon {
    for folder in ["var/backups", "var/lib", "usr/local/bin", "new", "data"] {
        fs::create_dir_all(daemon.path(folder)).unwrap();
    }
    std::os::unix::fs::symlink(artefacts::binary(), daemon.path("new/mysimbdp")).unwrap();
    // Where commands without a socket look for one.
    std::os::unix::fs::symlink("../var/lib/mysimbdp/data/control.sock", daemon.path("data/control.sock")).unwrap();
    std::os::unix::fs::symlink("var/lib/mysimbdp/staging", daemon.path("staging")).unwrap();
    program(
        &daemon,
        "systemctl",
        "touch \"$(dirname \"$0\")/$1\"; while [ -e \"$(dirname \"$0\")/$1\" ]; do sleep 0.02; done",
    );
    daemon.serve();
    daemon
}

fn ingest(daemon: &Daemon, name: &str, rows: u64) -> Value {
    daemon.write(name, format!("{}{name},reject\n", Rows::innocent(rows).csv()));
    daemon.ask(&["submit", "acme", "villains", name], &[exit::DEAD_LETTERS])
}

/// Documents of acme, by `_id`: the harness looks for them elsewhere.
fn documents(daemon: &Daemon) -> Vec<String> {
    let sink = daemon.path("var/lib/mysimbdp/data/tenants/acme/sink.db");
    let sink = rusqlite::Connection::open_with_flags(sink, rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
    let mut query = sink.prepare("SELECT doc FROM documents ORDER BY _id").unwrap();
    query.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn what_is_restored_of_the_embedded_twins_as_the_guide_says_is_all_that_there_was_and_goes_on() {
    let [backup, restore] = &blocks("Backup")[..] else { panic!("a block for the backup, and one to restore it") };
    // Tasks and documents lie in the data directory only where queue and sink are embedded.
    let mut daemon = machine(Daemon::prepare_embedded(CONFIG));
    assert_eq!(daemon.drop_app("acme", &artefacts::villains())["verdict"], "live");
    ingest(&daemon, "a.csv", 100);
    daemon.write("waits.jsonl", "{\"n\":1}\n{\"n\":2}\n");
    assert_eq!(daemon.command(["publish", "acme/waits", "waits.jsonl"]).code, 0);
    let token = daemon.ask(&["tokens", "issue", "ops"], &[0])["secret"].as_str().unwrap().to_owned();
    daemon.ask(&["tenants", "set", "initech", "weight=7"], &[0]);
    let usage = daemon.ask(&["usage"], &[0]);
    let (before, letters) = (documents(&daemon), daemon.letters("acme"));
    assert_eq!((before.len(), letters.len()), (100, 1));

    assert_eq!(follow(&mut daemon, backup), Some(0));
    // It is repeated every night, and goes on with what was there: whatever a run has left that was cut off.
    fs::create_dir_all(daemon.path("var/backups/mysimbdp.new/half")).unwrap();
    assert_eq!(follow(&mut daemon, backup), Some(0));
    let kept: Vec<_> = fs::read_dir(daemon.path("var/backups")).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(kept, ["mysimbdp"]);
    assert!(
        !daemon.path("var/backups/mysimbdp/half").exists() && !daemon.path("var/backups/mysimbdp/mysimbdp").exists()
    );
    assert_eq!(documents(&daemon), before);

    // What comes after the backup is lost with the machine: and so is much else.
    ingest(&daemon, "b.csv", 50);
    assert_eq!(documents(&daemon).len(), 150);
    daemon.kill();
    for lost in ["queue.db", "apps.db", "tokens.json", "tenants/acme/sink.db"] {
        fs::write(daemon.path("var/lib/mysimbdp/data").join(lost), "not what it was").unwrap();
    }

    assert_eq!(follow(&mut daemon, restore), Some(0));
    assert_eq!((documents(&daemon), daemon.letters("acme")), (before, letters));
    let status = Http::of(&daemon).with(&token).get("/v1/status").good();
    let tenant = |name: &str| status["tenants"].as_array().unwrap().iter().find(|it| it["tenant"] == name).cloned();
    assert_eq!(tenant("initech").unwrap()["weight"], 7, "{status}");
    assert_eq!(tenant("acme").unwrap()["apps"], 1, "{status}");
    assert_eq!(daemon.ask(&["streams", "list"], &[0])[0]["waiting"], 2);
    assert_eq!(daemon.ask(&["usage"], &[0])[0]["documents"], usage[0]["documents"]);
    // The file that was lost is ingested once; the one that was not, is known.
    let again = ingest(&daemon, "b.csv", 50);
    assert_eq!(again["tasks"][0]["number"], 2, "{again}");
    assert_eq!(documents(&daemon).len(), 150);
    let known = daemon.command(["submit", "acme", "villains", "a.csv"]);
    assert_eq!(known.code, exit::FAILED, "{}", known.stderr);
    assert_eq!(documents(&daemon).len(), 150);
}

#[test]
fn a_backup_that_cannot_be_copied_leaves_the_last_one_as_it_was_and_the_host_running() {
    let [backup, _] = &blocks("Backup")[..] else { panic!("a block for the backup, and one to restore it") };
    let mut daemon = machine(Daemon::prepare(CONFIG));
    assert_eq!(follow(&mut daemon, backup), Some(0));
    let last = |daemon: &Daemon, name: &str| fs::read(daemon.path("var/backups").join(name).join("data/host-id"));
    let good = last(&daemon, "mysimbdp").unwrap();
    assert!(!good.is_empty());
    // As much as there is room for.
    program(&daemon, "cp", "mkdir -p \"$4\"/data && echo half > \"$4\"/data/host-id; echo no space >&2; exit 1");
    for _ in 0..2 {
        let ended = follow(&mut daemon, backup);
        assert!(ended.is_some_and(|status| status != 0), "{ended:?}");
        assert!(daemon.is_running());
        assert_eq!(last(&daemon, "mysimbdp").unwrap(), good);
    }
    // Cut off between the two names: what it had is kept until there is another.
    fs::rename(daemon.path("var/backups/mysimbdp"), daemon.path("var/backups/mysimbdp.prev")).unwrap();
    assert_ne!(follow(&mut daemon, backup), Some(0));
    assert_eq!(last(&daemon, "mysimbdp.prev").unwrap(), good);
    fs::remove_file(daemon.path("new/cp")).unwrap();
    assert_eq!(follow(&mut daemon, backup), Some(0));
    assert_eq!(last(&daemon, "mysimbdp").unwrap(), good);
    assert!(!daemon.path("var/backups/mysimbdp.prev").exists() && daemon.is_running());
}

#[test]
fn an_upgrade_as_the_guide_says_finishes_what_runs_and_loses_nothing_that_waits() {
    let [upgrade] = &blocks("Upgrade")[..] else { panic!("one block") };
    let mut daemon = machine(Daemon::prepare(CONFIG));
    assert_eq!(daemon.drop_app("acme", &artefacts::villains())["verdict"], "live");
    for number in 0..8 {
        let name = format!("{number}.csv");
        daemon.write(&name, Rows::innocent(100 + number).with(50, "crawl=300").csv());
        let queued = daemon.command(["submit", "acme", "villains", &name, "--no-wait"]);
        assert_eq!(queued.code, 0, "{}", queued.stderr);
    }
    assert_eq!(follow(&mut daemon, upgrade), Some(0));
    let installed = daemon.path("usr/local/bin/mysimbdp");
    assert_eq!(fs::metadata(installed).unwrap().len(), fs::metadata(artefacts::binary()).unwrap().len());
    let tasks = daemon.settled();
    assert_eq!(tasks.len(), 8);
    for (rows, task) in (100_u64..).zip(&tasks) {
        assert_eq!(task["state"], "done", "{task}");
        assert_eq!(task["checkpoint"]["counts"]["documents"]["stored"], rows, "{task}");
        // None was interrupted: what ran was finished before the stop.
        assert_eq!(task["epoch"], 1, "{task}");
    }
}
