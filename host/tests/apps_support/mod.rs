//! A registry over a throw-away data directory, real `.so` files to drop, and a count of the workers that were started.

#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

use crate::guest_support::{Compiled, WORKER, compile};
use jiff::Timestamp;
use mysimbdp::apps::{Apps, Candidate, FileIdentity, Prober, Verdict};
use mysimbdp::part::Part;
use mysimbdp::staging::snapshot::{ReadRules, Snapshot};
use mysimbdp::tenant::{AppName, TenantId};
use mysimbdp::worker::protocol::Isolation;
use mysimbdp::worker::spawner::Spawner;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the app of the tests says of itself; replaced byte for byte.
const NAME: &str = "some-app";
const VERSION: &str = "v000000";

pub(crate) fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

/// The newest so many.
pub(crate) fn first(limit: usize) -> Part<u64> {
    Part { after: None, limit }
}

pub(crate) fn app(name: &str) -> AppName {
    AppName::parse(name).unwrap()
}

/// The bytes of an app whose constructor has this body.
pub(crate) fn build(constructor: &str) -> Vec<u8> {
    let built: Compiled = compile(
        &format!(
            "__attribute__((constructor)) static void constructed(void) {{ {constructor} }}\n\
             static int32_t ingest(void *instance, const host_t *host, const input_t *input) {{\n\
             (void)instance; (void)host; (void)input; return MYSIMBDP_OK; }}\n\
             MYSIMBDP_EXPORT_BATCH(\"{NAME}\", \"{VERSION}\", 0, mysimbdp_create_nothing, ingest, mysimbdp_destroy_nothing)"
        ),
        &["-g0"],
    );
    fs::read(&built.path).unwrap()
}

/// The same code as another generation.
pub(crate) fn with_version(so: &[u8], number: u32) -> Vec<u8> {
    replaced(so, VERSION, &format!("v{number:06}"))
}

/// The same code as another app; the name has as many letters as the other.
pub(crate) fn with_name(so: &[u8], name: &str) -> Vec<u8> {
    replaced(so, NAME, name)
}

fn replaced(so: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut changed = so.to_vec();
    let places: Vec<usize> =
        so.windows(from.len()).enumerate().filter(|(_, at)| *at == from.as_bytes()).map(|(at, _)| at).collect();
    assert!(!places.is_empty());
    for at in places {
        changed[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    changed
}

/// A data directory, a staging directory, and a program that counts the workers it starts.
pub(crate) struct Place {
    directory: PathBuf,
    _made: Option<tempfile::TempDir>,
}

impl Place {
    pub(crate) fn new() -> Place {
        let made = tempfile::tempdir().unwrap();
        let place = Place { directory: made.path().to_owned(), _made: Some(made) };
        fs::create_dir(place.at("staging")).unwrap();
        let (program, count) = (place.at("worker.sh"), place.at("started"));
        fs::write(&program, format!("#!/bin/sh\necho >> '{}'\nexec '{WORKER}' \"$@\"\n", count.display())).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        place
    }

    /// One that another process has made.
    pub(crate) fn of(directory: &Path) -> Place {
        Place { directory: directory.to_owned(), _made: None }
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The registry, as a start of the host opens it.
    pub(crate) fn open(&self) -> Apps {
        self.open_with(|_| {})
    }

    pub(crate) fn open_with(&self, change: impl FnOnce(&mut Prober)) -> Apps {
        let spawner = Spawner::start(Some(&self.at("worker.sh"))).unwrap();
        let mut prober = Prober::new(spawner, Isolation::Full);
        prober.deadline = Duration::from_secs(30);
        change(&mut prober);
        Apps::open(&self.at("apps.db"), &self.at("apps"), prober).unwrap()
    }

    /// Workers that were started so far.
    pub(crate) fn started(&self) -> usize {
        fs::read(self.at("started")).map_or(0, |log| log.len())
    }

    /// Drops a file, replacing what has its name.
    pub(crate) fn drop_file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let (part, path) = (self.at("part"), self.at("staging").join(name));
        fs::write(&part, bytes).unwrap();
        fs::rename(&part, &path).unwrap();
        path
    }

    /// Drops a file and has it judged.
    pub(crate) async fn consider(&self, apps: &Apps, tenant: &TenantId, name: &str, bytes: &[u8]) -> Verdict {
        apps.consider(candidate(tenant, &self.drop_file(name, bytes))).await.unwrap()
    }

    /// Files in the store.
    pub(crate) fn stored(&self) -> Vec<String> {
        let entries = fs::read_dir(self.at("apps")).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

pub(crate) fn identity(path: &Path) -> FileIdentity {
    let found = fs::metadata(path).unwrap();
    let mtime_ns = found.mtime() * 1_000_000_000 + found.mtime_nsec();
    FileIdentity { dev: found.dev(), ino: found.ino(), size: found.len(), mtime_ns }
}

/// A file as the watcher of staging hands it over.
pub(crate) fn candidate(tenant: &TenantId, path: &Path) -> Candidate {
    let rules = ReadRules { max_size: 256 << 20, single_link: true };
    Candidate {
        tenant: tenant.clone(),
        file: path.file_name().unwrap().to_str().unwrap().to_owned(),
        identity: identity(path),
        snapshot: Snapshot::take(path, &rules).unwrap(),
        last_change: Timestamp::now(),
    }
}

pub(crate) fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}
