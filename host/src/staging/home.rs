//! A tenant's staging directory, opened: everything in it is named relative to it.
//!
//! What the host makes in it (`apps`, `inbox`, `inbox/<app>`, `refused/<app>`) has the owner and the mode of the directory
//! itself, so whoever may drop files into that may drop them there. `.taken` is the host's own, 0700.

use super::layout::{APPS, INBOX};
use super::open::{directory, make_directory};
use crate::tenant::{AppName, TenantId};
use rustix::fs::{Dir, FileType, Mode, Stat};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A tenant's directory.
#[derive(Debug)]
pub struct Home {
    /// Whose it is.
    pub tenant: TenantId,
    directory: OwnedFd,
    status: Stat,
}

impl Home {
    /// Opens the directory of a tenant beneath the staging directory.
    ///
    /// # Errors
    /// There is none, or it is a link or something else.
    pub fn open(staging: impl AsFd, tenant: &TenantId) -> Result<Home, Errno> {
        let directory = directory(staging, Path::new(tenant.as_str()))?;
        let status = rustix::fs::fstat(&directory)?;
        Ok(Home { tenant: tenant.clone(), directory, status })
    }

    /// Opens a directory in it.
    ///
    /// # Errors
    /// There is none, or a link or something else is on the way.
    pub fn folder(&self, path: &Path) -> Result<OwnedFd, Errno> {
        directory(&self.directory, path)
    }

    /// Opens a directory in it, making what is missing on the way.
    ///
    /// # Errors
    /// It cannot be made, or a link or something else is on the way.
    pub fn make(&self, path: &Path) -> Result<OwnedFd, Errno> {
        let mode = Mode::from_raw_mode(self.status.st_mode & 0o7777);
        let mut here = self.folder(Path::new(""))?;
        for name in path {
            here = make_directory(&here, name, mode, Some(&self.status))?.0;
        }
        Ok(here)
    }

    /// Makes the directories that files are dropped into, so that a newcomer can copy at once.
    ///
    /// # Errors
    /// One cannot be made.
    pub fn prepare(&self, apps: &[AppName]) -> Result<(), Errno> {
        self.make(Path::new(APPS))?;
        self.make(Path::new(INBOX))?;
        for app in apps {
            self.make(&Path::new(INBOX).join(app.as_str()))?;
        }
        Ok(())
    }
}

impl AsFd for Home {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

/// What is in a directory, without `.` and `..`, in no order; at most `most` entries, and whether there are more.
///
/// # Errors
/// The system's.
pub fn entries(at: impl AsFd, most: usize) -> Result<(Vec<(OsString, FileType)>, bool), Errno> {
    let (mut found, mut more) = (Vec::new(), false);
    each_entry(at, |name, kind| {
        more = found.len() == most;
        if !more {
            found.push((name.to_owned(), kind));
        }
        !more
    })?;
    Ok((found, more))
}

/// Goes through what is in a directory, without `.` and `..`, in no order, as long as `each` says so.
///
/// # Errors
/// The system's.
pub fn each_entry(at: impl AsFd, mut each: impl FnMut(&OsStr, FileType) -> bool) -> Result<(), Errno> {
    for entry in Dir::read_from(at)? {
        let entry = entry?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if name != "." && name != ".." && !each(name, entry.file_type()) {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::open::trusted_directory;
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn what_is_made_for_a_tenant_has_the_mode_of_its_directory() {
        let staging = tempfile::tempdir().unwrap();
        let acme = staging.path().join("acme");
        fs::create_dir(&acme).unwrap();
        fs::set_permissions(&acme, PermissionsExt::from_mode(0o2775)).unwrap();
        let home = Home::open(trusted_directory(staging.path()).unwrap(), &TenantId::parse("acme").unwrap()).unwrap();
        home.prepare(&[AppName::parse("csv").unwrap()]).unwrap();
        for made in ["apps", "inbox", "inbox/csv"] {
            assert_eq!(fs::metadata(acme.join(made)).unwrap().permissions().mode() & 0o7777, 0o2775, "{made}");
        }
    }

    #[test]
    fn a_tenants_directory_that_is_a_link_is_not_opened_and_none_of_its_directories_either() {
        let staging = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let at = trusted_directory(staging.path()).unwrap();
        symlink(elsewhere.path(), staging.path().join("acme")).unwrap();
        assert!(Home::open(&at, &TenantId::parse("acme").unwrap()).is_err());
        fs::create_dir(staging.path().join("beta")).unwrap();
        symlink(elsewhere.path(), staging.path().join("beta/inbox")).unwrap();
        let home = Home::open(&at, &TenantId::parse("beta").unwrap()).unwrap();
        assert!(home.prepare(&[AppName::parse("csv").unwrap()]).is_err());
        assert!(fs::read_dir(elsewhere.path()).unwrap().next().is_none());
    }

    #[test]
    fn a_listing_says_when_it_was_cut() {
        let home = tempfile::tempdir().unwrap();
        (0..5).for_each(|number| fs::write(home.path().join(number.to_string()), "").unwrap());
        let at = trusted_directory(home.path()).unwrap();
        assert_eq!(entries(&at, 5).map(|(found, more)| (found.len(), more)), Ok((5, false)));
        assert_eq!(entries(&at, 4).map(|(found, more)| (found.len(), more)), Ok((4, true)));
    }
}
