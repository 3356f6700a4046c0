//! What a server answers to a command that writes. Pure.
//!
//! ```text
//!   { ok: 1, n: 2, writeErrors: [{ index, code, errmsg, keyPattern, … }], writeConcernError: { code, errmsg } }
//! ```

use super::blame;
use super::trouble::{Trouble, server_words};
use bson::{Bson, Document};

/// The answer to an insert, an update or a delete.
#[derive(Debug, Default)]
pub(super) struct Reply {
    /// Documents that were written, found or deleted.
    pub(super) n: u64,
    /// One for each document (or statement) that was not carried out.
    pub(super) errors: Vec<WriteError>,
    /// The write concern was not fulfilled: whatever was done may be lost.
    concern: Option<Trouble>,
}

/// Why one document, or one statement, was not carried out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WriteError {
    /// Its place in the command.
    pub(super) index: usize,
    pub(super) code: i32,
    /// The server's words and the code.
    pub(super) words: String,
    /// It is the `_id` that is taken, as the server says.
    pub(super) on_id: bool,
}

impl Reply {
    pub(super) fn of(answer: &Document) -> Reply {
        let errors = answer.get_array("writeErrors").map(Vec::as_slice).unwrap_or_default();
        Reply {
            n: number(answer.get("n")).and_then(|n| u64::try_from(n).ok()).unwrap_or_default(),
            errors: errors.iter().filter_map(Bson::as_document).map(WriteError::of).collect(),
            concern: answer.get_document("writeConcernError").ok().map(concern),
        }
    }

    /// # Errors
    /// The write concern was not fulfilled.
    pub(super) fn durable(self) -> Result<Reply, Trouble> {
        match self.concern {
            Some(trouble) => Err(trouble),
            None => Ok(self),
        }
    }

    /// For a command whose statements cannot be at fault themselves.
    ///
    /// # Errors
    /// The write concern was not fulfilled, or a statement not carried out.
    pub(super) fn complete(self) -> Result<u64, Trouble> {
        let reply = self.durable()?;
        match reply.errors.into_iter().next() {
            None => Ok(reply.n),
            // Two who add the same at the same time: the next time it is there.
            Some(error) if blame::DUPLICATE_KEY.contains(&error.code) => Err(Trouble::passing(error.words)),
            Some(error) => Err(Trouble { blame: blame::of_document(error.code), words: error.words }),
        }
    }
}

impl WriteError {
    fn of(error: &Document) -> WriteError {
        let code = code(error);
        let said = error.get_str("errmsg").unwrap_or_default();
        let on_id = match error.get_document("keyPattern") {
            Ok(pattern) => pattern.keys().eq(["_id"]),
            Err(_) => said.contains("_id_"),
        };
        let name = error.get_str("codeName").ok();
        WriteError {
            // One without a place is counted with none, which the sum shows.
            index: number(error.get("index")).and_then(|index| usize::try_from(index).ok()).unwrap_or(usize::MAX),
            code,
            words: server_words(said, name, code),
            on_id,
        }
    }
}

fn concern(error: &Document) -> Trouble {
    let code = code(error);
    let said = server_words(error.get_str("errmsg").unwrap_or_default(), error.get_str("codeName").ok(), code);
    let words = format!("the write concern was not fulfilled: {said}");
    Trouble { blame: blame::of_write_concern(code), words }
}

fn code(error: &Document) -> i32 {
    number(error.get("code")).and_then(|code| i32::try_from(code).ok()).unwrap_or_default()
}

/// A whole number, in whichever type a server sends it.
pub(super) fn number(value: Option<&Bson>) -> Option<i64> {
    match value? {
        Bson::Int32(number) => Some(i64::from(*number)),
        Bson::Int64(number) => Some(*number),
        #[expect(clippy::cast_possible_truncation, reason = "as a server's counts and sizes go; it saturates")]
        Bson::Double(number) => Some(*number as i64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::blame::Blame;
    use super::*;
    use bson::doc;

    #[test]
    fn an_answer_names_what_was_not_stored() {
        let reply = Reply::of(&doc! { "ok": 1.0, "n": 2_i64, "writeErrors": [
            { "index": 1, "code": 11000, "errmsg": "E11000 dup key", "keyPattern": { "_id": 1 } },
            { "index": 3, "code": 11000, "errmsg": "E11000 dup key", "keyPattern": { "email": 1 } },
            { "index": 4, "code": 11000, "errmsg": "E11000 … collection: a.b index: _id_ dup key" },
            { "index": 5, "code": 121, "codeName": "DocumentValidationFailure", "errmsg": "no" },
        ] });
        assert_eq!(reply.n, 2);
        assert_eq!(
            reply.errors.iter().map(|e| (e.index, e.on_id)).collect::<Vec<_>>(),
            [(1, true), (3, false), (4, true), (5, false)]
        );
        assert_eq!(reply.errors[3].words, "no (DocumentValidationFailure, code 121)");
        assert!(reply.durable().is_ok());
    }

    #[test]
    fn a_write_concern_that_was_not_fulfilled_is_no_answer() {
        let answer = doc! { "ok": 1, "n": 1, "writeConcernError": { "code": 64, "errmsg": "waiting timed out" } };
        let trouble = Reply::of(&answer).durable().unwrap_err();
        assert_eq!(trouble.blame, Blame::Passing);
        assert!(trouble.words.contains("waiting timed out"), "{}", trouble.words);
        let never = doc! { "n": 1, "writeConcernError": { "code": 100, "errmsg": "not enough members" } };
        assert_eq!(Reply::of(&never).durable().unwrap_err().blame, Blame::Sink);
    }

    #[test]
    fn numbers_are_read_in_whichever_type_they_come() {
        for value in [Bson::Int32(7), Bson::Int64(7), Bson::Double(7.0)] {
            assert_eq!(number(Some(&value)), Some(7));
        }
        assert_eq!(number(Some(&Bson::from("7"))), None);
    }
}
