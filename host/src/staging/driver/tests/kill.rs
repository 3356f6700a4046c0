//! `kill -9` of the host while files are dropped: each is in the queue once.
//!
//! The test runs itself once more as a child that stages until it is killed. Its queue is a directory of synced files, one
//! for each batch.

use super::*;
use std::io::Write;
use std::process::{Child, Command, Stdio};

const CHILD: &str = "MYSIMBDP_TEST_KILLED_STAGING";
const THIS: &str = "staging::driver::tests::kill::files_dropped_while_the_host_is_killed_again_and_again_arrive_once";
const ROUNDS: usize = 12;
const FILES: usize = 40;

/// A queue that outlives a kill: a batch is a file that holds the name of what was dropped.
struct Disk {
    store: Arc<FileStore>,
    batches: PathBuf,
}

impl Inbox for Disk {
    fn holds_back(&self, _: &TenantId, _: &AppName) -> Option<String> {
        None
    }

    fn take(&self, taken: TakenFile) -> BoxFuture<'_, Taken> {
        Box::pin(async move {
            let stored = self.store.take_over(&taken, 0).await.unwrap();
            let batch = self.batches.join(taken.batch.to_string());
            if !batch.exists() {
                let part = self.batches.join(format!(".{}", taken.batch));
                let mut file = fs::File::create(&part).unwrap();
                write!(file, "{} {}", stored.name, stored.key).unwrap();
                file.sync_all().unwrap();
                fs::rename(part, batch).unwrap();
            }
            Taken::Accepted { tasks: vec![1], sentence: "it is in the queue".into() }
        })
    }
}

fn disk(home: &Path) -> Disk {
    Disk { store: FileStore::new(home.join("data")), batches: home.join("queue") }
}

#[test]
fn files_dropped_while_the_host_is_killed_again_and_again_arrive_once() {
    if let Some(home) = std::env::var_os(CHILD) {
        return stage_until_killed(Path::new(&home));
    }
    let home = tempfile::tempdir().unwrap();
    let inbox = home.path().join("staging/acme/inbox/csv");
    fs::create_dir_all(&inbox).unwrap();
    fs::create_dir(home.path().join("queue")).unwrap();
    let batches = || fs::read_dir(home.path().join("queue")).unwrap().flatten().map(|entry| entry.path());
    let queued = || batches().filter(|path| !path.file_name().unwrap().to_string_lossy().starts_with('.'));
    for round in 0..ROUNDS {
        let mut child = start(home.path());
        for number in 0..FILES {
            // Renamed in, so that what a kill of ours cut short is not taken for a whole file.
            let part = inbox.join(".part");
            fs::write(&part, format!("{round}-{number}")).unwrap();
            fs::rename(part, inbox.join(format!("{round}-{number}.csv"))).unwrap();
        }
        let before = queued().count();
        while round + 1 < ROUNDS && queued().count() < before + 1 + round && queued().count() < (round + 1) * FILES {
            std::thread::sleep(Duration::from_micros(200));
        }
        if round + 1 == ROUNDS {
            let is_empty = || !fs::read_dir(&inbox).unwrap().flatten().any(|file| !is_verdict(&file.file_name()));
            let taken = home.path().join("staging/acme/.taken");
            while !(is_empty() && fs::read_dir(&taken).unwrap().next().is_none()) {
                assert!(child.try_wait().unwrap().is_none(), "the child ended by itself");
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let store = disk(home.path()).store;
    let mut names = BTreeSet::new();
    for batch in queued() {
        let text = fs::read_to_string(&batch).unwrap();
        let (name, key) = text.split_once(' ').unwrap();
        assert!(names.insert(name.to_owned()), "{name} is there twice");
        let content = fs::read_to_string(store.path(key).unwrap()).unwrap();
        assert_eq!(name, format!("{content}.csv"));
    }
    assert_eq!(names.len(), ROUNDS * FILES);
}

fn is_verdict(name: &OsStr) -> bool {
    name.to_string_lossy().ends_with(".verdict.json")
}

fn start(home: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", THIS, "--nocapture", "--test-threads=1"])
        .env(CHILD, home)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

fn stage_until_killed(home: &Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let disk = disk(home);
        let is_known = async |_: &TenantId, batch: BatchId| {
            Ok::<_, crate::staging::files::FileStoreError>(disk.batches.join(batch.to_string()).exists())
        };
        disk.store.sweep(is_known).await.unwrap();
        let ports = Ports {
            apps: Arc::new(Registry::default()),
            inbox: Arc::new(disk),
            tenants: Arc::new(|name| TenantId::parse(name).ok()),
            tell: Arc::new(|_, _| {}),
        };
        let second = Duration::from_secs(1);
        let rules =
            Rules { quiet: Duration::from_millis(5), rescan: second, poll: second, at_once: 4, app_bytes: 1_000 };
        Staging::new(home.join("staging"), rules, ports).unwrap().run(std::future::pending()).await;
    });
}
