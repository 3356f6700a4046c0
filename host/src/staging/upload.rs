//! A file that the host itself writes into a tenant's directory: under a name that nobody looks at, until it is whole.

use super::ports::FileIdentity;
use rustix::fs::{AtFlags, Mode, OFlags, fchown, fstat, openat, renameat, unlinkat};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

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
        fchown(&upload.file, Some(user), Some(group))?;
        Ok(upload)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::staging::layout::is_passed_over;
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
}
