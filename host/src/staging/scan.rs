//! Looks through the staging directories: whose they are, what lies in them, and has them watched. For the start, for what a
//! watcher missed, and where there is none.
//!
//! A directory is watched first and listed then, so that nothing falls between the two. A tenant with more files than a scan
//! takes up is scanned again when those are dealt with.

use super::claim::{Outstanding, outstanding};
use super::home::{Home, each_entry, entries};
use super::layout::{self, APPS, INBOX, Kind, REFUSED, Spot, TAKEN};
use super::memory::Told;
use super::name::shown;
use super::open;
use super::ports::Ports;
use super::verdict;
use super::watcher::{WatchError, Watcher};
use crate::task::BatchId;
use crate::tenant::TenantId;
use rustix::fs::{AtFlags, FileType};
use rustix::io::Errno;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Files of a tenant that one scan takes up.
const MOST_FILES: usize = 10_000;

/// Looks through the staging directory.
pub(super) struct Scanner {
    /// The staging directory.
    pub(super) staging: PathBuf,
    /// Watches what is found; `None` where nothing can be watched.
    pub(super) watcher: Option<Watcher>,
    /// Whom to ask.
    pub(super) ports: Ports,
    /// Files of which there is nothing new to say.
    pub(super) told: Told,
    /// Tenants that were scanned before.
    pub(super) visited: HashSet<TenantId>,
}

/// Where to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// Everywhere.
    All,
    /// In the directories of these tenants.
    Tenants(BTreeSet<TenantId>),
}

/// What was found.
#[derive(Debug)]
pub(super) struct Scanned {
    /// Where it was looked.
    pub(super) extent: Extent,
    /// Tenants by the names of their directories; of all, where it was looked everywhere.
    pub(super) known: HashMap<OsString, TenantId>,
    /// What was found of each.
    pub(super) tenants: Vec<TenantScan>,
    /// Entries of the staging directory that belong to nobody: name and sentence.
    pub(super) strangers: Vec<(OsString, String)>,
    /// Directories that cannot be watched.
    pub(super) unwatched: Vec<String>,
    /// The staging directory cannot be read.
    pub(super) failure: Option<io::Error>,
}

/// What was found of a tenant.
#[derive(Debug)]
pub(super) struct TenantScan {
    /// The tenant.
    pub(super) tenant: TenantId,
    /// Files of interest that are new, or not in the state in which it was said what is the matter with them.
    pub(super) files: Vec<Spot>,
    /// Files that stood for apps and are gone, by where they were.
    pub(super) gone: Vec<Spot>,
    /// There are more files.
    pub(super) is_cut: bool,
    /// What is under way.
    pub(super) outstanding: Outstanding,
    /// Sentences about what is not as it should be.
    pub(super) troubles: Vec<String>,
}

impl Scanner {
    /// Looks; `is_busy` says which batches somebody is working on.
    pub(super) fn scan(&mut self, extent: Extent, is_busy: &dyn Fn(BatchId) -> bool) -> Scanned {
        let mut scanned = Scanned {
            extent: extent.clone(),
            known: HashMap::new(),
            tenants: Vec::new(),
            strangers: Vec::new(),
            unwatched: Vec::new(),
            failure: None,
        };
        if let Err(error) = self.look_through(extent, is_busy, &mut scanned) {
            scanned.failure = Some(error);
        }
        scanned
    }

    fn look_through(
        &mut self,
        extent: Extent,
        is_busy: &dyn Fn(BatchId) -> bool,
        scanned: &mut Scanned,
    ) -> io::Result<()> {
        let staging = open::trusted_directory(&self.staging)?;
        let tenants = match extent {
            Extent::Tenants(tenants) => {
                tenants.into_iter().filter_map(|tenant| (self.ports.tenants)(tenant.as_str())).collect()
            }
            Extent::All => {
                self.watch(Path::new(""), &staging, &mut scanned.unwatched);
                self.tenants(&staging, scanned)?
            }
        };
        for tenant in tenants {
            scanned.known.insert(tenant.as_str().into(), tenant.clone());
            match Home::open(&staging, &tenant) {
                Ok(home) => scanned.tenants.push(self.tenant(&home, is_busy, &mut scanned.unwatched)),
                Err(Errno::NOENT) => {}
                Err(Errno::LOOP | Errno::NOTDIR) => {
                    let sentence =
                        format!("{tenant} in the staging directory is not a directory of its own but a link");
                    scanned.strangers.push((tenant.as_str().into(), sentence));
                }
                Err(error) => {
                    let sentence = format!("the staging directory of {tenant} cannot be opened: {error}");
                    scanned.strangers.push((tenant.as_str().into(), sentence));
                }
            }
        }
        Ok(())
    }

    /// Whose directories there are.
    fn tenants(&self, staging: &OwnedFd, scanned: &mut Scanned) -> io::Result<BTreeSet<TenantId>> {
        let mut tenants = BTreeSet::new();
        for (name, kind) in entries(staging, usize::MAX)?.0 {
            if layout::is_passed_over(&name) {
                continue;
            }
            let kind = kind_of(staging, &name, kind);
            let tenant = name.to_str().and_then(|name| (self.ports.tenants)(name));
            match (kind, tenant) {
                (FileType::Directory | FileType::Symlink, Some(tenant)) => drop(tenants.insert(tenant)),
                (FileType::Directory, None) => {
                    let sentence = format!(
                        "{} in the staging directory belongs to no tenant: nothing in it is taken before there is one of this \
                         name (`mysimbdp tenants set`)",
                        shown(&name)
                    );
                    scanned.strangers.push((name, sentence));
                }
                _ => {
                    let sentence = format!(
                        "{} in the staging directory belongs to nobody: files are dropped into a tenant's directory",
                        shown(&name)
                    );
                    scanned.strangers.push((name, sentence));
                }
            }
        }
        Ok(tenants)
    }

    fn tenant(&mut self, home: &Home, is_busy: &dyn Fn(BatchId) -> bool, unwatched: &mut Vec<String>) -> TenantScan {
        let tenant = home.tenant.clone();
        let mut scan = TenantScan {
            tenant: tenant.clone(),
            files: Vec::new(),
            gone: Vec::new(),
            is_cut: false,
            outstanding: Outstanding::default(),
            troubles: Vec::new(),
        };
        if let Err(error) = home.prepare(&self.ports.apps.live(&tenant)) {
            let sentence = format!("the directories for {tenant}'s files cannot be made or opened: {error}");
            scan.troubles.push(sentence);
        }
        match outstanding(home, is_busy) {
            Ok(found) => scan.outstanding = found,
            Err(error) => scan.troubles.push(format!("{TAKEN} of {tenant} cannot be read: {error}")),
        }
        if self.visited.insert(tenant.clone()) {
            remove_left_overs(home);
        }
        self.told.begin(&tenant);
        let mut apps = BTreeSet::new();
        let mut is_complete = true;
        let mut folders = vec![PathBuf::new(), APPS.into(), INBOX.into()];
        while let Some(folder) = folders.pop() {
            let opened = home.folder(&folder);
            let listed = opened.and_then(|opened| {
                self.watch(&Path::new(tenant.as_str()).join(&folder), &opened, unwatched);
                self.list(home, &folder, &opened, &mut folders, &mut apps, &mut scan)
            });
            is_complete &= matches!(listed, Ok(()) | Err(Errno::NOENT));
        }
        if is_complete && !scan.is_cut {
            self.told.end(&tenant);
            let files = self.ports.apps.files(&tenant).into_iter();
            scan.gone = files.filter(|file| !apps.contains(file)).filter_map(|file| app(&file)).collect();
        }
        scan
    }

    /// Lists one directory: inboxes go to `folders`, all apps to `apps`, what is new to `scan`.
    fn list(
        &self,
        home: &Home,
        folder: &Path,
        opened: &OwnedFd,
        folders: &mut Vec<PathBuf>,
        apps: &mut BTreeSet<OsString>,
        scan: &mut TenantScan,
    ) -> Result<(), Errno> {
        let tenant = &home.tenant;
        each_entry(opened, |name, kind| {
            let Some(spot) = layout::spot(folder, name) else { return true };
            if spot.kind == Kind::Loose && kind_of(opened, name, kind) == FileType::Directory {
                folders.push(spot.path());
                return true;
            }
            let Ok(entry) = open::look(opened, name) else { return true };
            let is_app = spot.kind == Kind::App;
            let file = spot.path().into_os_string();
            let is_judged = is_app && self.ports.apps.is_known(tenant, &file, &entry.identity);
            let is_new = !is_judged && !self.told.is_settled(tenant, &spot, &entry, &*self.ports.inbox);
            if is_app {
                apps.insert(file);
            }
            if is_new && scan.files.len() == MOST_FILES {
                scan.is_cut = true;
                return false;
            }
            if is_new {
                scan.files.push(spot);
            }
            true
        })
    }

    fn watch(&mut self, beneath: &Path, opened: &OwnedFd, unwatched: &mut Vec<String>) {
        let Some(watcher) = &mut self.watcher else { return };
        let Ok(status) = rustix::fs::fstat(opened) else { return };
        let entry = open::entry(&status);
        let path = if beneath.as_os_str().is_empty() { self.staging.clone() } else { join(&self.staging, beneath) };
        let told: Result<(), WatchError> = watcher.watch(&path, (entry.identity.dev, entry.identity.ino));
        unwatched.extend(told.err().map(|error| error.to_string()));
    }
}

/// Without the slash at the end that `join("")` makes: paths are compared.
fn join(staging: &Path, beneath: &Path) -> PathBuf {
    staging.components().chain(beneath.components()).collect()
}

/// Removes verdicts that were being written when an earlier life of the host ended. Nobody of this life is at work yet.
fn remove_left_overs(home: &Home) {
    let beneath = |folder: &str| {
        let listed = home.folder(Path::new(folder)).and_then(|opened| entries(opened, usize::MAX));
        let names = listed.map(|(found, _)| found).unwrap_or_default().into_iter();
        names.map(|(name, _)| Path::new(folder).join(name)).collect::<Vec<_>>()
    };
    let folders = [PathBuf::new(), APPS.into(), INBOX.into()].into_iter();
    for folder in folders.chain(beneath(INBOX)).chain(beneath(REFUSED)) {
        let Ok(opened) = home.folder(&folder) else { continue };
        // What cannot be listed or removed is some bytes of a tenant's own.
        let _ = each_entry(&opened, |name, _| {
            if verdict::is_left_over(name) {
                let _ = rustix::fs::unlinkat(&opened, name, AtFlags::empty());
            }
            true
        });
    }
}

/// The spot of a file that the registry names.
fn app(file: &OsStr) -> Option<Spot> {
    let path = Path::new(file);
    layout::spot(path.parent()?, path.file_name()?).filter(|spot| spot.kind == Kind::App)
}

/// What an entry is; some file systems do not say so in the listing.
fn kind_of(at: impl AsFd, name: &OsStr, kind: FileType) -> FileType {
    if kind != FileType::Unknown {
        return kind;
    }
    let status = rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW);
    status.map_or(kind, |status| FileType::from_raw_mode(status.st_mode))
}
