//! A file that the host itself writes into a tenant's directory: under a name that nobody looks at, until it is whole.
//!
//! A kill before that leaves it. Nobody can go on with it, since who sent it was never answered: the next start removes it.

use super::home::{Home, each_entry};
use super::layout::APPS;
use super::ports::FileIdentity;
use crate::tenant::TenantId;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, fchown, fstat, openat, renameat, unlinkat};
use rustix::io::Errno;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// Before the name of a file on its way.
const PREFIX: &str = ".upload-";

/// A file on its way; dropped, it is gone.
#[derive(Debug)]
pub struct Upload {
    directory: OwnedFd,
    name: String,
    /// The file, open for reading and writing.
    pub file: File,
    is_finished: bool,
}

impl Upload {
    /// Begins one in a directory.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn begin(directory: OwnedFd) -> io::Result<Upload> {
        let status = fstat(&directory)?;
        let name = format!("{PREFIX}{}", uuid::Uuid::new_v4());
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&directory, name.as_str(), flags, Mode::from_raw_mode(0o640))?;
        let upload = Upload { directory, name, file: File::from(file), is_finished: false };
        // The tenant may do with it what it may do with what it dropped itself.
        let (user, group) = (rustix::fs::Uid::from_raw(status.st_uid), rustix::fs::Gid::from_raw(status.st_gid));
        match fchown(&upload.file, Some(user), Some(group)) {
            // Only root may give files away; anybody else's stay the daemon's own.
            Ok(()) | Err(Errno::PERM) => Ok(upload),
            Err(other) => Err(other.into()),
        }
    }

    /// Which file it is: that stays so under its name.
    ///
    /// # Errors
    /// The system's.
    pub fn identity(&self) -> io::Result<FileIdentity> {
        Ok(super::open::entry(&fstat(&self.file)?).identity)
    }

    /// Gives it its name, in the place of whatever has it.
    ///
    /// # Errors
    /// The system's.
    pub fn finish(mut self, name: &str) -> io::Result<()> {
        renameat(&self.directory, self.name.as_str(), &self.directory, name)?;
        self.is_finished = true;
        rustix::fs::fsync(&self.directory)?;
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.is_finished {
            let _is_gone = unlinkat(&self.directory, self.name.as_str(), AtFlags::empty());
        }
    }
}

/// Removes what a kill has left of the uploads of a tenant; answers how many there were. Must be called before there are others.
///
/// # Errors
/// The directory cannot be read, or something in it cannot be removed. Where there is no directory, there is nothing to do.
pub fn sweep(staging: impl AsFd, tenant: &TenantId) -> io::Result<usize> {
    let folder = match Home::open(staging, tenant).and_then(|home| home.folder(Path::new(APPS))) {
        // What is no directory is the watcher's to tell of; nothing was ever written through it.
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(0),
        other => other?,
    };
    let mut left: Vec<OsString> = Vec::new();
    each_entry(&folder, |name, kind| {
        if kind == FileType::RegularFile && name.as_bytes().starts_with(PREFIX.as_bytes()) {
            left.push(name.to_owned());
        }
        true
    })?;
    for name in &left {
        match unlinkat(&folder, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(other) => return Err(other.into()),
        }
    }
    Ok(left.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::staging::layout::is_passed_over;
    use crate::staging::open::trusted_directory;
    use std::ffi::OsStr;
    use std::io::Write as _;

    #[test]
    fn a_file_on_its_way_is_passed_over_and_keeps_its_identity_under_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let directory = || OwnedFd::from(File::open(folder.path()).unwrap());
        let names = || -> Vec<_> {
            std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect()
        };
        drop(Upload::begin(directory()).unwrap());
        assert_eq!(names().len(), 0, "one that is given up leaves nothing");
        let mut upload = Upload::begin(directory()).unwrap();
        assert!(is_passed_over(OsStr::new(&upload.name)));
        upload.file.write_all(b"x").unwrap();
        let before = upload.identity().unwrap();
        upload.finish("app.so").unwrap();
        assert_eq!(names(), ["app.so"]);
        let after = super::super::open::look(directory(), OsStr::new("app.so")).unwrap().identity;
        assert_eq!(after, before);
    }

    #[test]
    fn what_a_kill_left_of_uploads_goes_and_nothing_else() {
        let staging = tempfile::tempdir().unwrap();
        let acme = TenantId::parse("acme").unwrap();
        let at = || trusted_directory(staging.path()).unwrap();
        assert_eq!(sweep(at(), &acme).unwrap(), 0, "a tenant without a directory");
        let apps = staging.path().join("acme/apps");
        std::fs::create_dir_all(&apps).unwrap();
        // As a kill leaves it.
        std::mem::forget(Upload::begin(OwnedFd::from(File::open(&apps).unwrap())).unwrap());
        for name in ["app.so", ".uploads", "upload-1"] {
            std::fs::write(apps.join(name), "x").unwrap();
        }
        std::fs::create_dir(apps.join(".upload-folder")).unwrap();
        assert_eq!(sweep(at(), &acme).unwrap(), 1);
        let mut names: Vec<_> = std::fs::read_dir(&apps).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, [".upload-folder", ".uploads", "app.so", "upload-1"]);
    }

    #[test]
    fn a_sweep_goes_through_no_link() {
        let (staging, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(elsewhere.path().join(".upload-1"), "x").unwrap();
        std::fs::create_dir(staging.path().join("acme")).unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), staging.path().join("acme/apps")).unwrap();
        let at = trusted_directory(staging.path()).unwrap();
        assert_eq!(sweep(at, &TenantId::parse("acme").unwrap()).unwrap(), 0);
        assert!(elsewhere.path().join(".upload-1").exists());
    }
}
