//! The whole of staging on real directories. The registry and the queue are others' business: here they keep what they are
//! given. Nothing is timed; where something must not happen, something else that comes later happens first.

mod apps;
mod data;
mod kill;
mod misuse;

use super::*;
use crate::sink::BoxFuture;
use crate::staging::candidate::Finding;
use crate::staging::files::FileStore;
use crate::staging::ports::{AppCandidate, AppIntake, AppVerdict, FileIdentity, Inbox, Taken, TakenFile};
use crate::task::StoredFile;
use crate::tenant::AppName;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

/// Staging with a registry and a queue.
struct Bench {
    home: TempDir,
    registry: Arc<Registry>,
    queue: Arc<Queue>,
    tenants: Arc<Mutex<Vec<String>>>,
    told: Arc<Mutex<Vec<String>>>,
    life: Option<Life>,
}

struct Life {
    stop: oneshot::Sender<()>,
    run: JoinHandle<()>,
    knock: Knock,
}

/// A file that says `app <name>` is an app; anything else is not.
#[derive(Default)]
struct Registry {
    state: Mutex<Judged>,
    /// Candidates that say `slow` wait for this.
    release: Notify,
    began: Notify,
}

#[derive(Default)]
struct Judged {
    /// Every candidate, as `tenant/file: content`.
    considered: Vec<String>,
    known: HashMap<(TenantId, OsString), FileIdentity>,
    live: BTreeMap<(TenantId, OsString), AppName>,
}

/// Takes every file, but for those that say `refuse`, or `later` while it is shut.
struct Queue {
    registry: Arc<Registry>,
    store: Arc<FileStore>,
    batches: Mutex<BTreeMap<BatchId, (String, StoredFile)>>,
    /// Batches that were handed over, each time.
    handed: Mutex<Vec<BatchId>>,
    is_shut: AtomicBool,
}

impl Bench {
    /// A bench that runs, with these tenants.
    fn new(tenants: &[&str]) -> Bench {
        let mut bench = Bench::asleep(tenants);
        bench.start();
        bench
    }

    fn asleep(tenants: &[&str]) -> Bench {
        Bench::at(tempfile::tempdir().unwrap(), tenants)
    }

    fn at(home: TempDir, tenants: &[&str]) -> Bench {
        let registry = Arc::new(Registry::default());
        let store = FileStore::new(home.path().join("data"));
        let queue = Arc::new(Queue {
            registry: registry.clone(),
            store,
            batches: Mutex::default(),
            handed: Mutex::default(),
            is_shut: AtomicBool::new(false),
        });
        for tenant in tenants {
            fs::create_dir_all(home.path().join("staging").join(tenant)).unwrap();
        }
        let tenants = tenants.iter().map(|tenant| (*tenant).to_owned()).collect();
        Bench { home, registry, queue, tenants: Arc::new(Mutex::new(tenants)), told: Arc::default(), life: None }
    }

    fn staging(&self) -> Staging {
        let (tenants, told) = (self.tenants.clone(), self.told.clone());
        let ports = Ports {
            apps: self.registry.clone(),
            inbox: self.queue.clone(),
            tenants: Arc::new(move |name| {
                let is_known = tenants.lock().unwrap().iter().any(|tenant| tenant == name);
                is_known.then(|| TenantId::parse(name).unwrap())
            }),
            tell: Arc::new(move |_, happening| told.lock().unwrap().push(format!("{happening:?}"))),
        };
        let rules = Rules {
            quiet: Duration::from_millis(20),
            // What is found is found by events, unless a test says otherwise.
            rescan: Duration::from_secs(3_600),
            poll: Duration::from_secs(3_600),
            at_once: 4,
            app_bytes: 1_000,
        };
        Staging::new(self.home.path().join("staging"), rules, ports).unwrap()
    }

    fn start(&mut self) {
        self.start_as(self.staging());
    }

    fn start_as(&mut self, staging: Staging) {
        let knock = staging.knock();
        let (stop, stopped) = oneshot::channel();
        let run = tokio::spawn(staging.run(async {
            let _ = stopped.await;
        }));
        self.life = Some(Life { stop, run, knock });
    }

    async fn stop(&mut self) {
        let life = self.life.take().unwrap();
        life.stop.send(()).unwrap();
        life.run.await.unwrap();
    }

    fn knock(&self) -> &Knock {
        &self.life.as_ref().unwrap().knock
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.home.path().join("staging").join(name)
    }

    fn write(&self, name: impl AsRef<Path>, content: &str) {
        fs::write(self.path(name), content).unwrap();
    }

    /// Waits until a directory is there, as one that staging makes.
    async fn there(&self, name: &str) {
        self.until(name, || self.path(name).exists()).await;
    }

    async fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        for _ in 0..12_000 {
            if is_so() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{what}: not so after a minute; told: {:?}", self.told.lock().unwrap());
    }

    /// Drops an app and waits until it is live.
    async fn live(&self, file: &str, app: &str) {
        self.write(file, &format!("app {app}"));
        self.until(file, || self.registry.state.lock().unwrap().live.values().any(|live| live.as_str() == app)).await;
        self.verdict(file, "live").await;
    }

    /// Waits for a verdict with this word beside a file, and answers it.
    async fn verdict(&self, file: impl AsRef<Path>, word: &str) -> serde_json::Value {
        let path = self.path(file);
        let path = path.with_file_name(crate::staging::name::verdict(path.file_name().unwrap()));
        let read = || serde_json::from_str::<serde_json::Value>(&fs::read_to_string(&path).ok()?).ok();
        let is_word = |verdict: serde_json::Value| verdict["verdict"] == word;
        self.until(&format!("{path:?} {word}"), || read().is_some_and(is_word)).await;
        read().unwrap()
    }

    fn considered(&self) -> Vec<String> {
        self.registry.state.lock().unwrap().considered.clone()
    }

    /// What is in the queue, as `tenant/app: name`, sorted.
    fn queued(&self) -> Vec<String> {
        let mut queued: Vec<String> = self
            .queue
            .batches
            .lock()
            .unwrap()
            .values()
            .map(|(place, file)| format!("{place}: {}", file.name))
            .collect();
        queued.sort();
        queued
    }

    fn was_told(&self, words: &str) -> bool {
        self.told.lock().unwrap().iter().any(|told| told.contains(words))
    }

    /// Names in a directory that are no verdicts.
    fn names(&self, directory: &str) -> Vec<OsString> {
        let Ok(found) = fs::read_dir(self.path(directory)) else { return Vec::new() };
        let names = found.map(|entry| entry.unwrap().file_name());
        names.filter(|name| !name.to_string_lossy().ends_with(".verdict.json")).collect()
    }
}

/// Nothing is at work any more when the directories are removed.
impl Drop for Bench {
    fn drop(&mut self) {
        if let Some(life) = self.life.take() {
            let _ = life.stop.send(());
            self.registry.release.notify_one();
            let ended = tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(life.run));
            assert!(ended.is_ok() || std::thread::panicking());
        }
    }
}

impl AppIntake for Registry {
    fn consider(&self, candidate: AppCandidate) -> BoxFuture<'_, AppVerdict> {
        Box::pin(async move {
            let content = String::from_utf8_lossy(candidate.snapshot.bytes()).into_owned();
            self.state.lock().unwrap().considered.push(format!("{}/{}: {content}", candidate.tenant, candidate.shown));
            if content.contains("slow") {
                self.began.notify_one();
                self.release.notified().await;
            }
            let mut state = self.state.lock().unwrap();
            let key = (candidate.tenant, candidate.file);
            state.known.insert(key.clone(), candidate.identity);
            match content.strip_prefix("app ").and_then(|name| AppName::parse(name).ok()) {
                Some(app) => {
                    state.live.insert(key, app.clone());
                    AppVerdict::Live {
                        sentence: format!("{app} is live"),
                        apps: vec![app],
                        generation: blake3::hash(content.as_bytes()).to_string(),
                        findings: vec![],
                    }
                }
                None => AppVerdict::Refused {
                    sentence: "it is no app".into(),
                    findings: vec![Finding::refusal("not-elf", "it is no app", "build it")],
                },
            }
        })
    }

    fn removed<'a>(&'a self, tenant: &'a TenantId, file: &'a OsStr) -> BoxFuture<'a, Option<String>> {
        Box::pin(async move {
            let mut state = self.state.lock().unwrap();
            let key = (tenant.clone(), file.to_owned());
            state.known.remove(&key);
            state.live.remove(&key).map(|app| format!("{app} is retired"))
        })
    }

    fn is_known(&self, tenant: &TenantId, file: &OsStr, identity: &FileIdentity) -> bool {
        self.state.lock().unwrap().known.get(&(tenant.clone(), file.to_owned())) == Some(identity)
    }

    fn files(&self, tenant: &TenantId) -> Vec<OsString> {
        let state = self.state.lock().unwrap();
        state.known.keys().filter(|(whose, _)| whose == tenant).map(|(_, file)| file.clone()).collect()
    }

    fn live(&self, tenant: &TenantId) -> Vec<AppName> {
        let state = self.state.lock().unwrap();
        state.live.iter().filter(|((whose, _), _)| whose == tenant).map(|(_, app)| app.clone()).collect()
    }
}

impl Inbox for Queue {
    fn holds_back(&self, tenant: &TenantId, app: &AppName) -> Option<String> {
        let is_live = self.registry.live(tenant).contains(app);
        (!is_live).then(|| format!("waiting: no app {app} is live for this tenant"))
    }

    fn take(&self, taken: TakenFile) -> BoxFuture<'_, Taken> {
        Box::pin(async move {
            self.handed.lock().unwrap().push(taken.batch);
            let content = fs::read_to_string(format!("/proc/self/fd/{}", taken_fd(&taken))).unwrap_or_default();
            if content.starts_with("refuse") {
                return Taken::Refused { sentence: "it says that it is to be refused".into() };
            }
            if content.starts_with("later") && self.is_shut.load(Ordering::SeqCst) {
                return Taken::Later { sentence: "waiting: the queue is shut".into() };
            }
            let stored = match self.store.take_over(&taken, 0).await {
                Ok(stored) => stored,
                Err(error) => return Taken::Later { sentence: error.to_string() },
            };
            let mut batches = self.batches.lock().unwrap();
            let number = batches.len() as u64;
            batches.entry(taken.batch).or_insert((format!("{}/{}", taken.tenant, taken.app), stored));
            Taken::Accepted { tasks: vec![number], sentence: "it is in the queue".into() }
        })
    }
}

fn taken_fd(taken: &TakenFile) -> i32 {
    std::os::fd::AsRawFd::as_raw_fd(&taken.file)
}
