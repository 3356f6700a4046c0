//! `queue_rate <redis://…> <tasks> <slots>`: how many small tasks a second one host puts into the Redis queue, claims and
//! finishes, and how many requests that takes.
//!
//! ```text
//!   enqueue, ten tasks a batch ──▶ Redis ──▶ slot: claim ─▶ end(Done) and claim ─▶ …    a thread and an event loop each
//! ```
//! As in the daemon, one connection serves all of the host. The task itself does nothing: the queue alone is measured. Redis
//! counts the requests: each step of the queue is one script, which it lists under `evalsha`.
#![expect(clippy::print_stdout, reason = "a program for the benchmark, which reads its last line")]

use anyhow::{Context as _, Result, anyhow, ensure};
use mysimbdp::queue::redis::{RedisQueue, RedisSettings};
use mysimbdp::queue::{Ending, NewBatch, Share, TaskQueue};
use mysimbdp::task::{BatchId, Origin, StoredFile, Work};
use mysimbdp::tenant::{AppName, TenantId};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

/// Tasks of a batch.
const FILES: u64 = 10;
/// How long a claim is good for.
const LEASE: Duration = Duration::from_secs(30);
const TENANT: &str = "acme";

fn main() -> Result<()> {
    let usage = "usage: queue_rate <redis://…> <tasks> <slots>";
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, tasks, slots] = arguments.as_slice() else { anyhow::bail!(usage) };
    let (tasks, slots): (u64, u64) = (tasks.parse()?, slots.parse()?);
    let settings = RedisSettings { url: url.clone(), prefix: BatchId::new().to_string(), ca: None, certificate: None };
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let (queue, _warnings) = runtime.block_on(RedisQueue::connect(&settings))?;
    let tenant = TenantId::parse(TENANT)?;
    runtime.block_on(queue.set_share(&tenant, Share { weight: 1, concurrent: slots }))?;
    let (queue, batches) = (Arc::new(queue), tasks.div_ceil(FILES));
    // Not counted: the scripts are sent to the server when it does not know them yet.
    run(&queue, 1, 1)?;
    let before = requests(&runtime, url)?;
    let began = Instant::now();
    let empty = run(&queue, batches, slots)?;
    let seconds = began.elapsed().as_secs_f64();
    let requests = requests(&runtime, url)? - before;
    let done = batches * FILES;
    println!(
        "{{\"tasks\": {done}, \"seconds\": {seconds}, \"requests\": {requests}, \"batches\": {batches}, \"empty_claims\": {empty}}}"
    );
    Ok(())
}

/// All of it; answers how many claims found nothing.
fn run(queue: &Arc<RedisQueue>, batches: u64, slots: u64) -> Result<u64> {
    let left = AtomicU64::new(batches * FILES);
    std::thread::scope(|scope| {
        let enqueue = scope.spawn(|| alone()?.block_on(enqueue(queue, batches)));
        let slots: Vec<_> = (0..slots).map(|_| scope.spawn(|| alone()?.block_on(work(queue, &left)))).collect();
        let gone = |_| anyhow!("a thread panicked");
        enqueue.join().map_err(gone)??;
        let mut empty = 0;
        for slot in slots {
            empty += slot.join().map_err(gone)??;
        }
        ensure!(left.load(Ordering::SeqCst) == 0, "not every task was finished");
        Ok(empty)
    })
}

fn alone() -> Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

async fn enqueue(queue: &RedisQueue, batches: u64) -> Result<()> {
    for batch in 0..batches {
        let file = |index: u64| StoredFile {
            name: format!("{index}.csv"),
            bytes: 100,
            content: format!("{:032x}", batch * FILES + index),
            key: format!("{batch}/{index}"),
        };
        let new = NewBatch {
            room: u64::MAX,
            id: BatchId::new(),
            tenant: TenantId::parse(TENANT)?,
            app: AppName::parse("app")?,
            origin: Origin::Submitted,
            files: (0..FILES).map(|index| (file(index), Work::Ingest)).collect(),
            generation: Some("0".repeat(64)),
            refuse_known: false,
        };
        queue.enqueue(new).await?;
    }
    Ok(())
}

/// A slot: claims and finishes until none is left; answers how many claims found nothing.
async fn work(queue: &RedisQueue, left: &AtomicU64) -> Result<u64> {
    let (mut empty, mut at_hand) = (0, None);
    while left.load(Ordering::SeqCst) > 0 {
        let next = match at_hand.take() {
            Some(claim) => Some(claim),
            None => queue.claim("bench", LEASE).await?,
        };
        let Some(claim) = next else {
            empty += 1;
            // The last task may be finished by another slot, of which nobody hears.
            let _ = tokio::time::timeout(Duration::from_millis(20), queue.changed()).await;
            continue;
        };
        let checkpoint = claim.task.checkpoint.clone();
        at_hand = queue.end_and_claim(claim.key(), Ending::Done, checkpoint, "bench", LEASE).await?;
        left.fetch_sub(1, Ordering::SeqCst);
    }
    Ok(empty)
}

/// Scripts that the server has run so far.
fn requests(runtime: &Runtime, url: &str) -> Result<u64> {
    let client = redis::Client::open(url)?;
    let told: String = runtime.block_on(async {
        let mut connection = client.get_multiplexed_async_connection().await?;
        redis::cmd("INFO").arg("commandstats").query_async(&mut connection).await
    })?;
    let Some(line) = told.lines().find(|line| line.starts_with("cmdstat_evalsha:")) else { return Ok(0) };
    let calls = line.split_once("calls=").and_then(|(_, rest)| rest.split(',').next());
    calls.context("Redis does not tell how often")?.parse().context("Redis tells no number")
}
