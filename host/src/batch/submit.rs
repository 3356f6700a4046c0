//! How a batch comes in: the limits of its tenant first, then the files, then the queue.
//!
//! ```text
//!   check (names and sizes) ─▶ files are kept (staging::files) ─▶ check (what came) ─▶ queue.enqueue ─▶ accepted
//!       │ refused: nothing is kept                                   │ refused: the files are removed
//! ```
//!
//! A batch has its id before anything happens, chosen by whoever submits it. Every step can be done twice under the same
//! id, so whoever was cut off does it again.

use super::parts::Parts;
use crate::config::OnKnown;
use crate::failpoint;
use crate::journal::{Event, Happening};
use crate::platform::error::{ActionError, Kind};
use crate::queue::{Load, NewBatch, QueueError};
use crate::quota::check::{self, Candidate};
use crate::task::{BatchId, Origin, StoredFile, Work};
use crate::tenant::{AppName, TenantId};
use crate::worker::words::short_line;
use std::collections::HashMap;

/// Names of a refused batch that are told, and characters of each.
const TOLD: (usize, usize) = (10, 100);

/// Takes batches in. Clones share everything.
#[derive(Clone)]
pub struct Batches {
    /// What it stands on.
    pub parts: Parts,
    /// What becomes of content that is known.
    pub on_known: OnKnown,
}

/// A batch whose files are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// Its id.
    pub id: BatchId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The app that reads it.
    pub app: AppName,
    /// How it came in.
    pub origin: Origin,
    /// Its files.
    pub files: Vec<StoredFile>,
}

impl Batches {
    /// Whether a batch of these files (name, bytes) may come in: before anything of it is kept. Answers what its tenant has in
    /// the queue.
    ///
    /// # Errors
    /// The tenant or the app is not there, or a limit forbids it; the sentence names limit and value.
    pub async fn check(&self, tenant: &TenantId, app: &AppName, files: &[(String, u64)]) -> Result<Load, ActionError> {
        self.check_kept(tenant, app, files, 0).await
    }

    /// As [`check`](Batches::check), where so many of the bytes that the tenant keeps are those of this batch.
    pub(crate) async fn check_kept(
        &self,
        tenant: &TenantId,
        app: &AppName,
        files: &[(String, u64)],
        kept: u64,
    ) -> Result<Load, ActionError> {
        let settings = self.parts.tenants.app(tenant, app).ok_or_else(|| unknown_tenant(tenant))?;
        match self.parts.apps.live(tenant, app) {
            None => {
                let sentence = format!(
                    "tenant {tenant} has no app {app}: drop its .so into the staging directory, or look at `mysimbdp apps list`"
                );
                return Err(ActionError::not_found("unknown_app", sentence));
            }
            Some(live) if !live.provides(crate::staging::candidate::Kind::Batch) => {
                let kinds: Vec<&str> = live.kinds().iter().map(|kind| kind.name()).collect();
                let kinds = kinds.join(", ");
                let sentence =
                    format!("app {app} of tenant {tenant} is no batch app (its kinds: {kinds}): name another");
                return Err(ActionError::invalid("wrong_kind", sentence));
            }
            Some(_) => {}
        }
        let load = self.parts.queue.load(tenant).await?;
        let stored = self.parts.sinks.stored_bytes(tenant) + self.parts.files.bytes(tenant);
        let files: Vec<Candidate<'_>> = files.iter().map(|(name, bytes)| Candidate { name, bytes: *bytes }).collect();
        check::admit(tenant, &settings.limits, &files, &load, stored.saturating_sub(kept))?;
        Ok(load)
    }

    /// Puts a batch whose files are kept into the queue, and answers the numbers of its tasks. The same id again answers
    /// the same numbers.
    ///
    /// # Errors
    /// As for [`check`](Batches::check); or the content is known and shall not come in twice. The files are then removed.
    pub async fn submit(&self, submission: Submission) -> Result<Vec<u64>, ActionError> {
        let accepted = match self.accept(&submission).await {
            Err(error) if !may_pass(&error) => self.unless_there(submission.id, error).await,
            accepted => accepted,
        };
        let Submission { id, tenant, app, origin, files } = submission;
        if accepted.is_ok() {
            self.parts.files.settled(id);
        }
        match &accepted {
            Ok((tasks, true)) => {
                let (tasks, bytes) = (tasks.clone(), files.iter().map(|file| file.bytes).sum());
                let happened = Happening::BatchAccepted { batch: id, app, origin, tasks, bytes };
                self.parts.journal.record(Event::now(Some(&tenant), happened)).await;
            }
            Ok((_, false)) => {}
            // What may pass by itself is tried again under the same id, and needs the files.
            Err(error) if may_pass(error) => {}
            Err(error) => {
                if let Err(error) = self.parts.remove_files(&tenant, id).await {
                    tracing::warn!(%error, batch = %id, "the files of a refused batch could not be removed");
                }
                self.refused(&tenant, app.as_str(), files.into_iter().map(|file| file.name).collect(), error).await;
            }
        }
        accepted.map(|(tasks, _)| tasks)
    }

    /// The refusal of a batch, unless it came in meanwhile: whoever commits it twice at once is refused for what the first one
    /// has brought in, and its files are those of the first.
    async fn unless_there(&self, batch: BatchId, error: ActionError) -> Result<(Vec<u64>, bool), ActionError> {
        let there = self.parts.queue.batch(batch).await?;
        if there.is_empty() { Err(error) } else { Ok((there, false)) }
    }

    /// Writes down that something was refused. Of its names only as much as somebody reads: they are whatever was sent.
    pub async fn refused(&self, tenant: &TenantId, app: &str, files: Vec<String>, error: &ActionError) {
        let reason = error.sentence.clone();
        let refused = Happening::BatchRefused { app: app.to_owned(), files: told(&files), reason };
        self.parts.journal.record(Event::now(Some(tenant), refused)).await;
    }

    /// Answers the tasks, and whether they are new.
    async fn accept(&self, submission: &Submission) -> Result<(Vec<u64>, bool), ActionError> {
        let Submission { id, tenant, app, origin, files } = submission;
        let there = self.parts.queue.batch(*id).await?;
        if !there.is_empty() {
            return Ok((there, false));
        }
        let sizes: Vec<(String, u64)> = files.iter().map(|file| (file.name.clone(), file.bytes)).collect();
        let kept = files.iter().map(|file| file.bytes).sum();
        self.check_kept(tenant, app, &sizes, kept).await?;
        let refuse_known = self.on_known == OnKnown::Refuse;
        if refuse_known {
            if let Some((first, second)) = same_content(files) {
                return Err(twice_in_a_batch(first, second));
            }
            // Before it is shared; what comes in at the same time is met by the queue.
            for file in files {
                if let Some(known) = self.parts.queue.known(tenant, app, &file.content).await? {
                    return Err(known_content(file, &known));
                }
            }
        }
        let shared = self.parts.share_files(files).await;
        shared.map_err(|sentence| ActionError::unavailable("depot_unavailable", sentence))?;
        let work = files.iter().map(|file| (file.clone(), Work::Ingest)).collect();
        let (id, tenant, app, origin) = (*id, tenant.clone(), app.clone(), *origin);
        let batch = NewBatch { id, tenant, app, origin, files: work, generation: None, refuse_known };
        failpoint::cross("batch.before_enqueue");
        let numbers = self.parts.queue.enqueue(batch).await.map_err(|error| match error {
            QueueError::Known { file, ref known } => files
                .get(file)
                .map_or_else(|| ActionError::internal(error.to_string()), |file| known_content(file, known)),
            error => error.into(),
        })?;
        failpoint::cross("batch.after_enqueue");
        Ok((numbers, true))
    }
}

/// Whether it may pass by itself.
pub(crate) fn may_pass(error: &ActionError) -> bool {
    matches!(error.kind, Kind::Unavailable | Kind::Internal)
}

/// Names as they are told: the first ones, each shortened, and how many more there are.
fn told(names: &[String]) -> Vec<String> {
    let (most, length) = TOLD;
    let mut told: Vec<String> = names.iter().take(most).map(|name| short_line(name, length).into_owned()).collect();
    if names.len() > most {
        told.push(format!("and {} more", names.len() - most));
    }
    told
}

/// The sentence for a tenant that is not there.
pub fn unknown_tenant(tenant: &TenantId) -> ActionError {
    let sentence = format!(
        "there is no tenant {tenant}, or it is disabled: the operator makes one with `mysimbdp tenants set {tenant}`"
    );
    ActionError::not_found("unknown_tenant", sentence)
}

/// Two files of the same content.
fn same_content(files: &[StoredFile]) -> Option<(&StoredFile, &StoredFile)> {
    let mut seen = HashMap::with_capacity(files.len());
    files.iter().find_map(|file| seen.insert(file.content.as_str(), file).map(|first| (first, file)))
}

fn twice_in_a_batch(first: &StoredFile, second: &StoredFile) -> ActionError {
    let sentence = format!(
        "{} has the content of {} of the same batch: to ingest it once, leave one of them out; to ingest it twice, set \
         staging_rules.on_known = \"new-batch\"",
        second.name, first.name
    );
    ActionError::conflict("known_content", sentence)
}

fn known_content(file: &StoredFile, known: &crate::task::TaskRecord) -> ActionError {
    let sentence = format!(
        "{} has the content of task {} ({}, {}), which app {} has been given already: to ingest it again, rerun that task, \
         or set staging_rules.on_known = \"new-batch\"",
        file.name, known.number, known.file.name, known.state, known.app
    );
    ActionError::conflict("known_content", sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_names_of_a_refused_batch_ten_are_told_each_shortened() {
        let names = |count: usize| vec!["x".repeat(300); count];
        let all = told(&names(10));
        assert!(all.len() == 10 && all.iter().all(|name| name.len() <= 100 && name.starts_with("xxx")), "{all:?}");
        let some = told(&names(1_000));
        assert_eq!((some.len(), some.last().map(String::as_str)), (11, Some("and 990 more")));
        assert_eq!(told(&["a.csv".to_owned()]), ["a.csv"]);
        assert_eq!(told(&["a\u{1b}.csv".to_owned()]), ["a\\u{1b}.csv"]);
    }
}
