//! A message of 200 bytes: on its way to an app in a sandboxed worker and back, and in a direct call.

use super::measure::{self, figures, median};
use super::report::{Figure, Section};
use super::shop::{DONE, Shop};
use crate::workshop::{self, cargo, step, target};
use anyhow::Result;

/// Over a direct call, in nanoseconds.
const PROMISED: f64 = 100.0;

pub(super) fn measure(shop: &Shop) -> Result<Section> {
    step("A message of 200 bytes, isolated and directly");
    workshop::run(&mut cargo(&["build", "--release", "-p", "mysimbdp-bench", "--example", "touch"]))?;
    let app = target().join("release/examples/libtouch.so");
    let mut command = shop.program("stream_call");
    command.arg(&shop.host).arg(app).arg(shop.pairs.to_string());
    let run = measure::run(&mut command, DONE)?;
    let direct = figures(&run, "direct_ns")?;
    let alone = figures(&run, "alone_ns")?;
    let loaded = figures(&run, "loaded_ns")?;
    let cpu = figures(&run, "cpu_ns")?;
    let texts = figures(&run, "texts_ns")?;
    let over = median(loaded.iter().zip(&direct).map(|(isolated, direct)| isolated - direct));
    let row = |name: &str, figures: &[f64]| vec![name.to_owned(), format!("{:.0} ns", median(figures.iter().copied()))];
    Ok(Section {
        title: "A stream's message",
        meaning: "An app that looks at each byte of a message of 200 bytes and emits nothing, called directly, and in a \
                  sandboxed worker: encoded, sent, decoded, guarded against panics, timed, its outcome sent back and \
                  decoded, in full batches of 256 over the real protocol. \"Under load\" has four batches under way, so \
                  that host and worker work at the same time; that is the time a message adds. \"CPU\" is what both \
                  processes spend on it together under load."
            .to_owned(),
        commands: vec![workshop::line(&command)],
        head: vec!["", "per message"],
        rows: vec![
            row("direct call", &direct),
            row("isolated, under load", &loaded),
            row("isolated, under load, with stream, consumer tag, exchange and routing key", &texts),
            row("isolated, one batch at a time", &alone),
            row("isolated, CPU of both processes", &cpu),
        ],
        figures: vec![Figure {
            name: "a 200-byte message, isolated, timed, guarded, over a direct call".to_owned(),
            measured: format!("{over:.0} ns"),
            promised: format!("< {PROMISED} ns"),
            kept: over < PROMISED,
        }],
    })
}
