//! The embedded sink beside a bare `rusqlite` loader that stores the same text with the same durability, tables and sizes
//! of transactions. Prints the pairs and their median; it judges nothing.
//!
//! `cargo run --release --example embedded_sink_speed -- [documents] [pairs] [directory]`
//!
//! The loader is given its text ready-made, so the ratio is the hardest one: the sink gets BSON and makes the text itself
//! (on the other core). A second loader makes its text from BSON as it goes, as a loader in one thread would.

#![expect(clippy::print_stdout, reason = "an example that reports to a terminal")]

use anyhow::Context;
use mysimbdp::document::{DocumentId, extjson, id_text};
use mysimbdp::sink::embedded::{Reader, Settings, Store};
use mysimbdp::sink::{DocumentBatch, DocumentRef, DocumentSink};
use rustix::time::{ClockId, clock_gettime};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const BATCH_BYTES: usize = 64 * 1024;
/// Writes that are under way at once.
const UNDER_WAY: usize = 32;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let documents: u64 = arguments.next().map_or(Ok(300_000), |n| n.parse()).context("documents")?;
    let pairs: usize = arguments.next().map_or(Ok(5), |n| n.parse()).context("pairs")?;
    let directory = arguments.next().unwrap_or_else(|| ".".into());

    let batches = batches(documents)?;
    let texts = batches.iter().map(texts_of).collect::<anyhow::Result<Vec<_>>>()?;
    let bson: usize = batches.iter().map(|b| b.bytes.len()).sum();
    let text: usize = texts.iter().flatten().map(|(_, doc)| doc.len()).sum();
    println!(
        "{documents} documents of {} bytes of BSON, {} of text, in {} batches of {} KiB",
        bson as u64 / documents,
        text as u64 / documents,
        batches.len(),
        BATCH_BYTES / 1024
    );
    println!("documents/s, and µs of CPU per document of the asking and of the writing thread");
    println!(
        "{:>26} {:>26} {:>26} {:>7} {:>7}",
        "loader, text given", "loader, text made", "embedded sink", "ratio", "ratio"
    );

    let mut ratios = (Vec::new(), Vec::new());
    for _ in 0..pairs {
        let given = measured(&directory, documents, |path| load(path, texts.iter().map(|batch| Ok(batch.clone()))))?;
        let made = measured(&directory, documents, |path| load(path, batches.iter().map(texts_of)))?;
        let sink = measured(&directory, documents, |path| write(path, &batches))?;
        ratios.0.push(sink.rate / given.rate);
        ratios.1.push(sink.rate / made.rate);
        println!("{given:>26} {made:>26} {sink:>26} {:>7.2} {:>7.2}", sink.rate / given.rate, sink.rate / made.rate);
    }
    println!("median ratio: {:.2} of text given, {:.2} of text made", median(&mut ratios.0), median(&mut ratios.1));
    println!("text alone: {:.2} µs of CPU per document", texts_alone(&batches)? * 1e6 / documents as f64);
    Ok(())
}

struct Measured {
    rate: f64,
    cpu_micros: f64,
    /// Of these, those of the thread that asked; the others are the writer's.
    askers_micros: f64,
}

impl std::fmt::Display for Measured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Measured { rate, cpu_micros, askers_micros } = self;
        f.pad(&format!("{rate:.0}/s {askers_micros:.2} + {:.2} µs", cpu_micros - askers_micros))
    }
}

fn measured(
    directory: &str,
    documents: u64,
    store: impl FnOnce(&Path) -> anyhow::Result<Duration>,
) -> anyhow::Result<Measured> {
    let directory = tempfile::tempdir_in(directory)?;
    let path = directory.path().join("speed.db");
    // Made beforehand, so that both find the same tables.
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let made = Store::open(&path)?;
    runtime.block_on(made.collection("trips"))?;
    made.close()?;
    let (process, thread) = (cpu_seconds(ClockId::ProcessCPUTime), cpu_seconds(ClockId::ThreadCPUTime));
    let took = store(&path)?;
    let process = cpu_seconds(ClockId::ProcessCPUTime) - process;
    let thread = cpu_seconds(ClockId::ThreadCPUTime) - thread;
    anyhow::ensure!(Reader::open(&path)?.count("trips")? == documents, "not every document is there");
    let each = documents as f64;
    Ok(Measured {
        rate: each / took.as_secs_f64(),
        cpu_micros: process * 1e6 / each,
        askers_micros: thread * 1e6 / each,
    })
}

type Texts = Vec<(Vec<u8>, Vec<u8>)>;

/// The loader: what anybody would write with `rusqlite` for speed.
fn load(path: &Path, batches: impl Iterator<Item = anyhow::Result<Texts>>) -> anyhow::Result<Duration> {
    let group_bytes = Settings::default().group_bytes;
    let connection = rusqlite::Connection::open(path)?;
    connection
        .execute_batch("PRAGMA synchronous = FULL; PRAGMA cache_size = -8000; PRAGMA wal_autocheckpoint = 2000")?;
    let mut insert = connection.prepare("INSERT INTO trips (_id, doc) VALUES (?1, ?2)")?;
    let mut bytes = 0;
    let mut took = Duration::ZERO;
    let mut begun = Instant::now();
    connection.execute_batch("BEGIN IMMEDIATE")?;
    for batch in batches {
        let batch = batch?;
        for (id, doc) in &batch {
            insert.execute((std::str::from_utf8(id)?, std::str::from_utf8(doc)?))?;
            bytes += doc.len();
        }
        if bytes >= group_bytes {
            connection.execute_batch("COMMIT; BEGIN IMMEDIATE")?;
            bytes = 0;
        }
        // Giving the text back is not part of it.
        took += begun.elapsed();
        drop(batch);
        begun = Instant::now();
    }
    connection.execute_batch("COMMIT")?;
    Ok(took + begun.elapsed())
}

fn write(path: &Path, batches: &[DocumentBatch]) -> anyhow::Result<Duration> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let store = Store::open(path)?;
    let begun = Instant::now();
    runtime.block_on(async {
        let sink = store.collection("trips").await?;
        let mut under_way = JoinSet::new();
        for batch in batches {
            if under_way.len() == UNDER_WAY
                && let Some(written) = under_way.join_next().await
            {
                written??;
            }
            let (sink, batch) = (sink.clone(), batch.clone());
            under_way.spawn(async move { sink.write(batch).await });
        }
        while let Some(written) = under_way.join_next().await {
            written??;
        }
        anyhow::Ok(())
    })?;
    let took = begun.elapsed();
    store.close()?;
    Ok(took)
}

fn texts_alone(batches: &[DocumentBatch]) -> anyhow::Result<f64> {
    let begun = cpu_seconds(ClockId::ThreadCPUTime);
    let mut text = Vec::new();
    for batch in batches {
        text.clear();
        for of in &batch.documents {
            id_text::append(batch.document(of), &mut text)?;
            extjson::append(batch.document(of), &mut text)?;
        }
    }
    Ok(cpu_seconds(ClockId::ThreadCPUTime) - begun)
}

fn texts_of(batch: &DocumentBatch) -> anyhow::Result<Texts> {
    let text = |of| {
        let (mut id, mut doc) = (Vec::new(), Vec::new());
        id_text::append(batch.document(of), &mut id)?;
        extjson::append(batch.document(of), &mut doc)?;
        Ok((id, doc))
    };
    batch.documents.iter().map(text).collect()
}

/// Documents like those of a file of taxi trips: 18 fields, about 450 bytes.
fn batches(documents: u64) -> anyhow::Result<Vec<DocumentBatch>> {
    let mut random = fastrand::Rng::with_seed(1);
    let mut batches = Vec::new();
    let (mut bytes, mut refs) = (Vec::with_capacity(BATCH_BYTES + 1024), Vec::new());
    for row in 1..=documents {
        let document = document(row, &mut random)?;
        refs.push(DocumentRef {
            offset: u32::try_from(bytes.len())?,
            length: u32::try_from(document.len())?,
            row,
            own_id: false,
        });
        bytes.extend_from_slice(&document);
        if bytes.len() >= BATCH_BYTES || row == documents {
            batches
                .push(DocumentBatch { bytes: std::mem::take(&mut bytes).into(), documents: std::mem::take(&mut refs) });
        }
    }
    Ok(batches)
}

fn document(row: u64, random: &mut fastrand::Rng) -> anyhow::Result<Vec<u8>> {
    let id = DocumentId::new(1, row, 0)?;
    let cents = |random: &mut fastrand::Rng| f64::from(random.i32(100..9900)) / 100.0;
    Ok(bson::doc! {
        "_id": bson::oid::ObjectId::from_bytes(id.bytes()),
        "vendor_id": random.i32(1..3),
        "pickup_datetime": "2024-06-01 00:12:45",
        "dropoff_datetime": "2024-06-01 00:31:02",
        "passenger_count": random.i32(1..7),
        "trip_distance": cents(random),
        "rate_code_id": 1,
        "store_and_fwd_flag": "N",
        "pu_location_id": random.i32(1..266),
        "do_location_id": random.i32(1..266),
        "payment_type": random.i32(1..5),
        "fare_amount": cents(random),
        "extra": 0.5,
        "mta_tax": 0.5,
        "tip_amount": cents(random),
        "tolls_amount": 0.0,
        "improvement_surcharge": 0.3,
        "total_amount": cents(random),
        "congestion_surcharge": 2.5,
    }
    .to_vec()?)
}

fn cpu_seconds(clock: ClockId) -> f64 {
    let time = clock_gettime(clock);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
