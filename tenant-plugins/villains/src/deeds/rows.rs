//! Odd but honest ends of a row.

use super::{Deed, Scene};
use crate::outcome::Outcome;
use serde::Serialize;

pub(super) const DEEDS: &[(&str, Deed)] = &[
    ("reject", |scene| Outcome::Reject(format!("the villain rejects {}", scene.n))),
    ("reject_after_emit", reject_after_emit),
    ("huge_reject_reason", |_| Outcome::Reject("é".repeat(1 << 20))),
    ("reject_with_escape_codes", |_| Outcome::Reject("\u{1b}[2J\u{1b}[31mred\r\nsecond line\u{0}".into())),
    ("emit_nothing", |_| Outcome::Nothing),
    ("return_early", |_| Outcome::Return),
];

#[derive(Serialize)]
struct Never {
    n: u64,
    never: &'static str,
}

/// A rejected row takes its documents with it.
fn reject_after_emit(scene: &mut Scene<'_>) -> Outcome {
    if let Err(error) = scene.sink.emit(&Never { n: scene.n, never: "to be seen" }) {
        return Outcome::Fail(error.to_string());
    }
    Outcome::Reject("thought better of it".into())
}
