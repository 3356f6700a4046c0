//! The ELF header and the two tables it points to, read as the file has them.
//!
//! ```text
//!   0   7f 'E' 'L' 'F'  class  data  version  os_abi  abi_version  7 × padding
//!   16  type u16 · machine u16 · version u32 · entry u64
//!   32  segments_at u64 · sections_at u64 · flags u32
//!   52  header_size u16 · segment_size u16 · segments u16 · section_size u16 · sections u16 · names_index u16
//! ```
//!
//! Tables are read entry by entry, on demand: a header may claim millions of sections, and none is held in memory.

use object::elf;

use super::finding::Finding;
use super::machine::Architecture;
use super::reader::{is_name_at, slice, u16_at, u32_at, u64_at};

/// Bytes of the header.
pub(super) const HEADER_SIZE: u64 = 64;
/// Bytes of one entry of the segment table.
pub(super) const SEGMENT_SIZE: u64 = 56;
/// Bytes of one entry of the section table.
pub(super) const SECTION_SIZE: u64 = 64;

/// One entry of the segment table: what the dynamic linker maps or reads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) kind: u32,
    pub(super) flags: u32,
    pub(super) offset: u64,
    pub(super) address: u64,
    pub(super) file_size: u64,
    pub(super) memory_size: u64,
}

/// One entry of the section table: what linkers and debuggers read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Section {
    pub(super) name: u32,
    pub(super) kind: u32,
    pub(super) offset: u64,
    pub(super) size: u64,
}

/// A 64-bit, little-endian ELF file for Linux.
#[derive(Clone, Copy, Debug)]
pub(super) struct Elf<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) segments_at: u64,
    pub(super) segment_count: u64,
    pub(super) sections_at: u64,
    pub(super) section_count: u64,
    pub(super) kind: u16,
    machine: u16,
    names_index: u16,
}

impl<'a> Elf<'a> {
    /// Reads the header; the tables may still lie outside the file.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Elf<'a>, Finding> {
        let Some(header) = slice(bytes, 0, HEADER_SIZE) else {
            return Err(super::extent::cut_in_header(bytes.len()));
        };
        super::identity::must_be_for_linux(header)?;
        Self::decode(bytes).ok_or_else(|| Finding::damaged("its header cannot be read"))?
    }

    fn decode(bytes: &'a [u8]) -> Option<Result<Elf<'a>, Finding>> {
        let segments_at = u64_at(bytes, 32)?;
        let sections_at = u64_at(bytes, 40)?;
        let (segment_size, segment_count) = (u16_at(bytes, 54)?, u16_at(bytes, 56)?);
        let (section_size, section_count) = (u16_at(bytes, 58)?, u16_at(bytes, 60)?);
        if segment_count != 0 && u64::from(segment_size) != SEGMENT_SIZE {
            return Some(Err(Finding::damaged(format!(
                "an entry of its segment table has {segment_size} bytes, not {SEGMENT_SIZE}"
            ))));
        }
        if sections_at != 0 && u64::from(section_size) != SECTION_SIZE {
            return Some(Err(Finding::damaged(format!(
                "an entry of its section table has {section_size} bytes, not {SECTION_SIZE}"
            ))));
        }
        if segment_count == elf::PN_XNUM {
            return Some(Err(Finding::damaged("it claims more segments than any library has")));
        }
        // Too many sections for 16 bits: the true count is the size of section 0, where that can be read.
        let section_count = match section_count {
            _ if sections_at == 0 => 0,
            0 => sections_at.checked_add(32).and_then(|at| u64_at(bytes, at)).unwrap_or(1),
            count => u64::from(count),
        };
        Some(Ok(Elf {
            bytes,
            segments_at,
            segment_count: u64::from(segment_count),
            sections_at,
            section_count,
            kind: u16_at(bytes, 16)?,
            machine: u16_at(bytes, 18)?,
            names_index: u16_at(bytes, 62)?,
        }))
    }

    /// What it was built for.
    pub(super) fn architecture(&self) -> Architecture {
        Architecture(self.machine)
    }

    /// The segments, as far as they lie in the file.
    pub(super) fn segments(&self) -> impl Iterator<Item = Segment> + use<'a> {
        let (bytes, table) = (self.bytes, self.segments_at);
        (0..self.segment_count).map_while(move |index| segment(bytes, entry_at(table, index, SEGMENT_SIZE)?))
    }

    /// The sections, as far as they lie in the file.
    pub(super) fn sections(&self) -> impl Iterator<Item = Section> + use<'a> {
        let (bytes, table) = (self.bytes, self.sections_at);
        (0..self.section_count).map_while(move |index| section(bytes, entry_at(table, index, SECTION_SIZE)?))
    }

    /// The content of the first section of this name that has any.
    pub(super) fn section_named(&self, name: &str) -> Option<&'a [u8]> {
        let index = u64::from(self.names_index);
        let names = section(self.bytes, entry_at(self.sections_at, index, SECTION_SIZE)?)?;
        let names = self.content(&names)?;
        let found = self.sections().find(|section| is_name_at(names, section.name.into(), name))?;
        self.content(&found)
    }

    /// The content of the first section of this kind.
    pub(super) fn section_of_kind(&self, kind: elf::SectionType) -> Option<&'a [u8]> {
        self.sections().find(|section| section.kind == kind.0).and_then(|section| self.content(&section))
    }

    fn content(&self, section: &Section) -> Option<&'a [u8]> {
        if section.kind == elf::SHT_NOBITS.0 {
            return None;
        }
        slice(self.bytes, section.offset, section.size)
    }

    /// The bytes of the file from the one that is mapped at `address` to the end of its segment.
    pub(super) fn mapped_from(&self, address: u64) -> Option<&'a [u8]> {
        let mut loaded = self.segments().filter(|segment| segment.kind == elf::PT_LOAD.0);
        loaded.find_map(|segment| {
            let skipped = address.checked_sub(segment.address)?;
            let left = segment.file_size.checked_sub(skipped).filter(|&left| left > 0)?;
            slice(self.bytes, segment.offset.checked_add(skipped)?, left)
        })
    }

    /// The `len` bytes that are mapped at `address`.
    pub(super) fn mapped_at(&self, address: u64, len: u64) -> Option<&'a [u8]> {
        slice(self.mapped_from(address)?, 0, len)
    }

    /// Refuses segments that contradict themselves, and files that nothing of would be loaded.
    pub(super) fn must_be_sound(&self) -> Result<(), Finding> {
        let shrinks = |s: &Segment| s.kind == elf::PT_LOAD.0 && s.memory_size < s.file_size;
        if let Some(segment) = self.segments().find(shrinks) {
            return Err(Finding::damaged(format!(
                "a segment has {} bytes in the file but only {} in memory",
                segment.file_size, segment.memory_size
            )));
        }
        Ok(())
    }

    /// Whether it names an interpreter, as a program does (and, as an exception, libc itself).
    pub(super) fn has_interpreter(&self) -> bool {
        self.segments().any(|segment| segment.kind == elf::PT_INTERP.0)
    }
}

fn entry_at(table: u64, index: u64, size: u64) -> Option<u64> {
    table.checked_add(index.checked_mul(size)?)
}

fn segment(bytes: &[u8], at: u64) -> Option<Segment> {
    let entry = slice(bytes, at, SEGMENT_SIZE)?;
    Some(Segment {
        kind: u32_at(entry, 0)?,
        flags: u32_at(entry, 4)?,
        offset: u64_at(entry, 8)?,
        address: u64_at(entry, 16)?,
        file_size: u64_at(entry, 32)?,
        memory_size: u64_at(entry, 40)?,
    })
}

fn section(bytes: &[u8], at: u64) -> Option<Section> {
    let entry = slice(bytes, at, SECTION_SIZE)?;
    Some(Section {
        name: u32_at(entry, 0)?,
        kind: u32_at(entry, 4)?,
        offset: u64_at(entry, 24)?,
        size: u64_at(entry, 32)?,
    })
}
