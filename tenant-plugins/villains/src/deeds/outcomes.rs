//! Ways to lie about what became of messages, by writing frames of outcomes to the worker's socket directly.
//!
//! Unlike the lies of [`frames`](super::frames), these carry the tag of the delivery in work, which the villain reads from the
//! flight recorder: all that is wrong with them is what they say. After each, the worker's own loop tells the truth as well,
//! so that one outcome more than there are messages comes in the end.

use super::frames::{OUTCOMES, frame, numbered, send, sized};
use super::{Deed, Scene, recorder};
use crate::outcome::Outcome;

pub(super) const DEEDS: &[(&str, Deed)] = &[
    ("outcomes_too_many", |_| tell(&outcome(TAKEN, 0, b"").repeat(100_000))),
    ("outcomes_of_none", |_| tell(b"")),
    ("outcomes_one_more", |_| tell(&outcome(TAKEN, 0, b""))),
    ("outcomes_other_delivery", other_delivery),
    ("outcomes_unknown_fate", |_| tell(&outcome(77, 0, b""))),
    ("outcomes_cut_head", |_| tell(&[0; 10])),
    ("outcomes_dirty_padding", dirty_padding),
    ("outcomes_more_bytes_than_sent", more_bytes),
    ("outcomes_more_documents_than_sent", |_| tell(&outcome(TAKEN, 3, &numbered()))),
    ("outcomes_fewer_documents_than_sent", |_| tell(&outcome(TAKEN, 1, &numbered().repeat(3)))),
    ("outcomes_four_billion_documents", |_| tell(&outcome(TAKEN, u32::MAX, &numbered()))),
    ("outcomes_garbage_document", |_| tell(&outcome(TAKEN, 1, &[0xff; 64]))),
    ("outcomes_document_over_16mb", |_| tell(&outcome(TAKEN, 1, &sized(17 << 20)))),
    ("outcomes_reason_not_utf8", |_| tell(&outcome(REJECTED, 0, &[0xff; 16]))),
    ("outcomes_reason_huge", |_| tell(&outcome(REJECTED, 0, &[b'x'; 60_000]))),
    ("outcomes_rejected_with_documents", |_| tell(&outcome(REJECTED, 2, b"why"))),
];

const TAKEN: u8 = 0;
const REJECTED: u8 = 1;
/// Bytes before the documents or the reason: `nanos documents bytes: u32, refused: u16, fate: u8, 1 zero byte`
const HEAD: usize = 16;

fn outcome(fate: u8, documents: u32, bytes: &[u8]) -> Vec<u8> {
    let mut outcome = vec![0; HEAD];
    outcome[4..8].copy_from_slice(&documents.to_le_bytes());
    outcome[8..12].copy_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
    outcome[14] = fate;
    outcome.extend_from_slice(bytes);
    outcome
}

/// Says so of the delivery in work, and lingers.
fn tell(outcomes: &[u8]) -> Outcome {
    match recorder::tag() {
        Some(tag) => send(&frame(OUTCOMES, tag, outcomes)),
        None => Outcome::Held("the tag of the delivery could not be found".into()),
    }
}

fn other_delivery(_: &mut Scene<'_>) -> Outcome {
    let tag = recorder::tag().unwrap_or(1);
    send(&frame(OUTCOMES, tag.wrapping_add(7), &outcome(TAKEN, 0, b"")))
}

fn dirty_padding(_: &mut Scene<'_>) -> Outcome {
    let mut dirty = outcome(TAKEN, 0, b"");
    dirty[HEAD - 1] = 0x55;
    tell(&dirty)
}

fn more_bytes(_: &mut Scene<'_>) -> Outcome {
    let mut cut = outcome(TAKEN, 1, &numbered());
    cut[8..12].copy_from_slice(&1_000_000_u32.to_le_bytes());
    tell(&cut)
}
