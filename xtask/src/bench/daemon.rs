//! The daemon: what its path costs over `mysimbdp run`, how soon a dropped app is live, what idle tenants cost, and whether the
//! cost of a file grows with their number.

use super::measure::{self, Run, median};
use super::pairs::alternate;
use super::report::{Figure, Section};
use super::scaling;
use super::shop::{DONE, Shop};
use crate::daemon::Daemon;
use crate::workshop::{self, step};
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// CPU of the daemon's path over that of `mysimbdp run`.
const PATH: f64 = 1.1;
/// From the last byte of a dropped app to live, 99 of 100, in milliseconds.
const LIVE_MS: f64 = 300.0;
/// Share of a core, and bytes, of a thousand idle tenants.
const IDLE_CORE: f64 = 0.01;
const IDLE_BYTES: f64 = 100e6;

/// Files of a batch, the most that the profile `normal` allows, and batches.
const FILES: usize = 10;
const BATCHES: usize = 3;
const FILE_BYTES: u64 = 4_300_000;
const APP: &str = "clientbatchingestapp-csv";

const PICTURE: scaling::Words =
    scaling::Words { title: "CPU milliseconds per file", along: "files", crowds_of: "tenants" };

pub(super) fn path(shop: &Shop) -> Result<Section> {
    step("The daemon's path, and mysimbdp run, on the same files");
    let file = shop.data(FILE_BYTES)?;
    let files = (0..BATCHES * FILES).map(|number| distinct(shop, &file, number)).collect::<Result<Vec<PathBuf>>>()?;
    let directly = || {
        let sink = shop.folder.join("run.sqlite");
        remove(&sink)?;
        let mut command = std::process::Command::new(&shop.host);
        command.arg("run").arg(&shop.rust_app).args(&files).arg("--sink").arg(sink).arg("--json");
        measure::run(&mut command, DONE)
    };
    let pairs = alternate(shop.pairs, directly, || through_the_daemon(shop, &files))?;
    let ratio = pairs.ratio(|run| run.cpu_seconds).inverse();
    let row = |name: &str, cpu: f64, wall: f64| vec![name.to_owned(), format!("{cpu:.3}"), format!("{wall:.3}")];
    Ok(Section {
        title: "The daemon's path",
        meaning: format!(
            "{} files of 4.3 MB. `mysimbdp run` takes them one after another; the daemon is sent them over its socket in {BATCHES} \
             batches, keeps, hashes and queues them, runs three at a time with checkpoints, writes journal and bill, and is \
             stopped. CPU seconds are those of everything from the first submission on: daemon, workers, and the commands that \
             submit; the wall's have start and stop in them. Submitted to stored takes {:.2} s.",
            BATCHES * FILES,
            median(pairs.second.iter().map(|run| run.number("/submit_seconds").unwrap_or(f64::NAN)))
        ),
        commands: vec![
            "mysimbdp run app.so trips-*.csv --sink run.sqlite --json".to_owned(),
            format!("mysimbdp serve; cp app.so staging/acme/; mysimbdp submit acme {APP} trips-?.csv; …"),
        ],
        head: vec!["", "CPU s", "wall s"],
        rows: vec![
            row("run", pairs.of_first(|run| run.cpu_seconds), pairs.of_first(|run| run.wall_seconds)),
            row("daemon", pairs.of_second(|run| run.cpu_seconds), pairs.of_second(|run| run.wall_seconds)),
        ],
        figures: vec![Figure {
            name: "CPU of the daemon's path, over mysimbdp run on the same files".to_owned(),
            measured: ratio.to_string(),
            promised: format!("\u{2264} {PATH}\u{d7}"),
            kept: ratio.median <= PATH,
        }],
    })
}

fn through_the_daemon(shop: &Shop, files: &[PathBuf]) -> Result<Run> {
    let folder = fresh(shop, "daemon")?;
    let started = Instant::now();
    let daemon = Daemon::start(&shop.host, &folder)?;
    drop_app(&daemon, &folder, "acme", &shop.rust_app)?;
    let before = daemon.tree_cpu_seconds()?;
    let (mut cpu, mut submit_seconds) = (0.0, 0.0);
    for batch in files.chunks(FILES) {
        let mut submit = std::process::Command::new(&shop.host);
        submit.args(["submit", "acme", APP, "--json"]).args(batch).current_dir(&folder);
        let submitted = measure::run(&mut submit, DONE)?;
        cpu += submitted.cpu_seconds;
        submit_seconds += submitted.wall_seconds;
    }
    cpu += daemon.stop_and_count()? - before;
    Ok(Run {
        wall_seconds: started.elapsed().as_secs_f64(),
        cpu_seconds: cpu,
        account: json!({ "submit_seconds": submit_seconds }),
    })
}

pub(super) fn drops(shop: &Shop) -> Result<Section> {
    let drops = if shop.quick { 20 } else { 200 };
    step(&format!("{drops} new generations of an app, one after another"));
    let folder = fresh(shop, "drops")?;
    let daemon = Daemon::start(&shop.host, &folder)?;
    let app = fs::read(&shop.c_app).with_context(|| format!("cannot read {}", workshop::shown(&shop.c_app)))?;
    let build = folder.join("build.so");
    let mut waits = Vec::new();
    for number in 0..drops {
        // Bytes behind the end change nothing but the generation.
        fs::write(&build, [&app[..], format!("build {number:08}").as_bytes()].concat())?;
        let before = live(&daemon)?;
        let place = folder.join("staging/acme");
        fs::create_dir_all(&place)?;
        fs::copy(&build, place.join("app.so"))?;
        let copied = Instant::now();
        while live(&daemon)? == before {
            ensure!(copied.elapsed() < Duration::from_secs(30), "a dropped app does not become live");
        }
        waits.push(copied.elapsed().as_secs_f64() * 1_000.0);
    }
    daemon.stop()?;
    waits.sort_by(f64::total_cmp);
    let at = |share: f64| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "few")]
        let place = ((waits.len() - 1) as f64 * share).round() as usize;
        waits[place]
    };
    let late = at(0.99);
    Ok(Section {
        title: "From dropped to live",
        meaning: "From the end of `cp` until the command line sees the new generation live: the quiet moment (100 ms by \
                  default), reading, examining, storing, the probe in a sandboxed worker, one synced transaction, and the \
                  question itself."
            .to_owned(),
        commands: vec!["cp app.so staging/acme/; mysimbdp apps list".to_owned()],
        head: vec!["", "median", "99 of 100", "slowest"],
        rows: vec![vec![
            format!("{drops} drops"),
            format!("{:.0} ms", at(0.5)),
            format!("{late:.0} ms"),
            format!("{:.0} ms", at(1.0)),
        ]],
        figures: vec![Figure {
            name: "from the last byte of a dropped app to live, 99 of 100".to_owned(),
            measured: format!("{late:.0} ms"),
            promised: format!("< {LIVE_MS} ms"),
            kept: late < LIVE_MS,
        }],
    })
}

/// The generation that is live, if one is.
fn live(daemon: &Daemon) -> Result<Option<String>> {
    let apps = daemon.ask(&["apps", "list"])?;
    Ok(apps[0]["generation"].as_str().map(str::to_owned))
}

pub(super) fn idle(shop: &Shop) -> Result<Section> {
    let tenants = if shop.quick { 100 } else { 1_000 };
    step(&format!("{tenants} tenants with an app each, and nothing to do"));
    let folder = crowd(shop, "idle", tenants)?;
    let daemon = Daemon::start(&shop.host, &folder)?;
    let all_live = all_live(&daemon, tenants)?;
    std::thread::sleep(Duration::from_secs(if shop.quick { 2 } else { 40 }));
    // Longer than the pause between two scans.
    let (before, window) = (daemon.cpu_seconds()?, Duration::from_secs(if shop.quick { 5 } else { 65 }));
    std::thread::sleep(window);
    let core = (daemon.cpu_seconds()? - before) / window.as_secs_f64();
    let (bytes, workers) = (daemon.anonymous_bytes()?, daemon.workers());
    daemon.stop()?;
    Ok(Section {
        title: "A thousand tenants with nothing to do",
        meaning: format!(
            "Each tenant has a directory in staging with an app that is live. All of them are live {all_live:.1} s after the \
             start. Then the daemon is left alone, and looked at over {} s, scans of all directories included.",
            window.as_secs()
        ),
        commands: vec!["mysimbdp serve".to_owned()],
        head: vec!["", "share of a core", "anonymous memory", "worker processes"],
        rows: vec![vec![
            format!("{tenants} tenants"),
            format!("{:.2} %", core * 100.0),
            format!("{:.1} MB", bytes / 1e6),
            workers.to_string(),
        ]],
        figures: vec![
            Figure {
                name: format!("share of a core of {tenants} idle tenants"),
                measured: format!("{:.2} %", core * 100.0),
                promised: format!("< {} %", IDLE_CORE * 100.0),
                kept: core < IDLE_CORE,
            },
            Figure {
                name: format!("anonymous memory with {tenants} idle tenants, no worker process"),
                measured: format!("{:.1} MB, {workers} workers", bytes / 1e6),
                promised: format!("< {:.0} MB, 0 workers", IDLE_BYTES / 1e6),
                kept: bytes < IDLE_BYTES && workers == 0,
            },
        ],
    })
}

/// A folder in whose staging directory so many tenants have an app each.
pub(super) fn crowd(shop: &Shop, name: &str, tenants: usize) -> Result<PathBuf> {
    let folder = fresh(shop, name)?;
    for number in 0..tenants {
        let place = folder.join(format!("staging/t{number:04}"));
        fs::create_dir_all(&place)?;
        fs::copy(&shop.c_app, place.join("app.so"))?;
    }
    Ok(folder)
}

/// Waits until so many apps are live; answers how many seconds that took.
pub(super) fn all_live(daemon: &Daemon, apps: usize) -> Result<f64> {
    let began = Instant::now();
    while daemon.ask(&["apps", "list"])?.as_array().map_or(0, Vec::len) < apps {
        ensure!(began.elapsed() < Duration::from_secs(300), "the apps do not become live");
        std::thread::sleep(Duration::from_millis(250));
    }
    Ok(began.elapsed().as_secs_f64())
}

pub(super) fn growth(shop: &Shop) -> Result<Section> {
    step("The cost of a file, with ever more files and tenants");
    let (counts, crowds): (&[usize], &[usize]) =
        if shop.quick { (&[10, 100], &[1, 10]) } else { (&[10, 100, 1_000], &[1, 10, 100]) };
    let file = shop.data(43_000)?;
    let mut cells = Vec::new();
    for crowd in crowds {
        for count in counts {
            cells.push((*crowd, *count, cost_of_a_file(shop, &file, *crowd, *count)?));
        }
    }
    let picture = workshop::root().join("docs/daemon-scaling.svg");
    if !shop.quick {
        fs::write(&picture, scaling::picture(&cells, &PICTURE))?;
    }
    let rows = crowds.iter().map(|crowd| {
        let of = cells.iter().filter(|(tenants, ..)| tenants == crowd);
        std::iter::once(format!("{crowd} tenants")).chain(of.map(|(_, _, ms)| format!("{ms:.1} ms"))).collect()
    });
    let head = ["", "10 files", "100 files", "1,000 files"].into_iter().take(counts.len() + 1).collect();
    Ok(Section {
        title: "The cost of a file does not grow with their number",
        meaning: "CPU milliseconds per file of 43 kB, from the drop into an inbox to stored: everything of the daemon and its \
                  workers, less what the daemon costs without a file. A worker serves one tenant and no other, and a slot keeps \
                  four that have nothing to do: with one tenant nearly every file finds a warm one, with ten and more \
                  nearly every file pays for the start of one (a process, its sandbox, loading the app). That is the step \
                  from the first row to the others; it does not grow any further. ![CPU per file](daemon-scaling.svg)"
            .to_owned(),
        commands: vec!["cp trips-*.csv staging/<tenant>/inbox/<app>/".to_owned()],
        head,
        rows: rows.collect(),
        figures: Vec::new(),
    })
}

/// CPU milliseconds per file.
fn cost_of_a_file(shop: &Shop, file: &Path, tenants: usize, files: usize) -> Result<f64> {
    let folder = fresh(shop, "growth")?;
    let daemon = Daemon::start(&shop.host, &folder)?;
    let names: Vec<String> = (0..tenants).map(|number| format!("t{number}")).collect();
    for tenant in &names {
        drop_app(&daemon, &folder, tenant, &shop.rust_app)?;
    }
    let before = daemon.tree_cpu_seconds()?;
    let data = fs::read(file)?;
    for number in 0..files {
        let inbox = folder.join("staging").join(&names[number % tenants]).join("inbox").join(APP);
        fs::create_dir_all(&inbox)?;
        // Each a content of its own: a comment at the end that is a row no more.
        fs::write(inbox.join(format!("{number}.csv")), [&data[..], "\n".repeat(number + 1).as_bytes()].concat())?;
    }
    let began = Instant::now();
    loop {
        let tenants = daemon.ask(&["tenants", "list"])?;
        let stats: Value = daemon.ask(&["stats"])?;
        let ended = stats["all"]["tasks"].as_u64().unwrap_or_default();
        if usize::try_from(ended)? >= files {
            break;
        }
        ensure!(began.elapsed() < Duration::from_secs(600), "the files are not ingested: {tenants}");
        std::thread::sleep(Duration::from_millis(500));
    }
    let cpu = daemon.tree_cpu_seconds()? - before;
    daemon.stop()?;
    #[expect(clippy::cast_precision_loss, reason = "a thousand files")]
    let each = cpu * 1_000.0 / files as f64;
    Ok(each)
}

pub(super) fn drop_app(daemon: &Daemon, folder: &Path, tenant: &str, app: &Path) -> Result<()> {
    let place = folder.join("staging").join(tenant);
    fs::create_dir_all(&place)?;
    let dropped = place.join("app.so");
    fs::copy(app, &dropped)?;
    let verdict = daemon.verdict(&dropped)?;
    ensure!(verdict["verdict"] == "live", "the app should be live: {verdict}");
    Ok(())
}

/// The same rows with another content, so that the daemon takes it for another file.
fn distinct(shop: &Shop, file: &Path, number: usize) -> Result<PathBuf> {
    let path = shop.folder.join(format!("trips-{number}.csv"));
    let mut data = fs::read(file)?;
    data.extend(std::iter::repeat_n(b'\n', number));
    fs::write(&path, data)?;
    Ok(path)
}

pub(super) fn fresh(shop: &Shop, name: &str) -> Result<PathBuf> {
    let folder = shop.folder.join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn remove(sink: &Path) -> Result<()> {
    for end in ["", "-wal", "-shm"] {
        let path = PathBuf::from(format!("{}{end}", sink.display()));
        if path.exists() {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}
