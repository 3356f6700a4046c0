//! The Redis queue alone: tasks per second, and requests per task.

use crate::bench::measure::{self, Run, median};
use crate::bench::report::{Figure, Section};
use crate::bench::shop::{DONE, Shop};
use crate::workshop::{self, step};
use anyhow::Result;
use mysimbdp_servers::Redis;
use std::process::Command;
use xtask::text::thousands;

/// Small tasks per second, and requests per task from its claim to its end.
const RATE: f64 = 5_000.0;
const REQUESTS: f64 = 2.0;
const TASKS: &str = "20000";
const SLOTS: [&str; 3] = ["3", "8", "16"];

pub(in crate::bench) fn measure(shop: &Shop) -> Result<Section> {
    step("The Redis queue alone");
    let command = |url: &str, slots: &str| -> Command {
        let mut command = shop.program("queue_rate");
        command.arg(url).args([TASKS, slots]);
        command
    };
    // Each on a fresh server: one that still has the tasks of the runs before rewrites an ever longer log meanwhile.
    let run = |slots: &str| {
        let redis = Redis::start()?;
        measure::run(&mut command(&redis.url(), slots), DONE)
    };
    let (mut rows, mut best, mut most) = (Vec::new(), 0.0_f64, 0.0_f64);
    for slots in SLOTS {
        let runs = (0..shop.pairs).map(|_| run(slots)).collect::<Result<Vec<Run>>>()?;
        let rates = runs.iter().map(rate).collect::<Result<Vec<f64>>>()?;
        let requests = runs.iter().map(requests_per_task).collect::<Result<Vec<f64>>>()?;
        let empty = runs.iter().map(|run| run.number("/empty_claims")).collect::<Result<Vec<f64>>>()?;
        let (rate, requests) = (median(rates), median(requests));
        best = best.max(rate);
        most = most.max(requests);
        rows.push(vec![format!("{slots} slots"), thousands(rate), format!("{requests:.3}"), thousands(median(empty))]);
    }
    Ok(Section {
        title: "On servers: the Redis queue",
        meaning: "Small tasks, put into the queue in batches of ten, claimed and finished by one host over one connection, \
                  all at the same time, in a fresh Redis that syncs its log at every change. The end of a task and the claim \
                  of the next one are one request. The task itself does nothing. Redis \
                  counts the requests (`INFO commandstats`): what is left per task when the batches and the claims that \
                  found nothing, because nothing was there, are taken off."
            .to_owned(),
        commands: vec![workshop::line(&command("redis://127.0.0.1:<port>/", SLOTS[1]))],
        head: vec!["", "tasks/s", "requests per task", "claims that found nothing"],
        rows,
        figures: vec![
            Figure {
                name: "small tasks/s through the Redis queue, one host".to_owned(),
                measured: thousands(best),
                promised: format!("\u{2265} {}", thousands(RATE)),
                kept: best >= RATE,
            },
            Figure {
                name: "requests to Redis per task, from its claim to its end".to_owned(),
                measured: format!("{most:.3}"),
                promised: format!("\u{2264} {REQUESTS}"),
                kept: most <= REQUESTS,
            },
        ],
    })
}

fn rate(run: &Run) -> Result<f64> {
    Ok(run.number("/tasks")? / run.number("/seconds")?)
}

fn requests_per_task(run: &Run) -> Result<f64> {
    let others = run.number("/batches")? + run.number("/empty_claims")?;
    Ok((run.number("/requests")? - others) / run.number("/tasks")?)
}
