//! The file of a journal that is being written.
//!
//! Lines go to its end in one `write` for many. Where that fails amid (the disk is full), what it wrote of a line is cut
//! off again and the whole lines stay. A kill may leave half of a line: the next one to open the file finds that it does
//! not end with a line end and puts one there before anything else, so that one line is damaged and none is mixed with it.

use super::super::event::{Event, Happening};
use super::super::line::{line_of, number_of};
use super::super::listing::{ages, first_line, open_regular, suffixes};
use super::super::place::Place;
use super::super::rules::{Rules, Step};
use crate::tenant::TenantId;
use jiff::Timestamp;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt};
use std::time::SystemTime;

/// An open file, its end known.
#[derive(Debug)]
pub(super) struct JournalFile {
    file: File,
    len: u64,
    /// Bytes of its first line, which says its number.
    header: u64,
    number: u64,
    began: Timestamp,
    /// It does not end with a line end.
    torn: bool,
}

/// A write that failed.
#[derive(Debug)]
pub(super) struct Failed {
    /// Bytes of it that stay.
    pub(super) kept: usize,
    pub(super) source: io::Error,
}

impl JournalFile {
    /// Opens the file, making it and its directories where they are missing. A file without a number is not ours to go on
    /// with: it is moved on like a full one.
    pub(super) fn open(place: &Place, rules: &Rules, now: Timestamp) -> io::Result<JournalFile> {
        DirBuilder::new().recursive(true).mode(0o700).create(&place.directory)?;
        let path = place.file(0);
        let file = open_regular(&path, OpenOptions::new().read(true).append(true).create(true))?;
        let len = file.metadata()?.len();
        if len == 0 {
            sync_directory(place);
            let number = next_number(place, now)?;
            return Ok(JournalFile { file, len, header: 0, number, began: now, torn: false });
        }
        let first = first_line(&file)?;
        let Some((header, (number, began))) = first.and_then(|line| Some((line.len() as u64 + 1, number_of(&line)?)))
        else {
            tracing::warn!(path = %path.display(), "this is no file of a journal, or its beginning is damaged; a new one is begun");
            make_way(place, rules)?;
            return JournalFile::open(place, rules, now);
        };
        let mut last = [0];
        file.read_exact_at(&mut last, len - 1)?;
        let torn = last != *b"\n";
        if torn {
            tracing::warn!(path = %path.display(), "the last line of this journal is torn: the host was killed or lost its power");
        }
        Ok(JournalFile { file, len, header, number, began, torn })
    }

    /// The number of the file and the offset of its end.
    pub(super) fn end(&self) -> (u64, u64) {
        (self.number, self.len)
    }

    /// A new file is to be begun before so many bytes more.
    pub(super) fn is_full(&self, adding: usize, rules: &Rules, now: Timestamp) -> bool {
        self.len > self.header && rules.rotates(self.len, adding, self.began, now)
    }

    /// Bytes that it still takes.
    pub(super) fn room(&self, rules: &Rules) -> usize {
        usize::try_from(rules.bytes.saturating_sub(self.len)).unwrap_or(usize::MAX)
    }

    /// Syncs it, moves it on and begins the next one.
    pub(super) fn rotate(self, place: &Place, rules: &Rules, now: Timestamp) -> io::Result<JournalFile> {
        self.sync()?;
        drop(self.file);
        make_way(place, rules)?;
        let mut next = JournalFile::open(place, rules, now)?;
        // Where no older file is kept, nobody else remembers.
        next.number = next.number.max(self.number + 1);
        Ok(next)
    }

    /// What has to stand before the next line: the end of a torn one, or the first line of a new file.
    pub(super) fn lead(&self, tenant: Option<&TenantId>) -> String {
        match (self.len, self.torn) {
            (0, _) => {
                let what = Happening::FileBegan { number: self.number };
                let first = line_of(&Event { at: self.began, tenant: tenant.cloned(), what });
                first.map(|line| line.to_string()).unwrap_or_default()
            }
            (_, true) => "\n".into(),
            (_, false) => String::new(),
        }
    }

    /// Writes lines behind the end, `lead` before them; `ends` are the offsets in `bytes` at which whole lines end.
    pub(super) fn append(&mut self, lead: &str, bytes: &[u8], ends: &[usize]) -> Result<(), Failed> {
        let all = [lead.as_bytes(), bytes].concat();
        let mut written = 0;
        let failed = loop {
            match self.file.write(&all[written..]) {
                Ok(0) if written < all.len() => break Some(io::ErrorKind::WriteZero.into()),
                Ok(some) => written += some,
                Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                Err(why) => break Some(why),
            }
            if written == all.len() {
                break None;
            }
        };
        let kept = match &failed {
            None => bytes.len(),
            Some(_) => ends.iter().copied().take_while(|end| lead.len() + end <= written).last().unwrap_or(0),
        };
        let stays = if kept > 0 { lead.len() + kept } else { 0 };
        if written > stays
            && let Err(error) = self.file.set_len(self.len + stays as u64)
        {
            // The next one to open it finds the torn line.
            tracing::warn!(%error, "half a line stays in a journal");
        }
        if stays > 0 {
            if self.len == 0 {
                self.header = lead.len() as u64;
            }
            self.len += stays as u64;
            self.torn = false;
        }
        failed.map_or(Ok(()), |source| Err(Failed { kept, source }))
    }

    /// Has what was written outlive a loss of power.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Somebody has removed it: what is written to it now is read by nobody.
    pub(super) fn is_gone(&self) -> bool {
        self.file.metadata().is_ok_and(|found| found.nlink() == 0)
    }
}

/// Removes files that are too old.
pub(super) fn expire(place: &Place, rules: &Rules) -> io::Result<()> {
    for suffix in rules.expired(&ages(place, SystemTime::now())?) {
        remove(place, suffix)?;
    }
    Ok(())
}

fn make_way(place: &Place, rules: &Rules) -> io::Result<()> {
    for step in rules.rotation(&ages(place, SystemTime::now())?) {
        match step {
            Step::Remove(suffix) => remove(place, suffix)?,
            Step::Shift(suffix) => fs::rename(place.file(suffix), place.file(suffix + 1))?,
        }
    }
    Ok(())
}

fn remove(place: &Place, suffix: u32) -> io::Result<()> {
    match fs::remove_file(place.file(suffix)) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => Err(why),
        _ => Ok(()),
    }
}

/// Larger than the newest file's, and than that of any file that has been removed: those were begun earlier.
fn next_number(place: &Place, now: Timestamp) -> io::Result<u64> {
    let mut number = u64::try_from(now.as_millisecond()).unwrap_or(0);
    for suffix in suffixes(place)?.into_iter().filter(|suffix| *suffix > 0) {
        let Ok(file) = open_regular(&place.file(suffix), OpenOptions::new().read(true)) else { continue };
        if let Some((newest, _)) = first_line(&file)?.and_then(|line| number_of(&line)) {
            number = number.max(newest + 1);
            break;
        }
    }
    Ok(number)
}

/// A file whose name is not on the disk is lost with the power, however well its content is synced.
fn sync_directory(place: &Place) {
    if let Err(error) = File::open(&place.directory).and_then(|directory| directory.sync_all()) {
        tracing::debug!(%error, "a directory cannot be synced");
    }
}
