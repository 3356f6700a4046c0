//! For tests: what is logged, as whoever reads JSON lines sees it.

use super::filter;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use tracing::Dispatch;

/// What was logged.
#[derive(Clone, Default)]
pub(crate) struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Kept {
    /// A log of which a filter lets this through.
    pub(crate) fn log(&self, wanted: &str) -> Dispatch {
        let kept = self.clone();
        let log = tracing_subscriber::fmt().json().with_env_filter(filter(Some(wanted)));
        Dispatch::new(log.with_writer(move || kept.clone()).finish())
    }

    /// Its lines.
    pub(crate) fn lines(&self) -> Vec<serde_json::Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[test]
fn at_debug_libraries_that_chatter_are_silent_unless_they_are_named() {
    let heard = |wanted: &str| {
        let kept = Kept::default();
        tracing::dispatcher::with_default(&kept.log(wanted), || {
            tracing::debug!(target: "rustls::client", "chatter");
            tracing::debug!(target: "mysimbdp::api", "a line");
        });
        kept.lines().len()
    };
    assert_eq!([heard("debug"), heard("debug,rustls=debug"), heard("info"), heard("")], [1, 2, 0, 0]);
}
