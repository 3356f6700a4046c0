//! The lines of a file from a place to its end, in bounded memory.

use super::super::line::LONGEST_READ;
use super::segments::Segment;
use super::{Cursor, Visit};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::ops::ControlFlow;

/// Shows each line, with the place behind it.
pub(super) fn lines(segment: &Segment, from: u64, visit: &mut Visit<'_>) -> io::Result<ControlFlow<()>> {
    let Some(rest) = segment.len.checked_sub(from) else { return Ok(ControlFlow::Continue(())) };
    let mut file = &segment.file;
    file.seek(SeekFrom::Start(from))?;
    let mut reader = BufReader::with_capacity(64 << 10, file.take(rest));
    let mut offset = from;
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut read = (&mut reader).take(LONGEST_READ as u64).read_until(b'\n', &mut line)? as u64;
        if read == 0 {
            return Ok(ControlFlow::Continue(()));
        }
        let mut is_whole = line.pop_if(|last| *last == b'\n').is_some();
        let is_overlong = !is_whole && line.len() == LONGEST_READ;
        if is_overlong {
            let (skipped, ended) = skip_line(&mut reader)?;
            read += skipped;
            is_whole = ended;
        }
        if !is_whole && segment.growing {
            // It is being written just now.
            return Ok(ControlFlow::Continue(()));
        }
        offset += read;
        let sound = (is_whole && !is_overlong).then_some(line.as_slice());
        if visit(sound, Cursor { number: segment.number, offset }).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
}

/// Skips to behind the next line end; says how far that was, and whether there was one.
fn skip_line(reader: &mut impl BufRead) -> io::Result<(u64, bool)> {
    let mut skipped = 0;
    loop {
        let buffer = reader.fill_buf()?;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let step = end.map_or(buffer.len(), |end| end + 1);
        reader.consume(step);
        skipped += step as u64;
        if end.is_some() || step == 0 {
            return Ok((skipped, end.is_some()));
        }
    }
}
