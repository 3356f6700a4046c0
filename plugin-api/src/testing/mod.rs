//! Run an app in a unit test: no server, no host, no files.
//!
//! ```toml
//! [dev-dependencies]
//! mysimbdp-plugin-api = { path = "…", features = ["testing"] }
//! ```
//!
//! [`run`] calls the app through the same table and the same guard as the real worker does, with a host that lives in
//! this process and keeps what it is given. As there,
//! - the app has a thread of its own on which no further thread can be started (by a seccomp filter),
//! - `TZ` is `UTC` (for the whole test process, from the first run on),
//! - a panic is caught and told with its place,
//! - rows are numbered, counted, skipped and rejected by the same rules.
//!
//! What is not as there: files, the network and the environment can be reached, and nothing limits memory or time.
//! `mysimbdp run` shows the app in the real sandbox.

mod confine;
mod host;
mod kinds;
mod report;

pub use bson;
pub use kinds::{Message, check_document, check_file, check_message, deliver, describe};
pub use report::{LogLine, Outcome, Rejected, Report, RowCounts};

use crate::BatchIngest;
use crate::export::entry::drive;
use host::TestHost;
use mysimbdp_abi::{Bytes, InputV1, status};
use std::io::Write;
use std::os::fd::AsRawFd;

/// Runs a batch app on a file of this name and content.
///
/// ```
/// use mysimbdp_plugin_api::prelude::*;
/// use mysimbdp_plugin_api::testing;
///
/// #[derive(Default)]
/// struct App;
///
/// impl BatchIngest for App {
///     fn ingest(&mut self, input: &mut BatchInput, sink: &mut Sink) -> Result<(), AppError> {
///         input.csv()?.each(sink, |row, sink| Ok(sink.emit(&row.infer())?))
///     }
/// }
///
/// let report = testing::run::<App>("trips.csv", b"id,fare\n1,2.50\n");
/// assert_eq!(report.documents[0].get_f64("fare").unwrap(), 2.5);
/// assert!(report.outcome.is_ok());
/// ```
///
/// # Panics
/// Where the test itself cannot go on: no temporary file, no thread.
pub fn run<A: BatchIngest>(name: &str, content: impl AsRef<[u8]>) -> Report {
    Run::new(name, content).app::<A>()
}

/// A run with more to it: a configuration, rows that are skipped, or only some rows.
///
/// ```
/// # use mysimbdp_plugin_api::prelude::*;
/// # #[derive(Default)] struct App;
/// # impl BatchIngest for App {
/// #     fn ingest(&mut self, input: &mut BatchInput, sink: &mut Sink) -> Result<(), AppError> {
/// #         input.csv()?.each(sink, |row, sink| Ok(sink.emit(&row.infer())?))
/// #     }
/// # }
/// use mysimbdp_plugin_api::testing::Run;
///
/// let report = Run::new("trips.csv", "id\n1\n2\n3\n").config(r#"{"currency": "EUR"}"#).skip(&[2]).app::<App>();
/// assert_eq!(report.documents.len(), 2);
/// assert_eq!(report.rows.passed_over, 1);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Run {
    name: String,
    content: Vec<u8>,
    config: Option<String>,
    skip: Vec<u64>,
    include: Option<Vec<Start>>,
}

/// Where a row starts: for [`Run::include`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// Its number, from 1.
    pub number: u64,
    /// Offset of its first byte.
    pub offset: u64,
    /// Line on which it starts, from 1; 0 where lines mean nothing.
    pub line: u64,
}

impl Run {
    /// A run on a file of this name and content.
    pub fn new(name: &str, content: impl AsRef<[u8]>) -> Run {
        Run { name: name.to_owned(), content: content.as_ref().to_vec(), ..Run::default() }
    }

    /// The app's configuration: a JSON object.
    #[must_use]
    pub fn config(mut self, json: &str) -> Run {
        self.config = Some(json.to_owned());
        self
    }

    /// Numbers of rows that are passed over, as the host does with rows that killed the app.
    #[must_use]
    pub fn skip(mut self, rows: &[u64]) -> Run {
        self.skip = rows.to_vec();
        self
    }

    /// Only these rows, in this order, as the host does with rows that are tried again.
    #[must_use]
    pub fn include(mut self, rows: &[Start]) -> Run {
        self.include = Some(rows.to_vec());
        self
    }

    /// Runs a batch app.
    ///
    /// # Panics
    /// Where the test itself cannot go on: no temporary file, no thread.
    pub fn app<A: BatchIngest>(&self) -> Report {
        let file = must(temporary(&self.content), "make a temporary file");
        confine::on_a_lone_thread(|| {
            let mut host = TestHost::new(&self.skip, self.include.as_deref());
            let status = host.with_table(|table| {
                let input = InputV1 {
                    name: Bytes::new(self.name.as_bytes()),
                    size: self.content.len() as u64,
                    fd: file.as_raw_fd(),
                };
                let config = self.config.as_ref().map_or(Bytes::ABSENT, |json| Bytes::new(json.as_bytes()));
                // SAFETY: table, input, configuration and file live until `drive` returns.
                unsafe { drive::<A>(table, config, &input) }
            });
            let outcome = Outcome::of(status, host.take_failure());
            host.end_file(status);
            host.report(outcome)
        })
    }
}

fn temporary(content: &[u8]) -> std::io::Result<std::fs::File> {
    let mut file = tempfile::tempfile()?;
    file.write_all(content)?;
    Ok(file)
}

fn must<T>(result: std::io::Result<T>, what: &str) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("the test cannot {what}: {error}"),
    }
}

impl Outcome {
    fn of(status: i32, reason: Option<String>) -> Outcome {
        let reason = reason.unwrap_or_default();
        match status {
            status::OK => Outcome::Ok,
            status::PANIC => Outcome::Panic(reason),
            _ => Outcome::Error(reason),
        }
    }
}
