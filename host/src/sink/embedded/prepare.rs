//! From a batch's BSON to the text that is stored. Pure; it runs in the asker's task, so that the writer thread, which is
//! the narrowest place, does nothing but SQLite's work.

use crate::document::{extjson, id_text};
use crate::sink::{DocumentBatch, DocumentRef};

/// The documents of a batch as text: `id doc id doc …` in one buffer.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    text: Vec<u8>,
    rows: Vec<Row>,
    /// Documents that have no text, with their index in the batch and the reason.
    pub(super) refused: Vec<(usize, String)>,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    index: usize,
    own_id: bool,
    id: usize,
    doc: usize,
    end: usize,
}

/// One document as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Document<'p> {
    /// Its index in the batch.
    pub(super) index: usize,
    /// The app set its `_id`.
    pub(super) own_id: bool,
    /// The key under which it is stored.
    pub(super) id: &'p [u8],
    /// The whole document, its `_id` too.
    pub(super) doc: &'p [u8],
}

impl Prepared {
    pub(super) fn of(batch: &DocumentBatch) -> Prepared {
        let mut prepared = Prepared {
            text: Vec::with_capacity(bson_bytes(batch) * 3 / 2 + batch.documents.len() * 24),
            rows: Vec::with_capacity(batch.documents.len()),
            refused: Vec::new(),
        };
        for (index, of) in batch.documents.iter().enumerate() {
            prepared.add(index, of, batch.document(of));
        }
        prepared
    }

    fn add(&mut self, index: usize, of: &DocumentRef, bson: &[u8]) {
        let id = self.text.len();
        let mut written = id_text::append(bson, &mut self.text);
        let doc = self.text.len();
        if written.is_ok() {
            written = extjson::append(bson, &mut self.text);
        }
        match written {
            Ok(()) => self.rows.push(Row { index, own_id: of.own_id, id, doc, end: self.text.len() }),
            Err(why) => {
                self.text.truncate(id);
                self.refused.push((index, why.to_string()));
            }
        }
    }

    /// Its documents, in the order of the batch.
    pub(super) fn documents(&self) -> impl Iterator<Item = Document<'_>> {
        self.rows.iter().map(|row| Document {
            index: row.index,
            own_id: row.own_id,
            id: &self.text[row.id..row.doc],
            doc: &self.text[row.doc..row.end],
        })
    }

    /// Bytes of text that go into the file.
    pub(super) fn bytes(&self) -> usize {
        self.text.len()
    }
}

/// Bytes of the documents alone; a batch's buffer may hold more.
pub(super) fn bson_bytes(batch: &DocumentBatch) -> usize {
    batch.documents.iter().map(|of| of.length as usize).sum()
}
