//! `bare_inserts <data.csv> <mongodb://…>`: the rows of the CSV app, straight into a MongoDB by `insert_many`.
//!
//! What somebody would write who needs no platform, and wants it fast: one process, the official driver, two inserts under
//! way while the next batch is read. Nothing is isolated, no document is checked or numbered by its row, no checkpoint is
//! kept: begun again, it stores everything twice.
#![expect(clippy::print_stdout, reason = "a program for the benchmark, which reads its last line")]

use anyhow::{Context as _, Result};
use mongodb::options::ClientOptions;
use mongodb::{Client, Collection};
use mysimbdp_bench::trips::{Trip, trip};
use rustix::time::{ClockId, clock_gettime};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Documents of a batch.
const BATCH: usize = 1_000;
/// Batches under way, each on a connection of its own.
const AT_ONCE: usize = 2;

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<()> {
    let usage = "usage: bare_inserts <data.csv> <mongodb://…>";
    let mut arguments = std::env::args_os().skip(1);
    let data = PathBuf::from(arguments.next().context(usage)?);
    let url = arguments.next().and_then(|url| url.into_string().ok()).context(usage)?;
    let mut options = ClientOptions::parse(url).await?;
    options.max_pool_size = Some(u32::try_from(AT_ONCE)?);
    let client = Client::with_options(options)?;
    let collection = client.database("bare").collection::<Trip>("trips");
    let documents = load(&data, &collection).await?;
    client.shutdown().await;
    let cpu = clock_gettime(ClockId::ProcessCPUTime);
    println!(
        "{{\"rows\": {documents}, \"documents\": {documents}, \"cpu_seconds\": {}.{:09}}}",
        cpu.tv_sec, cpu.tv_nsec
    );
    Ok(())
}

/// Answers how many documents were stored.
async fn load(data: &Path, collection: &Collection<Trip>) -> Result<usize> {
    let mut reader = csv::Reader::from_path(data).with_context(|| format!("cannot open {}", data.display()))?;
    let (room, mut under_way) = (Arc::new(Semaphore::new(AT_ONCE)), JoinSet::new());
    let (mut record, mut documents) = (csv::StringRecord::new(), 0);
    loop {
        let mut batch = Vec::with_capacity(BATCH);
        while batch.len() < BATCH && reader.read_record(&mut record)? {
            batch.push(trip(&record)?);
        }
        if batch.is_empty() {
            break;
        }
        let (permit, collection) = (Arc::clone(&room).acquire_owned().await?, collection.clone());
        under_way.spawn(async move {
            let stored = collection.insert_many(&batch).await?.inserted_ids.len();
            drop(permit);
            anyhow::Ok(stored)
        });
        while let Some(stored) = under_way.try_join_next() {
            documents += stored??;
        }
    }
    while let Some(stored) = under_way.join_next().await {
        documents += stored??;
    }
    Ok(documents)
}
