//! What became of a file, told beside it: `<file>.verdict.json`.
//!
//! ```text
//!   {"file":"x.so","verdict":"live","sentence":"…","app":"csv","generation":"3f…","at":"2026-11-26T12:00:00Z","findings":[…]}
//! ```
//!
//! It is written under a random hidden name, exclusively and without following a link, in the directory that was opened for
//! the file, and then renamed. So a link that somebody planted under the verdict's name is replaced, never followed or written
//! through, and a reader sees the old verdict or the new one, whole. A verdict is a courtesy: it is not synced, and one that
//! cannot be written hinders nothing.

use super::candidate::Finding;
use super::name::{self, shown};
use crate::task::BatchId;
use crate::tenant::AppName;
use jiff::Timestamp;
use rustix::fs::{AtFlags, Mode, OFlags};
use serde::Serialize;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;

/// What became of a file, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// An app: it is live.
    Live,
    /// An app: its file was removed.
    Retired,
    /// Data: it is in the queue.
    Accepted,
    /// Neither.
    Refused,
    /// Something has to happen first; it is looked at again.
    Waiting,
}

/// A verdict on a file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// The file's name, fit to be shown.
    pub file: String,
    /// The word.
    pub verdict: Word,
    /// One sentence: what, why, how to mend it.
    pub sentence: String,
    /// Apps that are live from it, or the app that it is data for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub apps: Vec<AppName>,
    /// Generation of the app.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<String>,
    /// Batch of the data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<BatchId>,
    /// Numbers of its tasks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<u64>,
    /// When it was judged.
    pub at: Timestamp,
    /// What was found, the gravest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
}

/// A verdict that could not be told beside its file.
#[derive(Debug, thiserror::Error)]
pub enum VerdictError {
    /// Somebody made a directory there.
    #[error("the verdict on {file} cannot be written: {verdict} is a directory, remove it")]
    Directory {
        /// The file, fit to be shown.
        file: String,
        /// Name of the verdict, fit to be shown.
        verdict: String,
    },
    /// The system said no.
    #[error("the verdict on {file} cannot be written: {source}")]
    Io {
        /// The file, fit to be shown.
        file: String,
        /// Why not.
        source: io::Error,
    },
}

impl Verdict {
    /// A verdict with nothing but its sentence.
    pub fn new(file: &OsStr, verdict: Word, sentence: String, at: Timestamp) -> Verdict {
        Verdict {
            file: shown(file),
            verdict,
            sentence,
            apps: Vec::new(),
            generation: None,
            batch: None,
            tasks: Vec::new(),
            at,
            findings: Vec::new(),
        }
    }

    /// Writes it beside `file`, which is in `directory`.
    ///
    /// # Errors
    /// It could not be written; what was there is as it was.
    pub fn write(&self, directory: impl AsFd, file: &OsStr) -> Result<(), VerdictError> {
        let directory = directory.as_fd();
        let failed = |source: io::Error| VerdictError::Io { file: shown(file), source };
        let name = name::verdict(file);
        let mut text = serde_json::to_vec(self).map_err(|error| failed(error.into()))?;
        text.push(b'\n');
        let temporary = OsString::from(format!("{TEMPORARY}{}", uuid::Uuid::new_v4()));
        let written = create(directory, &temporary, &text)
            .and_then(|()| Ok(rustix::fs::renameat(directory, &temporary, directory, &name)?));
        written.map_err(|source| {
            let _ = rustix::fs::unlinkat(directory, &temporary, AtFlags::empty());
            match source.kind() {
                io::ErrorKind::IsADirectory | io::ErrorKind::DirectoryNotEmpty => {
                    VerdictError::Directory { file: shown(file), verdict: shown(&name) }
                }
                _ => failed(source),
            }
        })
    }
}

/// Removes the verdict on a file that is no more, if there is one.
pub fn remove(directory: impl AsFd, file: &OsStr) {
    let _ = rustix::fs::unlinkat(directory, name::verdict(file), AtFlags::empty());
}

/// Whether a file of this name is a verdict that an earlier life of the host was writing when it was killed.
pub fn is_left_over(name: &OsStr) -> bool {
    let uuid = name.as_bytes().strip_prefix(TEMPORARY.as_bytes()).and_then(|rest| std::str::from_utf8(rest).ok());
    uuid.is_some_and(|uuid| uuid::Uuid::try_parse(uuid).is_ok())
}

/// How the name begins under which a verdict is written before it is renamed.
const TEMPORARY: &str = ".verdict-";

fn create(directory: BorrowedFd<'_>, name: &OsStr, text: &[u8]) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::openat(directory, name, flags, Mode::from_raw_mode(0o644))?);
    file.write_all(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::staging::open;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;
    use tempfile::TempDir;

    fn write(home: &TempDir, file: &OsStr) -> Result<PathBuf, VerdictError> {
        let directory = open::trusted_directory(home.path()).unwrap();
        let verdict = Verdict::new(file, Word::Refused, "it will not do".into(), Timestamp::UNIX_EPOCH);
        verdict.write(&directory, file).map(|()| home.path().join(name::verdict(file)))
    }

    fn names(home: &TempDir) -> usize {
        fs::read_dir(home.path()).unwrap().count()
    }

    #[test]
    fn a_verdict_is_one_object_on_one_line_beside_the_file() {
        let home = tempfile::tempdir().unwrap();
        let path = write(&home, OsStr::new("x.so")).unwrap();
        assert_eq!(
            fs::read_to_string(path).unwrap(),
            "{\"file\":\"x.so\",\"verdict\":\"refused\",\"sentence\":\"it will not do\",\"at\":\"1970-01-01T00:00:00Z\"}\n"
        );
        assert_eq!(names(&home), 1);
    }

    #[test]
    fn a_link_of_the_verdicts_name_is_replaced_and_nothing_is_written_through_it() {
        let home = tempfile::tempdir().unwrap();
        let victims = tempfile::tempdir().unwrap();
        let victim = victims.path().join("victim");
        fs::write(&victim, "untouched").unwrap();
        symlink(&victim, home.path().join("a.verdict.json")).unwrap();
        fs::hard_link(&victim, home.path().join("b.verdict.json")).unwrap();
        symlink(victims.path(), home.path().join("c.verdict.json")).unwrap();
        for file in ["a", "b", "c"] {
            let path = write(&home, OsStr::new(file)).unwrap();
            assert!(fs::symlink_metadata(&path).unwrap().is_file());
            assert!(fs::read_to_string(path).unwrap().contains("it will not do"));
        }
        assert_eq!(fs::read_to_string(victim).unwrap(), "untouched");
    }

    #[test]
    fn a_directory_of_the_verdicts_name_is_told_and_left_alone() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("a.verdict.json")).unwrap();
        let told = write(&home, OsStr::new("a")).unwrap_err().to_string();
        assert_eq!(told, "the verdict on a cannot be written: a.verdict.json is a directory, remove it");
        assert_eq!(names(&home), 1);
    }

    #[test]
    fn a_file_with_the_longest_name_or_odd_bytes_has_a_verdict_that_names_it() {
        let home = tempfile::tempdir().unwrap();
        for file in [&[b'x'; 255][..], b"\xff\n\"", b"-rf"] {
            let file = OsStr::from_bytes(file);
            let text = fs::read_to_string(write(&home, file).unwrap()).unwrap();
            let read: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(read["file"], shown(file).as_str());
        }
    }

    #[test]
    fn only_the_hosts_own_unfinished_verdicts_count_as_left_over() {
        assert!(is_left_over(OsStr::new(&format!(".verdict-{}", uuid::Uuid::new_v4()))));
        for name in [".verdict-", ".verdict-x", "a.verdict.json", ".x"] {
            assert!(!is_left_over(OsStr::new(name)), "{name}");
        }
    }
}
