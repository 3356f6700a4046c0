//! From a tenant's inbox into the queue, so that a kill between any two steps neither loses a file nor doubles it.
//!
//! ```text
//!      <tenant>/inbox/<app>/<name>
//!   1  make <tenant>/.taken/<batch>/<app>/            [`Claim::prepare`]
//!   2  rename the file into it, sync the directories  [`Claim::take`]       from here on it is this batch, whatever happens
//!   3  the inbox's owner has it:                      [`Inbox::take`](super::ports::Inbox::take)
//!        a  gives it a second name in files/<batch>/, or copies it; synced  [`FileStore::take_over`](super::files::FileStore)
//!        b  puts the batch into the queue, under its id; synced
//!   4  write the verdict                              [`Claim::accepted`] (or `refused`: beside its place in refused/)
//!   5  remove (or `refused`: rename) the name in .taken, then its directories
//! ```
//!
//! The name in `.taken` goes last, so every step can be done again: at the start, and with each scan, [`outstanding`] finds
//! what is in `.taken` and the steps from 3 on follow.
//!
//! | killed between | what is there | what happens next |
//! |---|---|---|
//! | 1 and 2 | the file in the inbox, empty directories | the directories are removed; the file is claimed as another batch |
//! | 2 and 3a | the file in `.taken` | it is handed over, under the batch id in its path |
//! | in 3a | and perhaps half a copy, under a temporary name | the copy is made again |
//! | 3a and 3b | and in `files/`, unknown to the queue | the store's sweep removes that, or step 3a finds it there |
//! | 3b and 4, 4 and 5 | and in the queue | the queue knows the id and changes nothing; verdict and removal follow |
//! | in 5 | empty directories | they are removed |
//!
//! After a power failure a rename may be undone whose directory was not synced; that is why step 2 syncs, before the queue
//! can know. Step 5 need not: if the name comes back, the queue knows the batch.
//!
//! Nothing here follows a link: `.taken` and what is beneath it is opened step by step from the tenant's directory. A tenant
//! with the host's own user id can tamper with its `.taken`, and harms itself.

use super::home::{Home, entries};
use super::layout::{INBOX, REFUSED, TAKEN};
use super::name::{self, shown};
use super::open::{self, Links, OpenError, make_directory};
use super::ports::TakenFile;
use super::verdict::{self, Verdict, VerdictError, Word};
use crate::task::BatchId;
use crate::tenant::AppName;
use jiff::Timestamp;
use rustix::fs::{AtFlags, Mode, RenameFlags};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Most other names that are tried for a refused file whose own is taken.
const MOST_NAMES: u32 = 10_000;

/// Why a file is not claimed, or a claim not cleared. The file stays where it is.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// Where the host puts files on their way is not as it should be.
    #[error("{shown} cannot be claimed: {what} cannot be {doing}: {source}")]
    System {
        /// The file, fit to be shown.
        shown: String,
        /// The directory or file, beneath the tenant's directory.
        what: PathBuf,
        /// What was tried, as a participle.
        doing: &'static str,
        /// Why not.
        source: Errno,
    },
    /// Too many files of that name were refused.
    #[error("{0} was refused, and {REFUSED} is full of files of that name: remove some")]
    Crowded(String),
}

/// A data file under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Claim {
    /// The app whose inbox it was in.
    pub app: AppName,
    /// The batch it becomes.
    pub batch: BatchId,
    /// Its name.
    pub name: OsString,
}

/// What is found in `.taken`.
#[derive(Debug, Default)]
pub struct Outstanding {
    /// Claims that have not come to their end.
    pub claims: Vec<Claim>,
    /// What the host never puts there, beneath the tenant's directory; it is left alone.
    pub odd: Vec<PathBuf>,
}

impl Claim {
    /// Step 1: makes the directory that the file is to be renamed into. Answers it and those above it, the deepest first.
    ///
    /// # Errors
    /// It cannot be made, or a link is in its place.
    pub fn prepare(&self, home: &Home) -> Result<Vec<OwnedFd>, ClaimError> {
        let failed = |source| self.failed(self.directory(), "made", source);
        let mut path = vec![home.folder(Path::new("")).map_err(failed)?];
        for name in &self.directory() {
            let (next, _) = make_directory(&path[0], name, Mode::RWXU, None).map_err(failed)?;
            path.insert(0, next);
        }
        Ok(path)
    }

    /// Step 2: renames the file out of the inbox, into the first of these directories. `false` where it is no more.
    ///
    /// # Errors
    /// It cannot be renamed or synced.
    pub fn take(&self, inbox: impl AsFd, path: Vec<OwnedFd>) -> Result<bool, ClaimError> {
        let failed = |source| self.failed(Path::new(INBOX).join(self.app.as_str()), "emptied", source);
        match rename_new(&inbox, &self.name, &path[0], &self.name) {
            Ok(()) => {}
            Err(Errno::NOENT) if open::look(&inbox, &self.name).is_err() => return Ok(false),
            Err(error) => return Err(failed(error)),
        }
        // The deepest first: file systems with a journal then have little left to do for the others.
        path.iter().try_for_each(rustix::fs::fsync).map_err(failed)?;
        rustix::fs::fsync(inbox).map_err(failed)?;
        Ok(true)
    }

    /// The file for step 3. After a crash it may have a second name already, in the store.
    ///
    /// # Errors
    /// Somebody exchanged it for what is no regular file at the last moment.
    pub fn open(&self, home: &Home, links: Links) -> Result<TakenFile, OpenError> {
        let directory = home.folder(&self.directory()).map_err(|source| match source {
            Errno::NOENT => OpenError::Missing(shown(&self.name)),
            source => OpenError::Io { file: shown(&self.name), source: source.into() },
        })?;
        let opened = open::regular(&directory, &self.name, u64::MAX, links)?;
        Ok(TakenFile {
            tenant: home.tenant.clone(),
            app: self.app.clone(),
            batch: self.batch,
            name: self.name.clone(),
            shown: shown(&self.name),
            file: opened.file,
            bytes: opened.identity.size,
            directory,
        })
    }

    /// Steps 4 and 5 for a file that is in the queue. A verdict that cannot be written is the answer's second half.
    ///
    /// # Errors
    /// The name in `.taken` cannot be removed: it will be handed over again.
    pub fn accepted(
        &self,
        home: &Home,
        tasks: Vec<u64>,
        sentence: String,
        at: Timestamp,
    ) -> Result<Option<VerdictError>, ClaimError> {
        let verdict = Verdict { tasks, ..self.verdict(Word::Accepted, sentence, at) };
        let told = self.tell(home, &verdict);
        self.clear(home)?;
        Ok(told.err())
    }

    /// Says in the inbox that the file waits, though it is not there any more.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn waiting(&self, home: &Home, sentence: String, at: Timestamp) -> Result<(), VerdictError> {
        self.tell(home, &self.verdict(Word::Waiting, sentence, at))
    }

    /// Steps 4 and 5 for a file that is refused: puts it into `refused/<app>/`, under another name where its own is taken,
    /// with the verdict beside it, and clears the inbox of what was said before. The verdict is first, so that no file lies
    /// there unexplained. Answers where it lies now.
    ///
    /// # Errors
    /// It cannot be put there: it will be handed over again.
    pub fn refused(
        &self,
        home: &Home,
        sentence: String,
        at: Timestamp,
    ) -> Result<(PathBuf, Option<VerdictError>), ClaimError> {
        let place = Path::new(REFUSED).join(self.app.as_str());
        let failed = |source| self.failed(place.clone(), "filled", source);
        let taken = home.folder(&self.directory()).map_err(failed)?;
        let aside = home.make(&place).map_err(failed)?;
        let verdict = self.verdict(Word::Refused, sentence, at);
        for number in 0..MOST_NAMES {
            let name = if number == 0 { self.name.clone() } else { name::another(&self.name, number) };
            if rustix::fs::statat(&aside, &name, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
                continue;
            }
            let told = verdict.write(&aside, &name);
            match rename_new(&taken, &self.name, &aside, &name) {
                Ok(()) => {
                    if let Ok(inbox) = home.folder(&self.inbox()) {
                        verdict::remove(inbox, &self.name);
                    }
                    self.clear(home)?;
                    return Ok((place.join(name), told.err()));
                }
                Err(Errno::EXIST) => {}
                Err(error) => {
                    verdict::remove(&aside, &name);
                    return Err(failed(error));
                }
            }
        }
        Err(ClaimError::Crowded(shown(&self.name)))
    }

    /// Step 5: removes the name in `.taken`, then its directories. What is gone already is no error.
    ///
    /// # Errors
    /// Something cannot be removed.
    pub fn clear(&self, home: &Home) -> Result<(), ClaimError> {
        match home.folder(&self.directory()) {
            Ok(directory) => match rustix::fs::unlinkat(&directory, &self.name, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(source) => return Err(self.failed(self.directory(), "emptied", source)),
            },
            Err(Errno::NOENT) => {}
            Err(source) => return Err(self.failed(self.directory(), "opened", source)),
        }
        self.abandon(home);
        Ok(())
    }

    /// Removes the directories of a claim if nothing is in them; a file that is there after all is found by the next scan.
    pub fn abandon(&self, home: &Home) {
        if let Ok(batch) = home.folder(&self.batch_directory()) {
            let _ = rustix::fs::unlinkat(&batch, self.app.as_str(), AtFlags::REMOVEDIR);
        }
        if let Ok(taken) = home.folder(Path::new(TAKEN)) {
            let _ = rustix::fs::unlinkat(&taken, self.batch.to_string(), AtFlags::REMOVEDIR);
        }
    }

    /// The inbox that the file came from, beneath the tenant's directory.
    pub fn inbox(&self) -> PathBuf {
        Path::new(INBOX).join(self.app.as_str())
    }

    fn batch_directory(&self) -> PathBuf {
        Path::new(TAKEN).join(self.batch.to_string())
    }

    fn directory(&self) -> PathBuf {
        self.batch_directory().join(self.app.as_str())
    }

    fn verdict(&self, word: Word, sentence: String, at: Timestamp) -> Verdict {
        let (apps, batch) = (vec![self.app.clone()], Some(self.batch));
        Verdict { apps, batch, ..Verdict::new(&self.name, word, sentence, at) }
    }

    fn tell(&self, home: &Home, verdict: &Verdict) -> Result<(), VerdictError> {
        let inbox = home
            .make(&self.inbox())
            .map_err(|source| VerdictError::Io { file: shown(&self.name), source: source.into() })?;
        verdict.write(inbox, &self.name)
    }

    fn failed(&self, what: PathBuf, doing: &'static str, source: Errno) -> ClaimError {
        ClaimError::System { shown: shown(&self.name), what, doing, source }
    }
}

/// What is in `.taken`, except what `is_busy`. Empty directories, left by a kill, are removed.
///
/// # Errors
/// `.taken` cannot be read, or is a link.
pub fn outstanding(home: &Home, is_busy: impl Fn(BatchId) -> bool) -> Result<Outstanding, Errno> {
    let mut found = Outstanding::default();
    let taken = match home.folder(Path::new(TAKEN)) {
        Err(Errno::NOENT) => return Ok(found),
        other => other?,
    };
    for (name, _) in entries(&taken, usize::MAX)?.0 {
        let batch = name.to_str().and_then(|name| name.parse::<BatchId>().ok());
        // Written in any other way, its path would not be found again.
        match batch.filter(|batch| OsStr::new(&batch.to_string()) == name) {
            Some(batch) if is_busy(batch) => {}
            Some(batch) => match claims(&taken, batch, &name) {
                Some(claim) => found.claims.extend(claim),
                None => found.odd.push(Path::new(TAKEN).join(name)),
            },
            None => found.odd.push(Path::new(TAKEN).join(name)),
        }
    }
    // Their ids rise with the time at which they were made.
    found.claims.sort_by_key(|claim| claim.batch);
    Ok(found)
}

/// The claim in a batch's directory: `Some(None)` where a kill left none, `None` where there is what the host never puts
/// there (more than one file would be more than one task under one id).
fn claims(taken: &OwnedFd, batch: BatchId, batch_name: &OsStr) -> Option<Option<Claim>> {
    let directory = open::directory(taken, Path::new(batch_name)).ok()?;
    let mut claim = None;
    for (app_name, _) in entries(&directory, usize::MAX).ok()?.0 {
        let app = app_name.to_str().and_then(|app| AppName::parse(app).ok())?;
        let files = open::directory(&directory, Path::new(&app_name)).ok()?;
        for (name, _) in entries(&files, usize::MAX).ok()?.0 {
            if claim.is_some() {
                return None;
            }
            claim = Some(Claim { app: app.clone(), batch, name });
        }
        if claim.is_none() {
            let _ = rustix::fs::unlinkat(&directory, &app_name, AtFlags::REMOVEDIR);
        }
    }
    if claim.is_none() {
        let _ = rustix::fs::unlinkat(taken, batch_name, AtFlags::REMOVEDIR);
    }
    Some(claim)
}

/// Renames without replacing anything. File systems that cannot promise that rename all the same: only the host puts files
/// there.
fn rename_new(from: impl AsFd, name: &OsStr, to: impl AsFd, new: &OsStr) -> Result<(), Errno> {
    match rustix::fs::renameat_with(&from, name, &to, new, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS) => rustix::fs::renameat(from, name, to, new),
        other => other,
    }
}

#[cfg(test)]
mod tests;
