//! The same app on the same file: in a bare loop, and on the platform.

use super::measure::{self, Run};
use super::pairs::{Pairs, alternate};
use super::report::{Figure, Section};
use super::shop::{DONE, Shop};
use crate::workshop::{self, step};
use anyhow::{Result, ensure};
use std::path::Path;
use xtask::text::thousands;

/// What the platform may cost, as a multiple of the bare loop.
const PROMISED: f64 = 1.3;

pub(super) fn measure(shop: &Shop) -> Result<Section> {
    step("What isolation costs: a bare loop, and the platform");
    let data = shop.usual_data()?;
    let bare = || {
        let mut command = shop.program("bare_loop");
        command.arg(&shop.rust_app).arg(&data);
        command
    };
    let platform = || shop.platform(&shop.rust_app, &data, Path::new("null"));
    let commands = vec![workshop::line(&bare()), workshop::line(&platform())];
    let pairs = alternate(shop.pairs, || measure::run(&mut bare(), DONE), || measure::run(&mut platform(), DONE))?;
    let rows = same_work(&pairs)?;
    let ratio = pairs.ratio(|run| run.cpu_seconds).inverse();
    Ok(Section {
        title: "What isolation costs",
        meaning:
            "The same `.so` on the same file, up to validated documents in the host, without a sink. The bare loop \
                  loads it into its own process and holds each document against the validator, where it lies. On the \
                  platform it runs in a sandboxed worker; its documents come over a socket, are validated, numbered, \
                  counted and timed, and forgotten. The CPU seconds are those of host and worker together, the start \
                  of both included."
                .to_owned(),
        commands,
        head: vec!["", "CPU s per million rows", "wall s per million rows", "documents/s"],
        rows: vec![
            table_row("bare loop", rows, pairs.of_first(|run| run.cpu_seconds), pairs.of_first(|run| run.wall_seconds)),
            table_row(
                "platform",
                rows,
                pairs.of_second(|run| run.cpu_seconds),
                pairs.of_second(|run| run.wall_seconds),
            ),
        ],
        figures: vec![Figure {
            name: "CPU per million rows, over a bare loop with the same validation".to_owned(),
            measured: ratio.to_string(),
            promised: format!("\u{2264} {PROMISED}\u{d7}"),
            kept: ratio.median <= PROMISED,
        }],
    })
}

/// Rows and documents are the same on both sides, or the comparison means nothing. Answers the rows.
pub(super) fn same_work(pairs: &Pairs) -> Result<f64> {
    let (Some(first), Some(second)) = (pairs.first.first(), pairs.second.first()) else {
        anyhow::bail!("nothing was run");
    };
    let (first, second) = (work(first)?, work(second)?);
    ensure!(first == second, "the two sides did not do the same: {first:?} and {second:?} rows and documents");
    Ok(first.0)
}

/// Rows that were read, and documents that came out of them, as either kind of program tells them.
fn work(run: &Run) -> Result<(f64, f64)> {
    let rows = run.number("/rows/read").or_else(|_| run.number("/rows"))?;
    let documents = run.number("/documents/stored").or_else(|_| run.number("/documents"))?;
    Ok((rows, documents))
}

/// CPU and wall time per million rows, and the rate.
pub(super) fn table_row(name: &str, rows: f64, cpu_seconds: f64, wall_seconds: f64) -> Vec<String> {
    let millions = rows / 1e6;
    vec![
        name.to_owned(),
        format!("{:.3}", cpu_seconds / millions),
        format!("{:.3}", wall_seconds / millions),
        thousands(rows / wall_seconds),
    ]
}
