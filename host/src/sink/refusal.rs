//! The words in which every sink refuses the same things.

/// Most characters of an `_id` that a reason names.
const ID_IN_REASON: usize = 200;

/// Why a document under an `_id` of the app's own is refused; `id` is that `_id` as text.
pub(super) fn another_has_this_id(id: &[u8]) -> String {
    let id = String::from_utf8_lossy(id);
    match id.char_indices().nth(ID_IN_REASON) {
        Some((cut, _)) => format!("another document has this _id: {}…", &id[..cut]),
        None => format!("another document has this _id: {id}"),
    }
}
