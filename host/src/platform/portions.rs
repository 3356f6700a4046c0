//! The lines of a body, a portion at a time. Pure.

/// Lines of a portion.
const LINES: usize = 10_000;
/// Bytes of a portion. One larger line is a portion of its own.
const BYTES: usize = 1 << 20;

/// The lines of a body in portions: each line that is not empty, with its place among all lines.
pub(super) struct Portions<'a> {
    /// `None` behind the last line.
    rest: Option<&'a [u8]>,
    place: usize,
}

impl<'a> Portions<'a> {
    pub(super) fn of(body: &'a [u8]) -> Portions<'a> {
        Portions { rest: Some(body), place: 0 }
    }
}

impl<'a> Iterator for Portions<'a> {
    /// The place at which it begins, and its lines: none where all of them are empty.
    type Item = (usize, Vec<(usize, &'a [u8])>);

    fn next(&mut self) -> Option<Self::Item> {
        let mut rest = self.rest?;
        let (mut portion, mut bytes, begins) = (Vec::new(), 0, self.place);
        let end = begins + LINES;
        while self.place < end && bytes < BYTES {
            let length = rest.iter().position(|byte| *byte == b'\n');
            let line = &rest[..length.unwrap_or(rest.len())];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if !line.is_empty() {
                portion.push((self.place, line));
                bytes += line.len();
            }
            self.place += 1;
            self.rest = length.map(|length| &rest[length + 1..]);
            match self.rest {
                Some(more) => rest = more,
                None => break,
            }
        }
        Some((begins, portion))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn portions(body: &[u8]) -> Vec<Vec<(usize, &[u8])>> {
        Portions::of(body).map(|(_, portion)| portion).collect()
    }

    #[test]
    fn lines_keep_their_places_from_portion_to_portion() {
        let body = b"a\n".repeat(2 * LINES + 5);
        let all = portions(&body);
        // Behind the last end of a line there is an empty one.
        assert_eq!(all.iter().map(Vec::len).collect::<Vec<_>>(), [LINES, LINES, 5]);
        let places: Vec<usize> = all.iter().flatten().map(|(place, _)| *place).collect();
        assert_eq!(places, (0..2 * LINES + 5).collect::<Vec<_>>());
    }

    #[test]
    fn a_portion_ends_with_its_bytes_and_one_larger_line_is_one_of_its_own() {
        let long = vec![b'x'; BYTES];
        let body = [b"a\n", &long[..], b"\nb\nc"].concat();
        let all = portions(&body);
        assert_eq!(all.len(), 2);
        assert_eq!((all[0][0], all[0][1].1.len()), ((0, &b"a"[..]), BYTES));
        assert_eq!(all[1], [(2, &b"b"[..]), (3, b"c")]);
    }

    #[test]
    fn empty_lines_are_counted_and_not_published() {
        assert_eq!(portions(b"\r\na\r\n\n\nb"), [vec![(1, &b"a"[..]), (4, b"b")]]);
        assert_eq!(portions(b""), [vec![]]);
        let empty = [b"\n".repeat(LINES + 1), b"z".to_vec()].concat();
        assert_eq!(portions(&empty), [vec![], vec![(LINES + 1, &b"z"[..])]]);
        assert_eq!(Portions::of(&empty).map(|(begins, _)| begins).collect::<Vec<_>>(), [0, LINES]);
    }
}
