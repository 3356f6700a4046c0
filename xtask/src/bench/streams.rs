//! Streams: messages per second from a publisher to the sink, on each broker, and what idle streams cost.

use super::daemon::fresh;
use super::measure::{self, Run, median};
use super::report::{Figure, Section};
use super::servers::NullSink;
use super::shop::{DONE, Shop};
use crate::daemon::Daemon;
use crate::workshop::step;
use anyhow::{Context as _, Result, ensure};
use mysimbdp_servers::{RabbitMq, Redis};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use xtask::text::thousands;

/// Messages per second on the embedded broker, into the embedded sink and into one that stores nothing.
const EMBEDDED: f64 = 60_000.0;
const INTO_NULL: f64 = 100_000.0;
/// Share of a core of a thousand idle streams, and bytes of each.
const IDLE_CORE: f64 = 0.02;
const IDLE_BYTES: f64 = 64e3;
const IDLE: usize = 1_000;
/// How long they are looked at.
const LOOK: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(300);

/// Where messages come from and documents go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Embedded,
    EmbeddedNull,
    Classic,
    Quorum,
}

const WAYS: [Way; 4] = [Way::Embedded, Way::EmbeddedNull, Way::Classic, Way::Quorum];

impl Way {
    fn name(self) -> &'static str {
        match self {
            Way::Embedded => "embedded broker, embedded sink",
            Way::EmbeddedNull => "embedded broker, null sink",
            Way::Classic => "RabbitMQ, classic queue, null sink",
            Way::Quorum => "RabbitMQ, quorum queue, null sink",
        }
    }
}

pub(super) fn rates(shop: &Shop) -> Result<Section> {
    step("Messages from a publisher to the sink, on each broker");
    let rows = if shop.quick { 20_000 } else { 200_000 };
    let file = shop.messages(rows)?;
    let mut table = Vec::new();
    let mut medians = Vec::new();
    for way in WAYS {
        let runs = (0..shop.pairs.min(5)).map(|_| through(shop, way, &file, rows)).collect::<Result<Vec<Run>>>()?;
        let number = |pointer: &str| runs.iter().map(|run| run.number(pointer)).collect::<Result<Vec<f64>>>();
        let rate = median(number("/rate")?);
        let cpu = median(number("/cpu_per_million")?);
        table.push(vec![
            way.name().to_owned(),
            thousands(rate),
            thousands(median(number("/drain_rate")?)),
            format!("{cpu:.1}"),
        ]);
        medians.push(rate);
    }
    let figure = |name: &str, rate: f64, least: f64| Figure {
        name: name.to_owned(),
        measured: thousands(rate),
        promised: format!("\u{2265} {}", thousands(least)),
        kept: rate >= least,
    };
    Ok(Section {
        title: "Messages per second",
        meaning: "Trips as JSON, about 377 bytes each, from `mysimbdp publish` (a thousand lines a request, each request durable \
                  before the next) through the example app in its sandbox, with message ids, windows, journal and bill, until \
                  all are stored. `from publish to stored` counts from the first line; `from a full queue` is what the stream \
                  takes from messages that wait already. CPU seconds are those of daemon, workers and publisher, not of a \
                  RabbitMQ."
            .to_owned(),
        commands: vec!["mysimbdp serve; mysimbdp publish acme/trips trips.jsonl".to_owned()],
        head: vec!["", "messages/s, from publish to stored", "messages/s, from a full queue", "CPU s per million"],
        rows: table,
        figures: vec![
            figure("messages/s, published durably to stored in the embedded sink", medians[0], EMBEDDED),
            figure("messages/s, published durably to acknowledged by the null sink", medians[1], INTO_NULL),
        ],
    })
}

/// A daemon of its own: twice the file, once as it comes and once from a queue that is full.
fn through(shop: &Shop, way: Way, file: &Path, messages: u64) -> Result<Run> {
    let folder = fresh(shop, "streams")?;
    fs::write(folder.join("mysimbdp.toml"), CONFIG)?;
    let null = (way != Way::Embedded).then(|| NullSink::start(shop)).transpose()?;
    let on_rabbit = matches!(way, Way::Classic | Way::Quorum);
    let rabbit = on_rabbit.then(RabbitMq::start).transpose()?;
    let redis = on_rabbit.then(Redis::start).transpose()?;
    let daemon = Daemon::start_with(&shop.host, &folder, |command| {
        if let Some(null) = &null {
            command.env("MYSIMBDP_SINK__KIND", "mongodb").env("MYSIMBDP_MONGODB__URL", &null.url);
        }
        if let (Some(rabbit), Some(redis)) = (&rabbit, &redis) {
            command.env("MYSIMBDP_QUEUE__KIND", "redis").env("MYSIMBDP_REDIS__URL", redis.url());
            command.env("MYSIMBDP_BROKER__KIND", "rabbitmq").env("MYSIMBDP_RABBITMQ__URL", rabbit.url());
            command.env("MYSIMBDP_RABBITMQ__MANAGEMENT", rabbit.management_url());
            command.env("MYSIMBDP_RABBITMQ__QUEUE_TYPE", if way == Way::Classic { "classic" } else { "quorum" });
        }
    })?;
    super::daemon::drop_app(&daemon, &folder, "acme", &shop.stream_app)?;
    let publish = |ids: &str| {
        let mut command = Command::new(&shop.host);
        command.args(["publish", "acme/trips", "--ids", ids, "--json"]).arg(file).current_dir(&folder);
        measure::run(&mut command, DONE)
    };
    let (cpu_before, began) = (daemon.tree_cpu_seconds()?, Instant::now());
    let published = publish("first")?;
    all_stored(&daemon, messages)?;
    let seconds = began.elapsed().as_secs_f64();
    let cpu = daemon.tree_cpu_seconds()? - cpu_before + published.cpu_seconds;
    daemon.ask(&["streams", "stop", "acme/trips"])?;
    publish("second")?;
    let began = Instant::now();
    daemon.ask(&["streams", "start", "acme/trips"])?;
    all_stored(&daemon, 2 * messages)?;
    let drained = began.elapsed().as_secs_f64();
    daemon.stop()?;
    #[expect(clippy::cast_precision_loss, reason = "a number of messages")]
    let count = messages as f64;
    if let Some(null) = null {
        null.end(2.0 * count)?;
    }
    let account =
        json!({ "rate": count / seconds, "drain_rate": count / drained, "cpu_per_million": 1e6 * cpu / count });
    Ok(Run { wall_seconds: seconds, cpu_seconds: cpu, account })
}

const CONFIG: &str = r#"
[profiles.generous]
messages_per_window = "unlimited"
bytes_per_window = "unlimited"
[tenants.acme]
profile = "generous"
[tenants.acme.streams.trips]
app = "clientstreamingestapp-json"
"#;

fn all_stored(daemon: &Daemon, messages: u64) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    loop {
        let streams = daemon.ask(&["streams", "list"])?;
        if streams[0]["messages"] == messages {
            ensure!(streams[0]["stored"] == messages, "not every message became a document: {streams}");
            return Ok(());
        }
        ensure!(Instant::now() < until, "the messages do not come to their end: {streams}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(super) fn idle(shop: &Shop) -> Result<Section> {
    step(&format!("{IDLE} streams, and nothing to do"));
    let folder = fresh(shop, "idle-streams")?;
    let none = measure_idle(shop, &folder, 0)?;
    let folder = fresh(shop, "idle-streams")?;
    let all = measure_idle(shop, &folder, IDLE)?;
    #[expect(clippy::cast_precision_loss, reason = "a thousand")]
    let each = (all.bytes - none.bytes).max(0.0) / IDLE as f64;
    let core = all.core;
    Ok(Section {
        title: "A thousand streams with nothing to do",
        meaning: format!(
            "Declared and started on the embedded broker, with a consumer each and an app that is live, and looked at over {} s. \
             The memory of each is what the daemon has above one without a stream.",
            LOOK.as_secs()
        ),
        commands: vec!["mysimbdp serve".to_owned()],
        head: vec!["", "share of a core", "anonymous memory of each", "worker processes"],
        rows: vec![vec![
            format!("{IDLE} streams"),
            format!("{:.2} %", 100.0 * core),
            format!("{:.1} kB", each / 1e3),
            all.workers.to_string(),
        ]],
        figures: vec![
            Figure {
                name: format!("share of a core of {IDLE} idle streams, no worker process"),
                measured: format!("{:.2} %, {} workers", 100.0 * core, all.workers),
                promised: format!("< {:.0} %, 0 workers", 100.0 * IDLE_CORE),
                kept: core < IDLE_CORE && all.workers == 0,
            },
            Figure {
                name: "anonymous memory of an idle stream".to_owned(),
                measured: format!("{:.1} kB", each / 1e3),
                promised: format!("< {:.0} kB", IDLE_BYTES / 1e3),
                kept: each < IDLE_BYTES,
            },
        ],
    })
}

struct Idle {
    core: f64,
    bytes: f64,
    workers: usize,
}

fn measure_idle(shop: &Shop, folder: &Path, streams: usize) -> Result<Idle> {
    let mut config =
        "[profiles.wide]\nstreams = 100000\nconsumers = 100000\n[tenants.acme]\nprofile = \"wide\"\n".to_owned();
    for number in 0..streams {
        let _ = write!(config, "[tenants.acme.streams.s{number}]\napp = \"clientstreamingestapp-json\"\n");
    }
    fs::write(folder.join("mysimbdp.toml"), config)?;
    let daemon = Daemon::start(&shop.host, folder)?;
    super::daemon::drop_app(&daemon, folder, "acme", &shop.stream_app)?;
    let until = Instant::now() + PATIENCE;
    let is_started = |list: &Value| {
        let lines = list.as_array().map(Vec::as_slice).unwrap_or_default();
        lines.iter().filter(|line| line["consumers"] == 1).count() == streams
    };
    while !is_started(&daemon.ask(&["streams", "list"]).context("streams cannot be listed")?) {
        ensure!(Instant::now() < until, "the streams do not start");
        std::thread::sleep(Duration::from_millis(200));
    }
    // Consumers that had been waiting for the app look again within a second.
    std::thread::sleep(Duration::from_secs(5));
    let (began, cpu) = (Instant::now(), daemon.cpu_seconds()?);
    std::thread::sleep(if shop.quick { LOOK / 3 } else { LOOK });
    let core = (daemon.cpu_seconds()? - cpu) / began.elapsed().as_secs_f64();
    let (bytes, workers) = (daemon.anonymous_bytes()?, daemon.workers());
    daemon.stop()?;
    Ok(Idle { core, bytes, workers })
}
