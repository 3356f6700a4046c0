//! Finds the fields of a row that lies in the buffer as a whole and needs no unquoting: nearly every row of every file.
//!
//! Eight bytes are looked at together. Whatever is out of the ordinary (a doubled quote, text behind a closing quote, a
//! row that reaches beyond the buffer) is left to the state machine of `csv-core`, which reads the row from its start;
//! a test holds the two against each other.

/// The bytes of a field within the text of its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// A row has at most 16 MiB, so its offsets fit.
    #[inline]
    pub(super) fn new(start: usize, end: usize) -> Span {
        Span { start: start as u32, end: end as u32 }
    }

    #[inline]
    pub(super) fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// The characters that mean something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scanner {
    delimiter: u8,
    quote: Option<u8>,
    delimiters: u64,
    quotes: u64,
}

/// What the scanner found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scanned {
    /// Bytes of the row, the end of its line included.
    pub(super) length: usize,
    /// Ends of lines in it.
    pub(super) lines: u64,
}

/// A byte in each of the eight places of a word.
const fn everywhere(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

const NEWLINES: u64 = everywhere(b'\n');
const RETURNS: u64 = everywhere(b'\r');

/// The high bit of each byte that is the same in both words.
#[inline]
fn same(a: u64, b: u64) -> u64 {
    const LOW_BITS: u64 = everywhere(0x7f);
    let difference = a ^ b;
    !(((difference & LOW_BITS) + LOW_BITS) | difference | LOW_BITS)
}

impl Scanner {
    pub(super) fn new(delimiter: u8, quote: Option<u8>) -> Scanner {
        let quotes = everywhere(quote.unwrap_or(delimiter));
        Scanner { delimiter, quote, delimiters: everywhere(delimiter), quotes }
    }

    /// The fields of the row at the start of `bytes`, where it is an ordinary one.
    #[inline]
    pub(super) fn scan(&self, bytes: &[u8], fields: &mut Vec<Span>) -> Option<Scanned> {
        fields.clear();
        let (mut at, mut field, mut lines) = (0, 0, 0);
        'words: while let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
            let word = u64::from_le_bytes(*word);
            let mut hits =
                same(word, self.delimiters) | same(word, NEWLINES) | same(word, RETURNS) | same(word, self.quotes);
            while hits != 0 {
                let hit = at + (hits.trailing_zeros() / 8) as usize;
                hits &= hits - 1;
                let byte = *bytes.get(hit)?;
                if byte == self.delimiter {
                    fields.push(Span::new(field, hit));
                    field = hit + 1;
                } else if Some(byte) != self.quote {
                    fields.push(Span::new(field, hit));
                    return end_of_line(bytes, hit, lines);
                } else if hit == field {
                    let inside = bytes.get(hit + 1..)?;
                    let length = memchr::memchr(byte, inside)?;
                    let close = hit + 1 + length;
                    fields.push(Span::new(hit + 1, close));
                    lines += memchr::memchr_iter(b'\n', &inside[..length]).count() as u64;
                    match *bytes.get(close + 1)? {
                        b'\n' | b'\r' => return end_of_line(bytes, close + 1, lines),
                        next if next == self.delimiter => {}
                        _ => return None,
                    }
                    field = close + 2;
                    at = field;
                    continue 'words;
                }
                // A quote inside of an unquoted field is an ordinary character.
            }
            at += 8;
        }
        None
    }
}

/// The row ends at `at`, where a `\n` or `\r` stands. Whether a `\n` follows the `\r` must be known.
#[inline]
fn end_of_line(bytes: &[u8], at: usize, lines: u64) -> Option<Scanned> {
    if bytes[at] == b'\n' {
        return Some(Scanned { length: at + 1, lines: lines + 1 });
    }
    match bytes.get(at + 1)? {
        b'\n' => Some(Scanned { length: at + 2, lines: lines + 1 }),
        _ => Some(Scanned { length: at + 1, lines }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scan(text: &str, quote: Option<u8>) -> Option<(Vec<&str>, usize, u64)> {
        let mut fields = Vec::new();
        let scanned = Scanner::new(b',', quote).scan(text.as_bytes(), &mut fields)?;
        Some((fields.iter().map(|field| &text[field.range()]).collect(), scanned.length, scanned.lines))
    }

    #[test]
    fn ordinary_rows_are_found() {
        let quote = Some(b'"');
        assert_eq!(scan("a,bc,,d\nmore text", quote), Some((vec!["a", "bc", "", "d"], 8, 1)));
        assert_eq!(scan("a,b\r\nmore text", quote), Some((vec!["a", "b"], 5, 1)));
        assert_eq!(scan("\"a,\nb\",c\"d\nmore text", quote), Some((vec!["a,\nb", "c\"d"], 11, 2)));
        assert_eq!(scan("\"a,b\",c\nmore text", None), Some((vec!["\"a", "b\"", "c"], 8, 1)));
    }

    #[test]
    fn extraordinary_rows_are_left_to_the_state_machine() {
        for text in
            ["a,b\n", "a,b", "\"a\"\"b\",c\nmore text", "\"a\"b,c\nmore text", "\"a,b\nmore text", "longer,text\r"]
        {
            assert_eq!(scan(text, Some(b'"')), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_found_is_what_the_csv_crate_finds(text in "[a,\"\n\r]{0,30}|[a-z,\"\n]{0,60}|[äß,\n]{0,20}") {
            let text = text.trim_start_matches(['\n', '\r']);
            let Some((fields, length, _)) = scan(text, Some(b'"')) else { return Ok(()) };
            let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
            let mut record = csv::StringRecord::new();
            prop_assert!(reader.read_record(&mut record).is_ok());
            prop_assert_eq!(record.iter().collect::<Vec<_>>(), fields);
            // It stops between a `\r` and a `\n`.
            let rest = &text[usize::try_from(reader.position().byte()).unwrap_or(0)..];
            let rest = if rest.len() > text.len() - length { &rest[1..] } else { rest };
            prop_assert_eq!(rest, &text[length..]);
        }
    }
}
