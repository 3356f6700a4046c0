//! Is a stored document the one that was sent? Pure.
//!
//! MongoDB stores the bytes that it is given, but for one thing: an empty timestamp in the document itself becomes the
//! time at which it was stored.

use bson::{RawBsonRef, RawDocument, Timestamp};

const EMPTY: RawBsonRef<'_> = RawBsonRef::Timestamp(Timestamp { time: 0, increment: 0 });

/// Whether `stored` is what MongoDB makes of `sent`.
pub(super) fn same(sent: &[u8], stored: &[u8]) -> bool {
    sent == stored || sent.len() == stored.len() && same_but_for_time(sent, stored).unwrap_or(false)
}

fn same_but_for_time(sent: &[u8], stored: &[u8]) -> Result<bool, bson::error::Error> {
    let (sent, stored) = (RawDocument::from_bytes(sent)?, RawDocument::from_bytes(stored)?);
    let mut stored = stored.iter_elements();
    for sent in sent.iter_elements() {
        let (sent, Some(stored)) = (sent?, stored.next()) else { return Ok(false) };
        let stored = stored?;
        let given_the_time = || {
            let stored = stored.value().map(|value| matches!(value, RawBsonRef::Timestamp(_)));
            Ok::<_, bson::error::Error>(sent.value()? == EMPTY && stored?)
        };
        if sent.key() != stored.key() || sent.value()? != stored.value()? && !given_the_time()? {
            return Ok(false);
        }
    }
    Ok(stored.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bson::{Bson, Document, doc};

    fn time(time: u32) -> Bson {
        Bson::Timestamp(Timestamp { time, increment: 0 })
    }

    fn is_same(sent: &Document, stored: &Document) -> bool {
        same(&sent.to_vec().unwrap(), &stored.to_vec().unwrap())
    }

    #[test]
    fn an_empty_timestamp_is_the_same_as_the_time_of_storing_and_nothing_else_is() {
        let sent = doc! { "_id": 1, "at": time(0), "n": 1 };
        assert!(is_same(&sent, &sent));
        assert!(is_same(&sent, &doc! { "_id": 1, "at": time(77), "n": 1 }));
        assert!(!is_same(&sent, &doc! { "_id": 1, "at": time(77), "n": 2 }));
        assert!(!is_same(&sent, &doc! { "_id": 1, "at": 77_i64, "n": 1 }));
        assert!(!is_same(&sent, &doc! { "_id": 1, "zt": time(77), "n": 1 }));
        assert!(!is_same(&doc! { "_id": 1, "at": time(5) }, &doc! { "_id": 1, "at": time(77) }));
        assert!(!is_same(&doc! { "_id": 1, "in": { "at": time(0) } }, &doc! { "_id": 1, "in": { "at": time(7) } }));
    }

    #[test]
    fn types_and_order_matter() {
        assert!(!is_same(&doc! { "_id": 1, "n": 1 }, &doc! { "_id": 1, "n": 1_i64 }));
        assert!(!is_same(&doc! { "_id": 1, "a": 1, "b": 2 }, &doc! { "_id": 1, "b": 2, "a": 1 }));
        assert!(!is_same(&doc! { "_id": 1, "a": 1 }, &doc! { "_id": 1 }));
    }

    #[test]
    fn a_number_that_is_none_is_the_same_as_itself() {
        let none = doc! { "_id": 1, "x": f64::NAN };
        assert!(is_same(&none, &none));
    }
}
