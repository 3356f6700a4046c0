//! Documents that must not reach a sink: each is refused to the app, which may go on.

use super::{Deed, Scene};
use crate::outcome::Outcome;
use mysimbdp_plugin_api::prelude::ObjectId;
use serde::Serialize;
use std::fmt::Display;

pub(super) const DEEDS: &[(&str, Deed)] = &[
    ("invalid_bson", |scene| refused(scene, "a cut document", b"\x0c\0\0\0\x10n\0\x07")),
    ("invalid_bson_empty", |scene| refused(scene, "no bytes", b"")),
    ("invalid_bson_length", |scene| refused(scene, "a wrong length", b"\xff\xff\xff\x7f\0")),
    ("invalid_bson_type", |scene| refused(scene, "an unknown type", b"\x0c\0\0\0\x6en\0\x07\0\0\0\0")),
    ("invalid_bson_utf8", |scene| {
        refused(scene, "a text that is not UTF-8", b"\x10\0\0\0\x02n\0\x03\0\0\0\xff\xfe\0\0")
    }),
    ("invalid_bson_unterminated", |scene| refused(scene, "an endless key", b"\x0c\0\0\0\x10nnnnnnn")),
    ("deep_document", deep),
    ("document_over_16mb", too_large),
    ("row_over_32mb", row_too_large),
    ("row_of_too_many_documents", too_many),
    ("own_id_array", |scene| refused(scene, "an _id that is an array", b"\x13\0\0\0\x04_id\0\x05\0\0\0\0\0\0")),
    ("own_id_zero", |scene| {
        let document = Zero { _id: ObjectId::from_bytes([0; 12]), n: scene.n };
        Outcome::must_fail("an _id of its own that says \"number me\"", scene.sink.emit(&document))
    }),
    ("own_id_clash", own_id_clash),
    ("own_id_forged", own_id_forged),
];

#[derive(Serialize)]
struct Own<'a> {
    _id: &'a str,
    n: u64,
}

#[derive(Serialize)]
struct Zero {
    _id: ObjectId,
    n: u64,
}

#[derive(Serialize)]
struct Blob<'a> {
    n: u64,
    blob: &'a str,
}

fn refused(scene: &mut Scene<'_>, what: &str, document: &[u8]) -> Outcome {
    Outcome::must_fail(what, scene.sink.emit_raw(document))
}

/// Nested as deep as a document of 64 KB can be.
fn deep(scene: &mut Scene<'_>) -> Outcome {
    let mut document = vec![5, 0, 0, 0, 0];
    while document.len() < 60_000 {
        let length = u32::try_from(document.len() + 8).unwrap_or(0);
        let mut outer = Vec::from(length.to_le_bytes());
        outer.extend([3, b'a', 0]);
        outer.append(&mut document);
        outer.push(0);
        document = outer;
    }
    Outcome::must_fail("a document nested seven thousand deep", scene.sink.emit_raw(&document))
}

fn too_large(scene: &mut Scene<'_>) -> Outcome {
    let blob = "x".repeat(17 << 20);
    Outcome::must_fail("a document of 17 MB", scene.sink.emit(&Blob { n: scene.n, blob: &blob }))
}

fn row_too_large(scene: &mut Scene<'_>) -> Outcome {
    let blob = "x".repeat(9 << 20);
    reject_once_refused("a row of 45 MB", (0..5).try_for_each(|_| scene.sink.emit(&Blob { n: scene.n, blob: &blob })))
}

fn too_many(scene: &mut Scene<'_>) -> Outcome {
    let attempt = (0..70_000).try_for_each(|n| scene.sink.emit(&Blob { n, blob: "" }));
    reject_once_refused("seventy thousand documents of one row", attempt)
}

/// What was taken before the refusal is discarded with the row.
fn reject_once_refused(what: &str, attempt: Result<(), impl Display>) -> Outcome {
    match attempt {
        Ok(()) => Outcome::Breached(format!("{what} was taken")),
        Err(error) => Outcome::Reject(format!("{what}: {error}")),
    }
}

/// The argument is the `_id`: the first row with it wins, the second is a dead letter unless its document is equal.
fn own_id_clash(scene: &mut Scene<'_>) -> Outcome {
    match scene.sink.emit(&Own { _id: scene.argument, n: scene.n }) {
        Ok(()) => Outcome::Nothing,
        Err(error) => Outcome::Reject(error.to_string()),
    }
}

/// The argument is the `_id` that the host gave to a document of another row or message, in 24 hexadecimal digits: what is stored
/// there must stay as it is.
fn own_id_forged(scene: &mut Scene<'_>) -> Outcome {
    let byte = |at: usize| u8::from_str_radix(scene.argument.get(2 * at..2 * at + 2)?, 16).ok();
    let mut id = [0; 12];
    for (at, place) in id.iter_mut().enumerate() {
        match byte(at) {
            Some(byte) => *place = byte,
            None => return Outcome::Reject(format!("{:?} is no ObjectId", scene.argument)),
        }
    }
    match scene.sink.emit(&Zero { _id: ObjectId::from_bytes(id), n: scene.n }) {
        Ok(()) => Outcome::Nothing,
        Err(error) => Outcome::Reject(error.to_string()),
    }
}
