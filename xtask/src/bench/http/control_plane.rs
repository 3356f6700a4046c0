//! A thousand tenants, and two hundred who look at a page.

use super::super::daemon::{all_live, crowd};
use super::super::measure::median;
use super::super::report::{Figure, Section};
use super::super::shop::Shop;
use super::connection::Looker;
use super::{Connection, start};
use crate::workshop::step;
use anyhow::{Result, ensure};
use std::time::{Duration, Instant};

/// Share of a core, bytes, and milliseconds.
const CORE: f64 = 0.02;
const BYTES: f64 = 150e6;
const PAGE_MS: f64 = 100.0;
const LOOKERS: usize = 200;
/// Of them, so many look at the platform, the others at a tenant each.
const AT_ALL: usize = 20;
const PAGES: usize = 50;

pub(in crate::bench) fn measure(shop: &Shop) -> Result<Section> {
    let tenants = if shop.quick { 200 } else { 1_000 };
    step(&format!("{tenants} tenants with an app each, and {LOOKERS} who look"));
    let folder = crowd(shop, "control-plane", tenants)?;
    let (daemon, address) = start(&shop.host, &folder)?;
    all_live(&daemon, tenants)?;
    let mut lookers = (0..LOOKERS)
        .map(|number| {
            let of = if number < AT_ALL { String::new() } else { format!("?tenant=t{:04}", number - AT_ALL) };
            Connection::open(&address)?.look(&format!("/v1/live{of}"))
        })
        .collect::<Result<Vec<Looker>>>()?;
    look(&mut lookers, Duration::from_secs(if shop.quick { 5 } else { 40 }))?;
    // Longer than the pause between two scans.
    let window = Duration::from_secs(if shop.quick { 20 } else { 65 });
    let (before, began) = (daemon.cpu_seconds()?, Instant::now());
    look(&mut lookers, window)?;
    let core = (daemon.cpu_seconds()? - before) / began.elapsed().as_secs_f64();
    let mut connection = Connection::open(&address)?;
    let mut page = || -> Result<f64> {
        let began = Instant::now();
        let status = connection.ask("GET /v1/status", b"")?;
        let took = began.elapsed().as_secs_f64() * 1_000.0;
        let told = status["tenants"].as_array().map_or(0, Vec::len);
        ensure!(told == tenants, "the page tells of {told} tenants");
        Ok(took)
    };
    let pages = (0..PAGES).map(|_| page()).collect::<Result<Vec<f64>>>()?;
    let bytes = daemon.anonymous_bytes()?;
    ensure!(lookers.iter().all(|looker| looker.came > 0), "somebody who looks has seen nothing");
    drop(lookers);
    daemon.stop()?;
    let (page, slowest) = (median(pages.iter().copied()), pages.iter().copied().fold(0.0, f64::max));
    let figure = |name: String, measured: String, promised: String, kept| Figure { name, measured, promised, kept };
    Ok(Section {
        title: "A thousand tenants, and two hundred who look",
        meaning: format!(
            "Each tenant has an app that is live; {} streams of events of a tenant each and {AT_ALL} of the platform are open. Nothing \
             else is asked for over {} s, scans of all directories included. Then the data of the overview page is asked for {PAGES} \
             times, while the streams are open; memory is that after all of it.",
            LOOKERS - AT_ALL,
            window.as_secs()
        ),
        commands: vec!["GET /v1/live; GET /v1/live?tenant=…; GET /v1/status".to_owned()],
        head: vec!["", "share of a core", "anonymous memory", "status, median", "slowest"],
        rows: vec![vec![
            format!("{tenants} tenants"),
            format!("{:.2} %", core * 100.0),
            format!("{:.1} MB", bytes / 1e6),
            format!("{page:.1} ms"),
            format!("{slowest:.1} ms"),
        ]],
        figures: vec![
            figure(
                format!("share of a core of {tenants} idle tenants and {LOOKERS} streams of events"),
                format!("{:.2} %", core * 100.0),
                format!("< {:.0} %", CORE * 100.0),
                core < CORE,
            ),
            figure(
                "anonymous memory with them".to_owned(),
                format!("{:.1} MB", bytes / 1e6),
                format!("< {:.0} MB", BYTES / 1e6),
                bytes < BYTES,
            ),
            figure(
                "the overview page's data, median".to_owned(),
                format!("{page:.1} ms"),
                format!("< {PAGE_MS:.0} ms"),
                page < PAGE_MS,
            ),
        ],
    })
}

/// Takes what comes, for so long.
fn look(lookers: &mut [Looker], how_long: Duration) -> Result<()> {
    let (until, mut room) = (Instant::now() + how_long, vec![0; 64 << 10]);
    while Instant::now() < until {
        std::thread::sleep(Duration::from_millis(250));
        for looker in &mut *lookers {
            looker.take(&mut room)?;
        }
    }
    Ok(())
}
