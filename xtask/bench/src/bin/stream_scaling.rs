//! `stream_scaling`: what the policy of consumers does on the loads of its simulation.
//!
//! Nothing is measured and no clock is read: the same is told each time, and drawn into `docs/stream-scaling.svg`.
#![expect(clippy::print_stdout, reason = "a program for the benchmark, which reads its last line")]

use mysimbdp::stream::scaling::Rules;
use mysimbdp::stream::scaling::simulation::{Moment, WINDOW, scenes};
use std::time::Duration;

fn main() {
    let rules = Rules::of_windows(Duration::from_secs(WINDOW));
    let scenes: Vec<String> = scenes()
        .iter()
        .map(|scene| {
            let moments = scene.play(rules);
            let column = |value: fn(&Moment) -> u64| moments.iter().map(value).collect::<Vec<u64>>();
            let arrived = column(|moment| moment.arrived);
            let backlog = column(|moment| moment.backlog);
            let consumers = column(|moment| moment.consumers as u64);
            let changes = moments.iter().filter(|moment| moment.wanted != moment.consumers).count();
            format!(
                "{{\"name\": \"{}\", \"least\": {}, \"changes\": {changes}, \"arrived\": {arrived:?}, \"backlog\": {backlog:?}, \
                 \"consumers\": {consumers:?}}}",
                scene.name, scene.bounds.min
            )
        })
        .collect();
    println!("{{\"window_seconds\": {WINDOW}, \"scenes\": [{}]}}", scenes.join(", "));
}
