//! The beat: what this host tells the others of its streams and hears of them, once a second.
//!
//! ```text
//!   wanted, taken ─▶ wishes ─┐                        ┌─▶ parts of the allowances
//!   consumers, counts ───────┼─▶ queue: tell ─▶ heard ┼─▶ others: consumers in all, what they count
//!                            ┘                        └─▶ words about streams ─▶ keep_up
//! ```
//!
//! - A host that is to have less of an allowance takes no more than that from its next beat on, but holds what it took in the
//!   last window until that has come back; then another has it with its own next beat. The queue grants no more than others
//!   leave, so all that hosts hold is never more than the limit, and *what goes through in a window is above it by no more than
//!   what is taken between the two ends of a beat*: while the queue answers, that is.
//! - A host that cannot reach the queue goes on with the parts that it had, and as it was told: streams need no queue of tasks
//!   to run. If it alone is cut off for longer than a sign of life counts, others take its part too, until it is back; then it
//!   asks for no more than it had, until it has heard of them.
//! - Where a host has the queue for itself there is no beat.

use super::gate::{Allowance, Holding};
use super::manager::Streams;
use super::others::{StreamTidings, TenantTidings, Tidings};
use super::window::Counts;
use super::{BEAT, share};
use crate::queue::{HOST_WORD, PartWish, QueueError};
use crate::quota::bucket::Amount;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// How often is done what could not be done before, where no beat says so.
const KEEP_UP: std::time::Duration = std::time::Duration::from_secs(30);

/// An allowance, and how much of it this host asks for.
struct Ask {
    allowance: Arc<Allowance>,
    /// What it is called among hosts.
    of: String,
    limit: Amount,
    /// What it shall be able to take.
    part: Amount,
    /// What it has to hold for that: what it has taken in the last window it cannot give back yet.
    hold: Amount,
}

/// When the queue answered last, and how often something had been said of streams by then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pulse {
    at: Instant,
    words: u64,
}

impl Streams {
    /// Begins: hears what was said of streams, and has its parts, before anything runs.
    ///
    /// # Errors
    /// The queue does not answer.
    pub async fn listen(&self) -> Result<(), QueueError> {
        self.beat(&mut None).await?;
        self.hear_words().await
    }

    /// One beat, which a host that never had streams saves itself. Answers whether there may be other hosts at all.
    async fn beat(&self, last: &mut Option<Pulse>) -> Result<bool, QueueError> {
        let was_cut_off = last.is_some_and(|last| last.at.elapsed() > HOST_WORD);
        let (tidings, asks) = self.tidings(was_cut_off);
        if tidings.tenants.is_empty() && last.is_none() {
            return Ok(true);
        }
        let parts = &self.inner.desk.parts;
        let told = serde_json::to_string(&tidings)
            .map_err(|error| QueueError::Permanent(format!("what this host tells cannot be written: {error}")))?;
        let wishes: Vec<PartWish> = asks.iter().flat_map(Ask::wishes).collect();
        let Some(heard) = parts.queue.tell(&parts.host, &told, &wishes).await? else { return Ok(false) };
        let mut granted = heard.parts.into_iter();
        for Ask { allowance, limit, part, .. } in &asks {
            let mut now = |limit, part| match share::is_shared(limit) {
                true => share::take(part, granted.next().unwrap_or_default()),
                false => limit,
            };
            allowance
                .grant(Amount { messages: now(limit.messages, part.messages), bytes: now(limit.bytes, part.bytes) });
        }
        {
            let mut book = self.book();
            book.others.hear(heard.others);
            let book = &mut *book;
            for (key, entry) in &mut book.entries {
                if let Some(all) = book.others.all_consumers(key) {
                    entry.all_consumers = all;
                }
            }
        }
        if last.is_none_or(|last| last.words != heard.words) {
            self.hear_words().await?;
        }
        *last = Some(Pulse { at: Instant::now(), words: heard.words });
        Ok(true)
    }

    /// What was said of streams since, on whichever host.
    async fn hear_words(&self) -> Result<(), QueueError> {
        let said = self.inner.desk.parts.queue.said().await?;
        let mut book = self.book();
        for (tenant, stream, said) in said {
            let key = crate::broker::StreamKey { tenant, stream };
            // What was said here meanwhile is newer than this answer.
            if book.said.get(&key).is_none_or(|known| known.since <= said.since) {
                book.said.insert(key, said);
            }
        }
        Ok(())
    }

    /// What is told of this host, and what it asks for.
    fn tidings(&self, was_cut_off: bool) -> (Tidings, Vec<Ask>) {
        let allowances = self.inner.allowances().clone();
        let book = self.book();
        let (mut tidings, mut asks) = (Tidings::default(), Vec::new());
        for (tenant, allowance) in &allowances {
            let mut of = TenantTidings { window: book.windows.get(tenant).copied(), ..TenantTidings::default() };
            let mut has_consumers = false;
            for (key, entry) in book.entries.iter().filter(|(key, _)| key.tenant == *tenant) {
                let mut told = StreamTidings {
                    wanted: Amount::default(),
                    consumers: entry.consumers.len(),
                    all_consumers: entry.all_consumers,
                    in_hand: entry.crew.in_hand(),
                    total: entry.counted(),
                    last: entry.last.clone().filter(|last| last.own.is_some() || last.counts != Counts::default()),
                    trouble: entry.crew.trouble(),
                };
                has_consumers |= told.consumers > 0;
                if let Some(own) = entry.crew.gate.own() {
                    let holding = own.holding(told.consumers > 0);
                    told.wanted = holding.wanted;
                    let part = book.others.part(tenant, Some(&key.stream), holding.limit, holding.wanted);
                    asks.push(Ask::new(own, key.to_string(), holding, part, was_cut_off));
                }
                of.streams.insert(key.stream.clone(), told);
            }
            let holding = allowance.holding(has_consumers);
            of.wanted = holding.wanted;
            let part = book.others.part(tenant, None, holding.limit, holding.wanted);
            asks.push(Ask::new(allowance, tenant.to_string(), holding, part, was_cut_off));
            tidings.tenants.insert(tenant.clone(), of);
        }
        (tidings, asks)
    }
}

impl Ask {
    /// For its part; for no more than it has, where it has not heard of others for long.
    fn new(allowance: &Arc<Allowance>, of: String, holding: Holding, mut part: Amount, was_cut_off: bool) -> Ask {
        let Holding { limit, part: before, taken, .. } = holding;
        if was_cut_off {
            part = part.and(before);
        }
        let hold = Amount {
            messages: share::hold(part.messages, taken.messages),
            bytes: share::hold(part.bytes, taken.bytes),
        };
        Ask { allowance: Arc::clone(allowance), of, limit, part, hold }
    }

    fn wishes(&self) -> impl Iterator<Item = PartWish> {
        let Ask { of, limit, hold, .. } = self;
        let all = [("messages", limit.messages, hold.messages), ("bytes", limit.bytes, hold.bytes)];
        all.into_iter().filter(|(_, limit, _)| share::is_shared(*limit)).map(move |(what, limit, wish)| PartWish {
            of: format!("{of}.{what}"),
            limit,
            wish,
        })
    }
}

/// Tells and hears, and does as others say, until it is stopped.
pub(super) async fn run(streams: Streams, stop: CancellationToken) {
    let news = Notify::new();
    let beats = async {
        let mut tick = interval(BEAT);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut last, mut is_told) = (None, false);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = stop.cancelled() => break,
            }
            match streams.beat(&mut last).await {
                Ok(true) => {
                    is_told = false;
                    news.notify_one();
                }
                Ok(false) => return,
                Err(error) => {
                    if !std::mem::replace(&mut is_told, true) {
                        tracing::warn!(%error, "other hosts hear nothing of the streams of this one, nor it of theirs");
                    }
                }
            }
        }
        // Where that is not heard, they will notice.
        let parts = &streams.inner.desk.parts;
        if let Err(error) = parts.queue.fall_silent(&parts.host).await {
            tracing::debug!(%error, "other hosts could not be told that this one ends");
        }
    };
    let keeping = async {
        loop {
            tokio::select! {
                () = news.notified() => streams.keep_up().await,
                // A host that is alone has no beat.
                () = tokio::time::sleep(KEEP_UP) => streams.keep_up().await,
                () = stop.cancelled() => return,
            }
        }
    };
    tokio::join!(beats, keeping);
}
