//! Into a MongoDB that stores what it is sent: reported, with the server's share of the CPU, and nothing promised.

use super::platform::{self, Platform};
use super::table_head;
use crate::bench::measure::{self, Run};
use crate::bench::pairs::{Pairs, alternate};
use crate::bench::report::Section;
use crate::bench::shop::{DONE, Shop};
use crate::daemon::cpu_of;
use crate::workshop::step;
use anyhow::{Context as _, Result};
use mysimbdp_servers::{MongoDb, Redis};
use serde_json::json;
use std::path::{Path, PathBuf};
use xtask::text::thousands;

/// A server takes many times as long as we do.
const PAIRS: usize = 3;

/// The median of what one side's runs tell.
type Median = fn(&Pairs, fn(&Run) -> f64) -> f64;

pub(in crate::bench) fn measure(shop: &Shop) -> Result<Section> {
    step("On servers: the platform and a bare loader, into a MongoDB");
    let data = shop.data(if shop.quick { 4_300_000 } else { 20_000_000 })?;
    let redis = Redis::start()?;
    let pairs = alternate(shop.pairs.min(PAIRS), || on_the_platform(shop, &redis, &data), || bare(shop, &data))?;
    let row = |name: &str, of: Median| {
        let number = |pointer: fn(&Run) -> f64| of(&pairs, pointer);
        let documents = number(|run| run.number("/documents").unwrap_or(f64::NAN));
        let server = number(|run| run.number("/server_cpu_seconds").unwrap_or(f64::NAN));
        let (cpu, wall) = (number(|run| run.cpu_seconds), number(|run| run.wall_seconds));
        vec![
            name.to_owned(),
            format!("{:.3}", cpu / documents * 1e6),
            thousands(documents / wall),
            format!("{wall:.2}"),
            format!("{:.3}", server / documents * 1e6),
            format!("{:.0} %", server / (server + cpu) * 100.0),
        ]
    };
    let mut head = table_head();
    head.extend(["server CPU s per million documents", "server's share of the CPU"]);
    Ok(Section {
        title: "On servers: into a MongoDB that stores",
        meaning: "The same as with the null sink, into the MongoDB that the tests use, which syncs its log at every write; \
                  where no `mongod` is installed, that is a server of its protocol over the same storage engine, and the \
                  absolute figures are its own. A fresh server for each run."
            .to_owned(),
        commands: vec![
            platform::line("trips.csv"),
            "bare_inserts trips.csv mongodb://127.0.0.1:<port>/".to_owned(),
        ],
        head,
        rows: vec![row("platform", |pairs, of| pairs.of_first(of)), row("bare loader", |pairs, of| pairs.of_second(of))],
        figures: Vec::new(),
    })
}

fn on_the_platform(shop: &Shop, redis: &Redis, data: &Path) -> Result<Run> {
    let server = MongoDb::start()?;
    let platform = Platform::start(shop, redis, &server.url(), &["acme"])?;
    let run = with_the_server(&server, || platform.ingest(&[("acme", vec![PathBuf::from(data)])]))?;
    platform.stop()?;
    Ok(run)
}

fn bare(shop: &Shop, data: &Path) -> Result<Run> {
    let server = MongoDb::start()?;
    with_the_server(&server, || measure::run(shop.program("bare_inserts").arg(data).arg(server.url()), DONE))
}

/// The run, with the CPU seconds of the server in that time in its account.
fn with_the_server(server: &MongoDb, run: impl FnOnce() -> Result<Run>) -> Result<Run> {
    let id = server.id().context("the MongoDB does not run")?;
    let before = cpu_of(id, 4)?;
    let run = run()?;
    let cpu = cpu_of(id, 4)? - before;
    let account = json!({ "documents": run.number("/documents")?, "server_cpu_seconds": cpu });
    Ok(Run { account, ..run })
}
