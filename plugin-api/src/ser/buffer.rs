//! The bytes of the document in work.
//!
//! A `Vec` whose bytes are all initialised, and a cursor in it: a write is one bounds check and the copy, where `push` and
//! `extend_from_slice` would each check, and store, the length. Keys and most strings are short, so they are copied as
//! two overlapping words instead of by a call of `memcpy`.

/// A growing buffer that is written from front to back.
#[derive(Default)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    len: usize,
}

/// A buffer that grew beyond this for one large document is given back.
const KEEP: usize = 1024 * 1024;

impl Buffer {
    /// Starts anew.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.len = 0;
        if self.bytes.len() > KEEP {
            self.bytes = Vec::new();
        }
    }

    /// What was written.
    #[inline]
    pub(crate) fn written(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// What was written, to be changed.
    #[inline]
    pub(crate) fn written_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.len]
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Appends `count` bytes of whatever, to be filled by the caller.
    #[inline]
    pub(crate) fn append(&mut self, count: usize) -> &mut [u8] {
        let start = self.len;
        if self.bytes.len() - start < count {
            self.grow(count);
        }
        self.len = start + count;
        &mut self.bytes[start..start + count]
    }

    #[inline]
    pub(crate) fn push(&mut self, byte: u8) {
        self.append(1)[0] = byte;
    }

    #[inline]
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        copy(self.append(bytes.len()), bytes);
    }

    #[inline]
    pub(crate) fn extend_array<const N: usize>(&mut self, bytes: [u8; N]) {
        self.append(N).copy_from_slice(&bytes);
    }

    /// Forgets what was written from `len` on.
    #[inline]
    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Takes `count` bytes out at `at`; what follows moves up.
    pub(crate) fn remove(&mut self, at: usize, count: usize) {
        self.bytes.copy_within(at + count..self.len, at);
        self.len -= count;
    }

    #[cold]
    fn grow(&mut self, count: usize) {
        let needed = self.len + count;
        self.bytes.resize(needed.max(self.bytes.len() * 2).max(4096), 0);
    }
}

impl std::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Buffer({} bytes)", self.len)
    }
}

/// Copies bytes to a place of the same length.
#[inline]
pub(crate) fn copy(to: &mut [u8], from: &[u8]) {
    if from.len() > 16 || !copy_short(to, from) {
        to.copy_from_slice(from);
    }
}

/// Copies up to 16 bytes. Returns `false` where the lengths differ, which they do not.
#[inline]
fn copy_short(to: &mut [u8], from: &[u8]) -> bool {
    if to.len() != from.len() {
        return false;
    }
    if let (Some(head), Some(tail)) = (from.first_chunk::<8>(), from.last_chunk::<8>()) {
        let (head, tail) = (*head, *tail);
        if let Some(to) = to.first_chunk_mut() {
            *to = head;
        }
        if let Some(to) = to.last_chunk_mut() {
            *to = tail;
        }
        return true;
    }
    if let (Some(head), Some(tail)) = (from.first_chunk::<4>(), from.last_chunk::<4>()) {
        let (head, tail) = (*head, *tail);
        if let Some(to) = to.first_chunk_mut() {
            *to = head;
        }
        if let Some(to) = to.last_chunk_mut() {
            *to = tail;
        }
        return true;
    }
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
    true
}

/// Whether a byte is zero.
#[inline]
pub(crate) fn has_nul(bytes: &[u8]) -> bool {
    match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (Some(head), Some(tail)) if bytes.len() <= 16 => {
            word_has_nul(u64::from_le_bytes(*head)) || word_has_nul(u64::from_le_bytes(*tail))
        }
        (None, _) => bytes.contains(&0),
        _ => memchr::memchr(0, bytes).is_some(),
    }
}

/// A zero byte is the only one that borrows from its high bit without having it set.
#[inline]
fn word_has_nul(word: u64) -> bool {
    const LOW: u64 = 0x0101_0101_0101_0101;
    word.wrapping_sub(LOW) & !word & (LOW << 7) != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_there(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..9)) {
            let mut buffer = Buffer::default();
            pieces.iter().for_each(|piece| buffer.extend(piece));
            prop_assert_eq!(buffer.written(), pieces.concat());
            let expected = pieces.iter().any(|piece| piece.contains(&0));
            prop_assert_eq!(pieces.iter().any(|piece| has_nul(piece)), expected);
        }

        #[test]
        fn a_zero_is_found_wherever_it_stands(length in 1usize..40, at: prop::sample::Index, others: u8) {
            let mut bytes = vec![others.max(1); length];
            prop_assert!(!has_nul(&bytes));
            bytes[at.index(length)] = 0;
            prop_assert!(has_nul(&bytes));
        }
    }

    #[test]
    fn a_large_document_does_not_keep_its_memory() {
        let mut buffer = Buffer::default();
        buffer.extend(&vec![1; 3 * KEEP]);
        buffer.clear();
        assert_eq!(buffer.bytes.capacity(), 0);
        buffer.extend(b"abcdef");
        buffer.remove(1, 2);
        buffer.push(b'!');
        assert_eq!(buffer.written(), b"adef!");
    }
}
