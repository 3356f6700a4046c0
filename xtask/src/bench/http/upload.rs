//! A large file over HTTP, beside what `cat` does with the same bytes.

use super::super::daemon::{drop_app, fresh};
use super::super::footprint::{PROMISED as ABOVE_IDLE, megabytes};
use super::super::measure::{Run, wait};
use super::super::memory::peak_during;
use super::super::pairs::alternate;
use super::super::report::{Figure, Section};
use super::super::shop::Shop;
use super::{Connection, start};
use crate::daemon::Daemon;
use crate::workshop::{shown, step};
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

/// Of the rate of `cat`.
const SHARE: f64 = 0.8;
const APP: &str = "clientbatchingestapp-csv";

pub(in crate::bench) fn measure(shop: &Shop) -> Result<Section> {
    let bytes = if shop.quick { 200_000_000 } else { 2_000_000_000 };
    step("An upload over HTTP, beside cat into a file");
    let data = shop.data(bytes)?;
    let (upload, cat) = (|| upload(shop, &data, rate), || cat(shop, &data));
    let pairs = alternate(shop.pairs.min(5), upload, cat)?;
    let above = above_idle(shop, &data)?;
    if bytes > 1_000_000_000 {
        fs::remove_file(&data)?;
    }
    #[expect(clippy::cast_precision_loss, reason = "a few gigabytes")]
    let megabytes_of_data = bytes as f64 / 1e6;
    let ratio = pairs.ratio(|run| run.wall_seconds).inverse();
    let row = |name: &str, cpu: f64, wall: f64| {
        vec![
            name.to_owned(),
            format!("{:.0}", megabytes_of_data / wall),
            format!("{:.3}", 1_000.0 * cpu / megabytes_of_data),
        ]
    };
    Ok(Section {
        title: "An upload",
        meaning: format!(
            "A file of {megabytes_of_data:.0} MB from one client through a loopback socket, until it is synced. The host takes it as \
             the body of one request, holds limits against the bytes as they come, hashes them, gives the file its name and puts \
             the batch into the queue. `cat` is a program that reads the socket, writes a file and syncs it. Memory is the \
             anonymous memory of the host, sampled every millisecond during an upload of its own."
        ),
        commands: vec![
            format!("curl --data-binary @trips.csv http://…/v1/tenants/acme/apps/{APP}/files?name=trips.csv"),
            "socket_cat target/bench/cat/file".to_owned(),
        ],
        head: vec!["", "MB/s", "CPU s per GB"],
        rows: vec![
            row("upload", pairs.of_first(|run| run.cpu_seconds), pairs.of_first(|run| run.wall_seconds)),
            row("cat", pairs.of_second(|run| run.cpu_seconds), pairs.of_second(|run| run.wall_seconds)),
        ],
        figures: vec![
            Figure {
                name: "MB/s of an upload over HTTP, over cat from a socket into a file".to_owned(),
                measured: ratio.to_string(),
                promised: format!("\u{2265} {SHARE}\u{d7}"),
                kept: ratio.median >= SHARE,
            },
            Figure {
                name: "anonymous memory of the host above idle during an upload".to_owned(),
                measured: megabytes(above),
                promised: format!("< {}", megabytes(ABOVE_IDLE)),
                kept: above < ABOVE_IDLE,
            },
        ],
    })
}

/// A daemon of its own, drained, so that nothing of the file is ingested meanwhile; what `does` answers of it.
fn upload<T>(shop: &Shop, data: &Path, does: impl Fn(&Daemon, &str, &Path) -> Result<T>) -> Result<T> {
    let folder = fresh(shop, "upload")?;
    let (daemon, address) = start(&shop.host, &folder)?;
    drop_app(&daemon, &folder, "acme", &shop.rust_app)?;
    Connection::open(&address)?.ask("POST /v1/host/drain", b"")?;
    settle(&folder, data)?;
    let done = does(&daemon, &address, data)?;
    daemon.stop()?;
    fs::remove_dir_all(&folder)?;
    Ok(done)
}

fn send(address: &str, data: &Path) -> Result<Value> {
    let mut file = File::open(data).with_context(|| format!("cannot open {}", shown(data)))?;
    let request = format!("POST /v1/tenants/acme/apps/{APP}/files?name=trips.csv");
    Connection::open(address)?.send(&request, &mut file)
}

fn rate(daemon: &Daemon, address: &str, data: &Path) -> Result<Run> {
    let (cpu, began) = (daemon.cpu_seconds()?, Instant::now());
    let account = send(address, data)?;
    let wall_seconds = began.elapsed().as_secs_f64();
    Ok(Run { wall_seconds, cpu_seconds: daemon.cpu_seconds()? - cpu, account })
}

/// Most that the host has above what it had before the upload.
fn above_idle(shop: &Shop, data: &Path) -> Result<u64> {
    upload(shop, data, |daemon, address, data| {
        let ((), idle) = peak_during(daemon.id(), || {
            std::thread::sleep(std::time::Duration::from_millis(500));
            Ok(())
        })?;
        let (_, peak) = peak_during(daemon.id(), || send(address, data))?;
        Ok(peak.saturating_sub(idle))
    })
}

fn cat(shop: &Shop, data: &Path) -> Result<Run> {
    let folder = fresh(shop, "cat")?;
    let mut command = shop.program("socket_cat");
    command.arg(folder.join("file")).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().context("cannot start socket_cat")?;
    let mut output = BufReader::new(child.stdout.take().context("socket_cat has no output")?);
    let mut told = |name: &str| -> Result<u64> {
        let mut line = String::new();
        output.read_line(&mut line)?;
        let said: Value = serde_json::from_str(&line).with_context(|| format!("socket_cat said {line:?}"))?;
        said[name].as_u64().with_context(|| format!("socket_cat told no {name}: {line}"))
    };
    let port = u16::try_from(told("port")?)?;
    settle(&folder, data)?;
    let began = Instant::now();
    let mut file = File::open(data)?;
    let mut connection = TcpStream::connect(("127.0.0.1", port))?;
    let sent = io::copy(&mut file, &mut connection)?;
    connection.shutdown(Shutdown::Write)?;
    connection.read_exact(&mut [0])?;
    let wall_seconds = began.elapsed().as_secs_f64();
    let bytes = told("bytes")?;
    let (status, cpu_seconds) = wait(&child)?;
    ensure!(status.success() && bytes == sent, "socket_cat ended with {status} after {bytes} bytes");
    fs::remove_dir_all(&folder)?;
    Ok(Run { wall_seconds, cpu_seconds, account: json!({ "bytes": bytes }) })
}

/// The same ground for both: what other runs have left is on the disk, and there is memory for the file. A virtual machine hands
/// memory that is not used back to its host, and gets it again page by page, at a cost above everything that is measured here; so
/// as much is taken and freed right before.
fn settle(folder: &Path, data: &Path) -> Result<()> {
    let status = std::process::Command::new("sync").arg("--file-system").arg(folder).status();
    ensure!(status.context("cannot start sync")?.success(), "the disk cannot be synced");
    let place = folder.join("ground");
    fs::copy(data, &place).with_context(|| format!("cannot write {}", shown(&place)))?;
    fs::remove_file(&place).with_context(|| format!("cannot remove {}", shown(&place)))
}
