//! From the tree as it was written to the configuration as it is meant.

use super::keys::Keys;
use super::kind::{Choice, Count, Flag, Folder, Size, Text, Time};
use super::mistake::{Mistake, Place};
use super::table::{Findings, Known, Reading, Table};
use super::written::Entries;
use super::{
    BrokerKind, Config, Keep, OnKnown, QueueKind, SinkKind, StagingRules, api, environment, servers, tenants, written,
};
use crate::worker::protocol::Isolation;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

pub(super) const ISOLATION: [(&str, Isolation); 3] =
    [("full", Isolation::Full), ("reduced", Isolation::Reduced), ("insecure", Isolation::Insecure)];
pub(super) const QUEUES: [(&str, QueueKind); 2] = [("embedded", QueueKind::Embedded), ("redis", QueueKind::Redis)];
pub(super) const SINKS: [(&str, SinkKind); 2] = [("embedded", SinkKind::Embedded), ("mongodb", SinkKind::MongoDb)];
pub(super) const BROKERS: [(&str, BrokerKind); 2] =
    [("embedded", BrokerKind::Embedded), ("rabbitmq", BrokerKind::RabbitMq)];
pub(super) const ON_KNOWN: [(&str, OnKnown); 2] = [("refuse", OnKnown::Refuse), ("new-batch", OnKnown::NewBatch)];

/// Names every table that there can be, so that reading it asks for every key there is.
const EVERY_TABLE: &str = "[profiles.p]\n[tenants.t.sinks.s]\n[tenants.t.apps.a]\n[tenants.t.streams.s]\n";

/// Reads the configuration from the text of a file, if there is one, and variables laid over it. `real` gives a path as it
/// really is, with links followed.
///
/// # Errors
/// All mistakes there are.
pub(super) fn read(
    file: Option<(&Arc<str>, &str)>,
    env: impl IntoIterator<Item = (String, String)>,
    real: &dyn Fn(&Path) -> PathBuf,
) -> Result<Config, Vec<Mistake>> {
    let (mut entries, syntax) = file.map_or_else(Default::default, |(name, text)| written::read(name, text));
    let mut mistakes = environment::lay_over(&mut entries, env);
    let default = Config { adopt_tenants: file.is_none(), ..Config::default() };
    let written = Keys::of(&entries);
    let (config, found) = interpret(entries, default, real);
    let config = Config { written, ..config };
    // What could not be read may be what something else needs: whatever dangles is told only where all could be read.
    // Where the head of a table cannot be read, nobody knows whose the keys below it are.
    let head = |place: &Place| match (place, file) {
        (Place::Line(_, line), Some((_, text))) => {
            text.lines().nth(line - 1).is_some_and(|text| text.trim_start().starts_with('[')).then_some(*line)
        }
        _ => None,
    };
    let torn = syntax.iter().filter_map(|mistake| head(&mistake.place)).min().unwrap_or(usize::MAX);
    let is_below = |place: &Place| matches!(place, Place::Line(_, line) if *line >= torn);
    let is_spoilt =
        |mistake: &Mistake| is_below(&mistake.place) || syntax.iter().any(|syntax| syntax.place == mistake.place);
    mistakes.extend(found.mistakes.into_iter().filter(|mistake| !is_spoilt(mistake)));
    if syntax.is_empty() {
        mistakes.extend(found.dangling);
    }
    mistakes.extend(syntax);
    if mistakes.is_empty() { Ok(config) } else { Err(mistakes) }
}

/// Every key there is.
pub(super) fn every_key() -> Known {
    let (entries, _) = written::read(&Arc::from(""), EVERY_TABLE);
    interpret(entries, Config::default(), &Path::to_owned).1.known
}

fn interpret(entries: Entries, default: Config, real: &dyn Fn(&Path) -> PathBuf) -> (Config, Findings) {
    let reading = Reading::default();
    let mut root = reading.root(entries);
    let config = config(&mut root, default, real);
    root.finish();
    (config, reading.end(every_key))
}

fn config(root: &mut Table<'_>, default: Config, real: &dyn Fn(&Path) -> PathBuf) -> Config {
    let data = root.take("data", &Folder { such_as: "./data" }).unwrap_or(default.data);
    let staging = root.take("staging", &Folder { such_as: "./staging" }).unwrap_or(default.staging);
    let slots = Count { of: "whole number", least: 1, most: 1_024, such_as: 3 };
    let workers = Count { most: 4_096, such_as: default.workers_max as u64, ..slots };
    let threads = Count { most: 64, such_as: default.stream_threads as u64, ..slots };
    let isolation = root.take("isolation", &Choice(&ISOLATION)).unwrap_or(default.isolation);
    let profiles = tenants::profiles(root);
    let queue = kind(root, "queue", &QUEUES, default.queue);
    let config = Config {
        slots: root.number("slots", &slots).unwrap_or(default.slots),
        isolation,
        lease: time(root, "lease", Duration::from_secs(1), HOUR, default.lease),
        retry_pause: time(root, "retry_pause", Duration::ZERO, HOUR, default.retry_pause),
        warm: time(root, "warm", Duration::ZERO, DAY, default.warm),
        workers_max: root.number("workers_max", &workers).unwrap_or(default.workers_max),
        stream_threads: root.number("stream_threads", &threads).unwrap_or(default.stream_threads),
        adopt_tenants: root.take("adopt_tenants", &Flag).unwrap_or(default.adopt_tenants),
        host: root.take("host", &Text { what: "a name", such_as: "ingest-1" }).unwrap_or(default.host),
        api: api::api(root, default.api),
        queue,
        sink: kind(root, "sink", &SINKS, default.sink),
        broker: kind(root, "broker", &BROKERS, default.broker),
        depot: servers::depot(root, queue),
        redis: servers::redis(root, default.redis),
        mongodb: servers::mongodb(root, default.mongodb),
        rabbitmq: servers::rabbitmq(root, default.rabbitmq),
        staging_rules: staging_rules(root, default.staging_rules),
        keep: keep(root, default.keep),
        tenants: tenants::tenants(root, &profiles),
        profiles,
        data,
        staging,
        written: default.written,
    };
    keep_apart(root, &config, real);
    config
}

fn time(table: &mut Table<'_>, key: &'static str, least: Duration, most: Duration, default: Duration) -> Duration {
    table.take(key, &Time { least, most, such_as: default }).unwrap_or(default)
}

fn kind<K: Clone>(root: &mut Table<'_>, key: &'static str, kinds: &[(&'static str, K)], default: K) -> K {
    let mut table = root.table(key);
    let kind = table.take("kind", &Choice(kinds)).unwrap_or(default);
    table.finish();
    kind
}

fn staging_rules(root: &mut Table<'_>, default: StagingRules) -> StagingRules {
    let mut table = root.table("staging_rules");
    let rules = StagingRules {
        quiet: time(&mut table, "quiet", Duration::from_millis(10), MINUTE, default.quiet),
        rescan: time(&mut table, "rescan", Duration::from_secs(1), DAY, default.rescan),
        poll: time(&mut table, "poll", Duration::from_millis(100), HOUR, default.poll),
        on_known: table.take("on_known", &Choice(&ON_KNOWN)).unwrap_or(default.on_known),
    };
    table.finish();
    rules
}

fn keep(root: &mut Table<'_>, default: Keep) -> Keep {
    let mut table = root.table("keep");
    let files = Count { of: "whole number", least: 1, most: 10_000, such_as: default.journal_files.into() };
    let bytes = Size { least: 1 << 16, most: 1 << 40, such_as: default.journal_bytes };
    let keep = Keep {
        tasks: time(&mut table, "tasks", SECOND, DAY * 3_650, default.tasks),
        journal_bytes: table.take("journal_bytes", &bytes).unwrap_or(default.journal_bytes),
        journal_files: table.number("journal_files", &files).unwrap_or(default.journal_files),
        journal_age: time(&mut table, "journal_age", MINUTE, DAY * 3_650, default.journal_age),
    };
    table.finish();
    keep
}

/// Data and staging must not lie in each other: what tenants drop would be taken for the platform's own, or the reverse.
fn keep_apart(root: &Table<'_>, config: &Config, real: &dyn Fn(&Path) -> PathBuf) {
    let (data, staging) = (real(&config.data), real(&config.staging));
    let what = match (staging.starts_with(&data), data.starts_with(&staging)) {
        (true, true) => "data and staging are one directory",
        (true, false) => "staging lies inside data",
        (false, true) => "data lies inside staging",
        (false, false) => return,
    };
    let key = if root.has("staging") { "staging" } else { "data" };
    let (data, staging) = (config.data.display(), config.staging.display());
    root.dangles(
        key,
        format_args!("{what} (data is {data}, staging is {staging}): name two directories beside each other"),
    );
}

/// A path as it really is: absolute, links followed as far as it exists, without `.` and `..`.
pub(super) fn real_path(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let existing = absolute.ancestors().find_map(|ancestor| Some((ancestor, ancestor.canonicalize().ok()?)));
    let (mut real, rest) = match existing {
        Some((ancestor, real)) => (real, absolute.strip_prefix(ancestor).unwrap_or(Path::new(""))),
        None => (PathBuf::new(), absolute.as_path()),
    };
    for component in rest.components() {
        match component {
            Component::ParentDir => {
                real.pop();
            }
            component => real.push(component),
        }
    }
    real
}
