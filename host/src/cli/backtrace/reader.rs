//! The process that reads debug information: it answers and ends, or is killed.
//!
//! Invariants, each against a `.so` that was made to hurt:
//! - It opens nothing: only the sections of this one file are read. Split debug information and supplementary files are
//!   named by paths, and stay unread.
//! - Compressed sections stay compressed, and sections above [`MAX_SECTIONS`] unread: symbols are told then.
//! - Memory, CPU time and descriptors are limited by the kernel, so what the parsers can be made to do ends here.
//! - A name is at most [`MAX_NAME`] bytes long, an address stands for at most [`MAX_CALLS`] calls.

use addr2line::Context;
use addr2line::gimli::{Dwarf, EndianSlice, NativeEndian, SectionId};
use memmap2::Mmap;
use object::{Object, ObjectSection, SymbolMap, SymbolMapName};
use rustix::process::{Resource, Rlimit, setrlimit};
use std::ffi::OsString;
use std::fmt::{self, Write as _};
use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::process::ExitCode;

/// Longest name of a function, and longest path.
pub(super) const MAX_NAME: usize = 200;
/// Most calls that one address stands for: the innermost inlined ones, and the function that they are in.
pub(super) const MAX_CALLS: usize = 8;
/// Most bytes of debug information that are read.
const MAX_SECTIONS: u64 = 256 << 20;
/// Longest mangled name that is taken apart.
const MAX_MANGLED: usize = 4096;
/// Most memory that the reader may have, the `.so` and this program included.
const MEMORY: u64 = 1 << 30;
/// CPU seconds that the reader may use.
const CPU_SECONDS: u64 = 3;

type Bytes<'a> = EndianSlice<'a, NativeEndian>;

/// Reads the `.so` on standard input and answers for these addresses, which are hexadecimal.
#[must_use]
pub fn main(addresses: impl Iterator<Item = OsString>) -> ExitCode {
    let addresses = addresses.filter_map(|address| u64::from_str_radix(address.to_str()?, 16).ok());
    match read(addresses) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn read(addresses: impl Iterator<Item = u64>) -> io::Result<()> {
    confine()?;
    // SAFETY: the host gives a memory file that is sealed against writing and shrinking, so the bytes never change. (By
    // hand it can be given another file; whoever does so reads their own.)
    let map = unsafe { Mmap::map(&io::stdin().as_fd()) }?;
    let file = object::File::parse(&map[..]).map_err(io::Error::other)?;
    let names = Names { lines: lines_of(&file), symbols: file.symbol_map() };
    let mut out = io::BufWriter::new(io::stdout().lock());
    for address in addresses {
        for call in names.at(address) {
            writeln!(out, "{address:x} {call}")?;
        }
    }
    out.flush()
}

fn confine() -> io::Result<()> {
    let limits = [
        (Resource::As, MEMORY),
        (Resource::Cpu, CPU_SECONDS),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        // No descriptor beyond those that are open: no path can be followed.
        (Resource::Nofile, 0),
    ];
    for (resource, limit) in limits {
        setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) })?;
    }
    Ok(())
}

/// What tells names.
struct Names<'a> {
    lines: Option<Context<Bytes<'a>>>,
    symbols: SymbolMap<SymbolMapName<'a>>,
}

fn lines_of<'a>(file: &object::File<'a>) -> Option<Context<Bytes<'a>>> {
    let debug = file.sections().filter(|section| section.name().is_ok_and(|name| name.starts_with(".debug_")));
    if debug.fold(0, |size: u64, section| size.saturating_add(section.size())) > MAX_SECTIONS {
        return None;
    }
    let section = |id: SectionId| -> Result<Bytes<'a>, addr2line::gimli::Error> {
        Ok(EndianSlice::new(plain_section(file, id.name()).unwrap_or_default(), NativeEndian))
    };
    Context::from_dwarf(Dwarf::load(section).ok()?).ok()
}

/// The bytes of a section, where they stand in the file as they are.
fn plain_section<'a>(file: &object::File<'a>, name: &str) -> Option<&'a [u8]> {
    // By the index of names of `object`, `.debug_info` would find a compressed `.zdebug_info` as well.
    let section = file.sections().find(|section| section.name() == Ok(name))?;
    let compressed = section.compressed_file_range().ok()?;
    if compressed.format != object::CompressionFormat::None {
        return None;
    }
    section.data().ok()
}

impl Names<'_> {
    /// The calls that stand at this address, the inlined ones first. A frame outside of the library (libc, the worker
    /// itself) is a huge offset: nothing stands there.
    fn at(&self, address: u64) -> Vec<String> {
        let mut calls = Vec::new();
        // The search for it looks one address further.
        if address == u64::MAX {
            return calls;
        }
        if let Some(Ok(mut frames)) = self.lines.as_ref().map(|lines| lines.find_frames(address).skip_all_loads()) {
            // The number of steps is bounded too: a frame without a name is no call.
            for _ in 0..MAX_CALLS {
                let Ok(Some(frame)) = frames.next() else { break };
                let place = frame.location.and_then(|place| Some((place.file?, place.line?)));
                let function = frame.function.as_ref().and_then(|function| std::str::from_utf8(&function.name).ok());
                if let Some(function) = function {
                    calls.push(told(function, place));
                }
            }
        }
        if calls.is_empty()
            && let Some(symbol) = self.symbols.containing(address)
        {
            calls.push(told(symbol.name(), None));
        }
        calls
    }
}

fn told(function: &str, place: Option<(&str, u32)>) -> String {
    let mut name = Short(String::new());
    // It ends with an error where the name is cut.
    let _ = match function.len() {
        ..=MAX_MANGLED => write!(name, "{:#}", rustc_demangle::demangle(function)),
        _ => name.write_str(function),
    };
    let mut call = one_piece(name.0);
    if let Some((file, line)) = place {
        let mut path = Short(String::new());
        let _ = path.write_str(file);
        call.push_str(&format!(" at {}:{line}", one_piece(path.0)));
    }
    call
}

/// A line end would begin another answer. The host makes the rest fit to be shown.
fn one_piece(text: String) -> String {
    if text.contains(['\n', '\r']) { text.replace(['\n', '\r'], " ") } else { text }
}

/// Takes [`MAX_NAME`] bytes, then refuses more.
struct Short(String);

impl fmt::Write for Short {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        let room = MAX_NAME.saturating_sub(self.0.len());
        if more.len() <= room {
            self.0.push_str(more);
            return Ok(());
        }
        self.0.push_str(&more[..more.floor_char_boundary(room)]);
        self.0.push('…');
        Err(fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_apart_and_cut() {
        assert_eq!(told("_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE", None), "core::fmt::Write::write_fmt");
        assert_eq!(told("main", Some(("src/main.rs", 7))), "main at src/main.rs:7");
        let long = told(&"é".repeat(4_000_000), Some((&"/a".repeat(4_000_000), 7)));
        assert!(long.len() < 2 * MAX_NAME + 64 && long.ends_with("…:7"), "{} bytes", long.len());
        assert_eq!(told("a\nb", None), "a b");
    }
}
