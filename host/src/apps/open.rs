//! Opening: from what is on disk to what is in memory, and what does not fit together.

use super::generation::Generation;
use super::index::{Index, Kept};
use super::records::{self, APPS_FILE, Rows};
use super::store::{Store, StoredCopy};
use super::{AppsError, Inner, Prober, Turns};
use crate::sqlite::{Database, Settings};
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, RwLock};
use tokio::sync::{Semaphore, broadcast};

/// Changes that a subscriber may lag behind.
const CHANGES_KEPT: usize = 1024;

impl Inner {
    pub(super) fn open(path: &Path, folder: &Path, prober: Prober) -> Result<Inner, AppsError> {
        let database = Database::open(path, APPS_FILE, &Settings::default())?;
        let (path, connection) = Database::open_for_reading(path, APPS_FILE)?;
        let rows = records::load(&connection).map_err(|source| AppsError::Unreadable { path, source })?;
        drop(connection);
        let store = Store::open(folder)?;
        let next_drop = rows.generations.last().map_or(1, |newest| newest.dropped + 1);
        let (index, troubles) = filled(rows, &store, &prober);
        // Only now: what the index holds is no garbage.
        let swept = store.sweep()?;
        if swept.files > 0 {
            tracing::info!(swept.files, swept.bytes, "removed from the app store what an earlier life left unfinished");
        }
        for trouble in &troubles {
            tracing::warn!("{trouble}");
        }
        Ok(Inner {
            database,
            store: Arc::new(store),
            probes: Semaphore::new(prober.parallel.max(1)),
            prober,
            index: RwLock::new(index),
            turns: Turns::default(),
            contents: Turns::default(),
            next_drop: AtomicI64::new(next_drop),
            changes: broadcast::Sender::new(CHANGES_KEPT),
            troubles,
        })
    }
}

/// The index, and a sentence for each app that cannot be run.
fn filled(rows: Rows, store: &Store, prober: &Prober) -> (Index, Vec<String>) {
    let mut index = Index::default();
    let mut copies: HashMap<&str, Arc<StoredCopy>> = HashMap::new();
    let since: HashMap<_, _> = rows.apps.iter().map(|row| ((&row.tenant, &row.app), row.since)).collect();
    for row in &rows.generations {
        // A generation's content and app are rows of the same transaction.
        let (Some(content), Some(since)) = (rows.contents.get(&row.hash), since.get(&(&row.tenant, &row.app))) else {
            continue;
        };
        let copy = copies.entry(&row.hash).or_insert_with(|| {
            let copy = store.copy(&row.hash, content.size);
            if content.build == prober.build && content.isolation == records::isolation_name(prober.isolation) {
                copy.note_probed(Arc::clone(&content.facts));
            }
            // It remembers what was found; whether that matters is seen below.
            let _noted = copy.look();
            copy
        });
        let (copy, facts) = (Arc::clone(copy), Arc::clone(&content.facts));
        let generation = Arc::new(Generation::new(row.tenant.clone(), row.app.clone(), copy, facts));
        index.keep(Kept { generation, file: row.file.clone(), dropped: row.dropped }, *since);
    }
    let mut troubles = Vec::new();
    for row in &rows.apps {
        index.set(&row.tenant, &row.app, &row.hash, row.live, row.since);
        let current = index.generation(&row.tenant, &row.app, &row.hash).filter(|_| row.live);
        if let Some(Err(error)) = current.map(|generation| generation.copy().look()) {
            troubles.push(format!("app {} of tenant {} is missing: {error}", row.app, row.tenant));
        }
    }
    for (tenant, file, judgement) in rows.judged {
        index.note_judged(&tenant, file, judgement);
    }
    (index, troubles)
}
