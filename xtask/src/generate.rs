//! `cargo xtask data`: the data of demo and benchmark as a file.

use anyhow::{Context as _, Result};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Instant;
use xtask::data::{self, Options, Size, Written};
use xtask::json;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The file to write
    file: PathBuf,
    /// Its size in bytes, met to within one row: `4300000`, or with a unit, `4.3MB`, `2GB`
    #[arg(long, default_value = "4.3MB", value_parser = size_in_bytes, conflicts_with = "rows")]
    bytes: u64,
    /// Its number of rows, instead of a size in bytes
    #[arg(long)]
    rows: Option<u64>,
    /// Other seeds give other trips
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many rows are bad
    #[arg(long, default_value_t = 0)]
    bad_rows: u64,
    /// As JSON lines, a message on each, instead of CSV
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let size = arguments.rows.map_or(Size::Bytes(arguments.bytes), Size::Rows);
    let started = Instant::now();
    let options = Options { size, seed: arguments.seed, bad_rows: arguments.bad_rows };
    let written = if arguments.json { messages(&arguments.file, &options) } else { file(&arguments.file, &options) }?;
    let seconds = started.elapsed().as_secs_f64();
    println!("{} rows, {} bytes in {seconds:.2} s", written.rows, written.bytes);
    if !written.bad_lines.is_empty() {
        println!("bad lines: {:?}", written.bad_lines);
    }
    Ok(())
}

/// Writes a file of trips, and the folders above it where they are missing.
pub(crate) fn file(path: &Path, options: &Options) -> Result<Written> {
    write(path, |out| data::write(options, out))
}

/// Writes a file of trips as JSON lines, and the folders above it where they are missing.
pub(crate) fn messages(path: &Path, options: &Options) -> Result<Written> {
    write(path, |out| json::write(options, out))
}

fn write(path: &Path, write: impl FnOnce(&mut File) -> std::io::Result<Written>) -> Result<Written> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    let mut file = File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
    write(&mut file).with_context(|| format!("cannot write {}", path.display()))
}

fn size_in_bytes(text: &str) -> Result<u64, String> {
    let number_end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(number_end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let power: u32 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" => 3,
        "m" | "mb" => 6,
        "g" | "gb" => 9,
        _ => return Err(format!("{unit:?} is no unit of size; there are kB, MB and GB")),
    };
    let places = u32::try_from(fraction.len()).ok().filter(|places| *places <= power);
    let Some(places) = places else { return Err(format!("{text:?} is not a whole number of bytes")) };
    let digits: u64 = format!("{whole}{fraction}").parse().map_err(|_| format!("{text:?} is no size"))?;
    digits.checked_mul(10_u64.pow(power - places)).ok_or_else(|| format!("{text:?} is too much"))
}

#[cfg(test)]
mod tests {
    use super::size_in_bytes;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!(size_in_bytes("4.3MB"), Ok(4_300_000));
        assert_eq!(size_in_bytes("2gb"), Ok(2_000_000_000));
        assert_eq!(size_in_bytes("17"), Ok(17));
        assert!(size_in_bytes("1.5").is_err());
        assert!(size_in_bytes("3 miles").is_err());
        assert!(size_in_bytes("").is_err());
    }
}
