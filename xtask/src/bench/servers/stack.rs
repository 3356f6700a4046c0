//! Ten files of two tenants: the platform, and the Python stack that it replaces.

use super::null_sink::NullSink;
use super::platform::{self, Platform, distinct};
use super::python::{self, Python};
use super::{documents, table_head, table_row};
use crate::bench::isolation::same_work;
use crate::bench::measure::Run;
use crate::bench::pairs::alternate;
use crate::bench::report::{Figure, Section};
use crate::bench::shop::Shop;
use crate::workshop::step;
use anyhow::Result;
use mysimbdp_servers::Redis;
use std::path::PathBuf;

/// CPU of the Python stack for each document, as a multiple of the platform's.
const PROMISED: f64 = 9.0;
const FILES: usize = 10;
const FILE_BYTES: u64 = 4_300_000;
const TENANTS: [&str; 2] = ["acme", "globex"];

type Batches = [(&'static str, Vec<PathBuf>)];

pub(in crate::bench) fn measure(shop: &Shop) -> Result<Section> {
    step("On servers: the platform and the Python stack, ten files of two tenants");
    let (redis, python) = (Redis::start()?, Python::need(shop)?);
    let files = distinct(shop, &shop.data(FILE_BYTES)?, FILES)?;
    let (first, second) = files.split_at(FILES / 2);
    let batches = [(TENANTS[0], first.to_vec()), (TENANTS[1], second.to_vec())];
    let pairs = alternate(
        shop.pairs,
        || on_the_platform(shop, &redis, &batches),
        || in_python(shop, &python, &redis, &batches),
    )?;
    let done = same_work(&pairs)?;
    let ratio = pairs.ratio(|run| run.cpu_seconds).inverse();
    let mut rows = vec![
        table_row("platform", done, pairs.of_first(|run| run.cpu_seconds), pairs.of_first(|run| run.wall_seconds)),
        table_row("Python", done, pairs.of_second(|run| run.cpu_seconds), pairs.of_second(|run| run.wall_seconds)),
    ];
    if !shop.quick {
        let large = in_python(shop, &python, &redis, &[(TENANTS[0], vec![shop.usual_data()?])])?;
        rows.push(table_row("Python, one file of 200 MB", documents(&large)?, large.cpu_seconds, large.wall_seconds));
    }
    Ok(Section {
        title: "On servers: the Python stack that the platform replaces",
        meaning: "Five files of 4.3 MB for each of two tenants, from the submission until all are stored, into the null sink \
                  and over the same Redis. The Python stack is that of the first version: RQ with three workers, each file \
                  read by `csv.DictReader` into memory as a whole and sent with one `insert_many`; what it starts is started \
                  before the clock is. CPU seconds are those of workers and whoever submits, on both sides, and the \
                  platform's host."
            .to_owned(),
        commands: vec![platform::line("trips-0.csv …"), python::line()],
        head: table_head(),
        rows,
        figures: vec![Figure {
            name: "CPU per document of the Python stack, over the platform's".to_owned(),
            measured: ratio.to_string(),
            promised: format!("\u{2265} {PROMISED}\u{d7}"),
            kept: ratio.median >= PROMISED,
        }],
    })
}

fn on_the_platform(shop: &Shop, redis: &Redis, batches: &Batches) -> Result<Run> {
    let sink = NullSink::start(shop)?;
    let platform = Platform::start(shop, redis, &sink.url, &TENANTS)?;
    let run = platform.ingest(batches)?;
    platform.stop()?;
    sink.end(documents(&run)?)?;
    Ok(run)
}

fn in_python(shop: &Shop, python: &Python, redis: &Redis, batches: &Batches) -> Result<Run> {
    let sink = NullSink::start(shop)?;
    let run = python.ingest(redis, &sink.url, batches)?;
    sink.end(documents(&run)?)?;
    Ok(run)
}
