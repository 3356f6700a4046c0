//! Dead letters: looked at, exported, replayed.

use super::Platform;
use super::error::ActionError;
use crate::queue::NewBatch;
use crate::sink::{KeptLetter, LetterFilter, LetterKey};
use crate::task::{BatchId, Origin, TaskRecord, Work};
use crate::tenant::{SinkName, TenantId};
use crate::worker::protocol::{LOOSE_ROWS, Start};
use serde::{Deserialize, Serialize};

/// Most dead letters that one answer lists.
const MAX_PAGE: usize = 500;
/// Most rows that one replay runs.
const MAX_REPLAY: usize = 1_000_000;

/// A dead letter as it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetterLine {
    /// The task it belongs to.
    pub task: u64,
    /// Number of the row, from 1; `None` for a document that was emitted with no row open.
    pub row: Option<u64>,
    /// 0 for the row itself, from 1 for its documents.
    pub part: u32,
    /// App and generation.
    pub app: String,
    /// Name of the file.
    pub source: String,
    /// Line on which it starts.
    pub line: Option<u64>,
    /// Offset of its first byte.
    pub start: u64,
    /// Why, in one sentence.
    pub reason: String,
    /// When it was kept.
    pub at: String,
    /// Its bytes, where they are UTF-8; cut where the row is long.
    pub text: Option<String>,
    /// Its bytes in base64, where they are not.
    pub base64: Option<String>,
    /// How many bytes it has in the file.
    pub bytes: u64,
}

/// Some dead letters, and where the next ones begin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetterPage {
    /// By task, row and part.
    pub letters: Vec<LetterLine>,
    /// What to hand in for the next page; `None` at the end.
    pub next: Option<LetterKey>,
    /// How many there are in all.
    pub count: u64,
}

/// A replay that was put into the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayAnswer {
    /// Number of the task that runs the rows.
    pub task: u64,
    /// How many rows that is.
    pub rows: usize,
}

impl Platform {
    /// Dead letters of a tenant's sink.
    ///
    /// # Errors
    /// There is no such tenant or sink, or it cannot be read.
    pub async fn letters(
        &self,
        tenant: &TenantId,
        sink: Option<&SinkName>,
        filter: &LetterFilter,
        limit: usize,
    ) -> Result<LetterPage, ActionError> {
        let sink = self.sink(tenant, sink).await?;
        let limit = limit.clamp(1, MAX_PAGE);
        let letters = sink.letters(filter, limit).await?;
        let count = sink.count_letters(filter).await?;
        let last = letters.last().map(|kept| (kept.letter.task, kept.letter.row, kept.letter.part));
        // A page may be shorter because its rows are long, so only an empty one is the end.
        Ok(LetterPage { next: last, letters: letters.into_iter().map(line).collect(), count })
    }

    /// Runs the rows of a task that are dead letters once more, on the generation that is live now: those that succeed
    /// become documents of that task, and their letters go. `rows` empty means all.
    ///
    /// # Errors
    /// There is no such task, it still runs, or none of its rows is a dead letter.
    pub async fn replay(&self, number: u64, rows: &[u64]) -> Result<ReplayAnswer, ActionError> {
        let task = self.task(number).await?;
        if let Work::ReplayRows { of, .. } = task.work {
            let sentence =
                format!("task {number} replays rows of task {of}, whose dead letters they are: replay task {of}");
            return Err(ActionError::conflict("is_replay", sentence));
        }
        Platform::must_be_over(&task)?;
        let starts = self.dead_rows(&task, rows).await?;
        if starts.is_empty() {
            let which = if rows.is_empty() { "no row" } else { "none of these rows" };
            let sentence = format!(
                "{which} of task {number} is a dead letter that can be replayed: see `mysimbdp deadletters list`"
            );
            return Err(ActionError::not_found("no_dead_letter", sentence));
        }
        let count = starts.len();
        let work = Work::ReplayRows { of: number, rows: starts };
        let batch = NewBatch {
            id: BatchId::new(),
            tenant: task.tenant.clone(),
            app: task.app.clone(),
            origin: Origin::Replay,
            files: vec![(task.file.clone(), work)],
            generation: None,
        };
        let numbers = self.batches.parts.queue.enqueue(batch).await?;
        self.deed(&task, format!("{count} dead rows of task {number} ({}) are replayed", task.file.name)).await;
        let replay = numbers.first().copied();
        replay
            .map(|task| ReplayAnswer { task, rows: count })
            .ok_or_else(|| ActionError::internal("a batch has no task"))
    }

    async fn dead_rows(&self, task: &TaskRecord, wanted: &[u64]) -> Result<Vec<Start>, ActionError> {
        let settings = self.tenant(&task.tenant)?.app(&task.app);
        let sink = self.sink(&task.tenant, Some(&settings.sink)).await?;
        let mut filter = LetterFilter { task: Some(task.number), ..LetterFilter::default() };
        let mut starts: Vec<Start> = Vec::new();
        while starts.len() < MAX_REPLAY {
            let page = sink.letters(&filter, MAX_PAGE).await?;
            let Some(last) = page.last() else { break };
            filter.after = Some((last.letter.task, last.letter.row, last.letter.part));
            for KeptLetter { letter, .. } in &page {
                let is_wanted = wanted.is_empty() || wanted.contains(&letter.row);
                let is_next = starts.last().is_none_or(|last| last.number < letter.row);
                if letter.row < LOOSE_ROWS && is_wanted && is_next {
                    starts.push(Start { number: letter.row, offset: letter.start, line: letter.line });
                }
            }
        }
        Ok(starts)
    }
}

fn line(kept: KeptLetter) -> LetterLine {
    use base64::Engine as _;
    let KeptLetter { at, letter, .. } = kept;
    let (text, base64) = match String::from_utf8(letter.raw) {
        Ok(text) => (Some(text), None),
        Err(error) => (None, Some(base64::engine::general_purpose::STANDARD.encode(error.as_bytes()))),
    };
    LetterLine {
        task: letter.task,
        row: Some(letter.row).filter(|row| *row < LOOSE_ROWS),
        part: letter.part,
        app: letter.app,
        source: letter.source,
        line: Some(letter.line).filter(|line| *line > 0),
        start: letter.start,
        reason: letter.reason,
        at,
        text,
        base64,
        bytes: letter.raw_len,
    }
}
