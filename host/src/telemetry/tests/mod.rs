//! What is scraped.

mod shipped;

use super::exposition::Format;
use super::labels::MOST_TENANTS;
use super::metrics::{Answered, Disk, Metrics, OfOne, Route, Snapshot};
use crate::batch::running::Moved;
use crate::identity::tokens::TokenEnd;
use crate::journal::fixtures::every_kind;
use crate::journal::{Event, Happening};
use crate::sink::embedded::EmbeddedSinks;
use crate::tenant::TenantId;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

fn tenant(name: &str) -> TenantId {
    name.parse().unwrap()
}

fn acme() -> OfOne {
    OfOne {
        tasks: Some([1, 2, 3]),
        oldest_task_seconds: Some(2.5),
        stored_bytes: 7,
        waiting: Some(4),
        oldest_seconds: Some(1.5),
        ..OfOne::default()
    }
}

/// A host of which everything is known that can be.
fn all() -> (Metrics, Snapshot) {
    let metrics = Metrics::new();
    for event in every_kind() {
        metrics.note(&event);
    }
    metrics.moved(&BTreeMap::from([(tenant("acme"), Moved { rows: 9, documents: 8, dead_letters: 1 })]));
    metrics.answered(&Answered { method: "GET", route: Route::Other, status: 204 }, Duration::from_millis(20));
    metrics.wrote(true, Duration::from_millis(3));
    metrics.serves(100);
    metrics.certificate_ends(Timestamp::from_second(5_000).unwrap());
    let at = Timestamp::from_second(1_000).unwrap();
    let snapshot = Snapshot {
        slots: [3, 1],
        hosts: Some(1),
        ready: true,
        servers: vec![("queue", true), ("sink", false)],
        tenants: vec![(tenant("acme"), acme())],
        disks: vec![Disk { directory: "data", free: 1, size: 2 }],
        tokens: vec![TokenEnd { scope: "operator", access: "read", at }],
        own_token: Some(at),
        ..Snapshot::default()
    };
    (metrics, snapshot)
}

fn has(text: &str, line: &str) -> bool {
    text.lines().any(|found| found == line)
}

#[test]
fn the_text_says_what_was_noted_and_scraped_twice_counts_nothing_twice() {
    let (metrics, snapshot) = all();
    for _ in 0..2 {
        let text = metrics.text(&snapshot, Format::OpenMetrics);
        assert!(text.ends_with("# EOF\n"));
        for line in [
            "mysimbdp_slots_busy 1",
            "mysimbdp_ready 1",
            "mysimbdp_draining 0",
            "mysimbdp_hosts 1",
            "mysimbdp_dependency_up{dependency=\"sink\"} 0",
            "mysimbdp_tasks{tenant=\"acme\",state=\"parked\"} 3",
            "mysimbdp_task_oldest_waiting_seconds{tenant=\"acme\"} 2.5",
            "mysimbdp_stream_oldest_seconds{tenant=\"acme\"} 1.5",
            "mysimbdp_rows_total{tenant=\"acme\"} 9",
            "mysimbdp_http_requests_total{status=\"204\"} 1",
            "mysimbdp_http_request_duration_seconds_bucket{le=\"0.05\",method=\"GET\",route=\"other\",status=\"2xx\"} 1",
            "mysimbdp_http_connections_max 100",
            "mysimbdp_certificate_expires_timestamp_seconds 5000.0",
            "mysimbdp_filesystem_free_bytes{directory=\"data\"} 1",
        ] {
            assert!(has(&text, line), "{line}: {text}");
        }
    }
}

#[test]
fn what_is_not_known_has_no_series_and_what_the_host_knows_has() {
    let (metrics, snapshot) = all();
    assert!(metrics.text(&snapshot, Format::Plain).contains("mysimbdp_tasks{"));
    let known = OfOne { stored_bytes: 7, ..OfOne::default() };
    let away = Snapshot { hosts: None, tenants: vec![(tenant("acme"), known)], own_token: None, ..snapshot };
    let text = metrics.text(&away, Format::Plain);
    for name in [
        "mysimbdp_hosts",
        "mysimbdp_tasks",
        "mysimbdp_task_oldest_waiting_seconds",
        "mysimbdp_stream_waiting_messages",
        "mysimbdp_stream_oldest_seconds",
        "mysimbdp_scrape_token_expires_timestamp_seconds",
    ] {
        assert!(
            !text.lines().any(|line| line.starts_with(&format!("{name}{{")) || line.starts_with(&format!("{name} ")))
        );
    }
    assert!(
        has(&text, "mysimbdp_stored_bytes{tenant=\"acme\"} 7") && has(&text, "mysimbdp_rows_total{tenant=\"acme\"} 9")
    );
}

#[test]
fn a_tenants_counters_begin_at_zero_when_it_is_there_and_go_when_it_is_not() {
    let metrics = Metrics::new();
    let there = |names: &[&str]| Snapshot {
        tenants: names.iter().map(|name| (tenant(name), OfOne::default())).collect(),
        ..Snapshot::default()
    };
    let text = metrics.text(&there(&["acme", "globex"]), Format::Plain);
    for line in [
        "mysimbdp_worker_deaths_total{tenant=\"globex\"} 0",
        "mysimbdp_stream_interruptions_total{tenant=\"acme\"} 0",
        "mysimbdp_stream_breach_seconds_total{tenant=\"acme\"} 0.0",
        "mysimbdp_task_attempts_total{tenant=\"acme\",state=\"parked\"} 0",
    ] {
        assert!(has(&text, line), "{line}: {text}");
    }
    let refused = Happening::BatchRefused { app: "csv".into(), files: Vec::new(), reason: String::new() };
    metrics.note(&Event::now(Some(&tenant("globex")), refused));
    let text = metrics.text(&there(&["acme"]), Format::Plain);
    assert!(!text.contains("globex") && text.contains("acme"), "{text}");
}

#[test]
fn tenants_without_end_share_one_label() {
    let metrics = Metrics::new();
    let one = OfOne { stored_bytes: 1, tasks: Some([1, 0, 0]), oldest_task_seconds: Some(3.0), ..OfOne::default() };
    let tenants = (0..MOST_TENANTS + 20).map(|number| (tenant(&format!("t{number:04}")), one)).collect();
    let mut snapshot = Snapshot { tenants, ..Snapshot::default() };
    let text = metrics.text(&snapshot, Format::Plain);
    for line in [
        "mysimbdp_stored_bytes{tenant=\"_others\"} 20",
        "mysimbdp_tasks{tenant=\"_others\",state=\"waiting\"} 20",
        "mysimbdp_task_oldest_waiting_seconds{tenant=\"_others\"} 3.0",
        "mysimbdp_rows_total{tenant=\"_others\"} 0",
    ] {
        assert!(has(&text, line), "{line}");
    }
    assert_eq!(text.matches("mysimbdp_stored_bytes{").count(), MOST_TENANTS + 1);
    // One of them does not say: then nothing can be said of all.
    snapshot.tenants[MOST_TENANTS + 3].1.tasks = None;
    let text = metrics.text(&snapshot, Format::Plain);
    assert!(!text.contains("mysimbdp_tasks{tenant=\"_others\""));
}

#[test]
fn connections_are_open_until_they_are_dropped() {
    let metrics = Metrics::new();
    let connections = |expected: &str| {
        let text = metrics.text(&Snapshot::default(), Format::Plain);
        assert!(has(&text, &format!("mysimbdp_http_connections {expected}")), "{text}");
    };
    let two = [metrics.connected(), metrics.connected()];
    connections("2");
    drop(two);
    connections("0");
}

#[tokio::test]
async fn each_batch_that_a_sink_takes_is_timed() {
    let folder = tempfile::tempdir().unwrap();
    let metrics = Metrics::new();
    let sinks = metrics.timed(std::sync::Arc::new(EmbeddedSinks::new(folder.path())));
    let sink = sinks.open(&tenant("acme"), "documents").await.unwrap();
    sink.write(crate::sink::DocumentBatch::default()).await.unwrap();
    assert!(sinks.answers().await.is_ok());
    let text = metrics.text(&Snapshot::default(), Format::Plain);
    assert!(has(&text, "mysimbdp_sink_write_duration_seconds_count{outcome=\"stored\"} 1"), "{text}");
    drop(sink);
    sinks.close_all();
}
