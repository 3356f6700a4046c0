//! Reading journals: page by page over all files, in memory that does not grow with them.
//!
//! A page says where the next one goes on: a [`Cursor`], which names a file by its number and so stays right when files are
//! moved on between two pages. Where the file it names was removed meanwhile, reading goes on with the oldest there is.
//! Lines that are damaged are passed over and counted. With `since` and `until`, files are passed over as a whole whose
//! times (of their first line, and of their last change) lie an hour beyond.

mod backward;
mod cursor;
mod forward;
mod segments;

pub use cursor::Cursor;

use super::error::JournalError;
use super::event::Event;
use super::filter::Filter;
use super::line::{Line, read_line};
use super::place::Place;
use segments::Segment;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;

/// Events of one page.
pub const MOST_EVENTS: usize = 10_000;
/// Bytes of lines after which a page ends.
const MOST_BYTES: usize = 8 << 20;
/// Bytes that are looked through for a page: where so many have too little that is asked for, it ends there.
const MOST_READ: usize = 64 << 20;

/// In which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// As they were written.
    OldestFirst,
    /// The last one first.
    NewestFirst,
}

/// Some events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// In the order that was asked for.
    pub events: Vec<Event>,
    /// Where the next page goes on; `None` when this was the last one.
    pub next: Option<Cursor>,
    /// Lines that are damaged, among those that were read for this page.
    pub damaged: u64,
}

/// Hears of each line (`None` where it is torn or too long) and the place where reading would go on after it.
type Visit<'v> = dyn FnMut(Option<&[u8]>, Cursor) -> ControlFlow<()> + 'v;

/// At most `limit` events (and at most [`MOST_EVENTS`]), going on at `from`.
pub(super) fn page(
    place: &Place,
    filter: &Filter,
    order: Order,
    limit: usize,
    from: Option<Cursor>,
) -> Result<Page, JournalError> {
    let limit = limit.clamp(1, MOST_EVENTS);
    let mut page = Page { events: Vec::new(), next: None, damaged: 0 };
    let (mut taken, mut read) = (0, 0);
    scan(place, filter, order, from, &mut |line, after| {
        let bytes = line.map_or(0, <[u8]>::len);
        read += bytes;
        match line.map_or(Line::Damaged, |line| read_line(line, filter)) {
            Line::Wanted(event) => {
                page.events.push(*event);
                taken += bytes;
            }
            Line::Passed => {}
            Line::Damaged => page.damaged += 1,
        }
        if page.events.len() < limit && taken < MOST_BYTES && read < MOST_READ {
            return ControlFlow::Continue(());
        }
        page.next = Some(after);
        ControlFlow::Break(())
    })?;
    Ok(page)
}

/// Shows all lines from a place on, those that are not asked for too, until `visit` has enough.
pub(super) fn scan(
    place: &Place,
    filter: &Filter,
    order: Order,
    from: Option<Cursor>,
    visit: &mut Visit<'_>,
) -> Result<(), JournalError> {
    let failed = |path, source| JournalError::Read { path, source };
    let mut segments = segments::open(place).map_err(|source| failed(place.file(0), source))?;
    if order == Order::OldestFirst {
        segments.reverse();
    }
    for segment in segments.into_iter().filter(|segment| segment.may_hold(filter)) {
        let Some(begin) = begin_in(&segment, order, from) else { continue };
        let shown = match order {
            Order::OldestFirst => forward::lines(&segment, begin, visit),
            Order::NewestFirst => backward::lines(&segment, begin, visit),
        };
        if shown.map_err(|source| failed(segment.path, source))?.is_break() {
            return Ok(());
        }
    }
    Ok(())
}

/// At which offset reading begins in a file; `None` where all of it lies on the other side of `from`.
fn begin_in(segment: &Segment, order: Order, from: Option<Cursor>) -> Option<u64> {
    let far_end = match order {
        Order::OldestFirst => 0,
        Order::NewestFirst => segment.len,
    };
    let Some(from) = from else { return Some(far_end) };
    match (order, segment.number.cmp(&from.number)) {
        (_, std::cmp::Ordering::Equal) => Some(from.offset),
        (Order::OldestFirst, std::cmp::Ordering::Less) | (Order::NewestFirst, std::cmp::Ordering::Greater) => None,
        _ => Some(far_end),
    }
}
