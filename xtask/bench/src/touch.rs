//! What the stream app of the benchmark does with a message: it looks at each byte, and that is all.

/// The words of a message, mixed together. Cheap, but not to be had without reading them.
pub fn touch(body: &[u8]) -> u64 {
    let (words, rest) = body.as_chunks::<8>();
    let words = words.iter().fold(0_u64, |sum, word| sum.rotate_left(1) ^ u64::from_le_bytes(*word));
    rest.iter().fold(words, |sum, byte| sum.rotate_left(1) ^ u64::from(*byte))
}
