//! A disk that fails amid writing: the kernel refuses to let the files grow, which SQLite meets as an I/O error.
//!
//! The limit holds for a whole process, so the test runs itself once more as a child that has it.

use super::*;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::process::Command;

const CHILD: &str = "MYSIMBDP_TEST_FAILING_DISK";
const THIS: &str =
    "sink::embedded::tests::disk::a_failing_disk_takes_nothing_of_a_batch_and_writing_works_again_when_it_does";

#[test]
fn a_failing_disk_takes_nothing_of_a_batch_and_writing_works_again_when_it_does() {
    if std::env::var_os(CHILD).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        return runtime.block_on(fill_up());
    }
    // The signal that comes with the limit would kill; a signal that is ignored stays so in what is executed.
    let child = Command::new("sh")
        .args(["-c", r#"trap '' XFSZ; exec "$@""#, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", THIS, "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&child.stdout) + String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success() && told.contains("1 passed"), "{told}");
}

async fn fill_up() {
    let to = Embedded::fresh().await;
    let before = getrlimit(Resource::Fsize);
    setrlimit(Resource::Fsize, Rlimit { current: Some(1 << 20), ..before }).unwrap();
    let mut stored = 0;
    let failed = loop {
        match to.sink.write(rows(stored + 1, 1000)).await {
            Ok(written) => stored += written.stored,
            Err(failed) => break failed,
        }
        assert!(stored < 1_000_000, "it never fails");
    };
    let path = to.store.path().display();
    assert_eq!(failed.to_string(), format!("the sink trips ({path}) cannot store just now: disk I/O error"));
    assert!(stored > 0);
    assert_eq!(to.count(), stored);

    setrlimit(Resource::Fsize, before).unwrap();
    assert_eq!(to.sink.write(rows(stored + 1, 1000)).await.unwrap().stored, 1000);
    let to = to.reopened().await;
    assert_eq!(to.count(), stored + 1000);
    let sound: String = to.sqlite().query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
}
