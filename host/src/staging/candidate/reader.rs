//! Bounds-checked little-endian reads: the only way in which the checks touch the bytes of a table.
//!
//! Offsets are `u64` as the file has them; nothing that the file says is added or converted without a check. Reads need
//! no alignment, because a hostile file has none.

use core::ffi::CStr;

/// Longest name that is read. Longer ones (mangled generics) are taken as absent: none that is looked for is as long,
/// and it bounds the work that a million names without an end can cause.
const MAX_NAME: usize = 512;

/// The `len` bytes at `offset`, where they all exist.
pub(super) fn slice(bytes: &[u8], offset: u64, len: u64) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(usize::try_from(len).ok()?)?;
    bytes.get(start..end)
}

/// The 16-bit number at `offset`.
pub(super) fn u16_at(bytes: &[u8], offset: u64) -> Option<u16> {
    slice(bytes, offset, 2)?.try_into().ok().map(u16::from_le_bytes)
}

/// The 32-bit number at `offset`.
pub(super) fn u32_at(bytes: &[u8], offset: u64) -> Option<u32> {
    slice(bytes, offset, 4)?.try_into().ok().map(u32::from_le_bytes)
}

/// The 64-bit number at `offset`.
pub(super) fn u64_at(bytes: &[u8], offset: u64) -> Option<u64> {
    slice(bytes, offset, 8)?.try_into().ok().map(u64::from_le_bytes)
}

/// The name at `offset` of a string table, up to its NUL.
pub(super) fn name_at(strings: &[u8], offset: u64) -> Option<&[u8]> {
    let tail = strings.get(usize::try_from(offset).ok()?..)?;
    let head = tail.get(..MAX_NAME).unwrap_or(tail);
    CStr::from_bytes_until_nul(head).ok().map(CStr::to_bytes)
}

/// Whether `name` is what stands at `offset` of a string table.
pub(super) fn is_name_at(strings: &[u8], offset: u64, name: &str) -> bool {
    let Some(tail) = usize::try_from(offset).ok().and_then(|start| strings.get(start..)) else { return false };
    tail.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.first() == Some(&0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_offset_however_large_reads_past_the_end() {
        let bytes = [1, 2, 3, 4, 5, 6, 7, 8, 0];
        assert_eq!(u64_at(&bytes, 0), Some(0x0807_0605_0403_0201));
        assert_eq!(u64_at(&bytes, 1), Some(0x0008_0706_0504_0302));
        for offset in [2, 9, 10, u64::MAX - 7, u64::MAX] {
            assert_eq!(u64_at(&bytes, offset), None, "at {offset}");
        }
        assert_eq!(slice(&bytes, 3, u64::MAX), None);
        assert_eq!(name_at(&bytes, 6), Some(&[7, 8][..]));
        assert_eq!(name_at(&bytes, u64::MAX), None);
        assert!(is_name_at(b"abc\0", 1, "bc") && !is_name_at(b"abc\0", 1, "b") && !is_name_at(b"abc", 1, "bc"));
        assert_eq!(name_at(&[b'x'; 2 * MAX_NAME], 0), None);
    }
}
