//! Memory on servers: what host and worker hold while files of very different sizes go through.

use super::documents;
use super::null_sink::NullSink;
use super::platform::{self, Platform};
use crate::bench::footprint::{PROMISED, megabytes};
use crate::bench::memory::peak_during;
use crate::bench::report::{Figure, Section};
use crate::bench::shop::Shop;
use crate::workshop::step;
use anyhow::Result;
use mysimbdp_servers::Redis;
use std::fs;
use std::path::{Path, PathBuf};
use xtask::data::HEADER;

pub(in crate::bench) fn measure(shop: &Shop) -> Result<Section> {
    step("On servers: memory of host and worker");
    let redis = Redis::start()?;
    let nothing = shop.folder.join("header-only.csv");
    fs::write(&nothing, format!("{HEADER}\n"))?;
    let idle = peak(shop, &redis, &nothing)?;
    let mut rows = vec![vec!["header only (idle)".to_owned(), megabytes(idle), String::new()]];
    let mut most = 0;
    let sizes: &[u64] = if shop.quick { &[4_000_000, 200_000_000] } else { &[4_000_000, 200_000_000, 2_000_000_000] };
    for &bytes in sizes {
        let data = shop.data(bytes)?;
        let above = peak(shop, &redis, &data)?.saturating_sub(idle);
        println!("  {} MB of data: {} above idle", bytes / 1_000_000, megabytes(above));
        rows.push(vec![format!("{} MB", bytes / 1_000_000), megabytes(idle + above), megabytes(above)]);
        most = most.max(above);
        if bytes > 1_000_000_000 {
            fs::remove_file(&data)?;
        }
    }
    Ok(Section {
        title: "On servers: memory",
        meaning: "The largest sum of the anonymous memory (`RssAnon`) of the daemon and its worker, sampled every millisecond \
                  while a file goes from a submission through the Redis queue into the null sink; a daemon of its own for \
                  each. Idle is the same for a file without a row."
            .to_owned(),
        commands: vec![platform::line("trips.csv")],
        head: vec!["file", "largest", "above idle"],
        rows,
        figures: vec![Figure {
            name: "anonymous memory of host and worker above idle on servers, any file size".to_owned(),
            measured: megabytes(most),
            promised: format!("< {}", megabytes(PROMISED)),
            kept: most < PROMISED,
        }],
    })
}

fn peak(shop: &Shop, redis: &Redis, data: &Path) -> Result<u64> {
    let sink = NullSink::start(shop)?;
    let platform = Platform::start(shop, redis, &sink.url, &["acme"])?;
    let (run, peak) = peak_during(platform.daemon.id(), || platform.ingest(&[("acme", vec![PathBuf::from(data)])]))?;
    platform.stop()?;
    sink.end(documents(&run)?)?;
    Ok(peak)
}
