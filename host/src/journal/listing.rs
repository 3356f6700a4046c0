//! Which files of a journal there are.

use super::place::Place;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// The suffixes that exist, rising; none where there is no directory.
pub(super) fn suffixes(place: &Place) -> io::Result<Vec<u32>> {
    let entries = match std::fs::read_dir(&place.directory) {
        Ok(entries) => entries,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(why) => return Err(why),
    };
    let mut found = Vec::new();
    for entry in entries {
        found.extend(entry?.file_name().to_str().and_then(|name| place.suffix(name)));
    }
    found.sort_unstable();
    Ok(found)
}

/// The suffixes that exist, each with the time since its last change.
pub(super) fn ages(place: &Place, now: SystemTime) -> io::Result<Vec<(u32, Duration)>> {
    let age = |suffix| {
        let changed = std::fs::symlink_metadata(place.file(suffix)).and_then(|found| found.modified()).ok()?;
        // Changed after now: the clock was set back.
        Some((suffix, now.duration_since(changed).unwrap_or_default()))
    };
    Ok(suffixes(place)?.into_iter().filter_map(age).collect())
}

/// Opens a regular file: follows no link, waits for nobody.
pub(super) fn open_regular(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let file = options.mode(0o600).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")),
    }
}

/// The first line of a file, where it has one that ends within a page.
pub(super) fn first_line(file: &File) -> io::Result<Option<Vec<u8>>> {
    use std::os::unix::fs::FileExt;
    let mut page = vec![0; 4096];
    let mut filled = 0;
    while filled < page.len() {
        match file.read_at(&mut page[filled..], filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            Err(why) => return Err(why),
        }
    }
    page.truncate(filled);
    let end = page.iter().position(|byte| *byte == b'\n');
    Ok(end.map(|end| {
        page.truncate(end);
        page
    }))
}
