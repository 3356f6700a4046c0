//! Hears what happens in the staging directories (inotify, through `notify`, on its one thread) and keeps it until somebody
//! asks: for each path the last sign, so that a file written in a million pieces is one entry.
//!
//! Only the directories that files are dropped into are watched, each by itself: what lies deeper, or in `.taken`, makes no
//! noise. The system watches by path and follows links, so a tenant who exchanges a directory for a link at the right moment
//! gets somebody else's directory watched. That tells nobody anything: an event only says where to look, and looking follows
//! no link.
//!
//! A watcher may miss things. When the system's queue or ours overflows it says so, and everything is scanned; a scan on a
//! timer finds the rest. On file systems that other machines write to nobody is told of that: there the timer is a short one.

use super::quiet::Sign;
use notify::event::{AccessKind, AccessMode, Event, EventKind, Flag, ModifyKind, RenameMode};
use notify::{Config, ErrorKind, RecommendedWatcher, RecursiveMode};
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::Notify;

/// Most paths that are kept; with more, everything is scanned.
const MOST_PATHS: usize = 65_536;

/// Watches directories.
#[derive(Debug)]
pub struct Watcher {
    system: RecommendedWatcher,
    ears: Ears,
}

/// Where it is heard what a [`Watcher`] sees.
#[derive(Clone, Debug, Default)]
pub struct Ears(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    heard: Mutex<Heard>,
    news: Notify,
    /// Device and inode of what is watched under each path. The system stops watching a directory that is renamed or
    /// removed, so such a path is taken out as soon as that is heard. Never locked while the system is asked for something:
    /// it may be waiting to tell us.
    watched: Mutex<HashMap<PathBuf, (u64, u64)>>,
}

/// What was heard.
#[derive(Debug, Default)]
pub struct Heard {
    /// The last sign of each path, and when it came.
    pub signs: HashMap<PathBuf, (Sign, Instant)>,
    /// Something was missed: everything has to be scanned.
    pub missed: bool,
    /// Sentences about what is wrong with watching.
    pub troubles: Vec<String>,
}

/// Why a directory is not watched. Its files are found by scans only.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// Of what the system allows one user.
    #[error(
        "{} cannot be watched: this user watches as many directories as the system allows; raise \
         fs.inotify.max_user_watches (sysctl)",
        .0.display()
    )]
    TooMany(PathBuf),
    /// Anything else.
    #[error("{} cannot be watched: {source}", .path.display())]
    System {
        /// The directory.
        path: PathBuf,
        /// Why not.
        source: notify::Error,
    },
}

impl Watcher {
    /// Watches nothing yet; what it sees goes to `ears`.
    ///
    /// # Errors
    /// The system has no watcher for this user.
    pub fn new(ears: Ears) -> Result<Watcher, notify::Error> {
        let listener = ears.clone();
        let handler = move |event: notify::Result<Event>| listener.hear(event, Instant::now());
        let system = <RecommendedWatcher as notify::Watcher>::new(handler, Config::default())?;
        Ok(Watcher { system, ears })
    }

    /// Watches a directory, of which device and inode are these. Cheap where it does so already; one that is gone again is
    /// no error.
    ///
    /// # Errors
    /// It cannot be watched.
    pub fn watch(&mut self, directory: &Path, identity: (u64, u64)) -> Result<(), WatchError> {
        if self.ears.watched().insert(directory.to_owned(), identity) == Some(identity) {
            return Ok(());
        }
        let watched = notify::Watcher::watch(&mut self.system, directory, RecursiveMode::NonRecursive);
        watched.or_else(|error| {
            self.ears.watched().remove(directory);
            match error.kind {
                ErrorKind::PathNotFound => Ok(()),
                ErrorKind::MaxFilesWatch => Err(WatchError::TooMany(directory.to_owned())),
                _ => Err(WatchError::System { path: directory.to_owned(), source: error }),
            }
        })
    }
}

impl Ears {
    /// Waits until something was heard, and takes it. Cancel-safe.
    pub async fn next(&self) -> Heard {
        loop {
            let news = self.0.news.notified();
            let heard = std::mem::take(&mut *self.heard());
            if heard.missed || !heard.signs.is_empty() || !heard.troubles.is_empty() {
                return heard;
            }
            news.await;
        }
    }

    fn hear(&self, event: notify::Result<Event>, now: Instant) {
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                let mut heard = self.heard();
                heard.missed = true;
                heard.troubles.push(format!("the watcher of the staging directories has trouble: {error}"));
                drop(heard);
                self.0.news.notify_one();
                return;
            }
        };
        if matches!(event.kind, EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From))) {
            event.paths.iter().for_each(|path| self.forget(path));
        }
        let missed = event.flag() == Some(Flag::Rescan);
        let sign = sign(event.kind);
        if !missed && sign.is_none() {
            return;
        }
        let mut heard = self.heard();
        heard.missed |= missed;
        if let Some(sign) = sign {
            heard.signs.extend(event.paths.into_iter().map(|path| (path, (sign, now))));
        }
        if heard.signs.len() > MOST_PATHS {
            heard.signs.clear();
            heard.missed = true;
        }
        drop(heard);
        self.0.news.notify_one();
    }

    /// As if the system had said that it lost events.
    #[cfg(test)]
    pub(super) fn overflow(&self) {
        self.hear(Ok(Event::new(EventKind::Other).set_flag(Flag::Rescan)), Instant::now());
    }

    /// A path is gone; if it was watched, what is beneath it is not watched any more either.
    fn forget(&self, gone: &Path) {
        let mut watched = self.watched();
        if watched.remove(gone).is_some() {
            watched.retain(|path, _| !path.starts_with(gone));
        }
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.0.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watched(&self) -> MutexGuard<'_, HashMap<PathBuf, (u64, u64)>> {
        self.0.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an event says of its paths; `None` where it says nothing, as when somebody reads.
fn sign(kind: EventKind) -> Option<Sign> {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Some(Sign::Closed),
        EventKind::Modify(ModifyKind::Name(RenameMode::To)) => Some(Sign::Closed),
        // Told as `From` and `To` before.
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)) | EventKind::Access(_) | EventKind::Other => None,
        _ => Some(Sign::Touched),
    }
}

/// Why nobody is told of what happens in this directory, where that is so: other machines write to it, or a program.
///
/// # Errors
/// The system's.
pub fn is_silent(directory: &Path) -> io::Result<Option<&'static str>> {
    #[allow(clippy::useless_conversion, clippy::unnecessary_cast, reason = "the field's type differs between systems")]
    let kind = rustix::fs::statfs(directory)?.f_type as i64;
    Ok(silent_kind(kind))
}

/// The name of a kind of file system that tells nobody, of its magic number.
fn silent_kind(kind: i64) -> Option<&'static str> {
    const SILENT: &[(i64, &str)] = &[
        (0x6969, "NFS"),
        (0xff53_4d42, "CIFS"),
        (0xfe53_4d42, "SMB"),
        (0x517b, "SMB"),
        (0x0102_1997, "9P"),
        (0x6573_5546, "FUSE"),
        (0x00c3_6400, "Ceph"),
        (0x5346_414f, "AFS"),
        (0x7375_7245, "Coda"),
        (0x0bd0_0bd0, "Lustre"),
        (0x4750_4653, "GPFS"),
        (0x0116_1970, "GFS2"),
        (0x7461_636f, "OCFS2"),
        (0x786f_4256, "VirtualBox's shared folders"),
    ];
    // A number of 32 bits, which some systems have as a negative one.
    SILENT.iter().find(|(silent, _)| *silent == kind & 0xffff_ffff).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::MetadataExt;
    use std::time::Duration;
    use tempfile::TempDir;

    struct Bench {
        home: TempDir,
        ears: Ears,
        watcher: Watcher,
    }

    impl Bench {
        fn new() -> Bench {
            let ears = Ears::default();
            let mut bench =
                Bench { home: tempfile::tempdir().unwrap(), watcher: Watcher::new(ears.clone()).unwrap(), ears };
            fs::create_dir(bench.path("in")).unwrap();
            bench.watch("");
            bench.watch("in");
            bench
        }

        fn path(&self, name: &str) -> PathBuf {
            self.home.path().join(name)
        }

        fn watch(&mut self, name: &str) {
            let path = if name.is_empty() { self.home.path().to_owned() } else { self.path(name) };
            let metadata = fs::metadata(&path).unwrap();
            self.watcher.watch(&path, (metadata.dev(), metadata.ino())).unwrap();
        }

        /// The sign of a path, once it was heard as `wanted`.
        async fn hears(&self, name: &str, wanted: Sign) {
            let path = self.path(name);
            let hear = async { while self.ears.next().await.signs.get(&path).map(|sign| sign.0) != Some(wanted) {} };
            tokio::time::timeout(Duration::from_secs(20), hear).await.unwrap_or_else(|_| panic!("{name}: {wanted:?}"));
        }
    }

    #[tokio::test]
    async fn a_write_a_rename_in_and_a_removal_are_heard_and_a_read_is_not() {
        let bench = Bench::new();
        fs::write(bench.path("in/a"), "1").unwrap();
        bench.hears("in/a", Sign::Closed).await;
        fs::rename(bench.path("in/a"), bench.path("in/b")).unwrap();
        bench.hears("in/b", Sign::Closed).await;
        fs::read(bench.path("in/b")).unwrap();
        fs::remove_file(bench.path("in/b")).unwrap();
        bench.hears("in/b", Sign::Touched).await;
    }

    #[tokio::test]
    async fn a_directory_that_was_renamed_away_and_back_is_watched_again() {
        let mut bench = Bench::new();
        fs::rename(bench.path("in"), bench.path("out")).unwrap();
        bench.hears("out", Sign::Closed).await;
        fs::rename(bench.path("out"), bench.path("in")).unwrap();
        // The last that its old watch says of it may come before or after its return, so it is looked at whenever it is told of.
        let (directory, file) = (bench.path("in"), bench.path("in/a"));
        let heard = async {
            loop {
                let signs = bench.ears.next().await.signs;
                if signs.get(&file).is_some_and(|sign| sign.0 == Sign::Closed) {
                    return;
                }
                if signs.contains_key(&directory) {
                    bench.watch("in");
                    fs::write(&file, "1").unwrap();
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), heard).await.expect("what is written there is heard");
    }

    #[tokio::test]
    async fn too_many_paths_become_one_wish_to_scan() {
        let ears = Ears::default();
        for number in 0..=MOST_PATHS {
            let path = PathBuf::from(number.to_string());
            ears.hear(Ok(Event::new(EventKind::Any).add_path(path)), Instant::now());
        }
        let heard = ears.next().await;
        assert!(heard.missed && heard.signs.is_empty());
        ears.overflow();
        assert!(ears.next().await.missed);
    }

    #[test]
    fn a_local_disk_is_not_silent() {
        assert_eq!(is_silent(Path::new("/proc")).unwrap(), None);
        assert_eq!(is_silent(&std::env::temp_dir()).unwrap(), None);
        // ext4, XFS, Btrfs, tmpfs, overlayfs, ZFS.
        for local in [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0x794c_7630, 0x2fc1_2fc1] {
            assert_eq!(silent_kind(local), None, "{local:x}");
        }
    }

    #[test]
    fn what_other_machines_or_programs_write_to_is_silent() {
        // As in linux/magic.h and statfs(2); the second as systems with 32 bits have it.
        for (kind, name) in
            [(0x6969, "NFS"), (-11_317_950, "CIFS"), (0x6573_5546, "FUSE"), (0x0102_1997, "9P"), (0x00c3_6400, "Ceph")]
        {
            assert_eq!(silent_kind(kind), Some(name), "{kind:x}");
        }
    }
}
