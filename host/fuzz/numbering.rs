//! Numbering touches nothing but the twelve bytes of a placeholder, and nothing at all where none stands.

use super::documents;
use fastrand::Rng;
use mysimbdp::document::{Checked, DocumentId, id_text, validate};

/// Bytes before the document: task, row and index.
const PARTS: usize = 8 + 8 + 2;

pub(crate) fn generate(rng: &mut Rng) -> Vec<u8> {
    let mut input = rng.u64(1..=DocumentId::MAX_TASK).to_le_bytes().to_vec();
    input.extend_from_slice(&rng.u64(..=DocumentId::MAX_ROW).to_le_bytes());
    input.extend_from_slice(&rng.u16(..).to_le_bytes());
    input.extend(documents::generate(rng));
    input
}

pub(crate) fn check(input: &[u8]) -> Result<bool, String> {
    let Some((parts, before)) = input.split_first_chunk::<PARTS>() else { return Ok(false) };
    let part = |from: usize, to: usize| parts[from..to].iter().rev().fold(0, |part, byte| part << 8 | u64::from(*byte));
    let (task, row, index) = (part(0, 8), part(8, 16), u16::from_le_bytes([parts[16], parts[17]]));
    let Ok(id) = DocumentId::new(task, row, index) else { return Ok(false) };
    if (id.task(), id.row(), id.index()) != (task, row, index) {
        return Err(format!("({task}, {row}, {index}) reads back as {id:?}"));
    }

    let mut after = before.to_vec();
    let numbered = id.number_in_place(&mut after).is_ok();
    let valid = validate(before);
    if numbered {
        let at = DocumentId::OFFSET..DocumentId::OFFSET + DocumentId::LEN;
        after[at.clone()].copy_from_slice(&before[at]);
    }
    if after != before {
        return Err("bytes outside of the placeholder have changed".to_owned());
    }
    if numbered != (valid == Ok(Checked { own_id: false })) && valid.is_ok() {
        return Err(format!("numbered: {numbered}, but the check said {valid:?}"));
    }
    if numbered && valid.is_ok() {
        id.number_in_place(&mut after).map_err(|why| why.to_string())?;
        let reads = DocumentId::of_document(&after) == Some(id)
            && validate(&after) == Ok(Checked { own_id: true })
            && id_text(&after).as_deref() == Ok(id.to_string().as_str());
        return if reads { Ok(true) } else { Err(format!("{id:?} does not read back")) };
    }
    Ok(false)
}
