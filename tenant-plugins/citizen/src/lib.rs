//! A good citizen: an app that uses what ordinary code uses, one thing per row, and emits what came of it.
//!
//! Its CSV has the columns `task,input`; each document is `{task, input, output}`. The outputs are such that a wrong one
//! is told from a right one, so that a sandbox which makes something fail *silently* (a local time that becomes another,
//! a converter that is not found) is noticed and not only one that kills.
//!
//! | task | output |
//! |---|---|
//! | `hash_map`, `sort`, `format`, `regex` | the words of the input, counted, sorted, framed, matched |
//! | `maths` | sine, root and logarithm of the input with all their digits |
//! | `chrono`, `chrono_local`, `strftime` | the input (seconds since 1970) as a date, the latter two in the local zone |
//! | `uuid`, `random_state` | whether two random values differ |
//! | `iconv_latin1`, `iconv_utf16` | the input (hex) converted to UTF-8 |
//! | `clock`, `environment`, `memory`, `thread` | whether time passes, what `TZ` is, 100 MB in pieces, how a thread fails |

mod libc_calls;

use mysimbdp_plugin_api::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant, SystemTime};

#[derive(Deserialize)]
struct Row {
    task: String,
    input: String,
}

#[derive(Serialize)]
struct Document<'a> {
    task: &'a str,
    input: &'a str,
    output: String,
}

#[derive(Default)]
struct Citizen;

impl BatchIngest for Citizen {
    fn ingest(&mut self, input: &mut BatchInput, sink: &mut Sink) -> Result<(), AppError> {
        input.csv()?.each(sink, |row, sink| {
            let Row { task, input } = row.parse()?;
            let output = perform(&task, &input).map_err(|why| reject!("{task}: {why}"))?;
            sink.emit(&Document { task: &task, input: &input, output })?;
            Ok(())
        })
    }
}

export_app! { name: "citizen", batch: Citizen }

fn perform(task: &str, input: &str) -> Result<String, String> {
    match task {
        "hash_map" => Ok(count_words(input)),
        "sort" => Ok(sort_words(input)),
        "format" => Ok(format!("{input:*^40} {:>8.3} {:#x}", 1.0 / 3.0, 255)),
        "regex" => match_regex(input),
        "maths" => maths(input),
        "chrono" => chrono_utc(input),
        "chrono_local" => chrono_local(input),
        "strftime" => libc_calls::strftime_local(seconds(input)?),
        "uuid" => uuids(),
        "random_state" => Ok((RandomState::new().hash_one(1) != RandomState::new().hash_one(1)).to_string()),
        "iconv_latin1" => libc_calls::to_utf8(c"ISO-8859-1", &unhex(input)?),
        "iconv_utf16" => libc_calls::to_utf8(c"UTF-16LE", &unhex(input)?),
        "clock" => clock(),
        "environment" => Ok(std::env::var("TZ").unwrap_or_else(|_| "unset".into())),
        "memory" => Ok(allocate_in_pieces(100).to_string()),
        "thread" => Ok(spawn_a_thread()),
        other => Err(format!("no such task {other:?}")),
    }
}

fn count_words(text: &str) -> String {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for word in text.split_whitespace() {
        *counts.entry(word).or_default() += 1;
    }
    let ordered: BTreeMap<_, _> = counts.into_iter().collect();
    ordered.iter().map(|(word, count)| format!("{word}={count}")).collect::<Vec<_>>().join(" ")
}

fn sort_words(text: &str) -> String {
    let mut words: Vec<&str> = text.split_whitespace().collect();
    words.sort_unstable_by_key(|word| (word.len(), *word));
    words.join(" ")
}

fn match_regex(text: &str) -> Result<String, String> {
    let date = regex::Regex::new(r"(?<year>\d{4})-(?<month>\d{2})-\d{2}").map_err(|error| error.to_string())?;
    let found = date.captures(text).ok_or("no date in it")?;
    Ok(format!("{}/{}", &found["month"], &found["year"]))
}

fn maths(text: &str) -> Result<String, String> {
    let x: f64 = text.parse().map_err(|error| format!("{error}"))?;
    Ok(format!("{:?} {:?} {:?}", x.sin(), x.sqrt(), x.ln()))
}

fn seconds(text: &str) -> Result<i64, String> {
    text.parse().map_err(|error| format!("{error}"))
}

fn chrono_utc(text: &str) -> Result<String, String> {
    let moment = chrono::DateTime::from_timestamp(seconds(text)?, 0).ok_or("out of range")?;
    Ok(moment.format("%A %Y-%m-%d %H:%M:%S").to_string())
}

fn chrono_local(text: &str) -> Result<String, String> {
    let moment = chrono::DateTime::from_timestamp(seconds(text)?, 0).ok_or("out of range")?;
    Ok(moment.with_timezone(&chrono::Local).to_rfc3339())
}

fn uuids() -> Result<String, String> {
    let (one, other) = (uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
    if one == other { Err("two equal random ids".into()) } else { Ok(format!("version {}", one.get_version_num())) }
}

fn clock() -> Result<String, String> {
    let (wall, steady) = (SystemTime::now(), Instant::now());
    std::thread::sleep(Duration::from_millis(5));
    let since_1970 = wall.duration_since(SystemTime::UNIX_EPOCH).map_err(|error| error.to_string())?;
    if steady.elapsed() < Duration::from_millis(5) || since_1970.as_secs() < 1_700_000_000 {
        return Err("time does not pass".into());
    }
    Ok("time passes".into())
}

/// Takes and gives back so many megabytes in blocks of growing size, twice; the largest are mapped, the small are not.
fn allocate_in_pieces(megabytes: usize) -> usize {
    let mut sum = 0;
    for _ in 0..2 {
        let mut pieces = Vec::new();
        let mut taken = 0;
        let mut size = 100;
        while taken < megabytes << 20 {
            pieces.push(vec![1_u8; size]);
            taken += size;
            size = if size > 1 << 20 { 100 } else { size * 3 };
        }
        sum = pieces.iter().map(|piece| usize::from(piece[piece.len() / 2])).sum();
    }
    usize::from(sum > 0) * megabytes
}

/// Apps have one thread: asking for another must fail as an error that the app can deal with.
fn spawn_a_thread() -> String {
    match std::thread::Builder::new().spawn(|| 1 + 1) {
        Ok(handle) => format!("a thread answered {:?}", handle.join().ok()),
        Err(error) => format!("no threads: {:?}", error.kind()),
    }
}

fn unhex(text: &str) -> Result<Vec<u8>, String> {
    let digits = text.as_bytes().chunks_exact(2);
    digits
        .map(|pair| {
            let pair = std::str::from_utf8(pair).map_err(|error| error.to_string())?;
            u8::from_str_radix(pair, 16).map_err(|error| error.to_string())
        })
        .collect()
}
