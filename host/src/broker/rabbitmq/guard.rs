//! What comes from the broker, made safe for the client library's parser. Pure.
//!
//! The broker passes on what a tenant's client put into a message's properties, and the library gives the whole connection up
//! where a short text in them is not UTF-8, and overflows its stack where arrays and tables nest thousands deep. Neither may
//! happen to a host. So each header frame is looked at before the library sees it, and mended in place, which keeps all lengths:
//!
//! - a short text that is not UTF-8 (a property, a header's name) gets a `?` for each of its bytes that is not ASCII;
//! - an array or a table that is nested deeper than [`MAX_DEPTH`] becomes a byte array: that is written in the same way.
//!
//! ```text
//!   frame   type: u8 | channel: u16 | size: u32 | payload | 0xCE         type 2 is a header
//!   header  class: u16 | weight: u16 | body size: u64 | which properties: u16 | properties in their order
//! ```
//! All other frames go through as they are. The server's version stands in the very first frame and is noted.

/// Levels of arrays and tables that the library is given.
const MAX_DEPTH: usize = 64;
/// Bytes before a frame's payload, and behind it.
const HEAD: usize = 7;
const TAIL: usize = 1;
const HEADER_FRAME: u8 = 2;
/// A header frame is not longer than the frames that were agreed on, which is far less; anything else is not AMQP.
const LONGEST: usize = 16 << 20;

/// Where in the stream of frames we are.
#[derive(Debug, Default)]
pub(super) struct Guard {
    /// Bytes of the present frame that go through unseen.
    passing: usize,
    /// The server's version, once it has said so.
    version: Option<String>,
    has_begun: bool,
}

impl Guard {
    /// Mends what can be mended, and answers how much of it may be handed on: the rest is an unfinished frame that has to be
    /// given again, with more behind it.
    pub(super) fn look(&mut self, bytes: &mut [u8]) -> usize {
        let mut at = 0;
        loop {
            let passing = self.passing.min(bytes.len() - at);
            at += passing;
            self.passing -= passing;
            let rest = &mut bytes[at..];
            let Some((head, behind)) = rest.split_first_chunk_mut::<HEAD>() else { return at };
            let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]) as usize;
            if size > LONGEST || (self.has_begun && head[0] != HEADER_FRAME) {
                self.passing = HEAD.saturating_add(size).saturating_add(TAIL);
                continue;
            }
            if behind.len() < size + TAIL {
                return at;
            }
            let payload = &mut behind[..size];
            if self.has_begun {
                // One that ends early is mended as far as it goes; the library says what is wrong with it.
                let _ended_early = mend(payload);
            } else {
                self.has_begun = true;
                self.version = version(payload);
            }
            at += HEAD + size + TAIL;
        }
    }

    /// The server's version, if it has said which.
    pub(super) fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }
}

/// The value of the property `version` in the frame that a server begins with.
fn version(payload: &[u8]) -> Option<String> {
    const KEY: &[u8] = b"\x07versionS";
    let at = payload.windows(KEY.len()).position(|window| window == KEY)? + KEY.len();
    let (length, text) = payload.get(at..)?.split_first_chunk::<4>()?;
    let text = text.get(..u32::from_be_bytes(*length) as usize)?;
    std::str::from_utf8(text).ok().map(str::to_owned)
}

/// Mends the payload of a header frame. `None` where it ends early or has something unknown.
fn mend(payload: &mut [u8]) -> Option<()> {
    let mut rest = payload.get_mut(12..)?;
    let which = u16::from_be_bytes(*take::<2>(&mut rest)?);
    // From the highest bit: content type, content encoding, headers, delivery mode, priority, correlation id, reply to,
    // expiration, message id, timestamp, type, user id, app id, cluster id.
    for (bit, kind) in (2..16).rev().zip(*b"ssFBBssssTssss") {
        if which >> bit & 1 == 1 {
            match kind {
                b's' => short(&mut rest)?,
                b'F' => {
                    let mut table = long(&mut rest)?;
                    entries(&mut table, 0, true)?;
                }
                b'B' => drop(take::<1>(&mut rest)?),
                _ => drop(take::<8>(&mut rest)?),
            }
        }
    }
    Some(())
}

/// Mends the entries of a table, or of an array, which have no names.
fn entries(rest: &mut &mut [u8], depth: usize, are_named: bool) -> Option<()> {
    while !rest.is_empty() {
        if are_named {
            short(rest)?;
        }
        let [kind] = take::<1>(rest)?;
        match *kind {
            b't' | b'b' | b'B' => drop(take::<1>(rest)?),
            b's' | b'U' | b'u' => drop(take::<2>(rest)?),
            b'I' | b'i' | b'f' => drop(take::<4>(rest)?),
            b'L' | b'l' | b'd' | b'T' => drop(take::<8>(rest)?),
            b'D' => drop(take::<5>(rest)?),
            b'S' | b'x' => drop(long(rest)?),
            b'V' => {}
            b'A' | b'F' if depth == MAX_DEPTH => {
                *kind = b'x';
                long(rest)?;
            }
            b'A' => entries(&mut long(rest)?, depth + 1, false)?,
            b'F' => entries(&mut long(rest)?, depth + 1, true)?,
            _ => return None,
        }
    }
    Some(())
}

fn short(rest: &mut &mut [u8]) -> Option<()> {
    let [length] = *take::<1>(rest)?;
    let text = rest.split_off_mut(..usize::from(length))?;
    if std::str::from_utf8(text).is_err() {
        text.iter_mut().filter(|byte| !byte.is_ascii()).for_each(|byte| *byte = b'?');
    }
    Some(())
}

fn long<'a>(rest: &mut &'a mut [u8]) -> Option<&'a mut [u8]> {
    let length = u32::from_be_bytes(*take::<4>(rest)?) as usize;
    rest.split_off_mut(..length)
}

fn take<'a, const N: usize>(rest: &mut &'a mut [u8]) -> Option<&'a mut [u8; N]> {
    rest.split_off_mut(..N)?.first_chunk_mut()
}
