//! Events for the tests of the journal.

use super::event::{Event, Happening, TaskEntry};
use crate::stream::monitor::{Limit, Notification};
use crate::stream::window::{Closing, Lag, Window, WindowReport};
use crate::task::{BatchId, Counts, Origin, TaskState};
use crate::tenant::{AppName, OnBreach, StreamName, TenantId};
use jiff::Timestamp;

pub(crate) fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_694_400 + second).unwrap()
}

pub(crate) fn app() -> AppName {
    AppName::parse("csv").unwrap()
}

pub(crate) fn entry(task: u64, epoch: u64) -> TaskEntry {
    TaskEntry {
        task,
        epoch,
        batch: "0193664c-7f00-7000-8000-000000000000".parse::<BatchId>().unwrap(),
        app: app(),
        generation: "a".repeat(64),
        file: "trips.csv".into(),
        bytes: 1000,
        state: TaskState::Done,
        reason: None,
        cause: None,
        counts: Counts::default(),
        new_documents: 10,
        new_rows: 11,
        new_dead_letters: 1,
        queued_seconds: 0.5,
        slot_seconds: 2.0,
        app_seconds: 1.5,
        sink_seconds: 0.25,
        start_seconds: 0.125,
        cpu_seconds: 1.25,
        memory_bytes: 1 << 20,
        memory_byte_seconds: 2097152.0,
        workers: 1,
        deaths: 0,
        rows_per_second: 5.5,
        not_deterministic: false,
    }
}

pub(crate) fn of(tenant_name: &str, what: Happening) -> Event {
    Event { at: at(0), tenant: Some(tenant(tenant_name)), what }
}

pub(crate) fn ended(tenant: &str, task: u64, epoch: u64) -> Event {
    of(tenant, Happening::TaskEnded(entry(task, epoch)))
}

pub(crate) fn log(tenant: &str, task: u64, message: &str) -> Event {
    of(tenant, Happening::AppLog { task, app: app(), level: "info".into(), message: message.into() })
}

pub(crate) fn deed(tenant: &str, number: u64) -> Event {
    of(tenant, Happening::Deed { sentence: format!("deed {number}") })
}

/// The number of a [`deed`].
pub(crate) fn number(event: &Event) -> u64 {
    let Happening::Deed { sentence } = &event.what else { panic!("{event:?}") };
    sentence.strip_prefix("deed ").unwrap().parse().unwrap()
}

fn window() -> WindowReport {
    let lag = Lag { waiting: 3, held: 2, oldest_seconds: Some(1.5) };
    let (seconds, consumers, own) = (5.0, 1, None);
    Window::default().close(Closing { at: Timestamp::UNIX_EPOCH, seconds, consumers, lag, own })
}

fn notification() -> Notification {
    Notification {
        tenant: "acme".parse().unwrap(),
        stream: Some(stream()),
        limit: Limit::Messages,
        measured: 500,
        allowed: 500,
        waiting: 7,
        window_seconds: 5,
        suggestion: "publish less".into(),
        policy: OnBreach::Throttle,
    }
}

fn stream() -> StreamName {
    "clicks".parse().unwrap()
}

/// One of each kind, in the order of [`Happening::KINDS`].
pub(crate) fn every_kind() -> Vec<Event> {
    let reason = || "because".to_owned();
    let batch: BatchId = "0193664c-7f00-7000-8000-000000000000".parse().unwrap();
    let failed =
        TaskEntry { state: TaskState::Parked, reason: Some(reason()), cause: Some("deaths".into()), ..entry(3, 2) };
    let (generation, version) = ("b".repeat(64), "1.2.3".to_owned());
    vec![
        Happening::Started { version: version.clone(), recovered: 2 },
        Happening::Stopped { released: 1 },
        Happening::AppLive {
            app: app(),
            generation: generation.clone(),
            version,
            kinds: vec!["batch".into()],
            after_ms: Some(120),
            reason: reason(),
        },
        Happening::AppRefused { file: "x.so".into(), reason: reason() },
        Happening::AppRetired { app: app(), generation: generation.clone(), reason: reason() },
        Happening::BatchAccepted { batch, app: app(), origin: Origin::Inbox, tasks: vec![3, 4], bytes: 9 },
        Happening::BatchRefused { app: "CSV".into(), files: vec!["a.csv".into()], reason: reason() },
        Happening::TaskBegan { task: 3, app: app(), generation, epoch: 1 },
        Happening::TaskEnded(failed),
        Happening::WorkerDied { task: 3, sentence: "it died".into() },
        Happening::AppLog { task: 3, app: app(), level: "warn".into(), message: "hm".into() },
        Happening::StreamChanged { stream: stream(), state: "paused".into(), reason: reason() },
        Happening::StreamWindow { stream: stream(), report: Box::new(window()) },
        Happening::StreamScaled { stream: stream(), from: 1, to: 2, reason: reason() },
        Happening::StreamBreach { sentence: reason(), notification: notification() },
        Happening::StreamInterrupted { stream: stream(), reason: reason() },
        Happening::StreamWorkerDied { stream: stream(), sentence: "it died".into() },
        Happening::StreamLog { stream: stream(), app: app(), level: "warn".into(), message: "hm".into() },
        Happening::Deed { sentence: "task 3 was cancelled".into() },
        Happening::Request {
            by: "billing".into(),
            token: Some("abcdefghijkm".into()),
            operator: true,
            method: "POST".into(),
            path: "/v1/tasks/3/cancel".into(),
            status: 200,
            request_id: "r-1".into(),
            what: Some("weight is 2, and was 1".into()),
        },
        Happening::LimitReached { limit: "cpu_seconds".into(), reason: reason() },
        Happening::Trouble { reason: reason() },
        Happening::TroubleOver { reason: reason() },
        Happening::Lost { events: 7, reason: reason() },
        Happening::Skipped { lines: 8, reason: reason() },
        Happening::FileBegan { number: 9 },
    ]
    .into_iter()
    .map(|what| of("acme", what))
    .collect()
}
