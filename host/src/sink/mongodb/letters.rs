//! Dead letters: one document each, in `_dead_letters` of the tenant's database.
//!
//! ```text
//!   _id         "trips/000000000007/0000000000042/0000000000"    collection/task/row/part, so that they sort like this
//!   collection, task, row, part, app, source, start, line, reason, raw, raw_len, envelope
//!   at          when it was kept, UTC
//! ```
//! Everything that is asked for is a range of `_id`s: those of a collection, of a task, of a row. They are text because
//! text sorts alike everywhere and reads well; the numbers in it have as many digits as the greatest that there can be.

use super::reply::Reply;
use super::sink::{Collection, LETTERS};
use super::trouble::Trouble;
use crate::sink::{DeadLetter, KeptLetter, LETTER_PAGE, LetterFilter, LetterKey};
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, DateTime, Document, RawBsonRef, RawDocument, RawDocumentBuf, doc};

/// Bytes of letters, and statements, that go into one command.
const BYTES_AT_ONCE: usize = 4 << 20;
const STATEMENTS_AT_ONCE: usize = 1000;
/// Letters that the server sends at once: with raw rows of the greatest length they have 4 MiB.
const PAGE: u32 = 64;

impl Collection {
    /// Keeps letters; those that are there already are replaced.
    pub(super) async fn keep(&self, letters: Vec<DeadLetter>) -> Result<(), Trouble> {
        let at = DateTime::now();
        let mut letters = letters.into_iter().peekable();
        while letters.peek().is_some() {
            let (mut updates, mut bytes) = (Vec::new(), 0);
            while updates.len() < STATEMENTS_AT_ONCE
                && bytes < BYTES_AT_ONCE
                && let Some(letter) = letters.next()
            {
                bytes += letter.raw.len()
                    + letter.envelope.len()
                    + letter.reason.len()
                    + letter.app.len()
                    + letter.source.len()
                    + 400;
                let letter = document(&self.name, letter, at);
                updates.push(doc! { "q": { "_id": letter.get("_id") }, "u": letter, "upsert": true });
            }
            let sent = updates.len() as u64;
            // In order: should one letter come twice, the later one stays.
            let kept = self.change(doc! { "update": LETTERS, "ordered": true, "updates": updates }).await?;
            if kept != sent {
                return Err(Trouble::passing(format!("MongoDB kept {kept} of {sent} dead letters")));
            }
        }
        Ok(())
    }

    /// The next letters that pass a filter.
    pub(super) async fn letters(&self, filter: &LetterFilter, limit: usize) -> Result<Vec<KeptLetter>, Trouble> {
        let mut letters = Vec::new();
        let (mut bytes, most) = (0, i64::try_from(limit).unwrap_or(i64::MAX));
        if most == 0 {
            // To MongoDB it would be no limit.
            return Ok(letters);
        }
        let by_id = doc! { "_id": 1 };
        let found = self.letters.find(wanted(&self.name, filter)).sort(by_id).limit(most).batch_size(PAGE);
        let mut found = self.within(found).await?;
        while bytes < LETTER_PAGE && self.within(found.advance()).await? {
            let kept = kept(found.current()).map_err(|error| Trouble::passing(error.to_string()))?;
            bytes += kept.letter.raw.len();
            letters.push(kept);
        }
        Ok(letters)
    }

    pub(super) async fn count_letters(&self, filter: LetterFilter) -> Result<u64, Trouble> {
        let filter = LetterFilter { after: None, ..filter };
        self.within(self.letters.count_documents(wanted(&self.name, &filter))).await
    }

    /// Forgets the letters of some rows of a task.
    pub(super) async fn forget(&self, task: u64, rows: &[u64]) -> Result<u64, Trouble> {
        let mut forgotten = 0;
        for rows in rows.chunks(STATEMENTS_AT_ONCE) {
            let ranges = rows.iter().map(|row| within(&format!("{}{row:013}/", of_task(&self.name, task))));
            forgotten += self.delete(LETTERS, ranges).await?;
        }
        Ok(forgotten)
    }

    /// Forgets all letters of a task.
    pub(super) async fn forget_task(&self, task: u64) -> Result<u64, Trouble> {
        self.delete(LETTERS, std::iter::once(within(&of_task(&self.name, task)))).await
    }

    /// Deletes whatever has an `_id` in one of these ranges. Answers how many documents that were.
    pub(super) async fn delete(
        &self,
        collection: &str,
        ranges: impl Iterator<Item = Document>,
    ) -> Result<u64, Trouble> {
        let deletes: Vec<Document> = ranges.map(|range| doc! { "q": { "_id": range }, "limit": 0 }).collect();
        self.change(doc! { "delete": collection, "ordered": false, "deletes": deletes }).await
    }

    /// Runs a command that changes something, durably.
    async fn change(&self, command: Document) -> Result<u64, Trouble> {
        let mut command = RawDocumentBuf::try_from(&command).map_err(|error| Trouble::passing(error.to_string()))?;
        command.append(bson::raw::cstr!("writeConcern"), self.concern.clone());
        Reply::of(&self.run(command).await?).complete()
    }
}

fn id(collection: &str, (task, row, part): LetterKey) -> String {
    format!("{}{row:013}/{part:010}", of_task(collection, task))
}

/// What the `_id`s of a task's letters begin with.
fn of_task(collection: &str, task: u64) -> String {
    format!("{collection}/{task:012}/")
}

/// The `_id`s that begin with `start`, which ends with a slash: up to the same with the next character, a 0.
fn within(start: &str) -> Document {
    doc! { "$gte": start, "$lt": end(start) }
}

fn end(start: &str) -> String {
    format!("{}0", start.strip_suffix('/').unwrap_or(start))
}

fn wanted(collection: &str, filter: &LetterFilter) -> Document {
    let start = match filter.task {
        Some(task) => of_task(collection, task),
        None => format!("{collection}/"),
    };
    let mut wanted = doc! { "_id": within(&start) };
    if let Some(after) = filter.after {
        // In addition to the range: it may lie before all of it.
        wanted = doc! { "$and": [wanted, { "_id": { "$gt": id(collection, after) } }] };
    }
    if let Some(app) = &filter.app {
        // The whole label, or what comes before a space in it; the character after a space is an exclamation mark.
        let begins = doc! { "app": { "$gte": format!("{app} "), "$lt": format!("{app}!") } };
        wanted.insert("$or", vec![doc! { "app": app }, begins]);
    }
    if let Some(stream) = &filter.stream {
        wanted.insert("source", stream);
        wanted.insert("envelope", doc! { "$exists": true });
    }
    wanted
}

fn document(collection: &str, mut letter: DeadLetter, at: DateTime) -> Document {
    letter.cut();
    let DeadLetter { task, row, part, app, source, start, line, reason, raw, raw_len, envelope } = letter;
    let binary = |bytes| Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes });
    let mut document = doc! {
        "_id": id(collection, (task, row, part)),
        "collection": collection,
        "task": task.cast_signed(),
        "row": row.cast_signed(),
        "part": i64::from(part),
        "app": app,
        "source": source,
        "start": start.cast_signed(),
        "line": line.cast_signed(),
        "reason": reason,
        "raw": binary(raw),
        "raw_len": raw_len.cast_signed(),
        "at": at,
    };
    if !envelope.is_empty() {
        document.insert("envelope", binary(envelope));
    }
    document
}

fn kept(document: &RawDocument) -> Result<KeptLetter, bson::error::Error> {
    let number = |key| document.get_i64(key).map(i64::cast_unsigned);
    let text = |key| document.get_str(key).map(str::to_owned);
    Ok(KeptLetter {
        collection: text("collection")?,
        at: document.get_datetime("at")?.try_to_rfc3339_string()?,
        letter: DeadLetter {
            task: number("task")?,
            row: number("row")?,
            part: u32::try_from(number("part")?).unwrap_or(u32::MAX),
            app: text("app")?,
            source: text("source")?,
            start: number("start")?,
            line: number("line")?,
            reason: text("reason")?,
            raw: document.get_binary("raw")?.bytes.to_vec(),
            raw_len: number("raw_len")?,
            envelope: match document.get("envelope")? {
                Some(RawBsonRef::Binary(binary)) => binary.bytes.to_vec(),
                _ => Vec::new(),
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::contract::letter;

    #[test]
    fn a_letter_comes_back_as_it_was_kept() {
        let at = DateTime::from_millis(1_718_000_000_123);
        let message = DeadLetter { envelope: vec![1, 2], ..letter(1, 3, 0) };
        for letter in [letter(1, 2, 0), letter((1 << 38) - 1, (1 << 40) - 1, u32::MAX), message] {
            let document = RawDocumentBuf::try_from(&document("trips", letter.clone(), at)).unwrap();
            let expected = KeptLetter { collection: "trips".into(), at: "2024-06-10T06:13:20.123Z".into(), letter };
            assert_eq!(kept(&document).unwrap(), expected);
        }
    }

    #[test]
    fn keys_sort_as_task_row_and_part() {
        let keys = [(1, 9, 10), (1, 10, 0), (2, 0, 0), (10, 1, 1), ((1 << 38) - 1, (1 << 40) - 1, u32::MAX)];
        assert!(keys.map(|key| id("trips", key)).is_sorted());
    }

    #[test]
    fn a_range_has_what_begins_so_and_nothing_of_another_collection_or_row() {
        let is_within = |start: &str, id: &str| (start..end(start).as_str()).contains(&id);
        assert!(is_within("trips/", &id("trips", (1, 1, 0))));
        for other in ["trip", "trips2", "trips-eu", "trips.eu", "trips0"] {
            assert!(!is_within("trips/", &id(other, (1, 1, 0))), "{other}");
        }
        let row = format!("{}{:013}/", of_task("trips", 7), 4);
        assert!(is_within(&row, &id("trips", (7, 4, u32::MAX))));
        assert!(!is_within(&row, &id("trips", (7, 5, 0))) && !is_within(&row, &id("trips", (7, 3, u32::MAX))));
    }
}
