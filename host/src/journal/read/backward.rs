//! The lines of a file from a place back to its beginning, in bounded memory.

use super::super::line::LONGEST_READ;
use super::segments::Segment;
use super::{Cursor, Visit};
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;

/// Bytes that are read at a time.
const BLOCK: u64 = 64 << 10;

/// Shows each line, the last one first, with the place before it.
pub(super) fn lines(segment: &Segment, to: u64, visit: &mut Visit<'_>) -> io::Result<ControlFlow<()>> {
    let mut back = Backward { segment, start: to.min(segment.len), buffer: Vec::new(), overlong: false };
    let mut is_last = true;
    while let Some((offset, line)) = back.previous()? {
        // What has no end is being written just now, or is torn.
        let is_torn = is_last && line.as_ref().is_none_or(|line| line.last() != Some(&b'\n'));
        is_last = false;
        if is_torn && segment.growing {
            continue;
        }
        let sound = line.as_deref().and_then(|line| line.strip_suffix(b"\n"));
        if visit(sound, Cursor { number: segment.number, offset }).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

struct Backward<'s> {
    segment: &'s Segment,
    /// Offset of the buffer in the file.
    start: u64,
    /// What is read and was not shown.
    buffer: Vec<u8>,
    /// The end of the buffer stands for a line of which more was left out.
    overlong: bool,
}

impl Backward<'_> {
    /// The line before what was shown last, with its end; `None` in its place where it is too long to be one of ours.
    fn previous(&mut self) -> io::Result<Option<(u64, Option<Vec<u8>>)>> {
        loop {
            let before_its_end = self.buffer.len().saturating_sub(1);
            let end_of_another = self.buffer[..before_its_end].iter().rposition(|byte| *byte == b'\n');
            if end_of_another.is_none() && self.start > 0 {
                self.read_block()?;
                continue;
            }
            let begin = end_of_another.map_or(0, |end| end + 1);
            let line = self.buffer.split_off(begin);
            let overlong = std::mem::take(&mut self.overlong) || line.len() > LONGEST_READ;
            return Ok((!line.is_empty()).then(|| (self.start + begin as u64, (!overlong).then_some(line))));
        }
    }

    fn read_block(&mut self) -> io::Result<()> {
        if self.buffer.len() > LONGEST_READ {
            self.overlong = true;
            self.buffer.drain(..self.buffer.len() - 1);
        }
        let begin = self.start.saturating_sub(BLOCK);
        let mut block = vec![0; usize::try_from(self.start - begin).unwrap_or(0)];
        let mut filled = 0;
        while filled < block.len() {
            match self.segment.file.read_at(&mut block[filled..], begin + filled as u64) {
                // Half a line at the end was cut off meanwhile.
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                Err(why) => return Err(why),
            }
        }
        block.truncate(filled);
        block.append(&mut self.buffer);
        self.buffer = block;
        self.start = begin;
        Ok(())
    }
}
