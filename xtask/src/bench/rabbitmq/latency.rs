//! How long a message is on its way, from publish to stored, at a steady pace.

use super::super::measure::median;
use super::super::report::{Figure, Section};
use super::super::servers::Arrivals;
use super::super::shop::Shop;
use super::rivals::{self, Python};
use super::station::{Station, To};
use super::stream::{self, Stream};
use super::{BYTES, Kind, shown};
use crate::workshop::step;
use anyhow::Result;
use std::io::Write as _;
use xtask::text::thousands;

/// Messages per second at which the two are compared, and at which the platform is alone.
const BESIDE: [usize; 2] = [200, 800];
const ALONE: usize = 5_000;
/// p99 as a multiple of the Python callback's, and alone, in milliseconds.
const TIMES: f64 = 1.1;
const MOST_MS: f64 = 50.0;
const MOST_PAIRS: usize = 5;

/// Of one run: milliseconds from publish to stored, and by how much the publisher itself was late.
struct Found {
    arrivals: Arrivals,
    late: f64,
}

pub(in crate::bench) fn measure(shop: &Shop) -> Result<Section> {
    step("On RabbitMQ: from publish to stored");
    let python = Python::need(shop)?;
    let station = Station::start(shop)?;
    let seconds = if shop.quick { 4 } else { 12 };
    let pairs = shop.pairs.min(MOST_PAIRS);
    let stream = Stream::start(&station, Kind::Classic)?;
    let (mut rows, mut figures) = (Vec::new(), Vec::new());
    for rate in BESIDE {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        print!("  {rate}/s:");
        for number in 1..=pairs {
            ours.push(on_the_platform(&station, &stream, rate, seconds)?);
            theirs.push(in_python(&station, &python, rate, seconds)?);
            progress(number);
        }
        println!();
        rows.push(row(&format!("platform, {rate}/s"), &ours));
        rows.push(row(&format!("Python callback, {rate}/s"), &theirs));
        figures.extend(beside(rate, &ours, &theirs));
    }
    print!("  {ALONE}/s:");
    let mut alone = Vec::new();
    for number in 1..=pairs {
        alone.push(on_the_platform(&station, &stream, ALONE, seconds)?);
        progress(number);
    }
    println!();
    rows.push(row(&format!("platform, {ALONE}/s"), &alone));
    stream.stop()?;
    let stream = Stream::start(&station, Kind::Quorum)?;
    for rate in [BESIDE[1], ALONE] {
        let found = on_the_platform(&station, &stream, rate, seconds)?;
        rows.push(row(&format!("platform, quorum queue, {}/s, one run", shown(rate)), &[found]));
    }
    stream.stop()?;
    let p99 = at(&alone, |found| found.arrivals.p99);
    figures.push(Figure {
        name: format!("99 of 100 messages from publish to stored on RabbitMQ, at {}/s", shown(ALONE)),
        measured: format!("{p99:.1} ms"),
        promised: format!("< {MOST_MS} ms"),
        kept: p99 < MOST_MS,
    });
    Ok(Section {
        title: "On RabbitMQ: from publish to stored",
        meaning: format!(
            "Milliseconds from the moment at which a publisher hands a message of {BYTES} bytes to its client library until the null \
             sink has read the insert that it comes with, by the machine's one clock; classic queue, {seconds} s a run after one second \
             that is not counted, the median of {pairs} runs, alternately. The platform does all that it does at any rate: \
             sandboxed worker, checked documents, windows, journal. How late the publisher itself was, which waits for nobody, tells \
             how long the machine let its programs wait for a processor: slow messages come where it is late, too. {}",
            occasions(&alone)
        ),
        commands: vec![
            format!("amqp_publish amqp://… exchange/… trips.jsonl {BYTES} <messages> <rate>"),
            stream::line().to_owned(),
            rivals::lines()[1].clone(),
        ],
        head: vec!["", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "slowest ms", "publisher late, p99 ms"],
        rows,
        figures,
    })
}

fn progress(number: usize) {
    print!(" {number}");
    // Only the look of the progress depends on it.
    let _ = std::io::stdout().flush();
}

fn on_the_platform(station: &Station<'_>, stream: &Stream, rate: usize, seconds: usize) -> Result<Found> {
    paced(station, &stream.to(), rate, seconds)
}

fn in_python(station: &Station<'_>, python: &Python, rate: usize, seconds: usize) -> Result<Found> {
    let (queue, to) = rivals::queue(Kind::Classic);
    // Once it has taken one message it is there, and so is its queue.
    station.publish(&to, 1)?;
    let consumer = python.start(station, &queue, 1 + rate * (seconds + 1))?;
    station.sink.until(1)?;
    let found = paced(station, &to, rate, seconds)?;
    consumer.end()?;
    Ok(found)
}

/// A second that is not counted, and then so many.
fn paced(station: &Station<'_>, to: &To, rate: usize, seconds: usize) -> Result<Found> {
    let messages = rate * (seconds + 1);
    let publishing = station.start_publishing(to, messages, rate)?;
    let before = station.sink.until(rate)?.documents;
    let arrivals = station.sink.until(messages.saturating_sub(before))?;
    Ok(Found { arrivals, late: publishing.end()? })
}

fn at(found: &[Found], of: impl Fn(&Found) -> f64) -> f64 {
    median(found.iter().map(of))
}

fn row(name: &str, found: &[Found]) -> Vec<String> {
    let columns: [fn(&Found) -> f64; 6] = [
        |found| found.arrivals.p50,
        |found| found.arrivals.p90,
        |found| found.arrivals.p99,
        |found| found.arrivals.p999,
        |found| found.arrivals.max,
        |found| found.late,
    ];
    std::iter::once(name.to_owned()).chain(columns.map(|of| format!("{:.2}", at(found, of)))).collect()
}

fn beside(rate: usize, ours: &[Found], theirs: &[Found]) -> [Figure; 2] {
    let ratio = |of: fn(&Found) -> f64| median(ours.iter().zip(theirs).map(|(ours, theirs)| of(ours) / of(theirs)));
    let (half, most) = (ratio(|found| found.arrivals.p50), ratio(|found| found.arrivals.p99));
    let figure = |share: &str, ratio: f64, promised: String, kept| Figure {
        name: format!("{share} from publish to stored on RabbitMQ at {rate}/s, over a Python callback"),
        measured: format!("{ratio:.2}\u{d7}"),
        promised,
        kept,
    };
    [
        figure("p50", half, "< 1\u{d7}".to_owned(), half < 1.0),
        figure("p99", most, format!("\u{2264} {TIMES}\u{d7}"), most <= TIMES),
    ]
}

/// When messages took long: in one sentence.
fn occasions(found: &[Found]) -> String {
    let documents = found.iter().map(|found| found.arrivals.slow).sum();
    let lasted: Vec<f64> = found.iter().flat_map(|found| found.arrivals.occasions.iter().copied()).collect();
    let times = lasted.len();
    if times == 0 {
        return format!("At {}/s no message took more than 25 ms.", shown(ALONE));
    }
    format!(
        "At {}/s {} messages took more than 25 ms, on {times} occasions, which lasted {:.0} ms each (the median).",
        shown(ALONE),
        thousands(documents),
        median(lasted)
    )
}
