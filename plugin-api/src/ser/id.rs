//! The `_id` of the top document: always its first element.

use super::{SerError, Writer};
use crate::bson::kind;

/// An `_id` for the host to fill in: an ObjectId of twelve zero bytes.
pub(crate) const ID_PLACEHOLDER: [u8; 17] = *b"\x07_id\0\0\0\0\0\0\0\0\0\0\0\0\0";
/// Where the placeholder starts: behind the document's length.
const START: usize = 4;
/// Type and key of an element named `_id`.
const HEAD: usize = 5;

impl Writer<'_> {
    /// Puts the app's own `_id`, which was just written at `start`, in the placeholder's place.
    #[cold]
    pub(super) fn own_id(&mut self, start: usize) -> Result<(), SerError> {
        let element = &self.out.written()[start..];
        match element[0] {
            kind::NULL => {
                self.out.truncate(start);
                return Ok(());
            }
            refused @ (kind::ARRAY | kind::REGEX | kind::UNDEFINED) => {
                return Err(SerError::new(format_args!("{} cannot be the `_id` of a document", kind::name(refused))));
            }
            kind::OBJECT_ID if element[HEAD..] == [0; 12] => {
                return Err(SerError::new(
                    "an ObjectId of zeros stands for the host's own `_id`; leave `_id` out, or set another",
                ));
            }
            _ => {}
        }
        if self.own_id {
            return Err(SerError::new("the document has two fields named `_id`"));
        }
        self.own_id = true;
        let length = element.len();
        self.out.written_mut()[START..].rotate_right(length);
        // Now: own `_id`, placeholder, fields. Close the gap.
        self.out.remove(START + length, ID_PLACEHOLDER.len());
        Ok(())
    }
}
