//! Whether the cost of a file grows with the hosts that share a queue: one host and two, with ever more files.

use super::null_sink::NullSink;
use super::platform::since_1970;
use crate::bench::report::Section;
use crate::bench::scaling;
use crate::bench::shop::Shop;
use crate::daemon::Daemon;
use crate::workshop::{self, step};
use anyhow::{Context as _, Result, ensure};
use mysimbdp_servers::Redis;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

const APP: &str = "clientbatchingestapp-csv";
const TENANT: &str = "acme";
const FILE_BYTES: u64 = 43_000;
const HOSTS: [usize; 2] = [1, 2];
/// Nothing takes longer.
const PATIENCE: Duration = Duration::from_secs(600);

const PICTURE: scaling::Words =
    scaling::Words { title: "CPU milliseconds per file", along: "files", crowds_of: "hosts" };

pub(in crate::bench) fn measure(shop: &Shop) -> Result<Section> {
    step("On servers: the cost of a file, with one host and with two");
    let counts: &[usize] = if shop.quick { &[10, 100] } else { &[10, 100, 1_000] };
    let (redis, file) = (Redis::start()?, shop.data(FILE_BYTES)?);
    let (mut cells, mut shares) = (Vec::new(), Vec::new());
    for hosts in HOSTS {
        for count in counts {
            let (cost, share) = cost_of_a_file(shop, &redis, &file, hosts, *count)?;
            cells.push((hosts, *count, cost));
            shares.push(share);
        }
    }
    let picture = workshop::root().join("docs/hosts-scaling.svg");
    if !shop.quick {
        fs::write(&picture, scaling::picture(&cells, &PICTURE))?;
    }
    let rows = HOSTS.iter().map(|hosts| {
        let of = cells.iter().filter(|(of, ..)| of == hosts);
        std::iter::once(format!("{hosts} hosts")).chain(of.map(|(_, _, ms)| format!("{ms:.1} ms"))).collect()
    });
    let head = ["", "10 files", "100 files", "1,000 files"].into_iter().take(counts.len() + 1).collect();
    let share = shares.last().copied().unwrap_or_default() * 100.0;
    Ok(Section {
        title: "On servers: the cost of a file does not grow with the hosts",
        meaning: format!(
            "CPU milliseconds per file of 43 kB, from the drop into the inbox of one host to stored in the null sink: \
             everything of all hosts and their workers. The hosts share a Redis that syncs its log at every change, and a \
             directory in which each file and app is put for the others; a file that another host works on is copied from \
             there and hashed again. Of the last row's last column the second host did {share:.0} % of the files. \
             ![CPU per file](hosts-scaling.svg)"
        ),
        commands: vec![
            "MYSIMBDP_HOST=h0 MYSIMBDP_DEPOT__URL=file:///… MYSIMBDP_QUEUE__KIND=redis MYSIMBDP_SINK__KIND=mongodb mysimbdp serve"
                .to_owned(),
            format!("cp trips-*.csv staging/{TENANT}/inbox/{APP}/"),
        ],
        head,
        rows: rows.collect(),
        figures: Vec::new(),
    })
}

/// CPU milliseconds per file, and the share of the files that the last host did.
fn cost_of_a_file(shop: &Shop, redis: &Redis, file: &Path, hosts: usize, files: usize) -> Result<(f64, f64)> {
    let folder = shop.folder.join("hosts");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let sink = NullSink::start(shop)?;
    let depot = format!("file://{}", folder.join("depot").display());
    let queue = format!("hosts-{}", since_1970().as_nanos());
    let start = |number: usize| {
        let own = folder.join(format!("h{number}"));
        // Each has the tenant from the beginning.
        fs::create_dir_all(own.join("staging").join(TENANT))?;
        Daemon::start_with(&shop.host, &own, |command| {
            command.env("MYSIMBDP_HOST", format!("h{number}")).env("MYSIMBDP_DEPOT__URL", &depot);
            command.env("MYSIMBDP_QUEUE__KIND", "redis").env("MYSIMBDP_REDIS__URL", redis.url());
            command.env("MYSIMBDP_REDIS__PREFIX", &queue);
            command.env("MYSIMBDP_SINK__KIND", "mongodb").env("MYSIMBDP_MONGODB__URL", &sink.url);
        })
    };
    let daemons = (0..hosts).map(start).collect::<Result<Vec<Daemon>>>()?;
    let first = daemons.first().context("no host")?;
    let staging = folder.join("h0/staging").join(TENANT);
    fs::copy(&shop.rust_app, staging.join("app.so"))?;
    let verdict = first.verdict(&staging.join("app.so"))?;
    ensure!(verdict["verdict"] == "live", "the app should be live: {verdict}");
    let all_live = || daemons.iter().map(|daemon| Ok(daemon.ask(&["apps", "list"])?[0]["state"] == "live"));
    until("the app on all hosts", || all_live().try_fold(true, |all: bool, live: Result<bool>| Ok(all & live?)))?;

    let spent = || daemons.iter().map(Daemon::tree_cpu_seconds).sum::<Result<f64>>();
    let before = spent()?;
    let data = fs::read(file)?;
    let inbox = staging.join("inbox").join(APP);
    fs::create_dir_all(&inbox)?;
    for number in 0..files {
        fs::write(inbox.join(format!("{number}.csv")), [&data[..], "\n".repeat(number + 1).as_bytes()].concat())?;
    }
    let done = |daemon: &Daemon| Ok(daemon.ask(&["stats"])?["all"]["tasks"].as_u64().unwrap_or_default());
    let all_done = || daemons.iter().map(done).sum::<Result<u64>>();
    until("the files", || Ok(usize::try_from(all_done()?)? >= files))?;
    let cpu = spent()? - before;
    let by_last = daemons.last().map_or(Ok(0), done)?;
    daemons.into_iter().try_for_each(Daemon::stop)?;
    drop(sink);
    fs::remove_dir_all(&folder).context("cannot remove what the hosts kept")?;
    #[expect(clippy::cast_precision_loss, reason = "a thousand files")]
    let (files, by_last) = (files as f64, by_last as f64);
    Ok((cpu * 1_000.0 / files, by_last / files))
}

fn until(what: &str, mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    let began = Instant::now();
    while !is_so()? {
        ensure!(began.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(500));
    }
    Ok(())
}
