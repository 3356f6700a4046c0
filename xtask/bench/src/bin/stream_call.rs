//! `stream_call <mysimbdp> <touch.so> <pairs>`: what a message of 200 bytes costs on its way to an app and back.
//!
//! ```text
//!   direct     touch(body)                                                              a call in this process
//!   platform   encode ─▶ socket ─▶ decode ─▶ guard ─▶ touch(body) ─▶ clock ─▶ outcome ─▶ socket ─▶ decode
//! ```
//!
//! The second is what the host does to a stream app in a sandboxed worker, in full batches of 256. It is measured with
//! one batch under way, and with several, as under load: then host and worker work at the same time.
#![expect(clippy::print_stdout, reason = "a program for the benchmark, which reads its last line")]

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use mysimbdp::worker::delivery::{Message, OutcomeFate, OutcomeHead};
use mysimbdp::worker::link::Frame;
use mysimbdp::worker::process::Worker;
use mysimbdp::worker::spawner::Spawner;
use mysimbdp_bench::touch::touch;
use mysimbdp_bench::worker;
use rustix::time::{ClockId, clock_gettime};
use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Messages of a batch: what a busy stream hands over at once.
const BATCH: usize = 256;
/// Batches of one measurement.
const BATCHES: usize = 4_000;
/// Batches under way under load.
const DEPTH: usize = 4;
/// Bytes of a message.
const BODY: [u8; 200] = [0x5a; 200];

fn main() -> Result<()> {
    let usage = "usage: stream_call <mysimbdp> <touch.so> <pairs>";
    let mut arguments = std::env::args_os().skip(1);
    let host = PathBuf::from(arguments.next().context(usage)?);
    let app = PathBuf::from(arguments.next().context(usage)?);
    let pairs: usize = arguments.next().and_then(|pairs| pairs.to_str()?.parse().ok()).context(usage)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(&host, &app, pairs))
}

async fn measure(host: &std::path::Path, app: &std::path::Path, pairs: usize) -> Result<()> {
    let spawner = Spawner::start(Some(host))?;
    let mut worker = Worker::start(&spawner, &worker::spec(app)?).await?;
    // Not counted: the caches, the app's instance, the processor's speed.
    through_worker(&mut worker, Texts::None, DEPTH).await?;
    let (mut direct_ns, mut alone_ns, mut loaded_ns, mut cpu_ns, mut texts_ns) =
        (vec![], vec![], vec![], vec![], vec![]);
    for _ in 0..pairs {
        direct_ns.push(directly());
        alone_ns.push(through_worker(&mut worker, Texts::None, 1).await?.wall);
        let loaded = through_worker(&mut worker, Texts::None, DEPTH).await?;
        loaded_ns.push(loaded.wall);
        cpu_ns.push(loaded.cpu);
        texts_ns.push(through_worker(&mut worker, Texts::Four, DEPTH).await?.wall);
    }
    worker.retire().await;
    println!(
        "{{\"messages\": {}, \"direct_ns\": {direct_ns:?}, \"alone_ns\": {alone_ns:?}, \"loaded_ns\": {loaded_ns:?}, \
         \"cpu_ns\": {cpu_ns:?}, \"texts_ns\": {texts_ns:?}}}",
        BATCH * BATCHES
    );
    Ok(())
}

/// What a message carries beside its number and its body.
#[derive(Clone, Copy)]
enum Texts {
    /// Nothing.
    None,
    /// Stream, consumer tag, exchange and routing key, as every message from a broker does.
    Four,
}

/// Nanoseconds per message.
struct Cost {
    wall: f64,
    /// Of host and worker together.
    cpu: f64,
}

/// Nanoseconds per call of the same function here.
fn directly() -> f64 {
    let started = Instant::now();
    let mut seen = 0;
    for _ in 0..BATCH * BATCHES {
        seen ^= touch(black_box(&BODY));
    }
    black_box(seen);
    per_message(started.elapsed())
}

async fn through_worker(worker: &mut Worker, texts: Texts, depth: usize) -> Result<Cost> {
    let (started, cpu_before) = (Instant::now(), own_cpu() + worker.cpu());
    let mut sent = 0;
    for done in 0..BATCHES {
        while sent < BATCHES && sent < done + depth {
            worker.deliver(encode(sent, texts)?);
            sent += 1;
        }
        take_outcomes(worker).await?;
    }
    let wall = per_message(started.elapsed());
    Ok(Cost { wall, cpu: per_message((own_cpu() + worker.cpu()).saturating_sub(cpu_before)) })
}

fn encode(batch: usize, texts: Texts) -> Result<Bytes> {
    let mut payload = Vec::with_capacity(BATCH * 2 * BODY.len());
    let mut message = Message { channel: 1, body: black_box(&BODY), ..Message::default() };
    if let Texts::Four = texts {
        message.stream = Some(b"clicks");
        message.consumer_tag = Some(b"clicks-1");
        message.exchange = Some(b"");
        message.routing_key = Some(b"clicks");
    }
    for number in 0..BATCH {
        message.delivery_tag = (batch * BATCH + number) as u64 + 1;
        message.encode(&mut payload)?;
    }
    Ok(payload.into())
}

/// The outcomes of one batch; each must be good.
async fn take_outcomes(worker: &mut Worker) -> Result<()> {
    let mut missing = BATCH;
    while missing > 0 {
        let Some((_, frame)) = worker.receive().await? else { bail!("the worker has ended") };
        let Frame::Outcomes(payload) = frame else { bail!("expected outcomes, got {frame:?}") };
        let mut rest = &payload[..];
        while let Some((outcome, _)) = OutcomeHead::decode(&mut rest)? {
            ensure!(outcome.fate == OutcomeFate::Taken, "a message was not taken: {outcome:?}");
            ensure!(missing > 0, "more outcomes than messages");
            missing -= 1;
        }
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds of a benchmark are far below 2^52")]
fn per_message(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / (BATCH * BATCHES) as f64
}

/// CPU time of this process.
fn own_cpu() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}
