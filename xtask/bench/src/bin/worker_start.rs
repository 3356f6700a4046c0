//! `worker_start <mysimbdp> <app.so> <starts>`: how long a worker takes from the host's decision to its "ready".
#![expect(clippy::print_stdout, reason = "a program for the benchmark, which reads its last line")]

use anyhow::{Context as _, Result};
use mysimbdp::worker::process::Worker;
use mysimbdp::worker::spawner::Spawner;
use mysimbdp_bench::worker;
use std::path::PathBuf;
use std::time::Instant;

fn main() -> Result<()> {
    let usage = "usage: worker_start <mysimbdp> <app.so> <starts>";
    let mut arguments = std::env::args_os().skip(1);
    let host = PathBuf::from(arguments.next().context(usage)?);
    let app = PathBuf::from(arguments.next().context(usage)?);
    let starts: usize = arguments.next().and_then(|starts| starts.to_str()?.parse().ok()).context(usage)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let milliseconds = runtime.block_on(async {
        let (spawner, spec) = (Spawner::start(Some(&host))?, worker::spec(&app)?);
        let mut milliseconds = Vec::new();
        for _ in 0..starts {
            let before = Instant::now();
            let worker = Worker::start(&spawner, &spec).await?;
            milliseconds.push(before.elapsed().as_secs_f64() * 1000.0);
            worker.retire().await;
        }
        anyhow::Ok(milliseconds)
    })?;
    println!("{{\"milliseconds\": {milliseconds:?}}}");
    Ok(())
}
