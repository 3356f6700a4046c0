//! An app as a whole: exported without `unsafe`, guarded, alone on its thread.

#![forbid(unsafe_code)]
#![deny(warnings)]

use mysimbdp_plugin_api::prelude::*;
use mysimbdp_plugin_api::testing::{Outcome, Run, run};

/// Does what the file tells it.
#[derive(Default)]
pub struct Obedient {
    runs: u32,
}

impl BatchIngest for Obedient {
    fn ingest(&mut self, input: &mut BatchInput, sink: &mut Sink) -> Result<(), AppError> {
        self.runs += 1;
        input.csv()?.each(sink, |row, sink| {
            match row.get("do").unwrap_or_default() {
                "panic" => panic!("as told in row {}", row.record_number()),
                "panic with a value" => std::panic::panic_any(7),
                "panic twice" => {
                    struct Bomb;
                    impl Drop for Bomb {
                        fn drop(&mut self) {
                            panic!("the payload");
                        }
                    }
                    std::panic::panic_any(Bomb)
                }
                "thread" => {
                    let thread = std::thread::Builder::new().spawn(|| {});
                    thread.map(drop).map_err(|error| format!("no thread: {}", error.kind()))?;
                }
                "local time" => {
                    let now = chrono::Local::now();
                    sink.emit(&std::collections::BTreeMap::from([("offset", now.offset().local_minus_utc())]))?;
                }
                "log" => sink.log(Level::Warn, "watch out"),
                "progress" => sink.progress(1)?,
                "raw" => sink.emit_raw(b"\x0c\0\0\0\x10a\0\x07\0\0\0\0")?,
                "garbage" => sink.emit_raw(b"garbage")?,
                other => Err(reject!("cannot {other}"))?,
            }
            Ok(())
        })
    }
}

impl StreamIngest for Obedient {
    fn on_message(
        &mut self,
        _: &Channel,
        _: &Delivery,
        properties: &Properties,
        body: &[u8],
        sink: &mut Sink,
    ) -> Result<(), Reject> {
        let from = properties.header("from").and_then(|it| it.as_str()).unwrap_or("nobody");
        Ok(sink.emit(&std::collections::BTreeMap::from([(from, body.len())]))?)
    }
}

impl Check for Obedient {}

impl Metadata for Obedient {
    fn begin(&mut self, _: &str, _: u64) -> Result<(), AppError> {
        Ok(())
    }

    fn finish(&mut self, _: &mut Sink) -> Result<(), AppError> {
        Ok(())
    }
}

export_app! {
    name: "obedient",
    version: "1.2.3",
    batch: Obedient,
    stream: Obedient,
    check: crate::Obedient,
    metadata: Obedient,
    rows_independent: true,
}

fn told(what: &str) -> mysimbdp_plugin_api::testing::Report {
    run::<Obedient>("orders.csv", format!("do\n{what}\n"))
}

#[test]
fn a_panic_is_caught_and_told_with_its_place() {
    let Outcome::Panic(reason) = told("panic").outcome else { panic!("no panic") };
    assert!(
        reason.starts_with("panicked at plugin-api/tests/app.rs:") || reason.starts_with("panicked at tests/app.rs:"),
        "{reason}"
    );
    assert!(reason.ends_with(": as told in row 1"), "{reason}");
    let Outcome::Panic(reason) = told("panic with a value").outcome else { panic!("no panic") };
    assert!(reason.ends_with(": (a value that is not text)"), "{reason}");
    assert!(matches!(told("panic twice").outcome, Outcome::Panic(_)));
}

#[test]
fn no_thread_can_be_started() {
    let report = told("thread");
    assert_eq!(report.rejects[0].reason, "no thread: permission denied");
    // Only there: the thread of the test is free.
    assert!(std::thread::spawn(|| 7).join().is_ok());
}

#[test]
fn local_time_is_utc() {
    assert_eq!(told("local time").documents[0].get_i32("offset").unwrap(), 0);
}

#[test]
fn log_progress_and_raw_documents_arrive() {
    let logged = told("log");
    assert_eq!((logged.logs[0].level, logged.logs[0].message.as_str()), (2, "watch out"));
    assert_eq!(logged.rows.passed_over, 1);
    assert!(told("progress").outcome.is_ok());
    assert_eq!(told("raw").documents[0].get_i32("a").unwrap(), 7);
    let refused = told("garbage");
    assert!(refused.rejects[0].reason.starts_with("not a BSON document"), "{refused:?}");
    assert_eq!(refused.refused.len(), 1);
}

#[test]
fn an_app_reads_its_configuration_or_says_why_not() {
    struct Configured {
        factor: i64,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Settings {
        factor: i64,
    }
    impl Create for Configured {
        fn create(config: &Config) -> Result<Self, AppError> {
            let Settings { factor } = config.parse()?;
            Ok(Configured { factor })
        }
    }
    impl BatchIngest for Configured {
        fn ingest(&mut self, _: &mut BatchInput, sink: &mut Sink) -> Result<(), AppError> {
            Ok(sink.emit(&std::collections::BTreeMap::from([("factor", self.factor)]))?)
        }
    }
    let report = Run::new("x", "").config(r#"{"factor": 3}"#).app::<Configured>();
    assert_eq!(report.documents[0].get_i64("factor").unwrap(), 3);
    let reason = |report: mysimbdp_plugin_api::testing::Report| report.outcome.reason().to_owned();
    let without = Run::new("x", "").app::<Configured>();
    assert_eq!(reason(without), "the app's configuration does not fit: missing field `factor` at line 1 column 2");
    let wrong = Run::new("x", "").config(r#"{"faktor": 3}"#).app::<Configured>();
    assert!(reason(wrong).contains("unknown field `faktor`"));
}
