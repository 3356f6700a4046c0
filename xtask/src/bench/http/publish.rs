//! Messages as JSON lines over HTTP, into the embedded broker.

use super::super::daemon::{drop_app, fresh};
use super::super::measure::{Run, median};
use super::super::report::{Figure, Section};
use super::super::shop::Shop;
use super::{Connection, start};
use crate::workshop::step;
use anyhow::{Result, anyhow, ensure};
use serde_json::json;
use std::fs;
use std::time::Instant;
use xtask::text::thousands;

/// Messages per second.
const PROMISED: f64 = 100_000.0;
/// Lines of a request.
const BATCH: usize = 1_000;
/// Connections, each with one request under way.
const AT_ONCE: usize = 4;

const CONFIG: &str = r#"
[profiles.generous]
messages_per_window = "unlimited"
bytes_per_window = "unlimited"
[tenants.acme]
profile = "generous"
[tenants.acme.streams.trips]
app = "clientstreamingestapp-json"
max_queue_bytes = "10GB"
"#;

/// One request: where its lines begin, and the lines.
type Batch = (u64, Vec<u8>);

pub(in crate::bench) fn measure(shop: &Shop) -> Result<Section> {
    step("Messages over HTTP, into the embedded broker");
    let messages = if shop.quick { 200_000 } else { 1_000_000 };
    let text = fs::read_to_string(shop.messages(messages)?)?;
    let lines: Vec<&str> = text.lines().collect();
    let batches: Vec<Batch> = (1..)
        .step_by(BATCH)
        .zip(lines.chunks(BATCH))
        .map(|(first, lines)| (first, lines.join("\n").into_bytes()))
        .collect();
    let runs = (0..shop.pairs.min(5)).map(|_| through(shop, &batches, messages)).collect::<Result<Vec<Run>>>()?;
    let number = |pointer: &str| runs.iter().map(|run| run.number(pointer)).collect::<Result<Vec<f64>>>();
    let (rate, cpu) = (median(number("/rate")?), median(number("/cpu_per_million")?));
    Ok(Section {
        title: "Messages over HTTP",
        meaning: format!(
            "Trips as JSON, about 377 bytes each, with message ids, {BATCH} lines a request, on {AT_ONCE} connections that stay open \
             and have one request under way each, into a stream of the embedded broker that is stopped: nobody takes them \
             meanwhile. A request is answered when its messages are durable. CPU seconds are the daemon's."
        ),
        commands: vec!["POST /v1/tenants/acme/streams/trips/lines?ids=trip&first=1".to_owned()],
        head: vec!["", "messages/s", "CPU s per million"],
        rows: vec![vec![
            format!("{} messages", thousands(number("/messages")?[0])),
            thousands(rate),
            format!("{cpu:.1}"),
        ]],
        figures: vec![Figure {
            name: "messages/s, published durably over HTTP into the embedded broker".to_owned(),
            measured: thousands(rate),
            promised: format!("\u{2265} {}", thousands(PROMISED)),
            kept: rate >= PROMISED,
        }],
    })
}

fn through(shop: &Shop, batches: &[Batch], messages: u64) -> Result<Run> {
    let folder = fresh(shop, "publish-http")?;
    fs::write(folder.join("mysimbdp.toml"), CONFIG)?;
    let (daemon, address) = start(&shop.host, &folder)?;
    drop_app(&daemon, &folder, "acme", &shop.stream_app)?;
    Connection::open(&address)?.ask("POST /v1/tenants/acme/streams/trips/stop", b"")?;
    let (cpu, began) = (daemon.cpu_seconds()?, Instant::now());
    let accepted = std::thread::scope(|scope| {
        let publish = |nth: usize| {
            let own = batches.iter().skip(nth).step_by(AT_ONCE);
            let address = &address;
            scope.spawn(move || one_after_another(address, own))
        };
        let publishers: Vec<_> = (0..AT_ONCE).map(publish).collect();
        let ended = publishers.into_iter().map(|one| one.join().map_err(|_| anyhow!("a publisher panicked"))?);
        ended.sum::<Result<u64>>()
    })?;
    let seconds = began.elapsed().as_secs_f64();
    let cpu_seconds = daemon.cpu_seconds()? - cpu;
    let streams = daemon.ask(&["streams", "list"])?;
    ensure!(accepted == messages && streams[0]["waiting"] == messages, "not all of them wait: {accepted}, {streams}");
    daemon.stop()?;
    fs::remove_dir_all(&folder)?;
    #[expect(clippy::cast_precision_loss, reason = "a number of messages")]
    let count = messages as f64;
    let account =
        json!({ "messages": messages, "rate": count / seconds, "cpu_per_million": 1e6 * cpu_seconds / count });
    Ok(Run { wall_seconds: seconds, cpu_seconds, account })
}

/// Answers how many messages were accepted.
fn one_after_another<'a>(address: &str, batches: impl Iterator<Item = &'a Batch>) -> Result<u64> {
    let mut connection = Connection::open(address)?;
    let mut accepted = 0;
    for (first, lines) in batches {
        let request = format!("POST /v1/tenants/acme/streams/trips/lines?ids=trip&first={first}");
        accepted += connection.ask(&request, lines)?["accepted"].as_u64().unwrap_or_default();
    }
    Ok(accepted)
}
