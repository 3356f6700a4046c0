//! Dead letters: looked at, exported, replayed.

use super::Platform;
use super::error::ActionError;
use crate::broker::{Envelope, StreamKey};
use crate::journal::{Event, Happening};
use crate::queue::{NewBatch, TaskFilter};
use crate::quota::check;
use crate::sink::{DeadLetter, KeptLetter, LetterFilter, LetterKey};
use crate::stream::manager::StreamError;
use crate::task::{BatchId, Origin, TaskRecord, TaskState, Work};
use crate::tenant::{SinkName, TenantId};
use crate::worker::delivery::Message;
use crate::worker::protocol::{LOOSE_ROWS, Start};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashSet};

/// Most dead letters that one answer lists.
const MAX_PAGE: usize = 500;
/// Most rows that one replay runs.
const MAX_REPLAY: usize = 1_000_000;
/// Tasks that are looked through at once: each may be a replay of so many rows.
const TASKS: usize = 100;

/// A dead letter as it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LetterLine {
    /// The task it belongs to; of a message, with `row`, its number.
    pub task: u64,
    /// Number of the row, from 1; `None` for a document that was emitted with no row open.
    pub row: Option<u64>,
    /// Of a message: its stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// Of a message: the id that its publisher gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// 0 for the row itself, from 1 for its documents.
    pub part: u32,
    /// App and generation.
    pub app: String,
    /// Name of the file or stream.
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LetterPage {
    /// By task, row and part.
    pub letters: Vec<LetterLine>,
    /// What to hand in for the next page; `None` at the end.
    #[schema(value_type = Option<Vec<u64>>)]
    pub next: Option<LetterKey>,
    /// How many there are in all.
    pub count: u64,
}

/// A replay that was put into the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReplayAnswer {
    /// Number of the task that runs the rows.
    pub task: u64,
    /// How many rows that is.
    pub rows: usize,
}

/// Messages that were put back into their queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StreamReplay {
    /// How many.
    pub messages: u64,
    /// Dead letters that stay as they are, because only the beginning of their message was kept.
    pub cut: u64,
}

/// A key that a letter comes behind, with no other row's between them.
fn before((task, row, _): LetterKey) -> Option<LetterKey> {
    row.checked_sub(1).map(|row| (task, row, u32::MAX))
}

/// The message that a letter is about, where all of it was kept.
fn message_of(letter: DeadLetter) -> Option<Envelope> {
    if letter.raw.len() as u64 != letter.raw_len {
        return None;
    }
    let envelope = Envelope::from_bytes(letter.envelope.into()).ok()?;
    Envelope::of(&Message { body: &letter.raw, ..envelope.message().ok()? }).ok()?.replayed().ok()
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
        let (letters, next) = self.letter_lines(tenant, sink, filter, limit).await?;
        let count = self.sink(tenant, sink).await?.count_letters(filter).await?;
        Ok(LetterPage { letters, next, count })
    }

    /// The same without how many there are in all: to count them reads all of them, which nobody who wants one page after the
    /// other can do for each.
    ///
    /// # Errors
    /// As for [`letters`](Platform::letters).
    pub async fn letter_lines(
        &self,
        tenant: &TenantId,
        sink: Option<&SinkName>,
        filter: &LetterFilter,
        limit: usize,
    ) -> Result<(Vec<LetterLine>, Option<LetterKey>), ActionError> {
        let sink = self.sink(tenant, sink).await?;
        let letters = sink.letters(filter, limit.clamp(1, MAX_PAGE)).await?;
        let last = letters.last().map(|kept| (kept.letter.task, kept.letter.row, kept.letter.part));
        // A page may be shorter because its rows are long, so only an empty one is the end.
        Ok((letters.into_iter().map(line).collect(), last))
    }

    /// Runs the rows of a task that are dead letters once more, on the generation that is live now: those that succeed
    /// become documents of that task, and their letters go. `rows` empty means all.
    ///
    /// # Errors
    /// There is no such task, it still runs, a replay of it is not over, the tenant has too many tasks in the queue, or none of
    /// its rows is a dead letter.
    pub async fn replay(&self, number: u64, rows: &[u64]) -> Result<ReplayAnswer, ActionError> {
        let task = self.task(number).await?;
        if let Work::ReplayRows { of, .. } = task.work {
            let sentence =
                format!("task {number} replays rows of task {of}, whose dead letters they are: replay task {of}");
            return Err(ActionError::conflict("is_replay", sentence));
        }
        Platform::must_be_over(&task)?;
        self.must_not_be_replayed(&task).await?;
        let starts = self.dead_rows(&task, rows).await?;
        if starts.is_empty() {
            let which = if rows.is_empty() { "no row" } else { "none of these rows" };
            let sentence = format!(
                "{which} of task {number} is a dead letter that can be replayed: see `mysimbdp deadletters list`"
            );
            return Err(ActionError::not_found("no_dead_letter", sentence));
        }
        // Whoever asked at the same time may have read the same letters.
        let _alone = self.replaying.of(&task.tenant).await;
        self.must_not_be_replayed(&task).await?;
        let room = self.must_have_room(&task).await?;
        let count = starts.len();
        let work = Work::ReplayRows { of: number, rows: starts };
        let batch = NewBatch {
            id: BatchId::new(),
            tenant: task.tenant.clone(),
            app: task.app.clone(),
            origin: Origin::Replay,
            files: vec![(task.file.clone(), work)],
            generation: None,
            refuse_known: false,
            room,
        };
        let numbers = self.batches.parts.queue.enqueue(batch).await?;
        self.deed(&task, format!("{count} dead rows of task {number} ({}) are replayed", task.file.name)).await;
        let replay = numbers.first().copied();
        replay
            .map(|task| ReplayAnswer { task, rows: count })
            .ok_or_else(|| ActionError::internal("a batch has no task"))
    }

    /// Puts messages of a stream that are dead letters back into its queue: these, or all where none is named. The letter of one
    /// that succeeds goes; that of one that fails once more is replaced. Answers how many.
    ///
    /// # Errors
    /// There is no such stream, none of those that are named is a dead letter of it, its queue is full, or sink or broker cannot;
    /// what was put back before that stays so.
    pub async fn replay_messages(
        &self,
        key: &StreamKey,
        wanted: &BTreeSet<LetterKey>,
    ) -> Result<StreamReplay, ActionError> {
        self.active(&key.tenant)?;
        let told = self.streams.get(key)?;
        let broker = &self.streams.desk().broker;
        let sink = self.sink(&key.tenant, Some(&told.settings.sink)).await?;
        let stream = Some(key.stream.to_string());
        let after = wanted.first().and_then(|first| before(*first));
        let mut filter = LetterFilter { stream, after, ..LetterFilter::default() };
        let mut answer = StreamReplay::default();
        // Messages that fail at once are letters again while this goes on: those are not meant.
        let most = sink.count_letters(&filter).await?;
        let (mut seen, mut found) = (0, 0);
        while seen < most && (wanted.is_empty() || found < wanted.len()) {
            let page = sink.letters(&filter, MAX_PAGE).await?;
            let Some(last) = page.last() else { break };
            let last = (last.letter.task, last.letter.row, last.letter.part);
            filter.after = Some(last);
            for KeptLetter { letter, .. } in page {
                seen += 1;
                let is_wanted = wanted.is_empty() || wanted.contains(&(letter.task, letter.row, letter.part));
                if !is_wanted || letter.part != 0 || seen > most {
                    continue;
                }
                found += 1;
                let Some(message) = message_of(letter) else {
                    answer.cut += 1;
                    continue;
                };
                let published = broker.put_back(key, message).await.map_err(StreamError::Broker)?;
                if let Some((_, why)) = published.refused.into_iter().next() {
                    return Err(ActionError::unavailable(
                        "queue_full",
                        format!("{why}; {} messages were put back", answer.messages),
                    ));
                }
                answer.messages += 1;
            }
            if wanted.last().is_some_and(|most| *most <= last) {
                break;
            }
        }
        if found == 0 && !wanted.is_empty() {
            let sentence = format!(
                "none of these is a dead letter of stream {key} any more: see `mysimbdp deadletters list {} --stream {}`",
                key.tenant, key.stream
            );
            return Err(ActionError::not_found("no_dead_letter", sentence));
        }
        let sentence = format!("{} dead messages of stream {} are replayed", answer.messages, key.stream);
        self.batches.parts.journal.record(Event::now(Some(&key.tenant), Happening::Deed { sentence })).await;
        Ok(answer)
    }

    /// Rows that are replayed already are not put into the queue once more.
    async fn must_not_be_replayed(&self, task: &TaskRecord) -> Result<(), ActionError> {
        // One that changes its state behind a look is met by a later one.
        let states =
            [TaskState::Waiting, TaskState::Running, TaskState::Parked, TaskState::Waiting, TaskState::Running];
        for state in states {
            // A replay is younger than the task whose rows it has.
            let mut filter = TaskFilter {
                tenant: Some(task.tenant.clone()),
                app: Some(task.app.clone()),
                state: Some(state),
                after: Some(task.number),
                ..TaskFilter::default()
            };
            loop {
                let page = self.batches.parts.queue.tasks(&filter, TASKS).await?;
                let replay =
                    page.iter().find(|other| matches!(other.work, Work::ReplayRows { of, .. } if of == task.number));
                if let Some(replay) = replay {
                    return Err(replayed_already(task.number, replay.number, state));
                }
                filter.after = page.last().map(|last| last.number);
                if page.len() < TASKS {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Answers how many tasks may wait or run.
    async fn must_have_room(&self, task: &TaskRecord) -> Result<u64, ActionError> {
        let limits = self.active(&task.tenant)?.app(&task.app).limits;
        let load = self.batches.parts.queue.load(&task.tenant).await?;
        check::room(&task.tenant, &limits, 1, &load)?;
        Ok(limits.waiting_tasks)
    }

    async fn dead_rows(&self, task: &TaskRecord, wanted: &[u64]) -> Result<Vec<Start>, ActionError> {
        let settings = self.active(&task.tenant)?.app(&task.app);
        let sink = self.sink(&task.tenant, Some(&settings.sink)).await?;
        let mut filter = LetterFilter { task: Some(task.number), ..LetterFilter::default() };
        let wanted: HashSet<u64> = wanted.iter().copied().collect();
        let mut starts: Vec<Start> = Vec::new();
        while starts.len() < MAX_REPLAY {
            let page = sink.letters(&filter, MAX_PAGE).await?;
            let Some(last) = page.last() else { break };
            filter.after = Some((last.letter.task, last.letter.row, last.letter.part));
            for KeptLetter { letter, .. } in &page {
                let is_wanted = wanted.is_empty() || wanted.contains(&letter.row);
                let is_next = starts.last().is_none_or(|last| last.number < letter.row);
                let has_room = starts.len() < MAX_REPLAY;
                if letter.row < LOOSE_ROWS && is_wanted && is_next && has_room {
                    starts.push(Start { number: letter.row, offset: letter.start, line: letter.line });
                }
            }
        }
        Ok(starts)
    }
}

fn replayed_already(of: u64, replay: u64, state: TaskState) -> ActionError {
    let advice = match state {
        TaskState::Parked => "retry or cancel that first",
        _ => "wait until that is over, or cancel it",
    };
    let sentence = format!("task {replay} replays rows of task {of} and is {state}: {advice}");
    ActionError::conflict("replayed_already", sentence)
}

fn line(kept: KeptLetter) -> LetterLine {
    use base64::Engine as _;
    let KeptLetter { at, letter, .. } = kept;
    let message_id = (!letter.envelope.is_empty()).then(|| {
        let envelope = Envelope::from_bytes(letter.envelope.into()).ok();
        let id = envelope.as_ref().and_then(|envelope| envelope.message().ok()?.message_id.map(<[u8]>::to_vec));
        id.map(|id| String::from_utf8_lossy(&id).into_owned())
    });
    let stream = message_id.is_some().then(|| letter.source.clone());
    let (text, base64) = match String::from_utf8(letter.raw) {
        Ok(text) => (Some(text), None),
        Err(error) => (None, Some(base64::engine::general_purpose::STANDARD.encode(error.as_bytes()))),
    };
    LetterLine {
        task: letter.task,
        row: Some(letter.row).filter(|row| stream.is_some() || *row < LOOSE_ROWS),
        stream,
        message_id: message_id.flatten(),
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
