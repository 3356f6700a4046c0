//! What a tenant may do to its own directory, by mistake or on purpose.

use super::*;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

/// Nothing of this may be read, written or removed.
fn victims() -> TempDir {
    let victims = tempfile::tempdir().unwrap();
    fs::write(victims.path().join("x.so"), "app stolen").unwrap();
    fs::write(victims.path().join("a.csv"), "stolen").unwrap();
    victims
}

fn assert_untouched(victims: &TempDir) {
    assert_eq!(fs::read(victims.path().join("x.so")).unwrap(), b"app stolen");
    assert_eq!(fs::read(victims.path().join("a.csv")).unwrap(), b"stolen");
    assert_eq!(fs::read_dir(victims.path()).unwrap().count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_no_plain_file_gets_one_sentence_and_stops_nobody() {
    let bench = Bench::new(&["acme"]);
    let victims = victims();
    bench.there("acme/apps").await;
    bench.live("acme/good.so", "csv").await;
    for (directory, end) in [("acme", ".so"), ("acme/apps", ".so"), ("acme/inbox/csv", "")] {
        let path = |name: &str| bench.path(directory).join(format!("{name}{end}"));
        symlink(victims.path().join("x.so"), path("link")).unwrap();
        symlink("nowhere", path("dangling")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, path("fifo"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        drop(UnixListener::bind(path("socket")).unwrap());
        fs::create_dir(path("directory")).unwrap();
        fs::hard_link(victims.path().join("a.csv"), path("hard")).unwrap();
        for (name, sentence) in [
            ("link", "is a symbolic link"),
            ("dangling", "is a symbolic link"),
            ("fifo", "is a pipe (FIFO), not a regular file"),
            ("socket", "is a socket, not a regular file"),
            ("directory", "is a directory, not a regular file"),
            ("hard", "names (hard links)"),
        ] {
            let verdict = bench.verdict(Path::new(directory).join(format!("{name}{end}")), "refused").await;
            assert!(verdict["sentence"].as_str().unwrap().contains(sentence), "{verdict}");
        }
    }
    bench.write("acme/large.so", &"x".repeat(1_001));
    let verdict = bench.verdict("acme/large.so", "refused").await;
    assert!(verdict["sentence"].as_str().unwrap().contains("1001 bytes, at most 1000"), "{verdict}");
    assert!(bench.was_told("AppRefused") && bench.was_told("BatchRefused"));
    // Said once, and the loop goes on.
    let told = bench.told.lock().unwrap().len();
    bench.knock().tenants_changed();
    bench.live("acme/last.so", "last").await;
    assert_eq!(bench.told.lock().unwrap().len(), told);
    assert_eq!(bench.considered(), ["acme/good.so: app csv", "acme/last.so: app last"]);
    assert_untouched(&victims);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_a_link_is_not_entered() {
    let mut bench = Bench::asleep(&["acme", "gamma"]);
    let victims = victims();
    bench.tenants.lock().unwrap().push("beta".into());
    symlink(victims.path(), bench.path("beta")).unwrap();
    symlink(victims.path(), bench.path("acme/apps")).unwrap();
    symlink(victims.path(), bench.path("acme/inbox")).unwrap();
    fs::create_dir(bench.path("gamma/inbox")).unwrap();
    symlink(victims.path(), bench.path("gamma/inbox/csv")).unwrap();
    bench.start();
    bench.until("told", || bench.was_told("beta in the staging directory is not a directory")).await;
    bench.until("told", || bench.was_told("acme's files cannot be made or opened")).await;
    bench.live("acme/x.so", "csv").await;
    bench.live("gamma/x.so", "csv2").await;
    bench.verdict("gamma/inbox/csv", "refused").await;
    assert_eq!(bench.considered(), ["acme/x.so: app csv", "gamma/x.so: app csv2"]);
    assert_untouched(&victims);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planted_verdict_is_replaced_and_a_directory_in_its_place_is_told() {
    let bench = Bench::new(&["acme"]);
    let victims = victims();
    bench.there("acme/apps").await;
    symlink(victims.path().join("a.csv"), bench.path("acme/x.so.verdict.json")).unwrap();
    fs::hard_link(victims.path().join("x.so"), bench.path("acme/y.so.verdict.json")).unwrap();
    fs::create_dir(bench.path("acme/z.so.verdict.json")).unwrap();
    bench.write("acme/z.so", "app three");
    bench.live("acme/x.so", "one").await;
    bench.live("acme/y.so", "two").await;
    bench.until("told", || bench.was_told("z.so.verdict.json is a directory, remove it")).await;
    assert!(fs::symlink_metadata(bench.path("acme/x.so.verdict.json")).unwrap().is_file());
    assert_eq!(bench.considered().len(), 3);
    assert_untouched(&victims);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_in_the_place_of_taken_leaves_the_file_where_it_is() {
    let bench = Bench::new(&["acme"]);
    let victims = victims();
    bench.there("acme/apps").await;
    bench.live("acme/x.so", "csv").await;
    symlink(victims.path(), bench.path("acme/.taken")).unwrap();
    bench.write("acme/inbox/csv/b.csv", "b");
    let verdict = bench.verdict("acme/inbox/csv/b.csv", "waiting").await;
    assert!(verdict["sentence"].as_str().unwrap().contains(".taken"), "{verdict}");
    assert_untouched(&victims);
    fs::remove_file(bench.path("acme/.taken")).unwrap();
    bench.knock().look_again(&TenantId::parse("acme").unwrap());
    bench.verdict("acme/inbox/csv/b.csv", "accepted").await;
    assert_eq!(bench.queued(), ["acme/csv: b.csv"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_file_that_somebody_still_writes_to_waits() {
    let bench = Bench::new(&["acme"]);
    bench.there("acme/apps").await;
    bench.live("acme/x.so", "csv").await;
    let mut writer = fs::File::create(bench.path("acme/inbox/csv/a.csv")).unwrap();
    std::io::Write::write_all(&mut writer, b"half").unwrap();
    for name in ["b.csv", "c.csv", "d.csv"] {
        bench.write(format!("acme/inbox/csv/{name}"), "whole");
        bench.verdict(format!("acme/inbox/csv/{name}"), "accepted").await;
    }
    assert_eq!(bench.queued().len(), 3);
    std::io::Write::write_all(&mut writer, b"whole").unwrap();
    drop(writer);
    bench.verdict("acme/inbox/csv/a.csv", "accepted").await;
}
