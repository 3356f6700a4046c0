//! Reading a file through the descriptor that the host passes: `pread` into one buffer, so that several readers of one
//! input never disturb each other, and nothing but the buffer is held in memory.

use crate::host::Host;
use std::fs::File;
use std::io::{self, BufRead, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::rc::Rc;

/// Bytes of the buffer.
const BUFFER: usize = 128 * 1024;

/// A buffered reader over the content of a [`BatchInput`](crate::BatchInput), starting at its beginning.
///
/// Any number of them may be open at a time. The host is told how far the file has been read, each time the buffer is
/// filled. When the host ends the run, reading fails with an error that `?` turns into
/// [`AppError::stopped`](crate::AppError::stopped).
#[derive(Debug)]
pub struct Reader<'a> {
    file: &'a File,
    size: u64,
    buffer: Box<[u8]>,
    /// What is in the buffer and not yet consumed.
    start: usize,
    end: usize,
    /// Offset in the file of the byte at `end`.
    read_to: u64,
    /// The last byte that was consumed before the buffer was filled.
    before: Option<u8>,
    /// Who is told about progress; nobody where rows tell it.
    host: Option<Rc<Host>>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(file: &'a File, size: u64, host: Option<Rc<Host>>) -> Reader<'a> {
        let capacity = usize::try_from(size).unwrap_or(BUFFER).clamp(1, BUFFER);
        Reader { file, size, buffer: vec![0; capacity].into(), start: 0, end: 0, read_to: 0, before: None, host }
    }

    /// Offset in the file of the next byte that is read.
    #[inline]
    pub fn position(&self) -> u64 {
        self.read_to - (self.end - self.start) as u64
    }

    /// Size of the file.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// What the buffer holds in `range`, which was consumed since it was last filled.
    #[inline]
    pub(crate) fn buffered(&self, range: std::ops::Range<usize>) -> &[u8] {
        &self.buffer[range]
    }

    /// Where in the buffer the next byte stands.
    #[inline]
    pub(crate) fn cursor(&self) -> usize {
        self.start
    }

    /// The next byte, without consuming it.
    #[inline]
    pub(crate) fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(self.fill_buf()?.first().copied())
    }

    /// The byte before the next one, where it was consumed last.
    pub(crate) fn consumed_last(&self) -> Option<u8> {
        match self.start.checked_sub(1) {
            Some(at) => self.buffer.get(at).copied(),
            None => self.before,
        }
    }

    #[cold]
    fn refill(&mut self) -> io::Result<()> {
        if let Some(host) = &self.host {
            host.progress(self.read_to.min(self.size)).map_err(io::Error::other)?;
        }
        self.before = self.consumed_last();
        (self.start, self.end) = (0, 0);
        // The file may have grown since the run began; what came later is not part of it.
        let left = usize::try_from(self.size.saturating_sub(self.read_to)).unwrap_or(usize::MAX);
        let capacity = self.buffer.len().min(left);
        self.end = loop {
            match self.file.read_at(&mut self.buffer[..capacity], self.read_to) {
                Ok(count) => break count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        };
        if self.end == 0 && capacity > 0 {
            return Err(self.shrunk());
        }
        self.read_to += self.end as u64;
        Ok(())
    }
}

impl Reader<'_> {
    /// What comes behind here was lost while the file was read: to end as if it had never been there would be a lie.
    #[cold]
    fn shrunk(&self) -> io::Error {
        let (at, size) = (self.read_to, self.size);
        let message =
            format!("the file shrank while it was read: it ends before byte {at}, it had {size} bytes before");
        io::Error::new(io::ErrorKind::UnexpectedEof, message)
    }
}

impl BufRead for Reader<'_> {
    #[inline]
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end {
            self.refill()?;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    #[inline]
    fn consume(&mut self, amount: usize) {
        self.start = self.end.min(self.start + amount);
    }
}

impl Read for Reader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(out.len());
        out[..count].copy_from_slice(&available[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl Seek for Reader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(offset) => self.size.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position().checked_add_signed(offset),
        };
        let Some(target) = target else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a seek to before the start of the file"));
        };
        let buffer_at = self.read_to - self.end as u64;
        match target.checked_sub(buffer_at).and_then(|inside| usize::try_from(inside).ok()) {
            Some(inside) if inside <= self.end => self.start = inside,
            _ => (self.start, self.end, self.read_to, self.before) = (0, 0, target, None),
        }
        Ok(target)
    }

    fn stream_position(&mut self) -> io::Result<u64> {
        Ok(self.position())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_ends_before_its_size_is_an_error_and_no_end() {
        let file = File::open("Cargo.toml").expect("tests run in the crate's folder");
        let size = file.metadata().expect("it has a size").len();
        let mut text = Vec::new();
        Reader::new(&file, size, None).read_to_end(&mut text).expect("it can be read");
        assert_eq!(text.len() as u64, size);
        let error = Reader::new(&file, size + 1, None).read_to_end(&mut text).expect_err("one byte is missing");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
