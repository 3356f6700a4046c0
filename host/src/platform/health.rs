//! Whether what this host stands on answers: asked every few seconds, for metrics, and told in the journal once when something
//! has been away for a while, and once when it is back. A host that goes by itself records its own trouble, whatever is away.

use super::Platform;
use crate::journal::{Event, Happening};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

/// How often.
const EVERY: Duration = Duration::from_secs(5);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Away for so long, it is told: a server that is started anew is back before.
const AWAY: Duration = Duration::from_secs(30);

/// What was heard last. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Health(Arc<Mutex<Vec<(&'static str, bool)>>>);

/// What is waited for where something is away.
struct Server {
    /// As metrics call it.
    name: &'static str,
    /// As people do, and what does not go on without it.
    words: &'static str,
    loss: &'static str,
    watch: Watch,
}

/// How long something has been away.
#[derive(Debug, Default)]
struct Watch {
    since: Option<Instant>,
    is_told: bool,
}

/// What is to be told.
#[derive(Debug, PartialEq, Eq)]
enum News {
    /// It has been away for so long.
    Away(Duration),
    /// It was told, and is back after so long.
    Back(Duration),
}

impl Watch {
    /// Hears whether it answers.
    fn hear(&mut self, answers: bool, now: Instant) -> Option<News> {
        if answers {
            let away = self.since.take().map(|since| now.duration_since(since));
            return std::mem::take(&mut self.is_told).then(|| News::Back(away.unwrap_or_default()));
        }
        let away = now.duration_since(*self.since.get_or_insert(now));
        (away >= AWAY && !std::mem::replace(&mut self.is_told, true)).then_some(News::Away(away))
    }
}

impl Health {
    /// Whether each answers; nothing before it was asked.
    pub(super) fn heard(&self) -> Vec<(&'static str, bool)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The queue answers, as far as is known.
    pub(super) fn queue_answers(&self) -> bool {
        self.heard().iter().all(|(name, answers)| *name != "queue" || *answers)
    }
}

/// Asks until it is stopped.
pub async fn run(platform: Platform, stop: CancellationToken) {
    let server = |name, words, loss| Server { name, words, loss, watch: Watch::default() };
    let mut servers = vec![
        server("queue", "the task queue", "no task is claimed or submitted"),
        server("sink", "the sink of documents", "tasks and streams wait"),
        server("broker", "the broker of messages", "streams wait"),
    ];
    if platform.batches.parts.depot.is_some() {
        servers.push(server("depot", "the depot", "files and apps do not reach other hosts"));
    }
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = stop.cancelled() => return,
        }
        let answers = tokio::select! {
            answers = platform.ask_all() => answers,
            () = stop.cancelled() => return,
        };
        let heard = servers.iter().zip(&answers).map(|(server, answer)| (server.name, answer.is_ok())).collect();
        *platform.health.0.lock().unwrap_or_else(PoisonError::into_inner) = heard;
        for (Server { words, loss, watch, .. }, answer) in servers.iter_mut().zip(answers) {
            let what = match (watch.hear(answer.is_ok(), Instant::now()), answer) {
                (Some(News::Away(away)), Err(reason)) => {
                    let reason = format!("{words} has not answered for {} s, and {loss}: {reason}", away.as_secs());
                    tracing::error!("{reason}");
                    Happening::Trouble { reason }
                }
                (Some(News::Back(away)), _) => {
                    let reason = format!("{words} answers again, after {} s", away.as_secs());
                    tracing::info!("{reason}");
                    Happening::TroubleOver { reason }
                }
                _ => continue,
            };
            platform.batches.parts.journal.record(Event::now(None, what)).await;
        }
    }
}

impl Platform {
    /// Queue, sink, broker, depot: each answers, or says why not.
    async fn ask_all(&self) -> Vec<Result<(), String>> {
        let parts = &self.batches.parts;
        let depot = async {
            match &parts.depot {
                Some(depot) => Some(within(depot.answers()).await),
                None => None,
            }
        };
        let (queue, sink, broker, depot) = tokio::join!(
            within(parts.queue.answers()),
            within(parts.sinks.answers()),
            within(self.streams.desk().broker.answers()),
            depot
        );
        [Some(queue), Some(sink), Some(broker), depot].into_iter().flatten().collect()
    }
}

async fn within<E: std::fmt::Display>(asked: impl Future<Output = Result<(), E>>) -> Result<(), String> {
    match timeout(PATIENCE, asked).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err(format!("it gave no answer within {} s", PATIENCE.as_secs())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_once_and_so_is_its_end_and_a_short_one_is_not() {
        let (mut watch, began) = (Watch::default(), Instant::now());
        let mut hear = |answers, second| watch.hear(answers, began + Duration::from_secs(second));
        assert_eq!([hear(true, 0), hear(false, 5), hear(false, 34)], [None, None, None]);
        assert_eq!([hear(true, 36), hear(true, 40)], [None, None], "it was away for less than it takes");
        assert_eq!([hear(false, 50), hear(false, 79)], [None, None]);
        assert_eq!(hear(false, 80), Some(News::Away(Duration::from_secs(30))));
        assert_eq!([hear(false, 85), hear(false, 500)], [None, None]);
        assert_eq!(hear(true, 510), Some(News::Back(Duration::from_secs(460))));
        assert_eq!([hear(true, 515), hear(false, 520), hear(false, 549)], [None, None, None]);
        assert_eq!(hear(false, 551), Some(News::Away(Duration::from_secs(31))), "another outage");
    }
}
