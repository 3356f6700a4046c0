//! Is the whole file there? A library that is loaded half-copied kills its process (SIGBUS) or, worse, loads.
//!
//! Everything the file's own tables point to must lie inside it: both tables, each segment, each section that has
//! bytes. Linkers put the section table last, so a cut of a single byte shows.

use object::elf;

use super::elf::{Elf, HEADER_SIZE, SECTION_SIZE, SEGMENT_SIZE};
use super::finding::Finding;

/// No file ends beyond this: a table that points further is damaged, not cut.
const PLAUSIBLE: u64 = 1 << 40;

const COPY_AGAIN: &str = "wait until the copy is complete or copy it again; copying under another name and renaming it \
                          at the end avoids this";

/// Refuses a file that is larger than the host wants to look at.
pub(super) fn within_cap(bytes: &[u8], cap: u64) -> Result<(), Finding> {
    let size = bytes.len() as u64;
    if size <= cap {
        return Ok(());
    }
    Err(too_large(size, cap))
}

/// A file of `size` bytes is larger than `cap`.
pub(in crate::staging) fn too_large(size: u64, cap: u64) -> Finding {
    Finding::refusal(
        "too-large",
        format!("the file has {size} bytes, this host takes at most {cap}"),
        "build it in release mode and strip its debug information, or ask the operator for a higher limit",
    )
}

/// The file ends before its header does.
pub(super) fn cut_in_header(size: usize) -> Finding {
    Finding::refusal(
        "truncated",
        format!(
            "the file ends at byte {size}, inside the ELF header of {HEADER_SIZE} bytes: \
             it is still being copied or was cut"
        ),
        COPY_AGAIN,
    )
}

/// Refuses a file that ends before something it points to.
pub(super) fn must_be_complete(elf: &Elf<'_>) -> Result<(), Finding> {
    let size = elf.bytes.len() as u64;
    let mut furthest = ("", 0);
    for (what, end) in ends(elf) {
        let Some(end) = end.filter(|&end| end <= PLAUSIBLE) else {
            return Err(Finding::damaged(format!("its {what} claims to lie beyond any possible end of a file")));
        };
        if end > furthest.1 {
            furthest = (what, end);
        }
    }
    let (what, end) = furthest;
    let missing = end.saturating_sub(size);
    if missing == 0 {
        return Ok(());
    }
    let missing = if missing == 1 { "1 byte is".to_owned() } else { format!("{missing} bytes are") };
    Err(Finding::refusal(
        "truncated",
        format!(
            "the file ends at byte {size}, its {what} needs byte {end}: {missing} missing, \
             it is still being copied or was cut"
        ),
        COPY_AGAIN,
    ))
}

/// What the file points to, as far as it can be read, with the offset just past it (`None`: past all numbers).
fn ends<'a>(elf: &Elf<'a>) -> impl Iterator<Item = (&'static str, Option<u64>)> + use<'a> {
    let table = |at: u64, count: u64, size: u64| count.checked_mul(size).and_then(|len| at.checked_add(len));
    let tables = [
        ("segment table", table(elf.segments_at, elf.segment_count, SEGMENT_SIZE)),
        ("section table", table(elf.sections_at, elf.section_count, SECTION_SIZE)),
    ];
    let segments = elf.segments().filter(|segment| segment.file_size > 0);
    let segments = segments.map(|segment| ("last segment", segment.offset.checked_add(segment.file_size)));
    let sections = elf
        .sections()
        .filter(|section| section.size > 0 && section.kind != elf::SHT_NULL.0 && section.kind != elf::SHT_NOBITS.0);
    let sections = sections.map(|section| ("last section", section.offset.checked_add(section.size)));
    tables.into_iter().chain(segments).chain(sections)
}
