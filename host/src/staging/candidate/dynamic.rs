//! What the dynamic linker reads: which libraries, which symbols in and out, which versions of them.
//!
//! All of it is found the way the dynamic linker finds it, through the segment `PT_DYNAMIC` and the addresses it holds,
//! so it is there in files whose section table was stripped, and a forged section table hides nothing.

use object::elf;

use super::elf::Elf;
use super::finding::Finding;
use super::identity::not_a_library;
use super::reader::{name_at, slice, u16_at, u32_at, u64_at};

/// Bytes of an entry of the dynamic table.
const ENTRY_SIZE: u64 = 16;
/// Bytes of an entry of the symbol table.
const SYMBOL_SIZE: u64 = 24;
/// More symbols than this are not looked at; large applications have tens of thousands.
const MAX_SYMBOLS: u64 = 1 << 20;
/// More libraries or versions than this are not looked at; large applications have dozens.
const MAX_NEEDED: usize = 4096;

/// A symbol of the dynamic table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Symbol<'a> {
    pub(super) name: &'a [u8],
    pub(super) kind: u8,
    pub(super) is_defined: bool,
    pub(super) is_weak: bool,
    pub(super) is_local: bool,
    pub(super) address: u64,
    pub(super) size: u64,
    /// Index of its version, as in [`VersionNeed::index`].
    pub(super) version: u16,
}

/// A version that some library must have.
#[derive(Clone, Copy, Debug)]
pub(super) struct VersionNeed<'a> {
    pub(super) name: &'a [u8],
    pub(super) index: u16,
    pub(super) is_weak: bool,
}

/// The dynamic section and what it points to.
#[derive(Clone, Debug)]
pub(super) struct Dynamic<'a> {
    /// Libraries that must be loaded with it.
    pub(super) needed: Vec<&'a [u8]>,
    /// Directories in which to look for them.
    pub(super) search_paths: Vec<&'a [u8]>,
    /// Its own name.
    pub(super) soname: Option<&'a [u8]>,
    /// Versions that those libraries must have.
    pub(super) version_needs: Vec<VersionNeed<'a>>,
    /// Its code must be changed while it is loaded.
    pub(super) has_text_relocations: bool,
    /// Number of functions that run while it is loaded.
    pub(super) constructors: u64,
    strings: &'a [u8],
    symbols: &'a [u8],
    versions: &'a [u8],
}

impl<'a> Dynamic<'a> {
    /// Reads the dynamic section, and refuses programs.
    pub(super) fn read(elf: &Elf<'a>) -> Result<Dynamic<'a>, Finding> {
        let Some(segment) = elf.segments().find(|segment| segment.kind == elf::PT_DYNAMIC.0) else {
            return Err(not_a_library("a statically linked file (it has no dynamic section)"));
        };
        let table = slice(elf.bytes, segment.offset, segment.file_size).unwrap_or_default();
        let value = |tag: elf::DynamicTag| entries(table).find(|entry| entry.0 == tag.0).map(|entry| entry.1);
        let mapped = |tag| value(tag).and_then(|address| elf.mapped_from(address));

        let strings_size = value(elf::DT_STRSZ).unwrap_or(0);
        let strings = mapped(elf::DT_STRTAB).and_then(|table| slice(table, 0, strings_size));
        let Some(strings) = strings else {
            return Err(Finding::damaged("its dynamic section has no names"));
        };
        let texts = |tag: elf::DynamicTag| {
            entries(table).filter(move |entry| entry.0 == tag.0).filter_map(|entry| name_at(strings, entry.1))
        };
        let flags = value(elf::DT_FLAGS).unwrap_or(0);
        let dynamic = Dynamic {
            needed: texts(elf::DT_NEEDED).take(MAX_NEEDED).collect(),
            search_paths: texts(elf::DT_RPATH).chain(texts(elf::DT_RUNPATH)).take(MAX_NEEDED).collect(),
            soname: texts(elf::DT_SONAME).next(),
            version_needs: mapped(elf::DT_VERNEED).map(|table| version_needs(table, strings)).unwrap_or_default(),
            has_text_relocations: value(elf::DT_TEXTREL).is_some() || flags & elf::DF_TEXTREL.0 != 0,
            constructors: value(elf::DT_INIT_ARRAYSZ).unwrap_or(0) / 8,
            strings,
            symbols: symbol_table(elf, mapped(elf::DT_SYMTAB), mapped(elf::DT_HASH), mapped(elf::DT_GNU_HASH)),
            versions: mapped(elf::DT_VERSYM).unwrap_or_default(),
        };
        let is_program = value(elf::DT_FLAGS_1).unwrap_or(0) & elf::DF_1_PIE.0 != 0;
        // Older linkers do not say it. Only libc is a library with an interpreter, and it has a name of its own.
        if is_program || (elf.has_interpreter() && dynamic.soname.is_none()) {
            return Err(not_a_library("an executable program (position-independent)"));
        }
        Ok(dynamic)
    }

    /// All its symbols, first those it needs.
    pub(super) fn symbols(&self) -> impl Iterator<Item = Symbol<'a>> + use<'a> {
        let (strings, symbols, versions) = (self.strings, self.symbols, self.versions);
        (1..symbols.len() as u64 / SYMBOL_SIZE).filter_map(move |index| symbol(strings, symbols, versions, index))
    }

    /// Symbols that it takes from others. The weak ones may be missing at run time, so they prove no use.
    pub(super) fn imports(&self) -> impl Iterator<Item = Symbol<'a>> + use<'a> {
        self.symbols().filter(|symbol| !symbol.is_defined && !symbol.name.is_empty())
    }

    /// A symbol that others can find in it.
    pub(super) fn export(&self, name: &str) -> Option<Symbol<'a>> {
        let mut exports = self.symbols().filter(|symbol| symbol.is_defined && !symbol.is_local);
        exports.find(|symbol| symbol.name == name.as_bytes())
    }
}

fn entries(table: &[u8]) -> impl Iterator<Item = (i64, u64)> {
    let count = table.len() as u64 / ENTRY_SIZE;
    let entries = (0..count).map_while(move |index| {
        let at = index * ENTRY_SIZE;
        Some((u64_at(table, at)?.cast_signed(), u64_at(table, at + 8)?))
    });
    entries.take_while(|entry| entry.0 != elf::DT_NULL.0)
}

fn symbol<'a>(strings: &'a [u8], symbols: &[u8], versions: &[u8], index: u64) -> Option<Symbol<'a>> {
    let entry = slice(symbols, index * SYMBOL_SIZE, SYMBOL_SIZE)?;
    let info = elf::SymbolInfo(entry[4]);
    Some(Symbol {
        name: name_at(strings, u32_at(entry, 0)?.into())?,
        kind: info.st_type().0,
        is_defined: u16_at(entry, 6)? != elf::SHN_UNDEF.0,
        is_weak: info.st_bind() == elf::STB_WEAK,
        is_local: info.st_bind() == elf::STB_LOCAL,
        address: u64_at(entry, 8)?,
        size: u64_at(entry, 16)?,
        version: u16_at(versions, index * 2).unwrap_or(0) & elf::VERSYM_VERSION,
    })
}

/// The symbol table has no length of its own: the hash tables tell it, and where there is none, the section table.
fn symbol_table<'a>(elf: &Elf<'a>, table: Option<&'a [u8]>, hash: Option<&[u8]>, gnu_hash: Option<&[u8]>) -> &'a [u8] {
    let Some(table) = table else { return &[] };
    let by_hash = hash.and_then(|hash| u32_at(hash, 4)).map(u64::from);
    let by_gnu_hash = || gnu_hash.and_then(gnu_hash_symbols);
    let by_section = || elf.section_of_kind(elf::SHT_DYNSYM).map(|section| section.len() as u64 / SYMBOL_SIZE);
    let count = by_hash.or_else(by_gnu_hash).or_else(by_section).unwrap_or(0);
    let room = table.len() as u64 / SYMBOL_SIZE;
    slice(table, 0, count.min(room).min(MAX_SYMBOLS) * SYMBOL_SIZE).unwrap_or_default()
}

/// One past the last symbol of a GNU hash table: `buckets u32 · first u32 · bloom u32 · shift u32 · bloom words u64…
/// · bucket heads u32… · chains u32…`, where the lowest bit of a chain's value marks its end.
fn gnu_hash_symbols(table: &[u8]) -> Option<u64> {
    let buckets = u64::from(u32_at(table, 0)?);
    let first = u64::from(u32_at(table, 4)?);
    let heads_at = 16 + u64::from(u32_at(table, 8)?) * 8;
    let heads = slice(table, heads_at, buckets * 4)?;
    let head = heads.chunks_exact(4).filter_map(|head| u32_at(head, 0)).max().map_or(0, u64::from);
    if head < first {
        // Nothing is exported: the symbols before the first hashed one are all there are.
        return Some(first);
    }
    let chains = table.get(usize::try_from(heads_at + buckets * 4).ok()?..)?;
    let chain = chains.get(usize::try_from((head - first) * 4).ok()?..)?;
    let length = chain.chunks_exact(4).position(|value| value[0] & 1 == 1)?;
    Some(head + length as u64 + 1)
}

/// `version u16 · count u16 · file u32 · aux u32 · next u32`, each with `count` of
/// `hash u32 · flags u16 · index u16 · name u32 · next u32`; `aux` and `next` are relative to their own record.
fn version_needs<'a>(table: &'a [u8], strings: &'a [u8]) -> Vec<VersionNeed<'a>> {
    let mut needs = Vec::new();
    let mut at = 0;
    for _ in 0..MAX_NEEDED {
        let Some(record) = slice(table, at, 16) else { break };
        let field = |offset| u32_at(record, offset).map_or(0, u64::from);
        let count = u16_at(record, 2).unwrap_or(0);
        read_versions(table, at + field(8), count, strings, &mut needs);
        if field(12) == 0 {
            break;
        }
        at += field(12);
    }
    needs
}

fn read_versions<'a>(table: &'a [u8], mut at: u64, count: u16, strings: &'a [u8], needs: &mut Vec<VersionNeed<'a>>) {
    for _ in 0..count {
        let Some(record) = slice(table, at, 16).filter(|_| needs.len() < MAX_NEEDED) else { return };
        let flags = elf::VersionFlags(u16_at(record, 4).unwrap_or(0));
        needs.push(VersionNeed {
            name: u32_at(record, 8).and_then(|name| name_at(strings, name.into())).unwrap_or_default(),
            index: u16_at(record, 6).unwrap_or(0) & elf::VERSYM_VERSION,
            is_weak: flags.0 & elf::VER_FLG_WEAK.0 != 0,
        });
        let next = u32_at(record, 12).unwrap_or(0);
        if next == 0 {
            return;
        }
        at += u64::from(next);
    }
}
