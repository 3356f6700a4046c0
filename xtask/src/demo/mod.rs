//! `cargo xtask demo`: the platform at work on this machine, with nothing installed but a Rust toolchain.
//!
//! A daemon has two tenants, `acme` and `globex`, drop the CSV app and submit five files of 4.3 MB each, then stream as much
//! ([`streams`]). Then `acme` drops what nobody should: a broken `.so`, a file with bad rows, a row that kills. Everything is
//! under `target/demo/`; running it again starts from nothing.
//!
//! It ends by naming the dashboard's address. Where somebody sits at a terminal (or with `--stay`) the daemon stays up until they
//! have looked; anywhere else, as in CI, it is stopped.

mod streams;

use crate::daemon::Daemon;
use crate::generate;
use crate::plugins::Profile;
use crate::servers;
use crate::workshop::{self, cargo, need_c_compiler, shown, step, target};
use anyhow::{Context as _, Result, bail, ensure};
use mysimbdp_servers::{MongoDb, RabbitMq, Redis};
use serde_json::Value;
use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use xtask::data::{Options, Size};
use xtask::text::thousands;

const TENANTS: [&str; 2] = ["acme", "globex"];
const FILES_OF_A_TENANT: u64 = 5;
const FILE_BYTES: u64 = 4_300_000;
const BAD_ROWS_OF_A_FILE: u64 = 3;
const APP: &str = "clientbatchingestapp-csv";

/// `mysimbdp check` ends with this where the kernel cannot isolate an app.
const EXIT_CANNOT_ISOLATE: i32 = 5;

struct Tenant {
    name: &'static str,
    files: Vec<PathBuf>,
    /// Rows of its files, bad ones included.
    rows: u64,
    bad_rows: u64,
}

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// On a Redis, a RabbitMQ and a MongoDB, which are installed where they are missing, instead of their embedded twins
    #[arg(long)]
    servers: bool,
    /// Keep the daemon running until a line comes on standard input, as at a terminal
    #[arg(long)]
    stay: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    need_c_compiler()?;
    if arguments.servers {
        servers::need()?;
    }
    let folder = target().join("demo");
    step("Building the host and the apps in release (the first time takes a few minutes)");
    workshop::run(&mut cargo(&[
        "build",
        "--release",
        "-p",
        "mysimbdp",
        "-p",
        APP,
        "-p",
        streams::APP,
        "-p",
        "villains",
    ]))?;
    let built = Profile::Release.folder();
    let library = |app: &str| built.join(format!("lib{}.so", app.replace('-', "_")));
    let (host, app, messages) = (built.join("mysimbdp"), library(APP), library(streams::APP));
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot clear {}", shown(&folder)))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", shown(&folder)))?;

    step("Writing ten files of taxi trips, five for each of two tenants");
    let tenants = write_files(&folder)?;

    step("What an operator does with an app that a tenant hands in: check it");
    check(&host, &app)?;

    let real = arguments.servers.then(Real::start).transpose()?;
    step("The daemon, with a configuration that names streams");
    let config = format!("{}{}", streams::CONFIG, real.as_ref().map(Real::config).unwrap_or_default());
    config.lines().for_each(|line| println!("  {line}"));
    fs::write(folder.join("mysimbdp.toml"), config).context("cannot write the configuration")?;
    println!("  $ cd {} && mysimbdp serve", shown(&folder));
    let daemon = Daemon::start(&host, &folder)?;
    daemon.log().lines().for_each(|line| println!("  {line}"));

    step("Each tenant drops its app");
    for tenant in &tenants {
        drop_app(&daemon, &folder, tenant.name, &app)?;
    }
    for tenant in &tenants {
        step(&format!("The files of {}, through the sandbox into its sink", tenant.name));
        submit(&daemon, tenant)?;
    }
    for tenant in &tenants {
        daemon.show(&["stats", tenant.name])?;
    }

    step("What nobody should drop: half an app");
    misfortunes(&daemon, &folder, &app, &built.join("libvillains.so"))?;

    streams::show(&daemon, &folder, &messages)?;

    step("In the end");
    daemon.show(&["status"])?;
    daemon.show(&["usage"])?;
    where_to_look(&folder, real.as_ref());
    dashboard(&daemon, arguments.stay || is_watched())?;
    daemon.stop()
}

/// Whether somebody sits there who could look at the dashboard.
fn is_watched() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal() && std::env::var_os("CI").is_none()
}

/// Names the dashboard's address, and waits while somebody looks.
fn dashboard(daemon: &Daemon, stay: bool) -> Result<()> {
    let status = daemon.ask(&["status"])?;
    let address = status["http"].as_str().context("the daemon should serve HTTP")?;
    step("The dashboard");
    if stay {
        println!("  Open {address}/ in a browser on this machine: no token was issued, so nobody is asked for one.");
        println!("  The daemon runs until you press Enter.");
        let mut line = String::new();
        io::stdin().read_line(&mut line).context("cannot read standard input")?;
    } else {
        println!("  It was at {address}/; with --stay, or at a terminal, the daemon keeps running for whoever looks.");
    }
    Ok(())
}

/// A Redis, a RabbitMQ and a MongoDB for the demo, stopped at its end, data and all.
struct Real {
    redis: Redis,
    rabbitmq: RabbitMq,
    mongodb: MongoDb,
}

impl Real {
    fn start() -> Result<Real> {
        step("A Redis, a RabbitMQ and a MongoDB on free ports");
        Ok(Real { redis: Redis::start()?, rabbitmq: RabbitMq::start()?, mongodb: MongoDb::start()? })
    }

    /// What names them to the daemon.
    fn config(&self) -> String {
        format!(
            "\n[queue]\nkind = \"redis\"\n[redis]\nurl = \"{}\"\n\n[broker]\nkind = \"rabbitmq\"\n[rabbitmq]\nurl = \"{}\"\n\
             management = \"{}\"\n\n[sink]\nkind = \"mongodb\"\n[mongodb]\nurl = \"{}\"\n",
            self.redis.url(),
            self.rabbitmq.url(),
            self.rabbitmq.management_url(),
            self.mongodb.url()
        )
    }
}

fn write_files(folder: &Path) -> Result<Vec<Tenant>> {
    let mut tenants = Vec::new();
    let mut seed = 0;
    for name in TENANTS {
        let mut tenant = Tenant { name, files: Vec::new(), rows: 0, bad_rows: 0 };
        for number in 1..=FILES_OF_A_TENANT {
            seed += 1;
            let path = folder.join("files").join(name).join(format!("trips-{number}.csv"));
            let options = Options { size: Size::Bytes(FILE_BYTES), seed, bad_rows: BAD_ROWS_OF_A_FILE };
            let written = generate::file(&path, &options)?;
            tenant.rows += written.rows;
            tenant.bad_rows += written.bad_lines.len() as u64;
            tenant.files.push(path);
        }
        let (files, rows, bad) = (tenant.files.len(), tenant.rows, tenant.bad_rows);
        println!("  {name}: {files} files, {rows} rows, {bad} of them bad on purpose");
        tenants.push(tenant);
    }
    Ok(tenants)
}

/// Runs `mysimbdp check` and fails where the app is not accepted.
fn check(host: &Path, app: &Path) -> Result<()> {
    let mut command = Command::new(host);
    command.arg("check").arg(shown(app));
    println!("  $ {}\n", workshop::line(&command));
    let status = command.status().with_context(|| format!("cannot start `{}`", workshop::line(&command)))?;
    match status.code() {
        Some(0) => Ok(()),
        Some(EXIT_CANNOT_ISOLATE) => bail!(
            "This machine cannot isolate an app, so nothing was run; `target/release/mysimbdp doctor` tells what is missing."
        ),
        _ => bail!("`{}` ended with {status}; its own words are above.", workshop::line(&command)),
    }
}

fn drop_app(daemon: &Daemon, folder: &Path, tenant: &str, app: &Path) -> Result<()> {
    let place = folder.join("staging").join(tenant);
    fs::create_dir_all(&place).with_context(|| format!("cannot make {}", shown(&place)))?;
    let dropped = place.join(app.file_name().unwrap_or_default());
    let began = Instant::now();
    fs::copy(app, &dropped).with_context(|| format!("cannot drop {}", shown(&dropped)))?;
    let verdict = daemon.verdict(&dropped)?;
    println!("  $ cp {} {}/", shown(app), shown(&place));
    println!("    {} ({} ms after the copy began)", words(&verdict), began.elapsed().as_millis());
    ensure!(verdict["verdict"] == "live", "the app should be live: {verdict}");
    Ok(())
}

fn submit(daemon: &Daemon, tenant: &Tenant) -> Result<()> {
    let files: Vec<String> = tenant.files.iter().map(|file| file.display().to_string()).collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    println!("  $ mysimbdp submit {} {APP} files/{}/*.csv", tenant.name, tenant.name);
    let began = Instant::now();
    let batch = daemon.ask(&[&["submit", tenant.name, APP], &files[..]].concat())?;
    let seconds = began.elapsed().as_secs_f64();
    let (mut rows, mut stored, mut rejected) = (0, 0, 0);
    for task in batch["tasks"].as_array().context("a batch has tasks")? {
        let counts = &task["checkpoint"]["counts"];
        let number = |group: &str, field: &str| counts[group][field].as_u64().unwrap_or_default();
        let (read, dead, documents) =
            (number("rows", "read"), number("rows", "rejected"), number("documents", "stored"));
        println!(
            "    {}: task {} {}; {read} rows, {documents} documents, {dead} dead letters",
            task["file"]["name"].as_str().unwrap_or_default(),
            task["number"],
            task["state"].as_str().unwrap_or_default(),
        );
        (rows, stored, rejected) = (rows + read, stored + documents, rejected + dead);
    }
    #[expect(clippy::cast_precision_loss, reason = "rates for people")]
    let rate = thousands(rows as f64 / seconds);
    println!("    together: {rows} rows in {seconds:.2} s, {rate} rows/s, upload included");
    ensure!(
        (rows, stored, rejected) == (tenant.rows, tenant.rows - tenant.bad_rows, tenant.bad_rows),
        "the counts are not those of the files that were written; please report this."
    );
    Ok(())
}

fn misfortunes(daemon: &Daemon, folder: &Path, app: &Path, villains: &Path) -> Result<()> {
    let place = folder.join("staging/acme");
    let whole = fs::read(app).with_context(|| format!("cannot read {}", shown(app)))?;
    let half = place.join("half.so");
    fs::write(&half, &whole[..whole.len() / 2]).with_context(|| format!("cannot write {}", shown(&half)))?;
    println!("    {}", words(&daemon.verdict(&half)?));

    step("A file with bad rows and a row that kills the app, copied into the inbox");
    drop_app(daemon, folder, "acme", villains)?;
    let inbox = place.join("inbox/villains");
    let until = Instant::now() + std::time::Duration::from_secs(30);
    while !inbox.is_dir() && Instant::now() < until {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let deed = |row: u64| match row {
        200 | 900 => "reject",
        500 => "segfault",
        _ => "none",
    };
    let rows: String = (1..=1_000).map(|row| format!("{row},{}\n", deed(row))).collect();
    let file = inbox.join("mixed.csv");
    fs::write(&file, format!("n,deed\n{rows}")).with_context(|| format!("cannot write {}", shown(&file)))?;
    println!("    {}", words(&daemon.verdict(&file)?));
    let list = ["tasks", "list", "--tenant", "acme", "--app", "villains"];
    let is_over =
        |tasks: &Value| tasks[0]["state"].as_str().is_some_and(|state| state != "waiting" && state != "running");
    while !is_over(&daemon.ask(&list)?) && Instant::now() < until {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    daemon.show(&list)?;
    let tasks = daemon.ask(&list)?;
    let number = tasks[0]["number"].to_string();
    daemon.show(&["deadletters", "list", "acme", "--task", &number])?;
    ensure!(tasks[0]["checkpoint"]["counts"]["documents"]["stored"] == 997, "997 documents should be stored: {tasks}");
    Ok(())
}

fn words(verdict: &Value) -> &str {
    verdict["sentence"].as_str().unwrap_or_default()
}

fn where_to_look(folder: &Path, real: Option<&Real>) {
    step("Where to look");
    let folder = shown(folder);
    if real.is_some() {
        println!("  Redis, RabbitMQ and MongoDB are stopped at the end, and their data goes with them.");
    }
    for tenant in TENANTS.iter().filter(|_| real.is_none()) {
        println!("  {tenant}'s documents and dead letters:");
        println!("    sqlite3 {folder}/data/tenants/{tenant}/sink.db \"select doc from documents limit 3\"");
        println!(
            "    sqlite3 {folder}/data/tenants/{tenant}/sink.db \"select source, line, reason from _dead_letters\""
        );
    }
    if real.is_none() && !workshop::has("sqlite3") {
        println!("  (The shell `sqlite3` is not installed here: apt-get install sqlite3)");
    }
    println!("  What happened to acme, line by line: {folder}/data/tenants/acme/journal/journal.jsonl");
    println!("  The verdicts beside the dropped files: {folder}/staging/");
    if real.is_none() {
        println!("  Go on with it:                       cd {folder} && ../release/mysimbdp serve");
    }
    println!(
        "  The apps that did it, in safe Rust:  tenant-plugins/{APP}/src/lib.rs, tenant-plugins/{}/src/lib.rs",
        streams::APP
    );
    println!(
        "  Write your own:                      {} new my-app",
        shown(&Profile::Release.folder().join("mysimbdp"))
    );
    println!("  How it works: README.md, docs/operator-guide.md, ARCHITECTURE.md");
}
