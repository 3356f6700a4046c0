//! The second half of the demo: messages through a tenant's app, windows as they close, consumers that come and go, a breach.

use crate::daemon::Daemon;
use crate::generate;
use crate::workshop::{shown, step};
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use xtask::data::{Options, Size};

/// The example of a stream app.
pub(super) const APP: &str = "clientstreamingestapp-json";
const FILE_BYTES: u64 = 4_300_000;
const BAD_MESSAGES: u64 = 3;
/// Nothing here takes longer, however slow the machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// Messages that are beyond what the profile `normal` allows in a window of five seconds.
const TOO_MANY: u64 = 1_200;

/// What the demo is configured with: two tenants that may have what they want in windows of a second, one that is `normal`.
pub(super) const CONFIG: &str = r#"adopt_tenants = true

[profiles.generous]
messages_per_window = "unlimited"
bytes_per_window = "unlimited"
window_seconds = 1

[tenants.acme]
profile = "generous"
[tenants.acme.streams.trips]
app = "clientstreamingestapp-json"
[tenants.acme.streams.slow]
app = "villains"

[tenants.globex]
profile = "generous"
[tenants.globex.streams.trips]
app = "clientstreamingestapp-json"

[tenants.initech]
profile = "normal"
[tenants.initech.streams.trips]
app = "clientstreamingestapp-json"
"#;

/// Shows it all.
pub(super) fn show(daemon: &Daemon, folder: &Path, app: &Path) -> Result<()> {
    step("Streams: each tenant drops its app for messages");
    for tenant in ["acme", "globex", "initech"] {
        super::drop_app(daemon, folder, tenant, app)?;
    }
    for (seed, tenant) in (1..).zip(["acme", "globex"]) {
        let options = Options { size: Size::Bytes(FILE_BYTES), seed, bad_rows: BAD_MESSAGES };
        let file = write(folder, tenant, &options)?;
        step(&format!("A file of 4.3 MB, item by item, through the stream of {tenant}"));
        publish(daemon, &format!("{tenant}/trips"), &file.path)?;
        let line = ended(daemon, tenant, "trips", file.messages)?;
        let count = |name: &str| line[name].as_u64().unwrap_or_default();
        windows(daemon, tenant, &mut HashSet::new())?;
        let (messages, stored, rejected) = (count("messages"), count("stored"), count("rejected"));
        println!("    {messages} messages = {stored} documents and {rejected} dead letters");
        ensure!(
            (messages, stored, rejected) == (file.messages, file.messages - BAD_MESSAGES, BAD_MESSAGES),
            "the counts are not those of the file that was written; please report this."
        );
    }
    consumers(daemon, folder)?;
    breach(daemon, folder)
}

struct Written {
    path: PathBuf,
    messages: u64,
}

fn write(folder: &Path, tenant: &str, options: &Options) -> Result<Written> {
    let path = folder.join("files").join(tenant).join("trips.jsonl");
    let written = generate::messages(&path, options)?;
    Ok(Written { path, messages: written.rows })
}

fn publish(daemon: &Daemon, stream: &str, file: &Path) -> Result<()> {
    daemon.show(&["publish", stream, &file.display().to_string()])
}

/// Waits until a stream has brought so many messages to their end, and answers what is told of it then.
fn ended(daemon: &Daemon, tenant: &str, stream: &str, messages: u64) -> Result<Value> {
    let until = Instant::now() + PATIENCE;
    loop {
        let streams = daemon.ask(&["streams", "list", "--tenant", tenant])?;
        let line = streams.as_array().and_then(|all| all.iter().find(|line| line["stream"] == stream)).cloned();
        let line = line.with_context(|| format!("there is no stream {tenant}/{stream}"))?;
        if line["messages"] == messages {
            // The window that they are in closes within a second.
            std::thread::sleep(Duration::from_millis(1_200));
            return Ok(line);
        }
        ensure!(Instant::now() < until, "the stream {tenant}/{stream} does not come to its end: {line}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Prints what a tenant's streams have told since the last time.
fn windows(daemon: &Daemon, tenant: &str, seen: &mut HashSet<String>) -> Result<()> {
    let kinds = "stream_window,stream_scaled,stream_breach,stream_changed";
    let answer = daemon.command(&["logs", "--json", tenant, "--event", kinds, "--limit", "500"])?;
    for line in String::from_utf8_lossy(&answer.stdout).lines() {
        let Ok(event) = serde_json::from_str::<Value>(line) else { continue };
        if seen.insert(line.to_owned()) {
            tell(&event);
        }
    }
    Ok(())
}

fn tell(event: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let stream = text(&event["stream"]);
    match event["event"].as_str().unwrap_or_default() {
        "stream_window" => {
            let report = &event["report"];
            let p99 = report["times"]["p99"].as_f64().unwrap_or_default() * 1e6;
            println!(
                "    window of {stream}: {} messages, {} documents, {} dead letters, p99 {p99:.1} µs in the app, {} wait, {} consumers",
                report["messages"], report["stored"], report["rejected"], report["lag"]["waiting"], report["consumers"],
            );
        }
        "stream_scaled" => {
            println!(
                "    {stream} has {} consumers instead of {}: {}",
                event["to"],
                event["from"],
                text(&event["reason"])
            );
        }
        "stream_breach" => println!("    {}", text(&event["sentence"])),
        _ => println!("    {stream} is {}: {}", text(&event["state"]), text(&event["reason"])),
    }
}

/// An app that takes its time: more consumers come, and go again.
fn consumers(daemon: &Daemon, folder: &Path) -> Result<()> {
    step("An app that takes 20 ms for a message, and more messages than one consumer can serve");
    let lines: String = (1..=600).map(|number| format!("{number},crawl=20\n")).collect();
    let file = folder.join("files/acme/slow.txt");
    fs::write(&file, lines).with_context(|| format!("cannot write {}", shown(&file)))?;
    let mut seen = HashSet::new();
    windows(daemon, "acme", &mut seen)?;
    publish(daemon, "acme/slow", &file)?;
    let until = Instant::now() + PATIENCE;
    loop {
        windows(daemon, "acme", &mut seen)?;
        let streams = daemon.ask(&["streams", "list", "--tenant", "acme"])?;
        let line = streams.as_array().and_then(|all| all.iter().find(|line| line["stream"] == "slow")).cloned();
        let line = line.context("there is no stream acme/slow")?;
        if line["messages"] == 600 && line["consumers"] == 1 {
            return Ok(());
        }
        ensure!(Instant::now() < until, "the consumers of acme/slow do not come and go: {line}");
        std::thread::sleep(Duration::from_millis(250));
    }
}

/// More than `normal` allows: told, and slower.
fn breach(daemon: &Daemon, folder: &Path) -> Result<()> {
    step("A tenant with the profile normal, and more messages than its 500 in 5 s");
    let options = Options { size: Size::Rows(TOO_MANY), seed: 9, bad_rows: 0 };
    let file = write(folder, "initech", &options)?;
    publish(daemon, "initech/trips", &file.path)?;
    let mut seen = HashSet::new();
    let until = Instant::now() + PATIENCE;
    loop {
        windows(daemon, "initech", &mut seen)?;
        let streams = daemon.ask(&["streams", "list", "--tenant", "initech"])?;
        if streams[0]["messages"] == file.messages {
            println!("    all {} messages are documents: nothing was lost, it took longer", file.messages);
            return daemon.show(&["streams", "list"]);
        }
        ensure!(Instant::now() < until, "the messages of initech do not come to their end: {streams}");
        std::thread::sleep(Duration::from_millis(250));
    }
}
