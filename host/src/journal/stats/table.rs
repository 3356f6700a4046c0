//! Statistics for people. Pure.

use super::{Spread, Stats, TaskStats};
use crate::quota::grouped;
use crate::worker::words::one_line;
use std::collections::BTreeMap;

/// The statistics as text of several lines: first everything, then each tenant.
pub fn table(stats: &Stats) -> String {
    let mut lines = Vec::new();
    let since = stats.since.map_or_else(|| "the beginning of the journal".to_owned(), |since| since.to_string());
    lines.push(format!("attempts that ended since {since}"));
    if stats.damaged > 0 {
        lines.push(format!("{} damaged lines of the journal were passed over", grouped(stats.damaged)));
    }
    section("all tenants", &stats.all, &mut lines);
    for (tenant, own) in &stats.tenants {
        section(tenant.as_str(), own, &mut lines);
    }
    lines.join("\n") + "\n"
}

fn section(name: &str, stats: &TaskStats, lines: &mut Vec<String>) {
    lines.push(String::new());
    lines.push(name.to_owned());
    let mut say = |label: &str, value: &str| lines.push(format!("  {label:<11} {value}"));
    say("tasks", &format!("{} in {} attempts", grouped(stats.tasks), grouped(stats.attempts)));
    say("ended as", &list(&stats.states));
    say("not done", &list(&stats.causes));
    say("rows", &grouped(stats.rows));
    say("documents", &grouped(stats.documents));
    say("letters", &grouped(stats.dead_letters));
    say("deaths", &grouped(stats.deaths));
    say("", &format!("{:>10} {:>12} {:>12} {:>12} {:>12}", "count", "mean", "p50", "p95", "max"));
    for (label, Spread { count, mean, p50, p95, max }) in stats.spreads() {
        let [mean, p50, p95, max] = [mean, p50, p95, max].map(|number| shown(*number));
        say(label, &format!("{:>10} {mean:>12} {p50:>12} {p95:>12} {max:>12}", grouped(*count)));
    }
}

fn list(counts: &BTreeMap<String, u64>) -> String {
    let list: Vec<_> = counts.iter().map(|(name, count)| format!("{} {}", one_line(name), grouped(*count))).collect();
    if list.is_empty() { "none".to_owned() } else { list.join(", ") }
}

/// Three digits behind the point for what is small, none for what is large.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative; what is above 2^64 is shown as that"
)]
fn shown(number: f64) -> String {
    if number >= 1000.0 { grouped(number.round() as u64) } else { format!("{number:.3}") }
}
