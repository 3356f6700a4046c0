//! Frames to bytes and back: pure, length-capped, allocation-free on the hot path. Fuzzed by `cargo xtask fuzz`.
//!
//! A decoder never allocates for a length it has not checked against the cap of that kind of frame, and never panics,
//! whatever it is given. [`protocol`](super::protocol) draws the formats.

use super::protocol::{
    GuestKind, HEADER_LEN, HostKind, MAX_CONTROL_PAYLOAD, MAX_HOST_PAYLOAD, MAX_REASON, MAX_ROWS_PAYLOAD,
    ROW_HEADER_LEN, RowFate, RowHeader, TRAY_WORD_LEN,
};
use super::tray::PLACE_BYTES;

/// Why bytes are not a frame of this protocol. The sentence fits after "the worker broke the protocol: ".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The kind byte means nothing in this direction.
    #[error("a frame of unknown kind {0}")]
    UnknownKind(u8),
    /// The three bytes after the kind are not zero.
    #[error("a frame header with garbage in its padding")]
    Padding,
    /// The payload is longer than its kind may be.
    #[error("a frame of {length} bytes, where {kind:?} may have {cap}")]
    TooLong {
        /// Kind of the frame.
        kind: GuestKind,
        /// Announced length.
        length: usize,
        /// Cap of that kind.
        cap: usize,
    },
    /// A frame from the host is longer than the worker takes.
    #[error("a frame of {0} bytes from the host")]
    HostTooLong(usize),
    /// The payload ends inside a record.
    #[error("a payload that ends inside a record, {0} bytes short")]
    Short(usize),
    /// A row header has an unknown fate or garbage in its padding.
    #[error("a row header with an unknown fate {0}")]
    UnknownFate(u8),
    /// A reason is not UTF-8 or too long.
    #[error("a reason that is not UTF-8 or longer than {MAX_REASON} bytes")]
    Reason,
    /// An outcome byte means nothing.
    #[error("an unknown outcome {0}")]
    UnknownOutcome(u8),
}

/// A decoded frame header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader<K> {
    /// Kind of frame.
    pub kind: K,
    /// Which task or delivery it belongs to; 0 outside of any.
    pub tag: u32,
    /// Bytes of payload that follow.
    pub length: usize,
}

/// Puts the header of a frame before `payload_len` bytes.
///
/// # Panics
/// Where `payload_len` does not fit 32 bits: no caller may build such a frame.
pub fn encode_header(kind: u8, tag: u32, payload_len: usize) -> [u8; HEADER_LEN] {
    #[expect(clippy::expect_used, reason = "every frame is capped far below 4 GiB before it is built")]
    let length = u32::try_from(payload_len).expect("frames are shorter than 4 GiB");
    let mut header = [0; HEADER_LEN];
    header[..4].copy_from_slice(&length.to_le_bytes());
    header[4] = kind;
    header[8..].copy_from_slice(&tag.to_le_bytes());
    header
}

/// The payload of a [`GuestKind::Tray`] frame: so many bytes lie in the tray.
///
/// # Panics
/// Where they do not fit 32 bits: no place of the tray is so large.
pub fn encode_tray_word(length: usize) -> [u8; TRAY_WORD_LEN] {
    #[expect(clippy::expect_used, reason = "a place of the tray has a million bytes")]
    let length = u32::try_from(length).expect("a place of the tray is shorter than 4 GiB");
    length.to_le_bytes()
}

/// Reads the payload of a [`GuestKind::Tray`] frame: how many bytes lie in the tray.
///
/// # Errors
/// It is cut short, or names more than a place of the tray holds.
pub fn decode_tray_word(payload: &[u8]) -> Result<usize, CodecError> {
    let Some(word) = payload.first_chunk::<TRAY_WORD_LEN>() else {
        return Err(CodecError::Short(TRAY_WORD_LEN - payload.len()));
    };
    let length = u32::from_le_bytes(*word) as usize;
    if length > PLACE_BYTES {
        return Err(CodecError::TooLong { kind: GuestKind::Tray, length, cap: PLACE_BYTES });
    }
    Ok(length)
}

/// Reads a header that came from a worker, and holds its length against the cap of its kind.
///
/// # Errors
/// Unknown kind, garbage in the padding, a payload that is too long.
pub fn decode_guest_header(header: &[u8; HEADER_LEN]) -> Result<FrameHeader<GuestKind>, CodecError> {
    let (kind, tag, length) = split_header(header)?;
    let kind = guest_kind(kind)?;
    let cap = match kind {
        GuestKind::Rows => MAX_ROWS_PAYLOAD,
        GuestKind::Outcomes => MAX_ROWS_PAYLOAD,
        GuestKind::Tray => TRAY_WORD_LEN,
        GuestKind::Ready | GuestKind::Refused | GuestKind::Log | GuestKind::Progress | GuestKind::Done => {
            MAX_CONTROL_PAYLOAD
        }
    };
    if length > cap {
        return Err(CodecError::TooLong { kind, length, cap });
    }
    Ok(FrameHeader { kind, tag, length })
}

/// Reads a header that came from the host.
///
/// # Errors
/// Unknown kind, garbage in the padding, a payload that is too long.
pub fn decode_host_header(header: &[u8; HEADER_LEN]) -> Result<FrameHeader<HostKind>, CodecError> {
    let (kind, tag, length) = split_header(header)?;
    let kind = match kind {
        1 => HostKind::Hello,
        2 => HostKind::Task,
        3 => HostKind::Deliver,
        other => return Err(CodecError::UnknownKind(other)),
    };
    if length > MAX_HOST_PAYLOAD {
        return Err(CodecError::HostTooLong(length));
    }
    Ok(FrameHeader { kind, tag, length })
}

fn split_header(header: &[u8; HEADER_LEN]) -> Result<(u8, u32, usize), CodecError> {
    if header[5..8] != [0; 3] {
        return Err(CodecError::Padding);
    }
    let length = u32_at(header, 0) as usize;
    Ok((header[4], u32_at(header, 8), length))
}

fn guest_kind(kind: u8) -> Result<GuestKind, CodecError> {
    Ok(match kind {
        64 => GuestKind::Ready,
        65 => GuestKind::Refused,
        66 => GuestKind::Rows,
        67 => GuestKind::Log,
        68 => GuestKind::Progress,
        69 => GuestKind::Done,
        70 => GuestKind::Outcomes,
        71 => GuestKind::Tray,
        other => return Err(CodecError::UnknownKind(other)),
    })
}

impl RowHeader {
    /// The header as it travels.
    pub fn encode(&self) -> [u8; ROW_HEADER_LEN] {
        let mut bytes = [0; ROW_HEADER_LEN];
        bytes[..8].copy_from_slice(&self.number.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.start.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.end.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.line.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.refused.to_le_bytes());
        bytes[36..40].copy_from_slice(&self.documents.to_le_bytes());
        bytes[40..44].copy_from_slice(&self.bytes.to_le_bytes());
        bytes[44] = self.fate as u8;
        bytes
    }

    fn decode(bytes: &[u8; ROW_HEADER_LEN]) -> Result<RowHeader, CodecError> {
        let fate = match bytes[44..48] {
            [0, 0, 0, 0] => RowFate::Ended,
            [1, 0, 0, 0] => RowFate::Rejected,
            [2, 0, 0, 0] => RowFate::Loose,
            _ => return Err(CodecError::UnknownFate(bytes[44])),
        };
        Ok(RowHeader {
            number: u64_at(bytes, 0),
            start: u64_at(bytes, 8),
            end: u64_at(bytes, 16),
            line: u64_at(bytes, 24),
            refused: u32_at(bytes, 32),
            documents: u32_at(bytes, 36),
            bytes: u32_at(bytes, 40),
            fate,
        })
    }
}

/// Walks the rows of a [`GuestKind::Rows`] payload. Yields each header and the range of the bytes that belong to it.
#[derive(Debug)]
pub struct RowCursor {
    at: usize,
}

impl RowCursor {
    /// Starts at the first row.
    #[expect(clippy::new_without_default, reason = "a cursor without a payload has no use")]
    pub fn new() -> RowCursor {
        RowCursor { at: 0 }
    }

    /// The next row of `payload`, or `None` at its end.
    ///
    /// # Errors
    /// A record that ends outside the payload, or a header that means nothing.
    pub fn next(&mut self, payload: &[u8]) -> Result<Option<(RowHeader, std::ops::Range<usize>)>, CodecError> {
        let rest = &payload[self.at..];
        if rest.is_empty() {
            return Ok(None);
        }
        let Some(header) = rest.first_chunk::<ROW_HEADER_LEN>() else {
            return Err(CodecError::Short(ROW_HEADER_LEN - rest.len()));
        };
        let header = RowHeader::decode(header)?;
        let start = self.at + ROW_HEADER_LEN;
        let available = payload.len() - start;
        let length = header.bytes as usize;
        if length > available {
            return Err(CodecError::Short(length - available));
        }
        self.at = start + length;
        Ok(Some((header, start..self.at)))
    }
}

/// Reads a reason that stands behind a rejected row.
///
/// # Errors
/// Not UTF-8, or longer than [`MAX_REASON`].
pub fn reason(bytes: &[u8]) -> Result<&str, CodecError> {
    if bytes.len() > MAX_REASON {
        return Err(CodecError::Reason);
    }
    std::str::from_utf8(bytes).map_err(|_| CodecError::Reason)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_comes_back_as_it_went() {
        let bytes = encode_header(GuestKind::Rows as u8, 7, 4096);
        let header = decode_guest_header(&bytes);
        assert_eq!(header, Ok(FrameHeader { kind: GuestKind::Rows, tag: 7, length: 4096 }));
    }

    #[test]
    fn a_huge_frame_is_refused_before_anything_is_allocated() {
        let bytes = encode_header(GuestKind::Log as u8, 0, MAX_CONTROL_PAYLOAD + 1);
        assert!(matches!(decode_guest_header(&bytes), Err(CodecError::TooLong { .. })));
        let bytes = encode_header(GuestKind::Rows as u8, 0, MAX_ROWS_PAYLOAD + 1);
        assert!(matches!(decode_guest_header(&bytes), Err(CodecError::TooLong { .. })));
    }

    #[test]
    fn a_word_of_the_tray_comes_back_as_it_went_and_is_capped() {
        assert_eq!(decode_tray_word(&encode_tray_word(70_000)), Ok(70_000));
        assert_eq!(decode_tray_word(&[0; 3]), Err(CodecError::Short(1)));
        let (kind, length, cap) = (GuestKind::Tray, PLACE_BYTES + 1, PLACE_BYTES);
        assert_eq!(decode_tray_word(&encode_tray_word(length)), Err(CodecError::TooLong { kind, length, cap }));
        let header = encode_header(GuestKind::Tray as u8, 0, TRAY_WORD_LEN + 1);
        assert!(matches!(decode_guest_header(&header), Err(CodecError::TooLong { .. })));
    }

    #[test]
    fn rows_come_back_as_they_went_and_a_cut_payload_is_told() {
        let row = RowHeader {
            number: 5,
            start: 1,
            end: 9,
            line: 2,
            refused: 0,
            documents: 1,
            bytes: 5,
            fate: RowFate::Ended,
        };
        let mut payload = row.encode().to_vec();
        payload.extend_from_slice(b"\x05\0\0\0\0");
        let mut cursor = RowCursor::new();
        assert_eq!(cursor.next(&payload), Ok(Some((row, ROW_HEADER_LEN..ROW_HEADER_LEN + 5))));
        assert_eq!(cursor.next(&payload), Ok(None));
        for cut in 1..payload.len() {
            assert!(RowCursor::new().next(&payload[..cut]).is_err(), "cut at {cut}");
        }
    }
}
