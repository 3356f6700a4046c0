//! Memory: what host and worker hold while files of very different sizes go through.

use super::memory::peak_anonymous;
use super::report::{Figure, Section};
use super::shop::{DONE, Shop};
use crate::workshop::{self, step};
use anyhow::Result;
use std::fs;
use std::path::Path;
use xtask::data::HEADER;

/// Above idle, in bytes.
pub(super) const PROMISED: u64 = 64 * 1024 * 1024;

pub(super) fn measure(shop: &Shop) -> Result<Section> {
    step("Memory of host and worker");
    let nothing = shop.folder.join("header-only.csv");
    fs::write(&nothing, format!("{HEADER}\n"))?;
    let sink = shop.folder.join("memory.sqlite");
    let peak = |data: &Path| -> Result<u64> {
        remove_database(&sink)?;
        let peak = peak_anonymous(&mut shop.platform(&shop.rust_app, data, &sink), DONE);
        remove_database(&sink)?;
        peak
    };
    let idle = peak(&nothing)?;
    let mut rows = vec![vec!["header only (idle)".to_owned(), megabytes(idle), String::new()]];
    let mut most = 0;
    let sizes: &[u64] = if shop.quick { &[4_000_000, 20_000_000] } else { &[4_000_000, 200_000_000, 2_000_000_000] };
    for &bytes in sizes {
        let data = shop.data(bytes)?;
        let above = peak(&data)?.saturating_sub(idle);
        println!("  {} MB of data: {} above idle", bytes / 1_000_000, megabytes(above));
        rows.push(vec![format!("{} MB", bytes / 1_000_000), megabytes(idle + above), megabytes(above)]);
        most = most.max(above);
        if bytes > 1_000_000_000 {
            fs::remove_file(&data)?;
        }
    }
    let command = workshop::line(&shop.platform(&shop.rust_app, Path::new("trips.csv"), &sink));
    Ok(Section {
        title: "Memory",
        meaning: "The largest sum of the anonymous memory (`RssAnon`) of the host and its worker, sampled every \
                  millisecond while a file goes into the embedded sink. Idle is the same for a file without a row: the \
                  sink is open, the worker is ready."
            .to_owned(),
        commands: vec![command],
        head: vec!["file", "largest", "above idle"],
        rows,
        figures: vec![Figure {
            name: "anonymous memory of host and worker above idle, any file size".to_owned(),
            measured: megabytes(most),
            promised: format!("< {}", megabytes(PROMISED)),
            kept: most < PROMISED,
        }],
    })
}

/// The database and what SQLite keeps beside it.
pub(super) fn remove_database(path: &Path) -> Result<()> {
    for suffix in ["", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(suffix);
        match fs::remove_file(&file) {
            Err(why) if why.kind() != std::io::ErrorKind::NotFound => return Err(why.into()),
            Err(_) | Ok(()) => {}
        }
    }
    Ok(())
}

pub(super) fn megabytes(bytes: u64) -> String {
    let tenths = bytes * 10 / (1024 * 1024);
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}
