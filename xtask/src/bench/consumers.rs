//! How many consumers a stream is given: the policy on the loads of its simulation, drawn.

use super::consumers_picture::{Scene, picture};
use super::measure;
use super::report::{Figure, Section};
use super::shop::{DONE, Shop};
use crate::workshop::{self, step};
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::fs;

pub(super) fn measure(shop: &Shop) -> Result<Section> {
    step("How many consumers a stream is given");
    let mut command = shop.program("stream_scaling");
    let run = measure::run(&mut command, DONE)?;
    let scenes = scenes(&run.account)?;
    if !shop.quick {
        fs::write(workshop::root().join("docs/stream-scaling.svg"), picture(&scenes))?;
    }
    let rows = scenes.iter().map(|scene| {
        let (backlog, consumers) = (scene.most_backlog(), scene.most_consumers());
        vec![scene.name.clone(), backlog.to_string(), consumers.to_string(), scene.changes.to_string()]
    });
    let left = scenes.iter().filter(|scene| scene.backlog.last() == Some(&0));
    let idle = left.clone().filter(|scene| scene.consumers.last() == Some(&scene.least)).count();
    let slow = scenes.iter().find(|scene| scene.name == "slow sink").map_or(u64::MAX, Scene::most_consumers);
    Ok(Section {
        title: "Consumers come and go with the load",
        meaning: "The policy that gives a stream its consumers, simulated without a clock: one consumer serves 100 messages a \
                  second, there may be 1 to 16, a window has 5 seconds. In \"slow sink\" the sink takes 140 a second, \
                  however many consumers there are; in \"a limit\" the tenant may have 80. ![Consumers against \
                  load](stream-scaling.svg)"
            .to_owned(),
        commands: vec![workshop::line(&command)],
        head: vec!["load", "largest backlog", "most consumers", "changes"],
        rows: rows.collect(),
        figures: vec![
            Figure {
                name: "loads whose queue is drained in the end, and that have the least consumers again".to_owned(),
                measured: format!("{idle} of {}", left.clone().count()),
                promised: "all".to_owned(),
                kept: idle == left.count(),
            },
            Figure {
                name: "consumers where the sink is what is slow".to_owned(),
                measured: slow.to_string(),
                promised: "at most 4".to_owned(),
                kept: slow <= 4,
            },
        ],
    })
}

fn scenes(account: &Value) -> Result<Vec<Scene>> {
    let scenes = account.get("scenes").and_then(Value::as_array).context("the run tells no scenes")?;
    scenes.iter().map(scene).collect()
}

fn scene(told: &Value) -> Result<Scene> {
    let column = |name: &str| -> Result<Vec<u64>> {
        let column = told.get(name).and_then(Value::as_array).with_context(|| format!("a scene tells no {name}"))?;
        Ok(column.iter().filter_map(Value::as_u64).collect())
    };
    let number =
        |name: &str| told.get(name).and_then(Value::as_u64).with_context(|| format!("a scene tells no {name}"));
    Ok(Scene {
        name: told.get("name").and_then(Value::as_str).context("a scene has no name")?.to_owned(),
        least: number("least")?,
        changes: number("changes")?,
        arrived: column("arrived")?,
        backlog: column("backlog")?,
        consumers: column("consumers")?,
    })
}
