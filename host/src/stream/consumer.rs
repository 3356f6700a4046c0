//! One consumer of one stream, from its start to its stop: declares, subscribes, works, and begins again after whatever
//! interrupts it.
//!
//! A lost connection, a restarted broker, a deleted queue, a sink that does not store, an app that is not there or does not live:
//! all of it is told once, and tried again with longer and longer pauses, until it gets on. What had not been acknowledged is with
//! the broker meanwhile.

use super::crew::{Crew, Desk};
use super::session::{Interruption, Session};
use crate::batch::stop::Stop;
use crate::broker::{BrokerError, Subscription};
use std::sync::Arc;
use std::time::{Duration, Instant};

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// After so long without an interruption the next one is the first.
const FORGIVEN_AFTER: Duration = Duration::from_secs(60);

/// What a consumer waits for that shows as soon as it consumes again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// Something that was not there.
    Obstacle,
    /// The broker, which may be gone again at once.
    Broker,
}

/// Works until it is told to stop.
pub(super) async fn run(desk: Arc<Desk>, crew: Arc<Crew>, tag: String, mut stop: Stop) {
    let mut pause = FIRST_PAUSE;
    let mut told = String::new();
    let mut wait = None;
    while stop.why().is_none() {
        let began = Instant::now();
        let mut gets_on = false;
        let consumes = || match wait.take() {
            Some(Wait::Obstacle) => {
                crew.gets_on();
                told.clear();
            }
            Some(Wait::Broker) => crew.gets_on(),
            // Whether an app lives, or a sink stores, is seen later.
            None => {}
        };
        let interruption = match session(&desk, &crew, &tag, &stop, &mut gets_on, consumes).await {
            Ok(()) | Err(Interruption::Stopped) => return,
            Err(Interruption::Misjudged) => continue,
            Err(interruption) => interruption,
        };
        if began.elapsed() > FORGIVEN_AFTER {
            (pause, told) = (FIRST_PAUSE, String::new());
        }
        // A network that cuts again and again shall not make messages wait ever longer.
        if gets_on {
            pause = FIRST_PAUSE;
        }
        let sentence = interruption.to_string();
        crew.is_held_up(&sentence);
        wait = match &interruption {
            Interruption::Obstacle(_) => Some(Wait::Obstacle),
            Interruption::Broker(_) => Some(Wait::Broker),
            _ => None,
        };
        if sentence != told {
            tracing::warn!(stream = %crew.key, consumer = tag, "interrupted: {sentence}; trying again until it works");
            crew.interrupted(&desk.parts.journal, &sentence).await;
            told = sentence;
        }
        // An app that goes live is not waited for longer than that.
        let longest =
            if matches!(interruption, Interruption::Obstacle(_)) { Duration::from_secs(1) } else { LONGEST_PAUSE };
        tokio::select! {
            () = tokio::time::sleep(pause.min(longest)) => {}
            _ = stop.wait() => return,
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// One session. Tells when it begins to consume, and notes whether something was acknowledged in it.
async fn session(
    desk: &Desk,
    crew: &Crew,
    tag: &str,
    stop: &Stop,
    gets_on: &mut bool,
    consumes: impl FnOnce(),
) -> Result<(), Interruption> {
    let cast = desk.cast(crew).await?;
    let queue = crew.queue();
    let prefetch = crew.prefetch();
    let subscription = Subscription { queue: queue.clone(), tag: tag.to_owned(), prefetch };
    let inbox = match desk.broker.consume(subscription.clone()).await {
        Err(BrokerError::NoQueue(_)) => {
            desk.broker.declare(&queue).await?;
            desk.broker.consume(subscription).await?
        }
        made => made?,
    };
    consumes();
    let mut session = Session::new(desk, crew, cast, (inbox, prefetch), stop.clone());
    let ended = session.run().await;
    *gets_on = session.gets_on;
    session.retire().await;
    ended
}
