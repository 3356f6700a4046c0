//! Messages per second against consumers and streams, on the embedded broker into the null sink, drawn.
//!
//! Every stream is fed by the same routing key, so that what is published once waits in the queue of each. While there is no app
//! nothing is taken. Then the daemon is started again with one: all streams begin at once, and the null sink notes the first and
//! the last document.

use super::daemon::fresh;
use super::measure;
use super::report::Section;
use super::scaling::{self, Words};
use super::servers::NullSink;
use super::shop::{DONE, Shop};
use crate::daemon::Daemon;
use crate::workshop::{root, step};
use anyhow::Result;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use xtask::text::thousands;

const CONSUMERS: [usize; 3] = [1, 2, 4];
const STREAMS: [usize; 3] = [1, 10, 100];
const PICTURE: Words = Words { title: "Messages per second", along: "consumers of each", crowds_of: "streams" };

pub(super) fn measure(shop: &Shop) -> Result<Section> {
    step("Messages per second, with ever more consumers and streams");
    let messages = if shop.quick { 40_000 } else { 200_000 };
    let mut cells = Vec::new();
    for streams in STREAMS {
        for consumers in CONSUMERS {
            let rate = rate(shop, streams, consumers, messages)?;
            println!("  {streams} streams with {consumers} consumers each: {}/s", thousands(rate));
            cells.push((streams, consumers, rate));
        }
    }
    if !shop.quick {
        fs::write(root().join("docs/stream-throughput.svg"), scaling::picture(&cells, &PICTURE))?;
    }
    let rows = STREAMS.iter().map(|streams| {
        let of = cells.iter().filter(|(of, ..)| of == streams);
        std::iter::once(format!("{streams} streams")).chain(of.map(|(.., rate)| thousands(*rate))).collect()
    });
    Ok(Section {
        title: "Messages per second against consumers and streams",
        meaning: "Trips as JSON, about 377 bytes each, that wait in the queues of the embedded broker, through the example app into \
                  the null sink; with message ids, windows, journal and bill. All streams together, from the first document to \
                  the last, each cell one run. As an installation is without a configuration of its own: one thread carries all \
                  messages, and eight workers serve all consumers, who take turns where they are more. \
                  ![Messages per second](stream-throughput.svg)"
            .to_owned(),
        commands: vec!["mysimbdp publish acme/s0 trips.jsonl; mysimbdp serve".to_owned()],
        head: vec!["", "1 consumer each", "2 consumers each", "4 consumers each"],
        rows: rows.collect(),
        figures: Vec::new(),
    })
}

/// Messages per second, of all streams.
fn rate(shop: &Shop, streams: usize, consumers: usize, messages: usize) -> Result<f64> {
    let folder = fresh(shop, "throughput")?;
    let each = messages / streams;
    let file = shop.messages(u64::try_from(each)?)?;
    let sink = NullSink::start(shop)?;
    fs::write(folder.join("mysimbdp.toml"), config(streams, consumers))?;
    let start = || {
        Daemon::start_with(&shop.host, &folder, |command| {
            command.env("MYSIMBDP_SINK__KIND", "mongodb").env("MYSIMBDP_MONGODB__URL", &sink.url);
        })
    };
    let daemon = start()?;
    publish(shop, &folder, &file)?;
    daemon.stop()?;
    let staging = folder.join("staging/acme");
    fs::create_dir_all(&staging)?;
    fs::copy(&shop.stream_app, staging.join("app.so"))?;
    let daemon = start()?;
    let arrivals = sink.until(each * streams)?;
    daemon.stop()?;
    #[expect(clippy::cast_precision_loss, reason = "a number of messages")]
    let documents = arrivals.documents as f64;
    sink.end(documents)?;
    Ok(documents / arrivals.seconds)
}

fn publish(shop: &Shop, folder: &Path, file: &Path) -> Result<()> {
    let mut command = Command::new(&shop.host);
    command.args(["publish", "acme/s0", "--json"]).arg(file).current_dir(folder);
    measure::run(&mut command, DONE).map(drop)
}

fn config(streams: usize, consumers: usize) -> String {
    let mut config = "[profiles.wide]\nstreams = 1000\nconsumers = 1000\nmessages_per_window = \"unlimited\"\n\
                      bytes_per_window = \"unlimited\"\n[tenants.acme]\nprofile = \"wide\"\n"
        .to_owned();
    for number in 0..streams {
        // Writing to a String cannot fail.
        let _ = write!(
            config,
            "[tenants.acme.streams.s{number}]\napp = \"clientstreamingestapp-json\"\nrouting_keys = [\"trips\"]\n\
             consumers_min = {consumers}\nconsumers_max = {consumers}\n"
        );
    }
    config
}
