//! The journal as a whole, on real files.

mod disk;
mod following;
mod kill;
mod reading;
mod recording;
mod statistics;

use super::fixtures::{at, deed, ended, log, number, tenant};
use super::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;
use tokio_stream::StreamExt;

struct House {
    journal: Journal,
    thread: JournalThread,
    data: TempDir,
}

fn rules() -> Rules {
    Rules { bytes: 1 << 20, files: 8, age: Duration::from_secs(3600) }
}

/// Tries again only when it is told to, so that nothing depends on the clock.
fn tuning() -> Tuning {
    let never = Duration::from_secs(10_000);
    Tuning { retry: never, idle: never, ..Tuning::default() }
}

impl House {
    fn new(rules: Rules, tuning: Tuning) -> House {
        House::at(tempfile::tempdir().unwrap(), rules, tuning)
    }

    fn at(data: TempDir, rules: Rules, tuning: Tuning) -> House {
        let (journal, thread) = Journal::open_tuned(data.path(), rules, tuning).unwrap();
        House { journal, thread, data }
    }

    /// Closes it and opens it again.
    fn reopened(self, rules: Rules) -> House {
        self.thread.close().unwrap();
        House::at(self.data, rules, tuning())
    }

    fn general(&self, suffix: u32) -> PathBuf {
        Place::of(self.data.path(), &Scope::General).file(suffix)
    }

    fn acme(&self, suffix: u32) -> PathBuf {
        Place::of(self.data.path(), &acme()).file(suffix)
    }

    async fn record_deeds(&self, numbers: std::ops::Range<u64>) {
        for number in numbers {
            self.journal.record(deed("acme", number)).await;
        }
    }

    async fn all(&self, scope: &Scope) -> Page {
        self.journal.read(scope, &Filter::default(), Order::OldestFirst, MOST_EVENTS, None).await.unwrap()
    }

    async fn numbers(&self, scope: &Scope) -> Vec<u64> {
        self.all(scope).await.events.iter().map(number).collect()
    }
}

fn acme() -> Scope {
    Scope::Tenant(tenant("acme"))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}
