//! The limits that are looked at before anything of a batch is queued or kept. Pure.
//!
//! The first limit that a batch breaks is told, in the order of [`admit`]'s steps: what is wrong with the batch itself comes
//! before what is wrong with the moment.

use super::grouped;
use crate::queue::Load;
use crate::tenant::{Limits, TenantId};
use crate::worker::words::short_line;
use std::path::Path;

/// Bytes of a file's name that are shown.
const SHOWN_NAME: usize = 100;

/// Why a batch is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct Refusal {
    /// Name of the limit, as in the configuration.
    pub limit: &'static str,
    /// The measured value, the limit, and whose it is.
    pub sentence: String,
}

/// A file of a batch that is to be admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// Its name, as the tenant gave it.
    pub name: &'a str,
    /// Its size.
    pub bytes: u64,
}

/// Whether a batch of these files may be queued: `limits` are those of its tenant (and app), `load` is what the tenant has
/// in the queue, `stored` the bytes that it keeps here already.
///
/// # Errors
/// It may not; the sentence says which limit.
pub fn admit(
    tenant: &TenantId,
    limits: &Limits,
    files: &[Candidate<'_>],
    load: &Load,
    stored: u64,
) -> Result<(), Refusal> {
    let refuse = |limit: &'static str, what: String| {
        Err(Refusal { limit, sentence: format!("{what} ({limit} of tenant {tenant})") })
    };
    let count = files.len() as u64;
    if count == 0 {
        return refuse("files_per_batch", "a batch without a file, where at least 1 is needed".into());
    }
    if count > limits.files_per_batch {
        let allowed = limits.files_per_batch;
        return refuse("files_per_batch", format!("{} in one batch, where {} allowed", files_of(count), are(allowed)));
    }
    if let Some(file) = files.iter().find(|file| !has_format(file.name, &limits.formats)) {
        let allowed = limits.formats.join(", ");
        return refuse("formats", format!("{} has none of the formats that are allowed: {allowed}", shown(file.name)));
    }
    if let Some(file) = files.iter().find(|file| file.bytes > limits.file_bytes) {
        let (name, bytes) = (shown(file.name), bytes_of(file.bytes));
        return refuse("file_bytes", format!("{name} has {bytes}, where {} allowed", are(limits.file_bytes)));
    }
    // No sum of sizes of files is that large, but sizes may be a caller's claim.
    let bytes = files.iter().fold(0, |sum: u64, file| sum.saturating_add(file.bytes));
    if bytes > limits.batch_bytes {
        let allowed = are(limits.batch_bytes);
        return refuse("batch_bytes", format!("{} in one batch, where {allowed} allowed", bytes_of(bytes)));
    }
    room(tenant, limits, count, load)?;
    if stored.saturating_add(bytes) > limits.storage_bytes {
        return Err(no_room(tenant, limits, stored, bytes));
    }
    Ok(())
}

/// So many bytes are stored, and those that come are too many.
pub fn no_room(tenant: &TenantId, limits: &Limits, stored: u64, more: u64) -> Refusal {
    let (stored, more, allowed) = (bytes_are(stored), grouped(more), are(limits.storage_bytes));
    let what = format!("{stored} stored and {more} more are to come, where {allowed} allowed");
    Refusal { limit: "storage_bytes", sentence: format!("{what} (storage_bytes of tenant {tenant})") }
}

/// Whether so many more tasks may be queued, whatever they do.
///
/// # Errors
/// They may not; the sentence says so.
pub fn room(tenant: &TenantId, limits: &Limits, more: u64, load: &Load) -> Result<(), Refusal> {
    let queued = load.unfinished();
    if queued.saturating_add(more) <= limits.waiting_tasks {
        return Ok(());
    }
    let (queued, more, allowed) = (tasks_of(queued), grouped(more), are(limits.waiting_tasks));
    let sentence =
        format!("{queued} and {more} more are to come, where {allowed} allowed (waiting_tasks of tenant {tenant})");
    Err(Refusal { limit: "waiting_tasks", sentence })
}

/// The last extension is one of these, in whatever case it is written.
fn has_format(name: &str, formats: &[String]) -> bool {
    let extension = Path::new(name).extension().and_then(|extension| extension.to_str());
    formats.is_empty()
        || extension.is_some_and(|extension| formats.iter().any(|format| format.eq_ignore_ascii_case(extension)))
}

fn shown(name: &str) -> String {
    short_line(name, SHOWN_NAME).into_owned()
}

fn files_of(count: u64) -> String {
    if count == 1 { "1 file".into() } else { format!("{} files", grouped(count)) }
}

fn bytes_of(count: u64) -> String {
    if count == 1 { "1 byte".into() } else { format!("{} bytes", grouped(count)) }
}

fn bytes_are(count: u64) -> String {
    if count == 1 { "1 byte is".into() } else { format!("{} bytes are", grouped(count)) }
}

fn tasks_of(count: u64) -> String {
    if count == 1 { "1 task waits or runs".into() } else { format!("{} tasks wait or run", grouped(count)) }
}

/// The value of a limit, with its verb.
fn are(allowed: u64) -> String {
    if allowed == 1 { "1 is".into() } else { format!("{} are", grouped(allowed)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Load = Load { waiting: 0, running: 0, parked: 0 };

    fn limits() -> Limits {
        Limits { formats: vec!["csv".into(), "json".into()], ..Limits::default() }
    }

    fn files(count: usize, bytes: u64) -> Vec<Candidate<'static>> {
        vec![Candidate { name: "trips.csv", bytes }; count]
    }

    fn told(limits: &Limits, files: &[Candidate<'_>], load: &Load, stored: u64) -> (&'static str, String) {
        let tenant = TenantId::parse("acme").unwrap();
        let Refusal { limit, sentence } = admit(&tenant, limits, files, load, stored).unwrap_err();
        (limit, sentence)
    }

    fn is_admitted(limits: &Limits, files: &[Candidate<'_>], load: &Load, stored: u64) -> bool {
        admit(&TenantId::parse("acme").unwrap(), limits, files, load, stored).is_ok()
    }

    #[test]
    fn a_batch_has_at_least_one_file_and_at_most_so_many() {
        let sentence = "a batch without a file, where at least 1 is needed (files_per_batch of tenant acme)";
        assert_eq!(told(&limits(), &[], &NOTHING, 0), ("files_per_batch", sentence.into()));
        let sentence = "11 files in one batch, where 10 are allowed (files_per_batch of tenant acme)";
        assert_eq!(told(&limits(), &files(11, 1), &NOTHING, 0), ("files_per_batch", sentence.into()));
        assert!(is_admitted(&limits(), &files(10, 1), &NOTHING, 0));
        let one = Limits { files_per_batch: 1, ..limits() };
        let sentence = "2 files in one batch, where 1 is allowed (files_per_batch of tenant acme)";
        assert_eq!(told(&one, &files(2, 1), &NOTHING, 0).1, sentence);
    }

    #[test]
    fn a_file_one_byte_over_is_refused_and_one_that_just_fits_is_not() {
        let sentence = "trips.csv has 4,000,000,001 bytes, where 4,000,000,000 are allowed (file_bytes of tenant acme)";
        assert_eq!(told(&limits(), &files(1, 4_000_000_001), &NOTHING, 0), ("file_bytes", sentence.into()));
        assert!(is_admitted(&limits(), &files(1, 4_000_000_000), &NOTHING, 0));
        assert!(is_admitted(&limits(), &files(1, 0), &NOTHING, 0), "an empty file is a file");
    }

    #[test]
    fn the_sum_of_a_batch_is_limited_and_does_not_wrap_round() {
        let little = Limits { batch_bytes: 100, ..limits() };
        let sentence = "102 bytes in one batch, where 100 are allowed (batch_bytes of tenant acme)";
        assert_eq!(told(&little, &files(2, 51), &NOTHING, 0), ("batch_bytes", sentence.into()));
        assert!(is_admitted(&little, &files(2, 50), &NOTHING, 0));
        let endless = Limits { file_bytes: u64::MAX, ..limits() };
        assert_eq!(told(&endless, &files(2, u64::MAX), &NOTHING, 0).0, "batch_bytes");
    }

    #[test]
    fn a_format_is_the_last_extension_in_any_case() {
        let refused = |name| told(&limits(), &[Candidate { name, bytes: 1 }], &NOTHING, 0);
        let sentence = "notes.pdf has none of the formats that are allowed: csv, json (formats of tenant acme)";
        assert_eq!(refused("notes.pdf"), ("formats", sentence.into()));
        let sentence = "a\\u{1b}[2Jb has none of the formats that are allowed: csv, json (formats of tenant acme)";
        assert_eq!(refused("a\u{1b}[2Jb").1, sentence);
        for name in ["csv", ".csv", "trips.csv.gz", "trips.csv ", "trips."] {
            assert_eq!(refused(name).0, "formats", "{name}");
        }
        for name in ["trips.CSV", "a.b.json", "Zoë.csv"] {
            assert!(is_admitted(&limits(), &[Candidate { name, bytes: 1 }], &NOTHING, 0), "{name}");
        }
        assert!(is_admitted(&Limits::default(), &[Candidate { name: "anything", bytes: 1 }], &NOTHING, 0));
    }

    #[test]
    fn waiting_and_running_tasks_count_and_parked_ones_do_not() {
        let load = Load { waiting: 9_996, running: 2, parked: 500 };
        let sentence = "9,998 tasks wait or run and 3 more are to come, where 10,000 are allowed \
             (waiting_tasks of tenant acme)";
        assert_eq!(told(&limits(), &files(3, 1), &load, 0), ("waiting_tasks", sentence.into()));
        assert!(is_admitted(&limits(), &files(2, 1), &load, 0));
        let load = Load { waiting: 1, running: 0, parked: 0 };
        let sentence = "1 task waits or runs and 1 more are to come, where 1 is allowed (waiting_tasks of tenant acme)";
        assert_eq!(told(&Limits { waiting_tasks: 1, ..limits() }, &files(1, 1), &load, 0).1, sentence);
    }

    #[test]
    fn what_is_stored_and_what_comes_have_to_fit_together() {
        let sentence = "99,999,999,000 bytes are stored and 1,001 more are to come, where 100,000,000,000 are allowed \
             (storage_bytes of tenant acme)";
        assert_eq!(told(&limits(), &files(1, 1_001), &NOTHING, 99_999_999_000), ("storage_bytes", sentence.into()));
        assert!(is_admitted(&limits(), &files(1, 1_000), &NOTHING, 99_999_999_000));
        assert_eq!(told(&limits(), &files(1, 1), &NOTHING, u64::MAX).0, "storage_bytes");
    }
}
