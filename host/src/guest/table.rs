//! Checks an app's table, word by word, before it is taken for what it says it is.
//!
//! The table of a C app is whatever its author wrote. A Rust reference to a struct with a null function pointer, or to
//! nowhere, is undefined behaviour even when nobody looks: so the words are read as numbers first.

use mysimbdp_abi::{BatchV1, Bytes, CheckV1, MAJOR, MetadataV1, PluginV1, StreamV1};

/// Longest name of an app.
const MAX_NAME: usize = 64;
/// Bytes of the table.
const TABLE_BYTES: usize = size_of::<PluginV1>();
/// Longest version.
const MAX_VERSION: usize = 64;

/// What is wrong with a table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TableError {
    #[error("it is null")]
    Null,
    #[error(
        "it is of version {0}, this host speaks version {MAJOR}; rebuild the app against this host's header or crate"
    )]
    Major(u32),
    #[error(
        "its `size` is {0}, where a table of version {MAJOR} has {TABLE_BYTES} bytes; set it to `sizeof` the struct"
    )]
    Size(usize),
    #[error("its name is {0:?}; a name has 1 to {MAX_NAME} of `a-z 0-9 - _` and begins with a letter")]
    Name(String),
    #[error("its version is not text of at most {MAX_VERSION} bytes")]
    Version,
    #[error("it provides no kind: `batch`, `stream`, `check` and `metadata` are all null")]
    NoKind,
    #[error("its kind `{kind}` stands at an address that no such struct can have")]
    Address { kind: &'static str },
    #[error("the entry `{entry}` of its kind `{kind}` is null; only `{optional}` may be")]
    NullEntry { kind: &'static str, entry: &'static str, optional: &'static str },
}

/// [`PluginV1`] with numbers where it has references.
#[repr(C)]
struct Words {
    major: u32,
    minor: u32,
    size: usize,
    name: Bytes,
    version: Bytes,
    flags: u64,
    kinds: [*const usize; 4],
}

const _: () = assert!(size_of::<Words>() == size_of::<PluginV1>() && align_of::<Words>() == align_of::<PluginV1>());

/// A kind: its name, its entries in their order, and which of them may be null.
struct Kind {
    name: &'static str,
    entries: &'static [&'static str],
    optional: &'static [&'static str],
}

static KINDS: [Kind; 4] = [
    Kind { name: "batch", entries: &["create", "ingest", "destroy"], optional: &[] },
    Kind { name: "stream", entries: &["create", "on_message", "destroy"], optional: &[] },
    Kind {
        name: "check",
        entries: &["create", "input", "message", "document", "destroy"],
        optional: &["input", "message", "document"],
    },
    Kind { name: "metadata", entries: &["create", "begin", "observe", "finish", "destroy"], optional: &["observe"] },
];

const _: () = assert!(
    size_of::<BatchV1>() == 3 * size_of::<usize>()
        && size_of::<StreamV1>() == 3 * size_of::<usize>()
        && size_of::<CheckV1>() == 5 * size_of::<usize>()
        && size_of::<MetadataV1>() == 5 * size_of::<usize>()
);

/// The table, if it can be used.
///
/// # Safety
/// `plugin` must be null or the address of a symbol (or of a checked root module's table) in a library that stays loaded.
/// What the table points to is checked as far as that is possible; the rest is the app's own process to lose.
pub(super) unsafe fn check(plugin: *const PluginV1) -> Result<&'static PluginV1, TableError> {
    let words = plugin.cast::<Words>();
    if words.is_null() || !words.is_aligned() {
        return Err(TableError::Null);
    }
    // SAFETY: the version word stands first in every table there will ever be.
    let major = unsafe { (&raw const (*words).major).read() };
    if major != MAJOR {
        return Err(TableError::Major(major));
    }
    // SAFETY: a table of this version has this field.
    let size = unsafe { (&raw const (*words).size).read() };
    if size != TABLE_BYTES {
        return Err(TableError::Size(size));
    }
    // SAFETY: a table of this version and size has these fields, and any bits are valid for each of them.
    let words = unsafe { words.read() };
    // SAFETY: the table's contract: texts are readable as long as the library is loaded.
    check_texts(unsafe { words.name.get() }, unsafe { words.version.get() })?;
    if words.kinds.iter().all(|kind| kind.is_null()) {
        return Err(TableError::NoKind);
    }
    for (kind, entries) in KINDS.iter().zip(words.kinds) {
        if !entries.is_null() {
            // SAFETY: the table's contract: what is not null is a struct of that kind in the same library.
            unsafe { check_kind(kind, entries) }?;
        }
    }
    // SAFETY: every word was looked at: no function pointer that may not be null is, no reference is null or unaligned.
    Ok(unsafe { &*plugin })
}

fn check_texts(name: Option<&[u8]>, version: Option<&[u8]>) -> Result<(), TableError> {
    let name = name.unwrap_or_default();
    let allowed = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    let good = name.len() <= MAX_NAME && name.first().is_some_and(u8::is_ascii_lowercase) && name.iter().all(allowed);
    if !good {
        let shown = &name[..name.len().min(MAX_NAME + 1)];
        return Err(TableError::Name(String::from_utf8_lossy(shown).into_owned()));
    }
    let version = version.unwrap_or_default();
    if version.len() > MAX_VERSION || std::str::from_utf8(version).is_err() {
        return Err(TableError::Version);
    }
    Ok(())
}

/// # Safety
/// `entries` is not null, and where it is aligned it is the address of the struct of that kind.
unsafe fn check_kind(kind: &Kind, entries: *const usize) -> Result<(), TableError> {
    if !entries.is_aligned() {
        return Err(TableError::Address { kind: kind.name });
    }
    for (index, entry) in kind.entries.iter().enumerate() {
        // SAFETY: the struct has as many words as the kind has entries, as the assertion above says.
        let word = unsafe { entries.add(index).read() };
        if word == 0 && !kind.optional.contains(entry) {
            let optional = kind.optional.first().copied().unwrap_or("none");
            return Err(TableError::NullEntry { kind: kind.name, entry, optional });
        }
    }
    Ok(())
}

/// The kinds that a checked table provides.
pub(super) fn kinds(plugin: &PluginV1) -> Vec<String> {
    let provided = [plugin.batch.is_some(), plugin.stream.is_some(), plugin.check.is_some(), plugin.metadata.is_some()];
    KINDS.iter().zip(provided).filter(|(_, provided)| *provided).map(|(kind, _)| kind.name.to_owned()).collect()
}

/// A text of a checked table.
pub(super) fn text(bytes: Bytes) -> String {
    // SAFETY: the texts of a checked table were read before, and stay as long as the library is loaded.
    String::from_utf8_lossy(unsafe { bytes.get() }.unwrap_or_default()).into_owned()
}
