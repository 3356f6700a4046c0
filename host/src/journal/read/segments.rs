//! The files of a journal, opened while its writer may be moving them on.
//!
//! A file only ever moves to a higher suffix. So they are opened from the lowest suffix up, to one beyond the highest that
//! was listed: a file may then be met twice (and is recognised), but none is missed.

use super::super::filter::Filter;
use super::super::line::number_of;
use super::super::listing::{first_line, open_regular, suffixes};
use super::super::place::Place;
use jiff::Timestamp;
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

/// How far clocks and events may be apart before a file is thought to hold nothing of a time.
const SLACK: Duration = Duration::from_secs(3600);

/// A file of a journal, as long as it was when it was opened.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) number: u64,
    pub(super) len: u64,
    /// Lines may still be added to it.
    pub(super) growing: bool,
    began: Option<Timestamp>,
    changed: Option<Timestamp>,
}

impl Segment {
    /// It may have events of the time that is asked for.
    pub(super) fn may_hold(&self, filter: &Filter) -> bool {
        let too_old =
            |since| self.changed.and_then(|changed| changed.checked_add(SLACK).ok()).is_some_and(|c| c < since);
        let too_new = |until| self.began.and_then(|began| began.checked_sub(SLACK).ok()).is_some_and(|b| b > until);
        !filter.since.is_some_and(too_old) && !filter.until.is_some_and(too_new)
    }
}

/// All of them, the newest first.
pub(super) fn open(place: &Place) -> io::Result<Vec<Segment>> {
    let mut segments: Vec<Segment> = Vec::new();
    let mut met = HashSet::new();
    let highest = suffixes(place)?.last().copied().unwrap_or(0);
    let mut suffix = 0;
    loop {
        let path = place.file(suffix);
        match open_regular(&path, OpenOptions::new().read(true)) {
            Ok(file) => {
                let found = file.metadata()?;
                if found.len() > 0 && met.insert((found.dev(), found.ino())) {
                    let newer = segments.last().map_or(u64::MAX, |segment| segment.number);
                    let header = first_line(&file)?.and_then(|line| number_of(&line));
                    let header = header.filter(|(number, _)| *number < newer);
                    segments.push(Segment {
                        path,
                        file,
                        number: header.map_or(newer.saturating_sub(1), |(number, _)| number),
                        len: found.len(),
                        growing: suffix == 0,
                        began: header.map(|(_, began)| began),
                        changed: found.modified().ok().and_then(|changed| Timestamp::try_from(changed).ok()),
                    });
                }
            }
            Err(why) if why.kind() == io::ErrorKind::NotFound => {
                if suffix > highest {
                    return Ok(segments);
                }
            }
            Err(why) => return Err(why),
        }
        suffix += 1;
    }
}
