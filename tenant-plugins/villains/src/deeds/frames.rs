//! Ways to lie to the host in its own protocol, by writing to the worker's socket directly.
//!
//! The host must take each for a break of the protocol, or at least believe nothing that it can check. What it cannot
//! check hurts the liar alone: the rows of its own file. Each deed lingers a moment after it has written, so that the host
//! finds the liar at it, in the row that lies.

use super::descriptors::socket;
use super::{Deed, Scene};
use crate::outcome::Outcome;
use crate::syscall::{Arg, call};
use std::time::Duration;

pub(super) const DEEDS: &[(&str, Deed)] = &[
    ("garbage_to_socket", |_| send(&[0xa5; 4096])),
    ("garbage_everywhere", garbage_everywhere),
    ("half_frame", half_frame),
    ("half_frame_and_hang", half_frame_and_hang),
    ("huge_frame", |_| send(&header(u32::MAX, ROWS, 1))),
    ("huge_control_frame", |_| send(&header(1 << 20, LOG, 1))),
    ("unknown_kind", |_| send(&header(0, 200, 1))),
    ("host_kind", |_| send(&header(0, 1, 1))),
    ("dirty_padding", dirty_padding),
    ("forged_tag", forged_tag),
    ("forged_ready", |_| control(READY, r#"{"protocol":1,"features":[],"name":"somebody-else","version":"9"}"#)),
    ("forged_refused", |_| control(REFUSED, r#"{"stage":"load","reason":"\u001b[2Jnot today"}"#)),
    ("forged_outcomes", |_| send(&frame(OUTCOMES, 1, &[0; 64]))),
    ("forged_done", |_| control(DONE, r#"{"ending":"ok","app_nanos":0,"position":0}"#)),
    ("forged_done_twice", forged_done_twice),
    ("control_not_json", |_| control(LOG, "{\"level\":3,\"message\":")),
    ("control_not_utf8", |_| send(&frame(LOG, 1, b"{\"level\":3,\"message\":\"\xff\xfe\"}"))),
    ("control_deep_json", |_| control(LOG, &"[".repeat(60_000))),
    ("progress_beyond_the_file", |_| control(PROGRESS, r#"{"position":18446744073709551615}"#)),
    ("frame_invalid_bson", |scene| one_row(scene, 1, b"\x0c\0\0\0\x10_id\0\x01")),
    ("frame_garbage_document", |scene| one_row(scene, 1, &[0xff; 64])),
    ("frame_without_id", |scene| one_row(scene, 1, b"\x0c\0\0\0\x10n\0\x07\0\0\0\0")),
    ("frame_deep_document", |scene| one_row(scene, 1, &nested(100_000))),
    ("frame_document_over_16mb", |scene| one_row(scene, 1, &sized(17 << 20))),
    ("frame_more_documents_than_sent", |scene| one_row(scene, 3, &numbered())),
    ("frame_fewer_documents_than_sent", fewer_documents),
    ("frame_four_billion_documents", |scene| one_row(scene, u32::MAX, &numbered())),
    ("frame_more_bytes_than_sent", more_bytes),
    ("frame_cut_row_header", |_| send(&frame(ROWS, 1, &[0; 20]))),
    ("frame_unknown_fate", |scene| row(scene, |head| head[44] = 77)),
    ("frame_row_again", |scene| row(scene, |head| put(head, 0, 0))),
    ("frame_row_ahead", |scene| row(scene, |head| put(head, 0, 1 << 38))),
    ("frame_row_number_max", |scene| row(scene, |head| put(head, 0, u64::MAX))),
    ("frame_position_outside", |scene| row(scene, |head| put(head, 16, u64::MAX))),
    ("frame_position_backwards", position_backwards),
    ("frame_reason_not_utf8", |scene| rejected(scene, &[0xff; 16])),
    ("frame_reason_huge", |scene| rejected(scene, &[b'x'; 60_000])),
];

const READY: u8 = 64;
const REFUSED: u8 = 65;
const ROWS: u8 = 66;
const LOG: u8 = 67;
const PROGRESS: u8 = 68;
const DONE: u8 = 69;
pub(super) const OUTCOMES: u8 = 70;

/// The tag of the first task of a worker.
const TAG: u32 = 1;

fn header(length: u32, kind: u8, tag: u32) -> Vec<u8> {
    let mut bytes = Vec::from(length.to_le_bytes());
    bytes.extend([kind, 0, 0, 0]);
    bytes.extend(tag.to_le_bytes());
    bytes
}

pub(super) fn frame(kind: u8, tag: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(u32::try_from(payload.len()).unwrap_or(u32::MAX), kind, tag);
    bytes.extend_from_slice(payload);
    bytes
}

fn write_all(file: i64, mut bytes: &[u8]) -> std::io::Result<()> {
    while !bytes.is_empty() {
        let length = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        let written = call(libc::SYS_write, [Arg::Number(file), Arg::In(bytes), Arg::Number(length)])?;
        bytes = &bytes[usize::try_from(written).unwrap_or(0)..];
    }
    Ok(())
}

/// Sends the bytes as they are and lingers. That they leave is no breach; what the host makes of them the test sees.
pub(super) fn send(bytes: &[u8]) -> Outcome {
    let sent = write_all(socket(), bytes);
    linger();
    Outcome::may_work("writing to the socket", sent)
}

/// Longer than a host takes to read what came, shorter than the time after which a test's host gives a row up.
fn linger() {
    std::thread::sleep(Duration::from_millis(1000));
}

fn control(kind: u8, json: &str) -> Outcome {
    send(&frame(kind, TAG, json.as_bytes()))
}

fn garbage_everywhere(_: &mut Scene<'_>) -> Outcome {
    for file in 0..64 {
        let _ = write_all(file, &[0xa5; 512]);
    }
    linger();
    Outcome::Harmless("wrote garbage to every descriptor".into())
}

fn half_frame(_: &mut Scene<'_>) -> Outcome {
    let _ = write_all(socket(), &header(1000, ROWS, TAG));
    let _ = write_all(socket(), &[0; 10]);
    std::process::exit(0)
}

fn half_frame_and_hang(_: &mut Scene<'_>) -> Outcome {
    let _ = write_all(socket(), &header(30 << 20, ROWS, TAG));
    let _ = write_all(socket(), &[0; 10]);
    loop {
        std::hint::spin_loop();
    }
}

fn dirty_padding(_: &mut Scene<'_>) -> Outcome {
    let mut bytes = frame(PROGRESS, TAG, br#"{"position":1}"#);
    bytes[6] = 0x55;
    send(&bytes)
}

fn forged_tag(scene: &mut Scene<'_>) -> Outcome {
    let mut payload = row_header(scene, 0, 0);
    payload[44] = 0;
    send(&frame(ROWS, 0xdead_beef, &payload))
}

fn forged_done_twice(scene: &mut Scene<'_>) -> Outcome {
    let done = r#"{"ending":"ok","app_nanos":18446744073709551615,"position":18446744073709551615}"#;
    let _ = write_all(socket(), &frame(DONE, TAG, done.as_bytes()));
    let _ = write_all(socket(), &frame(DONE, TAG, done.as_bytes()));
    row(scene, |_| {})
}

/// `number start end line: u64, refused documents bytes: u32, fate: u8, 3 zero bytes`
fn row_header(scene: &Scene<'_>, documents: u32, bytes: u32) -> Vec<u8> {
    let mut head = Vec::new();
    for number in [scene.number, scene.start, scene.start + 1, scene.line] {
        head.extend(number.to_le_bytes());
    }
    for number in [0, documents, bytes, 0] {
        head.extend(number.to_le_bytes());
    }
    head
}

fn put(head: &mut [u8], at: usize, value: u64) {
    head[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

/// A frame with this row alone, without documents, changed by `lie`.
fn row(scene: &Scene<'_>, lie: impl FnOnce(&mut Vec<u8>)) -> Outcome {
    let mut head = row_header(scene, 0, 0);
    lie(&mut head);
    send(&frame(ROWS, TAG, &head))
}

fn one_row(scene: &Scene<'_>, documents: u32, bytes: &[u8]) -> Outcome {
    let mut payload = row_header(scene, documents, u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    payload.extend_from_slice(bytes);
    send(&frame(ROWS, TAG, &payload))
}

/// `{_id: ObjectId(0)}`, for the host to number.
pub(super) fn numbered() -> Vec<u8> {
    let mut document = vec![22, 0, 0, 0, 7, b'_', b'i', b'd', 0];
    document.extend([0; 13]);
    document
}

/// `{_id: ObjectId(0), b: <so many bytes>}`
pub(super) fn sized(bytes: usize) -> Vec<u8> {
    let mut document = numbered();
    document.pop();
    document.extend([5, b'b', 0]);
    document.extend(u32::try_from(bytes).unwrap_or(0).to_le_bytes());
    document.resize(document.len() + 1 + bytes + 1, 0);
    let length = u32::try_from(document.len()).unwrap_or(0);
    document[..4].copy_from_slice(&length.to_le_bytes());
    document
}

/// `{_id: ObjectId(0), a: {a: {a: ..}}}`: a checker that recurses runs out of stack.
fn nested(depth: usize) -> Vec<u8> {
    let mut document = vec![5, 0, 0, 0, 0];
    for _ in 0..depth {
        let length = u32::try_from(document.len() + 8).unwrap_or(0);
        let mut outer = Vec::from(length.to_le_bytes());
        outer.extend([3, b'a', 0]);
        document.push(0);
        outer.append(&mut document);
        document = outer;
        if document.len() > 60_000 {
            break;
        }
    }
    let mut whole = numbered();
    whole.pop();
    whole.extend([3, b'a', 0]);
    whole.append(&mut document);
    whole.push(0);
    let length = u32::try_from(whole.len()).unwrap_or(0);
    whole[..4].copy_from_slice(&length.to_le_bytes());
    whole
}

fn fewer_documents(scene: &mut Scene<'_>) -> Outcome {
    one_row(scene, 1, &numbered().repeat(3))
}

fn more_bytes(scene: &mut Scene<'_>) -> Outcome {
    let mut payload = row_header(scene, 1, 1_000_000);
    payload.extend(numbered());
    send(&frame(ROWS, TAG, &payload))
}

fn position_backwards(scene: &mut Scene<'_>) -> Outcome {
    row(scene, |head| {
        put(head, 8, 10);
        put(head, 16, 5);
    })
}

fn rejected(scene: &Scene<'_>, reason: &[u8]) -> Outcome {
    let mut payload = row_header(scene, 0, u32::try_from(reason.len()).unwrap_or(0));
    payload[44] = 1;
    payload.extend_from_slice(reason);
    send(&frame(ROWS, TAG, &payload))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_as_long_as_they_say_so_that_only_the_lie_is_wrong() {
        for document in [numbered(), sized(1000), nested(50)] {
            assert_eq!(document[..4], u32::try_from(document.len()).unwrap().to_le_bytes());
            assert_eq!(document.last(), Some(&0));
        }
        let frame = frame(ROWS, TAG, &numbered());
        assert_eq!(frame[..4], 22_u32.to_le_bytes());
        assert_eq!(frame.len(), 12 + 22);
    }
}
