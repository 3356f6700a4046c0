//! How long a worker takes from its spawning to "ready": confined, the app loaded and its table checked.

use super::measure::{self, figures, median};
use super::report::{Figure, Section};
use super::shop::{DONE, Shop};
use crate::workshop::{self, step};
use anyhow::{Result, ensure};

/// In milliseconds.
const PROMISED: f64 = 5.0;
const STARTS: usize = 100;

pub(super) fn measure(shop: &Shop) -> Result<Section> {
    step("A worker's start");
    let (mut rows, mut commands) = (Vec::new(), Vec::new());
    let mut slowest: f64 = 0.0;
    for (name, app) in [("app in Rust", &shop.rust_app), ("app in C", &shop.c_app)] {
        let mut command = shop.program("worker_start");
        command.arg(&shop.host).arg(app).arg(STARTS.to_string());
        commands.push(workshop::line(&command));
        let mut starts = figures(&measure::run(&mut command, DONE)?, "milliseconds")?;
        ensure!(starts.len() == STARTS, "{STARTS} starts were asked for, {} were made", starts.len());
        starts.sort_by(f64::total_cmp);
        let middle = median(starts.iter().copied());
        slowest = slowest.max(middle);
        let (quickest, near_last) = (starts[0], starts[STARTS * 95 / 100]);
        rows.push(vec![
            name.to_owned(),
            format!("{quickest:.2} ms"),
            format!("{middle:.2} ms"),
            format!("{near_last:.2} ms"),
        ]);
    }
    Ok(Section {
        title: "A worker's start",
        meaning: format!(
            "From the host's decision to start a worker until its \"ready\" has arrived: process, sandbox, loading the \
             app, checking its table, the last seccomp stage. {STARTS} starts of each."
        ),
        commands,
        head: vec!["", "quickest", "median", "95 of 100"],
        rows,
        figures: vec![Figure {
            name: "worker start to ready, median".to_owned(),
            measured: format!("{slowest:.2} ms"),
            promised: format!("< {PROMISED} ms"),
            kept: slowest < PROMISED,
        }],
    })
}
