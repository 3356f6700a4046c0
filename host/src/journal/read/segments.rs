//! The files of a journal, opened while its writer may be moving them on.
//!
//! A file only ever moves to a higher suffix. So they are opened from the lowest suffix up: a file may then be met twice (and
//! is recognised), or after one that is older (so their numbers order them), but none is missed. While files are moved on
//! there is one suffix without a file, and it moves down: one that is missing is not the end, [`GAPS`] in a row are.

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

/// So many suffixes without a file, beyond the highest that was listed, are the end: to meet as many while files are moved on,
/// as many files would have to be filled and synced between the openings.
const GAPS: u32 = 3;

/// A file of a journal, as long as it was when all had been opened.
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
    let mut missing = 0;
    for suffix in 0.. {
        let path = place.file(suffix);
        let file = match open_regular(&path, OpenOptions::new().read(true)) {
            Ok(file) => file,
            Err(why) if why.kind() == io::ErrorKind::NotFound => {
                missing += u32::from(suffix > highest);
                if missing == GAPS {
                    break;
                }
                continue;
            }
            Err(why) => return Err(why),
        };
        missing = 0;
        let found = file.metadata()?;
        if found.len() > 0 && met.insert((found.dev(), found.ino())) {
            let before = segments.last().map_or(u64::MAX, |segment| segment.number);
            let header = first_line(&file)?.and_then(|line| number_of(&line));
            segments.push(Segment {
                path,
                file,
                number: header.map_or(before.saturating_sub(1), |(number, _)| number),
                len: found.len(),
                growing: suffix == 0,
                began: header.map(|(_, began)| began),
                changed: found.modified().ok().and_then(|changed| Timestamp::try_from(changed).ok()),
            });
        }
    }
    segments.sort_by_key(|segment| std::cmp::Reverse(segment.number));
    // What was written into one between its opening and that of the one after it belongs before that one's lines.
    for older in segments.iter_mut().skip(1) {
        (older.len, older.growing) = (older.file.metadata()?.len(), false);
    }
    Ok(segments)
}
