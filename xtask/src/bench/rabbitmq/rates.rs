//! Messages per second and CPU of each, from a full queue.

use super::super::measure::Run;
use super::super::pairs::{Pairs, Ratio};
use super::super::report::{Figure, Section};
use super::super::shop::Shop;
use super::rivals::{self, Python};
use super::station::Station;
use super::stream::{self, Stream};
use super::{BYTES, Kind, PREFETCH, shown};
use crate::workshop::step;
use anyhow::Result;
use serde_json::json;
use std::io::Write as _;
use xtask::text::thousands;

/// Of the bare consumer's messages per second, of the Python stack's, and of the bare consumer's CPU.
const BARE_RATE: f64 = 0.9;
const PYTHON_RATE: f64 = 8.0;
const BARE_CPU: f64 = 1.3;
/// More pairs than that tell nothing more.
const MOST_PAIRS: usize = 5;

const KINDS: [Kind; 2] = [Kind::Classic, Kind::Quorum];

/// How many messages a run has: the Python stack is so slow that fewer tell as much.
struct Load {
    messages: usize,
    python: usize,
}

/// The runs on one kind of queue, one after another.
#[derive(Default)]
struct Runs {
    platform: Vec<Run>,
    bare: Vec<Run>,
    python: Vec<Run>,
}

pub(in crate::bench) fn measure(shop: &Shop) -> Result<Section> {
    step("On RabbitMQ: the platform, a bare consumer and the Python stack");
    let python = Python::need(shop)?;
    let station = Station::start(shop)?;
    let load =
        if shop.quick { Load { messages: 30_000, python: 4_000 } } else { Load { messages: 200_000, python: 12_000 } };
    let (mut rows, mut figures) = (Vec::new(), Vec::new());
    for kind in KINDS {
        let runs = alternate(&station, &python, kind, &load)?;
        rows.extend(runs.rows(kind));
        figures.extend(runs.figures(kind));
    }
    let mut commands =
        vec![format!("amqp_publish amqp://… exchange/… trips.jsonl {BYTES} <messages> 0"), stream::line().to_owned()];
    commands.extend(rivals::lines());
    Ok(Section {
        title: "On RabbitMQ: messages per second",
        meaning: format!(
            "Trips as JSON, {BYTES} bytes each, persistent, with message ids, which wait in a full queue; one consumer that may hold \
             {PREFETCH}; a MongoDB that acknowledges inserts (majority, journal) and stores nothing. It notes when the first and the \
             last document comes. The bare consumer calls the very app of the platform in its own process, takes what has come, \
             stores it with one `insert_many`, two under way, and acknowledges it at once; the Python stack calls `insert_one` and \
             acknowledges each. On the platform everything is on: a sandboxed worker, checked documents with deterministic \
             `_id`s, windows, journal, bill. CPU seconds are those of the consuming process, on the platform of host and \
             workers, start and stop of the worker included. A run has {} messages, of the Python stack {}.",
            shown(load.messages),
            shown(load.python)
        ),
        commands,
        head: vec!["", "messages/s", "client CPU s per million"],
        rows,
        figures,
    })
}

/// Each in turn, once uncounted.
fn alternate(station: &Station<'_>, python: &Python, kind: Kind, load: &Load) -> Result<Runs> {
    let stream = Stream::start(station, kind)?;
    stream.pause()?;
    let mut runs = Runs::default();
    print!("  {} queue:", kind.name());
    for number in 0..=station.shop.pairs.min(MOST_PAIRS) {
        let platform = on_the_platform(station, &stream, load.messages)?;
        let bare = by_a_rival(station, kind, load.messages, |queue| rivals::bare(station, queue, load.messages))?;
        let in_python = by_a_rival(station, kind, load.python, |queue| python.start(station, queue, load.python))?;
        if number > 0 {
            runs.platform.push(platform);
            runs.bare.push(bare);
            runs.python.push(in_python);
            print!(" {number}");
            // Only the look of the progress depends on it.
            let _ = std::io::stdout().flush();
        }
    }
    println!();
    stream.stop()?;
    Ok(runs)
}

fn on_the_platform(station: &Station<'_>, stream: &Stream, messages: usize) -> Result<Run> {
    station.publish(&stream.to(), messages)?;
    let before = stream.cpu_seconds()?;
    stream.resume()?;
    let seconds = station.sink.until(messages)?.seconds;
    stream.pause()?;
    Ok(run(messages, seconds, stream.cpu_seconds()? - before))
}

fn by_a_rival(
    station: &Station<'_>,
    kind: Kind,
    messages: usize,
    start: impl FnOnce(&str) -> Result<rivals::Consumer>,
) -> Result<Run> {
    let (queue, to) = rivals::queue(kind);
    station.publish(&to, messages)?;
    let consumer = start(&queue)?;
    let seconds = station.sink.until(messages)?.seconds;
    Ok(run(messages, seconds, consumer.end()?))
}

fn run(messages: usize, wall_seconds: f64, cpu_seconds: f64) -> Run {
    Run { wall_seconds, cpu_seconds, account: json!({ "messages": messages }) }
}

fn rate(run: &Run) -> f64 {
    run.number("/messages").unwrap_or(f64::NAN) / run.wall_seconds
}

fn cpu(run: &Run) -> f64 {
    1e6 * run.cpu_seconds / run.number("/messages").unwrap_or(f64::NAN)
}

impl Runs {
    fn beside(&self, other: &[Run]) -> Pairs {
        Pairs { first: self.platform.clone(), second: other.to_vec() }
    }

    fn rows(&self, kind: Kind) -> Vec<Vec<String>> {
        let row = |name: &str, pairs: &Pairs| {
            let name = format!("{name}, {} queue", kind.name());
            vec![name, thousands(pairs.of_second(rate)), format!("{:.1}", pairs.of_second(cpu))]
        };
        let all = [("platform", &self.platform), ("bare consumer", &self.bare), ("Python stack", &self.python)];
        all.into_iter().map(|(name, runs)| row(name, &self.beside(runs))).collect()
    }

    fn figures(&self, kind: Kind) -> Vec<Figure> {
        let (bare, python) = (self.beside(&self.bare), self.beside(&self.python));
        let figure = |name: &str, ratio: Ratio, promised: String, kept| Figure {
            name: format!("{name}, {} queue", kind.name()),
            measured: ratio.to_string(),
            promised,
            kept,
        };
        let of_bare = bare.ratio(rate);
        let of_python = python.ratio(rate);
        let cost = bare.ratio(cpu);
        vec![
            figure(
                "messages/s on RabbitMQ, over a bare consumer with the same work",
                of_bare,
                format!("\u{2265} {BARE_RATE}\u{d7}"),
                of_bare.median >= BARE_RATE,
            ),
            figure(
                "messages/s on RabbitMQ, over the Python stack",
                of_python,
                format!("\u{2265} {PYTHON_RATE}\u{d7}"),
                of_python.median >= PYTHON_RATE,
            ),
            figure(
                "client CPU per message on RabbitMQ, over a bare consumer with the same work",
                cost,
                format!("\u{2264} {BARE_CPU}\u{d7}"),
                cost.median <= BARE_CPU,
            ),
        ]
    }
}
