//! MongoDB's messages, as far as a driver of today sends them. Pure.
//!
//! ```text
//!   header   i32 length of all │ i32 request │ i32 response to │ i32 opcode
//!   OP_MSG   header │ u32 flags │ sections │ u32 checksum, where the flags say so
//!              section 0: the command      section 1: i32 length │ name of an array │ its documents, one after another
//!   OP_QUERY header │ i32 │ collection │ i32 │ i32 │ the command    the first hello of older drivers; answered by OP_REPLY
//! ```
//! Whole numbers are little-endian, names end with a zero byte. Section 1 is how drivers send the documents of an insert.

use anyhow::{Context as _, Result, bail};

/// Bytes of a header.
pub const HEADER: usize = 16;

const OP_REPLY: i32 = 1;
const OP_QUERY: i32 = 2004;
const OP_MSG: i32 = 2013;
/// A checksum stands behind the sections.
const CHECKSUM: u32 = 1;
/// More is to come, and no answer is wanted.
const MORE_TO_COME: u32 = 2;

/// A message that was read.
#[derive(Debug, PartialEq, Eq)]
pub struct Request<'m> {
    id: i32,
    is_query: bool,
    /// Whether somebody waits for the answer.
    pub wants_answer: bool,
    /// The command, a BSON document.
    pub command: &'m [u8],
    /// Documents that stand beside the command.
    pub beside: u64,
    /// Those, one after another; of the last section that has any.
    documents: &'m [u8],
}

/// How long the whole message is whose header this is.
///
/// # Errors
/// It is shorter than its header, or longer than MongoDB allows.
pub fn length(header: &[u8; HEADER]) -> Result<usize> {
    match usize::try_from(number(header, 0)?)? {
        length @ HEADER..=48_000_000 => Ok(length),
        length => bail!("a message cannot have {length} bytes"),
    }
}

/// Reads a whole message.
///
/// # Errors
/// It is none of those above, or ends too early.
pub fn request(message: &[u8]) -> Result<Request<'_>> {
    let id = number(message, 4)?;
    match number(message, 12)? {
        OP_MSG => op_msg(id, message),
        OP_QUERY => {
            let name = message.get(HEADER + 4..).and_then(name_length).context("a query without a collection")?;
            let command = document(message, HEADER + 4 + name + 8)?;
            Ok(Request { id, is_query: true, wants_answer: true, command, beside: 0, documents: &[] })
        }
        opcode => bail!("there is no answer to the opcode {opcode}"),
    }
}

fn op_msg(id: i32, message: &[u8]) -> Result<Request<'_>> {
    let flags = number(message, HEADER)?.cast_unsigned();
    let end = message.len() - if flags & CHECKSUM != 0 { 4 } else { 0 };
    let (mut at, mut command, mut beside, mut documents) = (HEADER + 4, None, 0, &[][..]);
    while at < end {
        let content = at + 1;
        at = content + usize::try_from(number(message, content)?)?;
        match message[content - 1] {
            0 => command = Some(document(message, content)?),
            1 => {
                let section = message.get(content + 4..at).context("a section ends too early")?;
                let name = name_length(section).context("a section without a name")?;
                documents = &section[name..];
                beside += each(documents, |_| ())?;
            }
            kind => bail!("there is no section of kind {kind}"),
        }
    }
    let command = command.context("a message without a command")?;
    Ok(Request { id, is_query: false, wants_answer: flags & MORE_TO_COME == 0, command, beside, documents })
}

impl<'m> Request<'m> {
    /// Looks at each document of an insert, wherever they stand.
    ///
    /// # Errors
    /// They are no BSON.
    pub fn each_document(&self, mut look: impl FnMut(&'m [u8])) -> Result<()> {
        each(self.documents, &mut look)?;
        each_inside(self.command, look)?;
        Ok(())
    }

    /// The message that answers this one with `document`.
    pub fn answer(&self, document: &[u8]) -> Vec<u8> {
        let (opcode, head) = match self.is_query {
            // No flags, no cursor, from the first on, one document.
            true => (OP_REPLY, [[0; 4], [0; 4], [0; 4], [0; 4], 1_i32.to_le_bytes()].concat()),
            false => (OP_MSG, vec![0; 5]),
        };
        let length = i32::try_from(HEADER + head.len() + document.len()).unwrap_or(i32::MAX);
        let header = [length, 0, self.id, opcode].map(i32::to_le_bytes).concat();
        [&header, &head, document].concat()
    }
}

/// The name of a command: that of its first element.
pub fn name(command: &[u8]) -> &str {
    let name = command.get(5..).and_then(|rest| rest.split(|byte| *byte == 0).next());
    name.and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default()
}

/// How many documents there are in the array `documents` of an insert; 0 where it has none.
///
/// # Errors
/// It is no BSON.
pub fn documents_inside(command: &[u8]) -> Result<u64> {
    each_inside(command, |_| ())
}

fn each_inside<'m>(command: &'m [u8], mut look: impl FnMut(&'m [u8])) -> Result<u64> {
    let command = bson::RawDocument::from_bytes(command)?;
    let Some(bson::RawBsonRef::Array(array)) = command.get("documents")? else { return Ok(0) };
    let bytes = array.as_bytes();
    let (mut at, mut documents) = (4, 0);
    // Each has its type, its place as text, a zero byte, and itself.
    while bytes.get(at).is_some_and(|kind| *kind != 0) {
        at += 1 + name_length(&bytes[at + 1..]).context("an element without a name")?;
        let found = document(bytes, at)?;
        look(found);
        at += found.len();
        documents += 1;
    }
    Ok(documents)
}

/// Looks at documents that stand one after another; answers how many there are.
fn each<'m>(mut documents: &'m [u8], mut look: impl FnMut(&'m [u8])) -> Result<u64> {
    let mut count = 0;
    while !documents.is_empty() {
        let found = document(documents, 0)?;
        look(found);
        documents = &documents[found.len()..];
        count += 1;
    }
    Ok(count)
}

fn document(bytes: &[u8], at: usize) -> Result<&[u8]> {
    let length = usize::try_from(number(bytes, at)?)?.max(5);
    bytes.get(at..at + length).context("a document ends too early")
}

/// Bytes of a name with its zero byte.
fn name_length(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| *byte == 0).map(|end| end + 1)
}

fn number(bytes: &[u8], at: usize) -> Result<i32> {
    let number = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>()).context("a message ends too early")?;
    Ok(i32::from_le_bytes(*number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bson::{RawDocumentBuf, rawdoc};

    fn message(opcode: i32, content: &[u8]) -> Vec<u8> {
        let length = i32::try_from(HEADER + content.len()).unwrap();
        [&[length, 7, 0, opcode].map(i32::to_le_bytes).concat(), content].concat()
    }

    fn beside(documents: &[RawDocumentBuf]) -> Vec<u8> {
        let content: Vec<u8> = documents.iter().flat_map(|document| document.as_bytes().to_vec()).collect();
        let length = i32::try_from(4 + 10 + content.len()).unwrap();
        [&[1][..], &length.to_le_bytes(), b"documents\0", &content].concat()
    }

    fn seen<'m>(request: &Request<'m>) -> Vec<&'m [u8]> {
        let mut seen = Vec::new();
        request.each_document(|document| seen.push(document)).unwrap();
        seen
    }

    #[test]
    fn documents_beside_a_command_and_inside_it_are_counted() {
        let three = [rawdoc! { "a": 1 }, rawdoc! {}, rawdoc! { "b": { "c": "text" } }];
        let command = rawdoc! { "insert": "trips" };
        let content = [&[0; 5][..], command.as_bytes(), &beside(&three)].concat();
        let bytes = message(OP_MSG, &content);
        let request = request(&bytes).unwrap();
        assert_eq!((request.command, request.beside, request.wants_answer), (command.as_bytes(), 3, true));
        assert_eq!(seen(&request), three.each_ref().map(|document| document.as_bytes()));

        let [first, second, third] = three.clone();
        let inside = rawdoc! { "insert": "trips", "documents": [first, second, third], "$db": "a" };
        assert_eq!(documents_inside(inside.as_bytes()).unwrap(), 3);
        let bytes = message(OP_MSG, &[&[0; 5][..], inside.as_bytes()].concat());
        assert_eq!(seen(&super::request(&bytes).unwrap()), three.each_ref().map(|document| document.as_bytes()));
        assert_eq!(name(inside.as_bytes()), "insert");
        assert_eq!(documents_inside(command.as_bytes()).unwrap(), 0);
    }

    #[test]
    fn a_checksum_is_no_section_and_who_wants_no_answer_gets_none() {
        let command = rawdoc! { "ping": 1 };
        let flags = (CHECKSUM | MORE_TO_COME).to_le_bytes();
        let bytes = message(OP_MSG, &[&flags[..], &[0], command.as_bytes(), &[9; 4]].concat());
        assert!(!request(&bytes).unwrap().wants_answer);
    }

    #[test]
    fn an_old_hello_is_answered_in_the_old_way() {
        let command = rawdoc! { "ismaster": 1 };
        let bytes = message(OP_QUERY, &[&[0; 4][..], b"admin.$cmd\0", &[0; 8], command.as_bytes()].concat());
        let request = request(&bytes).unwrap();
        assert_eq!(name(request.command), "ismaster");
        let answer = request.answer(rawdoc! { "ok": 1 }.as_bytes());
        assert_eq!(number(&answer, 0).unwrap(), i32::try_from(answer.len()).unwrap());
        assert_eq!((number(&answer, 8).unwrap(), number(&answer, 12).unwrap()), (7, OP_REPLY));
    }

    #[test]
    fn what_is_cut_off_is_an_error() {
        let content = [&[0; 5][..], rawdoc! { "ping": 1 }.as_bytes()].concat();
        let bytes = message(OP_MSG, &content);
        assert!(request(&bytes).is_ok());
        for end in 0..bytes.len() {
            assert!(request(&bytes[..end]).is_err(), "{end}");
        }
    }
}
