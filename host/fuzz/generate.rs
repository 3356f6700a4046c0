//! Makes well-formed documents of every type, and notes where what is worth damaging stands.

use fastrand::Rng;

/// What stands at a noted offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// The type byte of an element.
    Type,
    /// The first byte of a key, or of a part of a regular expression.
    Key,
    /// Four bytes of a length.
    Length,
    /// The first byte of a string.
    Text,
    /// A byte of a value without structure.
    Value,
}

/// A document under construction.
#[derive(Debug, Default)]
pub(crate) struct Sketch {
    pub(crate) bytes: Vec<u8>,
    pub(crate) marks: Vec<(usize, Mark)>,
}

/// The types of elements, those that occur in real documents more than once.
const TYPES: &[u8] = &[
    0x01, 0x01, 0x02, 0x02, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f,
    0x10, 0x10, 0x11, 0x12, 0x12, 0x13, 0x7f, 0xff,
];

const KEYS: &[&str] = &[
    "a",
    "b",
    "fare",
    "_id",
    "_i",
    "_idx",
    "passenger_count",
    "ключ",
    "é",
    "key\u{10ffff}",
    "",
    "$oid",
    "$ref",
    "a\"b",
    "dropoff_location_identifier",
    "eight_by",
    "sevenby",
];

const TEXTS: &[&str] = &[
    "",
    "N",
    "2026-01-31 23:59:59",
    "a \"quoted\" word",
    "back\\slash",
    "line\nbreak\ttab\r",
    "\u{0}inner\u{0}",
    "straße",
    "日本語の文",
    "\u{1f980} crab",
    "\u{7f}\u{80}\u{2028}",
    "/slash/",
    "seven b",
    "eight by",
    "nine byte",
    "an ascii text that is longer than the sixty-four bytes up to which the short way is taken",
    "ein Text von mehr als vierundsechzig Bytes, in dem weit hinten doch noch ein Ümlaut steht",
];

/// A document that the platform may store, most of the time: now and then something about it is not as it should be
/// that no later damage would hit upon.
pub(crate) fn document(rng: &mut Rng) -> Sketch {
    let mut sketch = Sketch::default();
    let start = sketch.length();
    if rng.u8(..) >= 6 {
        sketch.id(rng);
    }
    if rng.u8(..) < 3 {
        sketch.chain(rng);
    }
    for _ in 0..rng.usize(0..10) {
        sketch.element(rng, None, 4);
    }
    sketch.close(start);
    sketch
}

impl Sketch {
    fn id(&mut self, rng: &mut Rng) {
        match rng.u8(..10) {
            0..5 => {
                self.begin(0x07, "_id");
                self.bytes.extend_from_slice(&[0; 12]);
            }
            5 => self.element(rng, Some("_id"), 2),
            6 => {
                self.begin(0x03, "_id");
                self.nested(rng, 2);
            }
            7 => {
                self.begin(0x07, "_id");
                self.fixed(rng, 12);
            }
            8 => {
                self.begin(0x02, "_id");
                self.string(rng);
            }
            _ => {
                self.begin(0x10, "_id");
                self.fixed(rng, 4);
            }
        }
    }

    /// Documents, arrays and scopes in each other, down to about the level that is the last allowed one.
    fn chain(&mut self, rng: &mut Rng) {
        let deepest = rng.usize(98..103);
        let mut open = Vec::new();
        let mut level = 1;
        while level < deepest {
            let kind = *rng.choice(&[0x03, 0x03, 0x03, 0x04, 0x0f]).unwrap_or(&0x03);
            self.begin(kind, "c");
            let outer = (kind == 0x0f).then(|| {
                let outer = self.length();
                self.string(rng);
                outer
            });
            open.push((self.length(), outer));
            level += if outer.is_some() { 2 } else { 1 };
        }
        for (document, outer) in open.into_iter().rev() {
            self.close(document);
            if let Some(outer) = outer {
                self.set_length(outer, self.bytes.len() - outer);
            }
        }
    }

    fn element(&mut self, rng: &mut Rng, key: Option<&str>, budget: u32) {
        let kind = TYPES[rng.usize(..TYPES.len())];
        let key = key.unwrap_or_else(|| KEYS[rng.usize(..KEYS.len())]);
        self.begin(kind, key);
        self.value(rng, kind, budget);
    }

    fn value(&mut self, rng: &mut Rng, kind: u8, budget: u32) {
        match kind {
            0x02 | 0x0d | 0x0e => self.string(rng),
            0x03 | 0x04 => self.nested(rng, budget),
            0x05 => self.binary(rng),
            0x07 => self.fixed(rng, 12),
            0x08 => {
                self.marks.push((self.bytes.len(), Mark::Value));
                self.bytes.push(u8::from(rng.bool()));
            }
            0x01 => self.number(&double(rng).to_le_bytes()),
            0x09 => self.number(&date(rng).to_le_bytes()),
            0x11 | 0x12 => self.number(&integer(rng).to_le_bytes()),
            0x10 => self.fixed(rng, 4),
            0x13 => self.number(&decimal(rng).to_le_bytes()),
            0x0b => {
                self.pattern(rng);
                self.pattern(rng);
            }
            0x0c => {
                self.string(rng);
                self.fixed(rng, 12);
            }
            0x0f => {
                let outer = self.length();
                self.string(rng);
                self.nested(rng, budget);
                if rare(rng) {
                    self.fixed(rng, 1);
                }
                self.set_length(outer, self.bytes.len() - outer);
            }
            _ => {}
        }
    }

    fn nested(&mut self, rng: &mut Rng, budget: u32) {
        let start = self.length();
        if rare(rng) {
            // Too short to be a document, and yet nothing of what follows is displaced.
            self.set_length(start, rng.usize(..5));
            return;
        }
        let most = if budget == 0 { 1 } else { 4 };
        for index in 0..rng.usize(0..most) {
            let index = index.to_string();
            let key = rng.bool().then_some(index.as_str());
            self.element(rng, key, budget.saturating_sub(1));
        }
        self.close(start);
    }

    fn binary(&mut self, rng: &mut Rng) {
        let subtype = *rng.choice(&[0, 2, 2, 3, 4, 5, 9, 0x80, 0xff]).unwrap_or(&0);
        let count = rng.usize(..20);
        let length = self.length();
        self.bytes.push(subtype);
        let start = self.bytes.len();
        if subtype == 2 {
            let inner = self.length();
            self.set_length(inner, if rare(rng) { rng.usize(..20) } else { count });
        }
        self.fixed(rng, count);
        self.set_length(length, self.bytes.len() - start);
    }

    fn string(&mut self, rng: &mut Rng) {
        let length = self.length();
        let start = self.bytes.len();
        self.marks.push((start, Mark::Text));
        self.bytes.extend_from_slice(TEXTS[rng.usize(..TEXTS.len())].as_bytes());
        self.bytes.push(0);
        self.set_length(length, self.bytes.len() - start);
    }

    fn pattern(&mut self, rng: &mut Rng) {
        self.marks.push((self.bytes.len(), Mark::Key));
        self.bytes.extend_from_slice(rng.choice(["", "i", "xim", "^a.*b$", "[\"\\\\]", "ß"]).unwrap_or("").as_bytes());
        self.bytes.push(0);
    }

    fn begin(&mut self, kind: u8, key: &str) {
        self.marks.push((self.bytes.len(), Mark::Type));
        self.bytes.push(kind);
        self.marks.push((self.bytes.len(), Mark::Key));
        self.bytes.extend_from_slice(key.as_bytes());
        self.bytes.push(0);
    }

    fn fixed(&mut self, rng: &mut Rng, count: usize) {
        self.marks.push((self.bytes.len(), Mark::Value));
        self.bytes.extend(std::iter::repeat_with(|| rng.u8(..)).take(count));
    }

    fn number(&mut self, bytes: &[u8]) {
        self.marks.push((self.bytes.len(), Mark::Value));
        self.bytes.extend_from_slice(bytes);
    }

    fn close(&mut self, start: usize) {
        self.bytes.push(0);
        self.set_length(start, self.bytes.len() - start);
    }

    fn length(&mut self) -> usize {
        let at = self.bytes.len();
        self.marks.push((at, Mark::Length));
        self.bytes.extend_from_slice(&[0; 4]);
        at
    }

    fn set_length(&mut self, at: usize, length: usize) {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        self.bytes[at..at + 4].copy_from_slice(&length.to_le_bytes());
    }
}

fn rare(rng: &mut Rng) -> bool {
    rng.u8(..) < 4
}

fn double(rng: &mut Rng) -> f64 {
    match rng.u8(..6) {
        0 => f64::from_bits(rng.u64(..)),
        1 => *rng.choice(&[0.0, -0.0, 1e16, 5e-324, f64::MAX, f64::NAN, f64::INFINITY, -f64::INFINITY]).unwrap_or(&0.0),
        2 => f64::from(rng.i32(..)),
        _ => f64::from(rng.i32(-100_000..100_000)) / 100.0,
    }
}

fn date(rng: &mut Rng) -> i64 {
    match rng.u8(..4) {
        0 => rng.i64(..),
        1 => *rng.choice(&[0, -1, 1, 999, 1000, 253_402_300_799_999, 253_402_300_800_000]).unwrap_or(&0),
        _ => rng.i64(0..253_402_300_800_000),
    }
}

fn integer(rng: &mut Rng) -> i64 {
    if rng.bool() { rng.i64(..) } else { i64::from(rng.i16(..)) }
}

fn decimal(rng: &mut Rng) -> u128 {
    if rng.bool() {
        return rng.u128(..);
    }
    let coefficient = rng.u128(..1 << 113) >> rng.u32(..113);
    rng.u128(..2) << 127 | rng.u128(6120..6230) << 113 | coefficient
}
