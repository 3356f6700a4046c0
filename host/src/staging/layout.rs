//! Which path beneath the staging directory is for what. Pure: by name alone, and what is really there is found out later.
//!
//! ```text
//!   <tenant>/X.so  <tenant>/apps/X.so     an app                    Kind::App
//!   <tenant>/inbox/<app>/<file>           a data file               Kind::Data
//!   <tenant>/inbox/<file>                 one that names no app     Kind::Loose   (or a directory: an app's inbox)
//!   <tenant>, apps, inbox, inbox/<app>    directories to look into
//!   anything else                         nothing
//! ```
//!
//! Passed over wherever they are: hidden names (`.taken` among them), verdicts, and names that programs give to what they are
//! still writing (`.part`, `~` at the end). A name may be of any bytes.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// Directory for apps, beneath a tenant's. They may also lie in the tenant's directory itself.
pub const APPS: &str = "apps";
/// Directory for data files: in it, one for each app.
pub const INBOX: &str = "inbox";
/// Directory for files on their way: in it, one for each batch.
pub const TAKEN: &str = ".taken";
/// Directory for data files that were refused: in it, one for each app.
pub const REFUSED: &str = "refused";
/// End of a verdict's name.
pub const VERDICT: &str = ".verdict.json";

/// What a file is dropped as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// An app.
    App,
    /// Data for an app.
    Data,
    /// A file in the inbox itself, which names no app.
    Loose,
}

/// A file of interest beneath a tenant's directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Spot {
    /// What it is dropped as.
    pub kind: Kind,
    /// Its directory, beneath the tenant's; empty for that itself.
    pub directory: PathBuf,
    /// Its name.
    pub name: OsString,
}

/// What a path beneath the staging directory is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Directly in the staging directory: a tenant's directory, or something that does not belong there.
    Top(OsString),
    /// One of a tenant's directories that are looked into.
    Folder(OsString),
    /// A file of interest.
    Spot(OsString, Spot),
    /// Nothing that concerns anybody.
    Nothing,
}

impl Spot {
    /// Where it is beneath the tenant's directory.
    pub fn path(&self) -> PathBuf {
        self.directory.join(&self.name)
    }

    /// For data: the app that is named, in the very bytes.
    pub fn app(&self) -> Option<&OsStr> {
        if self.kind == Kind::Data { self.directory.file_name() } else { None }
    }
}

/// What `relative`, beneath the staging directory, is for.
pub fn place(relative: &Path) -> Place {
    let mut parts = Vec::new();
    for component in relative.components() {
        match component {
            Component::Normal(name) if !is_passed_over(name) => parts.push(name),
            _ => return Place::Nothing,
        }
    }
    let Some((tenant, below)) = parts.split_first() else { return Place::Nothing };
    let tenant = tenant.to_os_string();
    match below {
        [] => Place::Top(tenant),
        [folder] if *folder == APPS || *folder == INBOX => Place::Folder(tenant),
        [directory @ .., name] => match spot(&directory.iter().collect::<PathBuf>(), name) {
            Some(spot) => Place::Spot(tenant, spot),
            None => Place::Nothing,
        },
    }
}

/// What the entry `name` of a tenant's `directory` is, if it is a file.
pub fn spot(directory: &Path, name: &OsStr) -> Option<Spot> {
    if is_passed_over(name) {
        return None;
    }
    let mut parts = directory.components().map(Component::as_os_str);
    let kind = match (parts.next(), parts.next(), parts.next()) {
        (None, _, _) if is_library(name) => Kind::App,
        (Some(first), None, _) if first == APPS && is_library(name) => Kind::App,
        (Some(first), None, _) if first == INBOX => Kind::Loose,
        (Some(first), Some(app), None) if first == INBOX && !is_passed_over(app) => Kind::Data,
        _ => return None,
    };
    Some(Spot { kind, directory: directory.to_owned(), name: name.to_owned() })
}

/// Hidden, a verdict, or still being written by name.
pub fn is_passed_over(name: &OsStr) -> bool {
    let name = name.as_bytes();
    name.starts_with(b".") || [VERDICT.as_bytes(), b".part", b"~"].iter().any(|end| name.ends_with(end))
}

fn is_library(name: &OsStr) -> bool {
    name.as_bytes().ends_with(b".so")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(path: &str) -> Option<Kind> {
        match place(Path::new(path)) {
            Place::Spot(tenant, spot) => {
                assert_eq!(Path::new(&tenant).join(spot.path()), Path::new(path));
                Some(spot.kind)
            }
            _ => None,
        }
    }

    #[test]
    fn apps_and_data_files_are_told_by_where_they_are() {
        assert_eq!(kind("acme/x.so"), Some(Kind::App));
        assert_eq!(kind("acme/apps/x.so"), Some(Kind::App));
        assert_eq!(kind("acme/inbox/csv/x.so"), Some(Kind::Data));
        assert_eq!(kind("acme/inbox/csv/a.csv"), Some(Kind::Data));
        assert_eq!(kind("acme/inbox/a.csv"), Some(Kind::Loose));
        for path in
            ["acme/x.txt", "acme/apps/x.txt", "acme/apps/deep/x.so", "acme/inbox/csv/deep/a.csv", "acme/refused/csv/a"]
        {
            assert_eq!(place(Path::new(path)), Place::Nothing, "{path}");
        }
    }

    #[test]
    fn directories_are_told_from_what_lies_in_them() {
        assert_eq!(place(Path::new("acme")), Place::Top("acme".into()));
        assert_eq!(place(Path::new("acme/apps")), Place::Folder("acme".into()));
        assert_eq!(place(Path::new("acme/inbox")), Place::Folder("acme".into()));
        assert_eq!(place(Path::new("")), Place::Nothing);
    }

    #[test]
    fn what_is_hidden_a_verdict_or_half_written_by_name_is_passed_over() {
        for path in [
            ".git",
            ".x/a.so",
            "acme/.x.so",
            "acme/.taken/b/csv/a.csv",
            "acme/inbox/.hidden/a",
            "acme/inbox/csv/a.csv.verdict.json",
            "acme/inbox/csv/a.csv.part",
            "acme/inbox/csv/a.csv~",
            "acme/x.so.part",
            "acme/x.so.verdict.json",
            "../acme/x.so",
            "/acme/x.so",
        ] {
            assert_eq!(place(Path::new(path)), Place::Nothing, "{path}");
        }
    }

    #[test]
    fn a_data_file_may_have_a_name_of_any_bytes() {
        let long = "x".repeat(255);
        for name in
            [b"\xff\xfe".as_slice(), b"a\nb", b"\"'`$(x)", b"-rf", b"\x01\x1b[2J", long.as_bytes(), b" ", b"a\\b"]
        {
            let path = Path::new("acme/inbox/csv").join(OsStr::from_bytes(name));
            let Place::Spot(_, spot) = place(&path) else { panic!("{path:?}") };
            assert_eq!((spot.kind, spot.app(), spot.name.as_bytes()), (Kind::Data, Some(OsStr::new("csv")), name));
        }
    }
}
