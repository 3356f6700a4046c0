//! Taxi trips as CSV: the data of the demo, the tests and the benchmark, the same bytes for the same options.
//!
//! ```text
//!   trip_id,vendor,pickup_at,dropoff_at,passengers,distance_km,pickup_lon,pickup_lat,dropoff_lon,dropoff_lat,
//!   rate_code,store_and_forward,payment,fare,tip,tolls,total,comment
//!   1,CMT,2013-01-01T00:00:07Z,2013-01-01T00:11:25Z,2,3.72,-73.978165,40.757977,…,N,CRD,12.50,2.50,0.00,15.00,"…"
//! ```
//!
//! A row has about 150 bytes, and about 450 as a BSON document with a field for each column. Every row stands on one
//! line, so row `n` is on line `n + 1`. About one comment in six is quoted, with commas and doubled quotes inside.
//!
//! Bad rows are spread evenly and take turns in being bad: a fare that is no number, a distance that is no number, a
//! time that is no time, a row that ends too early. Their line numbers are told by [`Written::bad_lines`].
//!
//! Nothing here allocates per row: 2 GB are written in a few seconds.

use std::io::{self, Write};

/// The header line, without its newline.
pub const HEADER: &str = "trip_id,vendor,pickup_at,dropoff_at,passengers,distance_km,pickup_lon,pickup_lat,\
                          dropoff_lon,dropoff_lat,rate_code,store_and_forward,payment,fare,tip,tolls,total,comment";

/// Rows are handed to the writer when the buffer holds this much.
const BUFFER: usize = 256 * 1024;
/// Longer than any row, so that a size in bytes is met to within one row.
const LONGEST_ROW: usize = 320;
/// 2013-01-01T00:00:00Z, when the first trip starts.
const FIRST_PICKUP: u64 = 1_356_998_400;

/// How much data is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// This many rows below the header.
    Rows(u64),
    /// As many rows as fit into this many bytes, header included.
    Bytes(u64),
}

/// What is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How much.
    pub size: Size,
    /// Other seeds give other trips; the same seed gives the same bytes.
    pub seed: u64,
    /// How many rows are bad. Of [`Size::Bytes`] the number of rows is not known beforehand: every bad row then follows
    /// the one before at the distance that an average row length gives, and the last ones may fall off the end.
    pub bad_rows: u64,
}

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Rows below the header, bad ones included.
    pub rows: u64,
    /// Bytes, header included.
    pub bytes: u64,
    /// Lines (from 1, the header's) of the bad rows, rising.
    pub bad_lines: Vec<u64>,
}

/// Writes trips to `out`.
///
/// # Errors
/// Those of `out`.
pub fn write(options: &Options, out: &mut dyn Write) -> io::Result<Written> {
    const CSV: Shape = Shape { header: Some(HEADER), longest: LONGEST_ROW, average: 152, row: csv_row };
    write_in(&CSV, options, out)
}

/// How trips are written down.
pub(crate) struct Shape {
    /// The first line, where there is one.
    pub(crate) header: Option<&'static str>,
    /// Longer than any row, in bytes, so that a size in bytes is met to within one row.
    pub(crate) longest: usize,
    /// Bytes of an average row.
    pub(crate) average: u64,
    /// Writes one row with this id; where it is to be bad, which turn in being bad it is.
    pub(crate) row: fn(u64, &Trip, Option<u64>, &mut Vec<u8>),
}

/// Writes trips to `out` in one shape or another: the trips are the same for the same seed.
pub(crate) fn write_in(shape: &Shape, options: &Options, out: &mut dyn Write) -> io::Result<Written> {
    let mut trips = Trips::new(options.seed);
    let mut written = Written::default();
    let mut buffer = Vec::with_capacity(BUFFER + shape.longest);
    let lines_above = u64::from(shape.header.is_some());
    if let Some(header) = shape.header {
        buffer.extend_from_slice(header.as_bytes());
        buffer.push(b'\n');
    }
    let bad_every = distance_of_bad_rows(options, shape.average);
    loop {
        let bytes_so_far = written.bytes + buffer.len() as u64;
        let enough = match options.size {
            Size::Rows(rows) => written.rows >= rows,
            Size::Bytes(bytes) => bytes_so_far + shape.longest as u64 > bytes,
        };
        if enough {
            break;
        }
        let row = written.rows + 1;
        let bad_so_far = written.bad_lines.len() as u64;
        let bad = bad_so_far < options.bad_rows && row == (bad_so_far + 1) * bad_every;
        (shape.row)(row, &trips.trip(), bad.then_some(bad_so_far), &mut buffer);
        if bad {
            written.bad_lines.push(row + lines_above);
        }
        written.rows = row;
        if buffer.len() >= BUFFER {
            out.write_all(&buffer)?;
            written.bytes += buffer.len() as u64;
            buffer.clear();
        }
    }
    out.write_all(&buffer)?;
    written.bytes += buffer.len() as u64;
    Ok(written)
}

/// The trips as bytes, for tests.
pub fn bytes(options: &Options) -> (Vec<u8>, Written) {
    let mut out = Vec::new();
    // A Vec takes every write, so the other arm is never reached; an empty answer would fail the caller's test.
    let written = write(options, &mut out).unwrap_or_default();
    (out, written)
}

fn distance_of_bad_rows(options: &Options, average_row: u64) -> u64 {
    let rows = match options.size {
        Size::Rows(rows) => rows,
        Size::Bytes(bytes) => bytes / average_row,
    };
    (rows / (options.bad_rows + 1)).max(1)
}

/// The state from which each next trip follows.
struct Trips {
    random: u64,
    pickup: u64,
}

impl Trips {
    fn new(seed: u64) -> Trips {
        Trips { random: seed, pickup: FIRST_PICKUP }
    }

    /// SplitMix64: small, fast, and the same in every version of everything.
    fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn trip(&mut self) -> Trip {
        let (first, second, third) = (self.next(), self.next(), self.next());
        self.pickup += first % 4;
        let seconds = 90 + (first >> 8) % 3_000;
        let distance = seconds * (15 + (first >> 24) % 25) / 60;
        let fare = 250 + distance * 2 + seconds / 4;
        let tip = if (second & 3) == 0 { 0 } else { fare * (10 + (second >> 2) % 15) / 100 };
        let tolls = if (second >> 8).is_multiple_of(12) { 533 } else { 0 };
        Trip {
            pickup: self.pickup,
            dropoff: self.pickup + seconds,
            passengers: 1 + (second >> 16) % 6,
            distance,
            pickup_lon: 73_900_000 + (second >> 24) % 110_000,
            pickup_lat: 40_650_000 + (second >> 44) % 170_000,
            dropoff_lon: 73_900_000 + third % 110_000,
            dropoff_lat: 40_650_000 + (third >> 20) % 170_000,
            fare,
            tip,
            tolls,
            choice: third >> 40,
        }
    }
}

/// One trip; money, kilometres and degrees as whole numbers of their last digit.
pub(crate) struct Trip {
    pub(crate) pickup: u64,
    pub(crate) dropoff: u64,
    pub(crate) passengers: u64,
    pub(crate) distance: u64,
    pub(crate) pickup_lon: u64,
    pub(crate) pickup_lat: u64,
    pub(crate) dropoff_lon: u64,
    pub(crate) dropoff_lat: u64,
    pub(crate) fare: u64,
    pub(crate) tip: u64,
    pub(crate) tolls: u64,
    /// Bits that choose the texts.
    pub(crate) choice: u64,
}

impl Trip {
    /// Who drove.
    pub(crate) fn vendor(&self) -> &'static str {
        VENDORS[(self.choice & 3) as usize]
    }

    /// Number of the tariff.
    pub(crate) fn rate_code(&self) -> u64 {
        1 + (self.choice >> 2) % 5
    }

    /// The record was kept in the car for a while.
    pub(crate) fn store_and_forward(&self) -> bool {
        (self.choice >> 6).is_multiple_of(50)
    }

    /// How it was paid.
    pub(crate) fn payment(&self) -> &'static str {
        PAYMENTS[((self.choice >> 12) & 3) as usize]
    }

    /// A remark, quoted as a CSV has it where it must be.
    pub(crate) fn comment(&self) -> &'static str {
        COMMENTS[((self.choice >> 14) % COMMENTS.len() as u64) as usize]
    }
}

const VENDORS: [&str; 4] = ["CMT", "VTS", "DDS", "NYC"];
const PAYMENTS: [&str; 4] = ["CRD", "CSH", "CRD", "DIS"];
/// As they stand in the file: some have to be quoted.
const COMMENTS: [&str; 12] = [
    "",
    "fine",
    "asked for the scenic route",
    "\"two stops, one wait\"",
    "no change given",
    "",
    "airport",
    "driver very friendly",
    "\"said \"\"keep the rest\"\", twice\"",
    "paid by the company",
    "luggage: 2",
    "Zürich guest",
];

fn csv_row(id: u64, trip: &Trip, bad: Option<u64>, out: &mut Vec<u8>) {
    match bad.map(|turn| turn % 4) {
        Some(2) => {
            digits(id, out);
            out.extend_from_slice(b",CMT,the day before yesterday,around noon,1,");
        }
        _ => start_of_row(id, trip, out),
    }
    match bad.map(|turn| turn % 4) {
        Some(1) => out.extend_from_slice(b"not far"),
        _ => fixed(trip.distance, 2, out),
    }
    if bad.is_some_and(|turn| turn % 4 == 3) {
        out.push(b'\n');
        return;
    }
    middle_of_row(trip, out);
    match bad.map(|turn| turn % 4) {
        Some(0) => out.extend_from_slice(b"free of charge"),
        _ => fixed(trip.fare, 2, out),
    }
    end_of_row(trip, out);
}

fn start_of_row(id: u64, trip: &Trip, out: &mut Vec<u8>) {
    digits(id, out);
    out.push(b',');
    out.extend_from_slice(trip.vendor().as_bytes());
    out.push(b',');
    timestamp(trip.pickup, out);
    out.push(b',');
    timestamp(trip.dropoff, out);
    out.push(b',');
    digits(trip.passengers, out);
    out.push(b',');
}

fn middle_of_row(trip: &Trip, out: &mut Vec<u8>) {
    out.extend_from_slice(b",-");
    fixed(trip.pickup_lon, 6, out);
    out.push(b',');
    fixed(trip.pickup_lat, 6, out);
    out.extend_from_slice(b",-");
    fixed(trip.dropoff_lon, 6, out);
    out.push(b',');
    fixed(trip.dropoff_lat, 6, out);
    out.push(b',');
    digits(trip.rate_code(), out);
    out.extend_from_slice(if trip.store_and_forward() { b",Y," } else { b",N," });
    out.extend_from_slice(trip.payment().as_bytes());
    out.push(b',');
}

fn end_of_row(trip: &Trip, out: &mut Vec<u8>) {
    out.push(b',');
    fixed(trip.tip, 2, out);
    out.push(b',');
    fixed(trip.tolls, 2, out);
    out.push(b',');
    fixed(trip.fare + trip.tip + trip.tolls, 2, out);
    out.push(b',');
    out.extend_from_slice(trip.comment().as_bytes());
    out.push(b'\n');
}

/// The decimal digits of `number`.
pub(crate) fn digits(mut number: u64, out: &mut Vec<u8>) {
    let mut reversed = [0_u8; 20];
    let mut count = 0;
    loop {
        reversed[count] = b'0' + (number % 10) as u8;
        count += 1;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend(reversed[..count].iter().rev());
}

/// `number` with its last `places` digits behind a point.
pub(crate) fn fixed(number: u64, places: u32, out: &mut Vec<u8>) {
    let one = 10_u64.pow(places);
    digits(number / one, out);
    out.push(b'.');
    padded(number % one, places, out);
}

/// The last `width` digits of `number`, with leading zeros.
fn padded(number: u64, width: u32, out: &mut Vec<u8>) {
    let at = out.len();
    let mut rest = number;
    out.resize(at + width as usize, b'0');
    for digit in out[at..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}

/// Seconds since 1970 as `2013-01-01T00:00:07Z` (days to a date after Howard Hinnant's `civil_from_days`).
pub fn timestamp(seconds: u64, out: &mut Vec<u8>) {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    padded(year, 4, out);
    for (separator, number) in
        [(b'-', month), (b'-', day), (b'T', second / 3_600), (b':', second / 60 % 60), (b':', second % 60)]
    {
        out.push(separator);
        padded(number, 2, out);
    }
    out.push(b'Z');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: u64, seed: u64, bad_rows: u64) -> (String, Written) {
        let (bytes, written) = bytes(&Options { size: Size::Rows(rows), seed, bad_rows });
        (String::from_utf8(bytes).unwrap(), written)
    }

    #[test]
    fn the_same_options_give_the_same_bytes_and_another_seed_others() {
        assert_eq!(rows(500, 1, 3), rows(500, 1, 3));
        assert_ne!(rows(500, 1, 0).0, rows(500, 2, 0).0);
    }

    #[test]
    fn rows_and_bytes_are_those_that_were_told() {
        let (text, written) = rows(2_000, 7, 0);
        assert_eq!(written, Written { rows: 2_000, bytes: text.len() as u64, bad_lines: vec![] });
        assert_eq!(text.lines().count(), 2_001);
        assert_eq!(text.lines().next(), Some(HEADER));
        let average = text.len() / 2_000;
        assert!((140..165).contains(&average), "{average} bytes per row");
    }

    #[test]
    fn a_size_in_bytes_is_met_to_within_one_row() {
        let (out, written) = bytes(&Options { size: Size::Bytes(4_300_000), seed: 3, bad_rows: 4 });
        assert_eq!(out.len() as u64, written.bytes);
        assert!((4_300_000 - LONGEST_ROW..=4_300_000).contains(&out.len()), "{}", out.len());
        assert_eq!(written.bad_lines.len(), 4);
    }

    #[test]
    fn every_good_row_has_eighteen_fields_of_the_right_form() {
        let (text, _) = rows(3_000, 11, 0);
        for line in text.lines().skip(1) {
            let plain = line.split('"').step_by(2).collect::<String>();
            assert_eq!(plain.matches(',').count(), 17, "{line}");
            let fields: Vec<&str> = line.split(',').collect();
            assert_eq!((fields[2].len(), &fields[2][10..11], fields[3].len()), (20, "T", 20), "{line}");
            for number in [5, 6, 7, 8, 9, 13, 14, 15, 16] {
                assert!(fields[number].parse::<f64>().is_ok(), "{} in {line}", fields[number]);
            }
            assert!(matches!(fields[11], "Y" | "N"), "{line}");
        }
        assert!(text.contains("\"said \"\"keep the rest\"\", twice\""));
    }

    #[test]
    fn bad_rows_stand_on_the_lines_that_were_told() {
        let (text, written) = rows(10_000, 5, 7);
        assert_eq!(written.bad_lines.len(), 7);
        let is_bad = |line: &str| {
            let plain = line.split('"').step_by(2).collect::<String>();
            plain.matches(',').count() != 17
                || ["free of charge", "not far", "yesterday"].iter().any(|why| line.contains(why))
        };
        let found: Vec<u64> = (1..).zip(text.lines()).filter(|(_, line)| is_bad(line)).map(|(at, _)| at).collect();
        assert_eq!(found, written.bad_lines);
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, expected) in
            [(0, "1970-01-01T00:00:00Z"), (951_827_696, "2000-02-29T12:34:56Z"), (FIRST_PICKUP, "2013-01-01T00:00:00Z")]
        {
            let mut out = Vec::new();
            timestamp(seconds, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
