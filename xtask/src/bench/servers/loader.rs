//! Into the null sink: the platform with everything on, and a bare loader with the same row code.

use super::null_sink::NullSink;
use super::platform::{self, Platform};
use super::{documents, table_head, table_row};
use crate::bench::isolation::same_work;
use crate::bench::measure::{self, Run};
use crate::bench::pairs::alternate;
use crate::bench::report::{Figure, Section};
use crate::bench::shop::{DONE, Shop};
use crate::workshop::step;
use anyhow::Result;
use mysimbdp_servers::Redis;
use std::path::{Path, PathBuf};

/// CPU of the platform, and its documents per second, as a share of the bare loader's.
const CPU: f64 = 1.0;
const RATE: f64 = 1.0;

pub(in crate::bench) fn measure(shop: &Shop) -> Result<Section> {
    step("On servers: the platform and a bare loader, into a MongoDB that stores nothing");
    let data = shop.usual_data()?;
    let redis = Redis::start()?;
    let pairs = alternate(shop.pairs, || on_the_platform(shop, &redis, &data), || bare(shop, &data))?;
    let done = same_work(&pairs)?;
    let (cpu, time) = (pairs.ratio(|run| run.cpu_seconds), pairs.ratio(|run| run.wall_seconds).inverse());
    Ok(Section {
        title: "On servers: what the platform costs beside a bare loader",
        meaning: "One file into a MongoDB that acknowledges inserts and stores nothing, so that what is compared is the cost \
                  of the clients alone. The bare loader is one process: `csv`, typed documents, the official driver's \
                  `insert_many` with a thousand documents, two at a time; it isolates, checks, numbers and remembers \
                  nothing. On the platform the same rows are submitted to a daemon, kept and hashed, queued in a Redis that \
                  syncs its log at every change, read by the app in a sandboxed worker, checked, numbered and counted, with \
                  checkpoints, journal and bill. CPU seconds are those of host, workers and the command that submits, from \
                  the submission until the task was over; of the bare loader, those of the process from start to end."
            .to_owned(),
        commands: vec![
            "null_sink; redis-server --appendonly yes --appendfsync always".to_owned(),
            platform::line("trips.csv"),
            "bare_inserts trips.csv mongodb://127.0.0.1:<port>/".to_owned(),
        ],
        head: table_head(),
        rows: vec![
            table_row("platform", done, pairs.of_first(|run| run.cpu_seconds), pairs.of_first(|run| run.wall_seconds)),
            table_row(
                "bare loader",
                done,
                pairs.of_second(|run| run.cpu_seconds),
                pairs.of_second(|run| run.wall_seconds),
            ),
        ],
        figures: vec![
            Figure {
                name: "client CPU per document on servers, over a bare loader".to_owned(),
                measured: cpu.to_string(),
                promised: format!("\u{2264} {CPU}\u{d7} (aim: 0.8\u{d7})"),
                kept: cpu.median <= CPU,
            },
            Figure {
                name: "documents/s into the null sink, over a bare loader".to_owned(),
                measured: time.to_string(),
                promised: format!("\u{2265} {RATE}\u{d7}"),
                kept: time.median >= RATE,
            },
        ],
    })
}

fn on_the_platform(shop: &Shop, redis: &Redis, data: &Path) -> Result<Run> {
    let sink = NullSink::start(shop)?;
    let platform = Platform::start(shop, redis, &sink.url, &["acme"])?;
    let run = platform.ingest(&[("acme", vec![PathBuf::from(data)])])?;
    platform.stop()?;
    sink.end(documents(&run)?)?;
    Ok(run)
}

fn bare(shop: &Shop, data: &Path) -> Result<Run> {
    let sink = NullSink::start(shop)?;
    let run = measure::run(shop.program("bare_inserts").arg(data).arg(&sink.url), DONE)?;
    sink.end(documents(&run)?)?;
    Ok(run)
}
