//! Ways to say too much.

use super::{Deed, Scene};
use crate::outcome::Outcome;
use crate::syscall::{Arg, call};
use mysimbdp_plugin_api::prelude::Level;

pub(super) const DEEDS: &[(&str, Deed)] = &[
    ("stdout_1gb", |_| pour(1)),
    ("stderr_1gb", |_| pour(2)),
    ("stdout_escape_codes", escape_codes),
    ("close_stdout", close_stdout),
    ("log_flood", log_flood),
    ("log_huge_line", log_huge_line),
    ("log_escape_codes", log_escape_codes),
];

/// A gigabyte to a descriptor: the host takes what it wants of it and forgets the rest.
fn pour(descriptor: i64) -> Outcome {
    let chunk = vec![b'x'; 1 << 20];
    for written in 0..1024 {
        let length = Arg::Number(1 << 20);
        if let Err(error) = call(libc::SYS_write, [Arg::Number(descriptor), Arg::In(&chunk), length]) {
            return Outcome::Held(format!("{written} MB, then: {error}"));
        }
    }
    Outcome::Harmless("a gigabyte was taken".into())
}

/// Would clear a terminal, change its title and colour everything after it.
const ESCAPES: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{1b}[31mred\r\nsecond line\u{0}\u{8}";

fn escape_codes(_: &mut Scene<'_>) -> Outcome {
    let length = Arg::Number(i64::try_from(ESCAPES.len()).unwrap_or(0));
    Outcome::may_work("writing", call(libc::SYS_write, [Arg::Number(2), Arg::In(ESCAPES.as_bytes()), length]))
}

fn close_stdout(_: &mut Scene<'_>) -> Outcome {
    Outcome::worst([1, 2].map(|file| Outcome::may_work("close", call(libc::SYS_close, [Arg::Number(file)]))))
}

fn log_flood(scene: &mut Scene<'_>) -> Outcome {
    for line in 0..200_000 {
        scene.sink.log(Level::Info, format!("line {line} of a flood"));
    }
    Outcome::Harmless("two hundred thousand lines".into())
}

fn log_huge_line(scene: &mut Scene<'_>) -> Outcome {
    scene.sink.log(Level::Error, "é".repeat(20 << 20));
    Outcome::Harmless("one line of 40 MB".into())
}

fn log_escape_codes(scene: &mut Scene<'_>) -> Outcome {
    scene.sink.log(Level::Warn, ESCAPES);
    Outcome::Harmless("an ugly line".into())
}
