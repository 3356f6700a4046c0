//! Following a journal: its last lines, and then each new one, with no gap and no double between the two.
//!
//! The writer itself says where the journal ends, at a moment at which everything before is in the file (or in memory, and
//! handed over) and everything after is told to the one who follows. So the last lines are read back from that very place.
//! Nobody waits for a follower: one that is more than a few thousand lines behind loses the oldest of them, and a
//! [`Happening::Skipped`] in their place says how many lines of that journal they were, wanted ones or not.

use super::error::JournalError;
use super::event::{Event, Happening};
use super::filter::Filter;
use super::line::{Line, read_line};
use super::place::{Place, Scope};
use super::read::{MOST_EVENTS, Order, page};
use super::write::Subscription;
use jiff::Timestamp;
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio_stream::Stream;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;

/// A stream of events: the last ones first, then all that come. It ends with the journal.
pub struct Follower {
    scope: Scope,
    filter: Filter,
    history: VecDeque<Arc<Event>>,
    live: BroadcastStream<Arc<Event>>,
}

impl Follower {
    /// Reads the last lines; does file I/O in the calling thread.
    pub(super) fn begin(
        place: &Place,
        scope: Scope,
        filter: Filter,
        last: usize,
        subscription: Subscription,
    ) -> Result<Follower, JournalError> {
        let Subscription { live, end, waiting } = subscription;
        let last = last.min(MOST_EVENTS);
        let mut history = VecDeque::new();
        for line in waiting.iter().rev() {
            if history.len() == last {
                break;
            }
            if let Line::Wanted(event) = read_line(line.trim_end().as_bytes(), &filter) {
                history.push_front(Arc::from(event));
            }
        }
        // They are held until they are taken: no more of them than of a page, and no longer a search for them.
        if history.len() < last {
            let page = page(place, &filter, Order::NewestFirst, last - history.len(), Some(end))?;
            page.events.into_iter().for_each(|event| history.push_front(Arc::new(event)));
        }
        Ok(Follower { scope, filter, history, live: BroadcastStream::new(live) })
    }

    fn skipped(&self, lines: u64) -> Arc<Event> {
        let tenant = self.scope.tenant().cloned();
        let (noun, verb) = if lines == 1 { ("line", "was") } else { ("lines", "were") };
        let reason = format!("{lines} {noun} {verb} skipped: they came faster than they were taken");
        Arc::new(Event { at: Timestamp::now(), tenant, what: Happening::Skipped { lines, reason } })
    }
}

impl Stream for Follower {
    type Item = Arc<Event>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Arc<Event>>> {
        if let Some(event) = self.history.pop_front() {
            return Poll::Ready(Some(event));
        }
        loop {
            let next = match ready!(Pin::new(&mut self.live).poll_next(context)) {
                None => return Poll::Ready(None),
                Some(Ok(event)) => Some(event).filter(|event| self.filter.matches(event)),
                Some(Err(BroadcastStreamRecvError::Lagged(lines))) => Some(self.skipped(lines)),
            };
            if next.is_some() {
                return Poll::Ready(next);
            }
        }
    }
}
