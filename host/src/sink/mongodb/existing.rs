//! Documents whose unique key is taken: which of them are there already, and as what.
//!
//! ```text
//!   11000 ─▶ fetched by _id ─┬─ there, the same ────▶ stored (numbered) or duplicate (the app's own _id)
//!                            ├─ there, another ─────▶ differing (numbered) or refused by name
//!                            └─ not there ─┬─ the server said: by _id ─▶ gone meanwhile: try again
//!                                          └─ by another unique index ─▶ refused in the server's words
//! ```
//! They are fetched from the primary, many at a time, and matched by [`id_text`], which is the same for the numbers that
//! MongoDB takes for the same. What has no match in it (a Decimal128, a collation of the operator's) is asked for by itself.

use super::reply::WriteError;
use super::same::same;
use super::sink::Collection;
use super::store::{Document, Fate};
use super::trouble::Trouble;
use crate::document::id_text;
use crate::sink::refusal::another_has_this_id;
use bson::{Bson, RawDocument, RawDocumentBuf, doc};
use mongodb::Cursor;
use std::collections::HashMap;

/// Most `_id`s, and about the most bytes of them, that are asked for at once.
const IDS_AT_ONCE: usize = 100;
const BYTES_AT_ONCE: usize = 1 << 20;

impl Collection {
    /// Settles those whose key is `taken`.
    pub(super) async fn compare(
        &self,
        documents: &[Document<'_>],
        taken: Vec<WriteError>,
        fates: &mut Vec<(usize, Fate)>,
    ) -> Result<(), Trouble> {
        let mut rest = taken.into_iter().peekable();
        while rest.peek().is_some() {
            let mut asked: HashMap<String, Vec<WriteError>> = HashMap::new();
            let mut ids: Vec<Bson> = Vec::new();
            let mut bytes = 0;
            while ids.len() < IDS_AT_ONCE
                && bytes < BYTES_AT_ONCE
                && let Some(error) = rest.next()
            {
                let text = text(documents[error.index].bytes)?;
                bytes += text.len();
                let same_id = asked.entry(text).or_default();
                if same_id.is_empty() {
                    ids.push(id(documents[error.index].bytes)?);
                }
                same_id.push(error);
            }
            let mut found = self.find(doc! { "_id": { "$in": ids } }).await?;
            while self.advance(&mut found).await? {
                let stored = found.current().as_bytes();
                // One that somebody else has stored may have no text; then it is looked for by itself.
                let matching = id_text(stored).ok().and_then(|text| asked.remove(&text)).unwrap_or_default();
                for error in matching {
                    fates.push((error.index, fate(documents[error.index], stored)?));
                }
            }
            for error in asked.into_values().flatten() {
                let fate = self.compare_alone(documents[error.index], &error).await?;
                fates.push((error.index, fate));
            }
        }
        Ok(())
    }

    /// One whose `_id` was not among those found.
    async fn compare_alone(&self, document: Document<'_>, error: &WriteError) -> Result<Fate, Trouble> {
        if !error.on_id {
            return Ok(Fate::Refused(error.words.clone()));
        }
        let mut found = self.find(doc! { "_id": { "$eq": id(document.bytes)? } }).await?;
        match self.advance(&mut found).await? {
            true => fate(document, found.current().as_bytes()),
            false => Err(Trouble::passing("a document that was there is gone: somebody deletes while we write")),
        }
    }

    async fn advance(&self, found: &mut Cursor<RawDocumentBuf>) -> Result<bool, Trouble> {
        self.within(found.advance()).await
    }
}

/// What it means that `stored` has the `_id` of `document`.
fn fate(document: Document<'_>, stored: &[u8]) -> Result<Fate, Trouble> {
    Ok(match (document.own_id, same(document.bytes, stored)) {
        (true, true) => Fate::Duplicate,
        (true, false) => Fate::Refused(another_has_this_id(text(document.bytes)?.as_bytes())),
        (false, true) => Fate::Found,
        (false, false) => Fate::Differing,
    })
}

fn text(document: &[u8]) -> Result<String, Trouble> {
    id_text(document).map_err(|error| Trouble::passing(error.to_string()))
}

fn id(document: &[u8]) -> Result<Bson, Trouble> {
    let unreadable = |error: bson::error::Error| Trouble::passing(error.to_string());
    let document = RawDocument::from_bytes(document).map_err(unreadable)?;
    match document.get("_id").map_err(unreadable)? {
        Some(id) => Bson::try_from(id).map_err(unreadable),
        None => Err(Trouble::passing("a document has no _id")),
    }
}
