use super::*;
use crate::staging::files::{FileStore, FileStoreError};
use crate::staging::open::trusted_directory;
use crate::task::StoredFile;
use crate::tenant::TenantId;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use tempfile::TempDir;

/// A tenant's directory, a file store, and a queue that keeps what it was given.
struct Bench {
    home: TempDir,
    store: Arc<FileStore>,
    queue: BTreeMap<BatchId, StoredFile>,
}

impl Bench {
    fn new() -> Bench {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir_all(home.path().join("staging/acme/inbox/csv")).unwrap();
        let store = FileStore::new(home.path().join("tenants"));
        Bench { home, store, queue: BTreeMap::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join("staging/acme").join(name)
    }

    fn open(&self) -> Home {
        let staging = trusted_directory(&self.home.path().join("staging")).unwrap();
        Home::open(staging, &TenantId::parse("acme").unwrap()).unwrap()
    }

    fn claim(&self, name: &OsStr) -> Claim {
        Claim { app: AppName::parse("csv").unwrap(), batch: BatchId::new(), name: name.to_owned() }
    }

    /// The steps from the inbox to the end, as far as `steps`; each leaves what a kill right after it leaves.
    async fn run(&mut self, claim: &Claim, steps: usize) {
        let home = self.open();
        if steps == 0 {
            return;
        }
        let directory = claim.prepare(&home).unwrap();
        if steps == 1 {
            return;
        }
        assert!(claim.take(home.folder(&claim.inbox()).unwrap(), directory).unwrap());
        self.go_on(claim, Links::One, steps - 2).await;
    }

    async fn go_on(&mut self, claim: &Claim, links: Links, steps: usize) {
        let home = self.open();
        if steps == 0 {
            return;
        }
        let taken = claim.open(&home, links).unwrap();
        let stored = self.store.take_over(&taken, 0).await.unwrap();
        if steps == 1 {
            return;
        }
        self.queue.entry(claim.batch).or_insert(stored);
        if steps == 2 {
            return;
        }
        let verdict = claim.verdict(Word::Accepted, "queued".into(), Timestamp::UNIX_EPOCH);
        claim.tell(&home, &verdict).unwrap();
        if steps == 3 {
            return;
        }
        let taken = self.path(TAKEN).join(claim.batch.to_string()).join("csv");
        if steps == 4 {
            return fs::remove_file(taken.join(&claim.name)).unwrap();
        }
        if steps == 5 {
            fs::remove_file(taken.join(&claim.name)).unwrap();
            return fs::remove_dir(taken).unwrap();
        }
        assert!(claim.accepted(&home, vec![1], "queued".into(), Timestamp::UNIX_EPOCH).unwrap().is_none());
    }

    /// What a start does: the store's sweep, then what is under way, then what is in the inbox.
    async fn restart(&mut self, sweep_first: bool) {
        if sweep_first {
            self.sweep().await;
        }
        let found = outstanding(&self.open(), |_| false).unwrap();
        assert!(found.odd.is_empty());
        for claim in found.claims {
            self.go_on(&claim, Links::Any, 6).await;
        }
        if !sweep_first {
            self.sweep().await;
        }
        let inbox = fs::read_dir(self.path("inbox/csv")).unwrap();
        for name in inbox.map(|entry| entry.unwrap().file_name()) {
            if !super::super::layout::is_passed_over(&name) {
                self.run(&self.claim(&name), 8).await;
            }
        }
    }

    async fn sweep(&self) {
        let is_known = async |_: &TenantId, batch| Ok::<_, FileStoreError>(self.queue.contains_key(&batch));
        self.store.sweep(is_known).await.unwrap();
    }
}

fn names(directory: &Path) -> Vec<OsString> {
    let Ok(found) = fs::read_dir(directory) else { return Vec::new() };
    let mut names: Vec<OsString> = found.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_kill_between_any_two_steps_neither_loses_nor_doubles_a_file() {
    for steps in 0..=8 {
        for sweep_first in [true, false] {
            let mut bench = Bench::new();
            let tenant = TenantId::parse("acme").unwrap();
            fs::write(bench.path("inbox/csv/a.csv"), "a,b\n").unwrap();
            let claim = bench.claim(OsStr::new("a.csv"));
            bench.run(&claim, steps).await;
            // One start may be killed as well.
            bench.restart(sweep_first).await;
            bench.restart(sweep_first).await;

            let context = format!("killed after step {steps}");
            assert_eq!(bench.queue.len(), 1, "{context}");
            let stored = bench.queue.values().next().unwrap();
            assert_eq!(fs::read(bench.store.path(&stored.key).unwrap()).unwrap(), b"a,b\n", "{context}");
            assert_eq!(bench.store.bytes(&tenant), 4, "{context}");
            assert_eq!(names(&bench.path(TAKEN)), Vec::<OsString>::new(), "{context}");
            assert_eq!(names(&bench.path("inbox/csv")), ["a.csv.verdict.json"], "{context}");
            let verdict = fs::read_to_string(bench.path("inbox/csv/a.csv.verdict.json")).unwrap();
            assert!(
                verdict.contains("\"accepted\"") && verdict.contains(&bench.queue.keys().next().unwrap().to_string())
            );
        }
    }
}

#[tokio::test]
async fn a_kill_amid_a_refusal_loses_nothing() {
    for steps in 0..3 {
        let bench = Bench::new();
        fs::write(bench.path("inbox/csv/a.csv"), "a,b\n").unwrap();
        fs::write(bench.path("inbox/csv/a.csv.verdict.json"), "waiting").unwrap();
        let (home, claim) = (bench.open(), bench.claim(OsStr::new("a.csv")));
        claim.take(home.folder(&claim.inbox()).unwrap(), claim.prepare(&home).unwrap()).unwrap();
        if steps > 0 {
            let aside = home.make(Path::new("refused/csv")).unwrap();
            claim.verdict(Word::Refused, "no".into(), Timestamp::UNIX_EPOCH).write(&aside, &claim.name).unwrap();
        }
        if steps > 1 {
            let taken = bench.path(TAKEN).join(claim.batch.to_string()).join("csv/a.csv");
            fs::rename(taken, bench.path("refused/csv/a.csv")).unwrap();
        }
        for claim in outstanding(&home, |_| false).unwrap().claims {
            claim.refused(&home, "no".into(), Timestamp::UNIX_EPOCH).unwrap();
        }
        assert_eq!(names(&bench.path("refused/csv")), ["a.csv", "a.csv.verdict.json"], "{steps}");
        assert_eq!(names(&bench.path(TAKEN)), Vec::<OsString>::new(), "{steps}");
        assert_eq!(fs::read(bench.path("refused/csv/a.csv")).unwrap(), b"a,b\n");
    }
}

#[test]
fn files_of_the_same_name_that_are_refused_all_stay_each_with_its_verdict() {
    let bench = Bench::new();
    let home = bench.open();
    let long = OsString::from("x".repeat(255));
    for round in 0..3 {
        for name in [OsStr::new("a.csv"), &long] {
            fs::write(bench.path("inbox/csv").join(name), round.to_string()).unwrap();
            let claim = bench.claim(name);
            claim.take(home.folder(&claim.inbox()).unwrap(), claim.prepare(&home).unwrap()).unwrap();
            let (place, told) = claim.refused(&home, "no".into(), Timestamp::UNIX_EPOCH).unwrap();
            assert!(told.is_none());
            assert_eq!(fs::read_to_string(bench.path("").join(place)).unwrap(), round.to_string());
        }
    }
    assert_eq!(names(&bench.path("refused/csv")).len(), 12);
    assert_eq!(names(&bench.path("inbox/csv")).len(), 0);
}

#[test]
fn a_link_in_the_place_of_taken_or_refused_leads_nowhere() {
    let bench = Bench::new();
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(bench.path("inbox/csv/a.csv"), "a,b\n").unwrap();
    let (home, claim) = (bench.open(), bench.claim(OsStr::new("a.csv")));
    symlink(elsewhere.path(), bench.path(TAKEN)).unwrap();
    let told = claim.prepare(&home).unwrap_err().to_string();
    assert!(told.starts_with("a.csv cannot be claimed: .taken/"), "{told}");
    assert!(outstanding(&home, |_| false).is_err());
    fs::remove_file(bench.path(TAKEN)).unwrap();

    symlink(elsewhere.path(), bench.path(REFUSED)).unwrap();
    claim.take(home.folder(&claim.inbox()).unwrap(), claim.prepare(&home).unwrap()).unwrap();
    assert!(claim.refused(&home, "no".into(), Timestamp::UNIX_EPOCH).is_err());
    assert_eq!(outstanding(&home, |_| false).unwrap().claims, [claim]);
    assert!(names(elsewhere.path()).is_empty());
}

#[test]
fn what_the_host_never_puts_into_taken_is_left_alone() {
    let bench = Bench::new();
    let (home, claim) = (bench.open(), bench.claim(OsStr::new("a.csv")));
    claim.prepare(&home).unwrap();
    let two_files = bench.path(TAKEN).join(claim.batch.to_string()).join("csv");
    fs::write(two_files.join("a"), "").unwrap();
    fs::write(two_files.join("b"), "").unwrap();
    fs::create_dir_all(bench.path(TAKEN).join(BatchId::new().to_string().to_uppercase()).join("csv")).unwrap();
    fs::write(bench.path(TAKEN).join("file"), "").unwrap();
    fs::create_dir_all(bench.path(TAKEN).join(BatchId::new().to_string()).join("No App")).unwrap();
    let found = outstanding(&home, |_| false).unwrap();
    assert_eq!((found.claims.len(), found.odd.len()), (0, 4), "{found:?}");
    assert_eq!(names(&bench.path(TAKEN)).len(), 4);
}

#[test]
fn what_somebody_works_on_is_no_business_of_a_scan() {
    let bench = Bench::new();
    let (home, claim) = (bench.open(), bench.claim(OsStr::new("a.csv")));
    claim.prepare(&home).unwrap();
    assert!(outstanding(&home, |batch| batch == claim.batch).unwrap().claims.is_empty());
    assert_eq!(names(&bench.path(TAKEN)).len(), 1, "not even its empty directories");
    outstanding(&home, |_| false).unwrap();
    assert!(names(&bench.path(TAKEN)).is_empty());
}

#[test]
fn a_file_of_any_name_is_claimed_and_one_that_vanished_is_not() {
    let bench = Bench::new();
    let home = bench.open();
    for name in [b"\xff\xfe".as_slice(), b"a\nb", b"-rf", b"\"'`$", b"\x01", &[b'x'; 255]] {
        let claim = bench.claim(OsStr::from_bytes(name));
        fs::write(bench.path("inbox/csv").join(&claim.name), "1").unwrap();
        claim.take(home.folder(&claim.inbox()).unwrap(), claim.prepare(&home).unwrap()).unwrap();
        assert_eq!(claim.open(&home, Links::One).unwrap().bytes, 1);
        assert_eq!(outstanding(&home, |_| false).unwrap().claims, *std::slice::from_ref(&claim));
        claim.accepted(&home, vec![], "queued".into(), Timestamp::UNIX_EPOCH).unwrap();
    }
    let claim = bench.claim(OsStr::new("none"));
    assert!(!claim.take(home.folder(&claim.inbox()).unwrap(), claim.prepare(&home).unwrap()).unwrap());
    claim.abandon(&home);
    assert!(names(&bench.path(TAKEN)).is_empty());
}
