//! A data directory on a disk that is full, or that can only be read.

use mysimbdp_tests::artefacts;
use mysimbdp_tests::daemon::Daemon;
use mysimbdp_tests::data::Rows;
use mysimbdp_tests::disk::SmallDisk;
use serde_json::Value;
use std::fs;
use std::path::Path;

const CONFIG: &str = "adopt_tenants = true\nlease = \"2s\"\nretry_pause = \"200ms\"\n";

fn drop_file(daemon: &Daemon, rows: &Rows) {
    let inbox = daemon.staging("acme").join("inbox/villains");
    daemon.until("the inbox", || inbox.is_dir().then_some(()));
    // In one step: it is seen whole or not at all.
    fs::write(inbox.join("a.csv.part"), rows.csv()).unwrap();
    fs::rename(inbox.join("a.csv.part"), inbox.join("a.csv")).unwrap();
}

fn only_task(daemon: &Daemon) -> Option<Value> {
    let answer = daemon.command(["tasks", "list", "--json"]);
    serde_json::from_str::<Value>(&answer.stdout).ok()?.as_array()?.first().cloned()
}

fn all_documents_are_there(daemon: &Daemon, rows: &Rows) {
    let task = daemon.until("the end of the task", || only_task(daemon).filter(|task| task["state"] == "done"));
    let counts = &task["checkpoint"]["counts"];
    assert_eq!(
        (&counts["rows"]["read"], &counts["documents"]["stored"]),
        (&rows.count().into(), &(rows.count() - 1).into())
    );
    assert_eq!(daemon.documents("acme", "documents").len() as u64, rows.count() - 1);
    assert_eq!(daemon.letters("acme").len(), 1);
}

#[test]
fn a_full_disk_of_the_embedded_twins_loses_nothing_and_what_waited_goes_on_when_there_is_room() {
    // With its documents elsewhere this disk does not fill; `outages` fills the servers.
    let mut daemon = Daemon::prepare_embedded(CONFIG);
    let disk = SmallDisk::mount(daemon.path("data"), 64);
    daemon.serve();
    daemon.drop_app("acme", &artefacts::villains());
    let rows = Rows::innocent(60_000).with(9, "reject");
    let ballast = disk.fill(3 << 20);
    drop_file(&daemon, &rows);
    daemon.until("a word about it", || daemon.log().contains("disk is full").then_some(()));
    assert!(only_task(&daemon).is_none_or(|task| task["state"] != "done"));
    fs::remove_file(ballast).unwrap();
    all_documents_are_there(&daemon, &rows);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_data_directory_that_cannot_be_written_is_told_at_the_start() {
    let mut daemon = Daemon::prepare(CONFIG);
    let disk = SmallDisk::mount(daemon.path("data"), 8);
    disk.remount("ro");
    daemon.launch();
    daemon.wait();
    let told = daemon.log();
    let data: &Path = Path::new("data");
    assert!(told.contains(&data.display().to_string()) && told.contains("ead-only"), "{told}");
    assert_eq!(told.lines().filter(|line| line.contains("ead-only")).count(), 1, "told once: {told}");
}
