//! What every comparison needs: the programs, built in release, and the data files.

use super::Arguments;
use crate::generate;
use crate::plugins::{self, Profile};
use crate::workshop::{self, cargo, root, shown, step, target};
use anyhow::{Context as _, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use xtask::data::{Options, Size};

/// Exit codes of a run in which nothing went wrong. The data has no bad rows, so there are no dead letters either.
pub(super) const DONE: &[i32] = &[0];

/// The programs and the data.
#[derive(Debug)]
pub(super) struct Shop {
    /// How many pairs are run.
    pub(super) pairs: usize,
    /// Less data, for a look in passing.
    pub(super) quick: bool,
    /// The host.
    pub(super) host: PathBuf,
    /// The CSV app in Rust.
    pub(super) rust_app: PathBuf,
    /// The same in C.
    pub(super) c_app: PathBuf,
    /// The stream app for trips as JSON.
    pub(super) stream_app: PathBuf,
    /// Where its source is.
    pub(super) c_source: PathBuf,
    /// Where the other programs of the benchmark are.
    programs: PathBuf,
    /// Where data, sinks and modules are made.
    pub(super) folder: PathBuf,
}

impl Shop {
    /// Builds everything.
    pub(super) fn open(arguments: &Arguments) -> Result<Shop> {
        step("Building host, apps and the programs they are compared with, in release");
        let packages = [
            "-p",
            "mysimbdp",
            "-p",
            "clientbatchingestapp-csv",
            "-p",
            "clientstreamingestapp-json",
            "-p",
            "mysimbdp-bench",
        ];
        workshop::run(cargo(&["build", "--release"]).args(packages))?;
        let c_source = root().join("tenant-plugins/clientbatchingestapp-csv-c");
        let c_apps = plugins::build_c(&c_source)?;
        let c_app = c_apps.into_iter().next().with_context(|| format!("no .so came out of {}", shown(&c_source)))?;
        let programs = Profile::Release.folder();
        let folder = target().join("bench");
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", shown(&folder)))?;
        Ok(Shop {
            pairs: arguments.pairs.into(),
            quick: arguments.quick,
            host: programs.join("mysimbdp"),
            rust_app: programs.join("libclientbatchingestapp_csv.so"),
            c_app,
            stream_app: programs.join("libclientstreamingestapp_json.so"),
            c_source,
            programs,
            folder,
        })
    }

    /// A program of the crate `mysimbdp-bench`.
    pub(super) fn program(&self, name: &str) -> Command {
        Command::new(self.programs.join(name))
    }

    /// The platform: `app` on `data`, in the sandbox, validated, counted and timed, into `sink`.
    pub(super) fn platform(&self, app: &Path, data: &Path, sink: &Path) -> Command {
        let mut command = Command::new(&self.host);
        command.arg("run").arg(app).arg(data).arg("--sink").arg(sink).arg("--json");
        command
    }

    /// A data file of this size without bad rows; made where it is not there yet.
    pub(super) fn data(&self, bytes: u64) -> Result<PathBuf> {
        let path = self.folder.join(format!("trips-{bytes}.csv"));
        if !path.is_file() {
            let unfinished = path.with_extension("unfinished");
            generate::file(&unfinished, &Options { size: Size::Bytes(bytes), seed: 1, bad_rows: 0 })?;
            fs::rename(&unfinished, &path).with_context(|| format!("cannot make {}", shown(&path)))?;
        }
        // Read once, so that the first run does not pay for the disk.
        std::io::copy(&mut fs::File::open(&path)?, &mut std::io::sink())?;
        Ok(path)
    }

    /// So many trips as JSON lines, made where they are not there yet.
    pub(super) fn messages(&self, rows: u64) -> Result<PathBuf> {
        let path = self.folder.join(format!("trips-{rows}.jsonl"));
        if !path.is_file() {
            let unfinished = path.with_extension("unfinished");
            generate::messages(&unfinished, &Options { size: Size::Rows(rows), seed: 1, bad_rows: 0 })?;
            fs::rename(&unfinished, &path).with_context(|| format!("cannot make {}", shown(&path)))?;
        }
        Ok(path)
    }

    /// The data of most comparisons: 200 MB.
    pub(super) fn usual_data(&self) -> Result<PathBuf> {
        self.data(if self.quick { 20_000_000 } else { 200_000_000 })
    }
}

/// The C files of a folder.
pub(super) fn c_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = || fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<PathBuf>>>();
    let mut files = read().with_context(|| format!("cannot read the folder {}", shown(folder)))?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "c"));
    files.sort();
    Ok(files)
}
