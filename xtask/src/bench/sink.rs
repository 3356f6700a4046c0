//! Into the embedded sink: the platform, and a bare loader that stores the same with the same durability.

use super::footprint::remove_database;
use super::isolation::{same_work, table_row};
use super::measure;
use super::pairs::alternate;
use super::report::{Figure, Section};
use super::shop::{DONE, Shop};
use crate::workshop::{self, step};
use anyhow::Result;

/// Documents per second, as a share of the bare loader's.
const PROMISED: f64 = 0.9;

pub(super) fn measure(shop: &Shop) -> Result<Section> {
    step("Into the embedded sink: the platform, and a bare loader");
    let data = shop.usual_data()?;
    let platform_sink = shop.folder.join("platform.sqlite");
    let bare_sink = shop.folder.join("bare.sqlite");
    let platform = || shop.platform(&shop.rust_app, &data, &platform_sink);
    let bare = || {
        let mut command = shop.program("bare_loader");
        command.arg(&shop.rust_app).arg(&data).arg(&bare_sink);
        command
    };
    let commands = vec![workshop::line(&platform()), workshop::line(&bare())];
    let pairs = alternate(
        shop.pairs,
        || {
            remove_database(&platform_sink)?;
            measure::run(&mut platform(), DONE)
        },
        || {
            remove_database(&bare_sink)?;
            measure::run(&mut bare(), DONE)
        },
    )?;
    remove_database(&platform_sink)?;
    remove_database(&bare_sink)?;
    let rows = same_work(&pairs)?;
    let ratio = pairs.ratio(|run| run.wall_seconds).inverse();
    Ok(Section {
        title: "Into the embedded sink",
        meaning:
            "The same `.so` on the same file into a fresh SQLite file. The bare loader is one process that stores \
                  each document as it comes: the same text in the same table, write-ahead log, `synchronous = FULL`, \
                  transactions of 1 MiB; it validates nothing. Both end with the log moved into the database, and that \
                  is counted."
                .to_owned(),
        commands,
        head: vec!["", "CPU s per million rows", "wall s per million rows", "documents/s"],
        rows: vec![
            table_row("platform", rows, pairs.of_first(|run| run.cpu_seconds), pairs.of_first(|run| run.wall_seconds)),
            table_row(
                "bare loader",
                rows,
                pairs.of_second(|run| run.cpu_seconds),
                pairs.of_second(|run| run.wall_seconds),
            ),
        ],
        figures: vec![Figure {
            name: "documents/s into the embedded sink, over a bare loader".to_owned(),
            measured: ratio.to_string(),
            promised: format!("\u{2265} {PROMISED}\u{d7}"),
            kept: ratio.median >= PROMISED,
        }],
    })
}
