//! Rows that an app finds itself: ranges of bytes.

use super::feed::Feed;
use crate::error::{AppError, Reject};
use crate::host::{Host, Next};
use crate::sink::Sink;
use std::ops::Range;
use std::rc::Rc;

/// Rows of a format of the app's own, declared as ranges of bytes.
///
/// The app asks [`next_start`](Self::next_start) where the next row begins, so that a retry can go straight to the rows
/// it is about:
///
/// ```
/// use mysimbdp_plugin_api::prelude::*;
///
/// #[derive(Serialize)]
/// struct Reading { sensor: u16, value: f32 }
///
/// /// Records of six bytes: a sensor and its reading.
/// #[derive(Default)]
/// struct App;
///
/// impl BatchIngest for App {
///     fn ingest(&mut self, input: &mut BatchInput, sink: &mut Sink) -> Result<(), AppError> {
///         let content = input.view()?;
///         let mut rows = input.rows();
///         let mut at = 0;
///         while let Some(start) = rows.next_start(at)? {
///             let Some(record) = content.get(start.offset as usize..).filter(|rest| !rest.is_empty()) else { break };
///             let record = &record[..record.len().min(6)];
///             at = start.offset + record.len() as u64;
///             rows.row(start.offset..at, sink, |sink| {
///                 let [a, b, value @ ..] = <[u8; 6]>::try_from(record)?;
///                 sink.emit(&Reading { sensor: u16::from_le_bytes([a, b]), value: f32::from_le_bytes(value) })?;
///                 Ok(())
///             })?;
///         }
///         Ok(())
///     }
/// }
/// # #[cfg(feature = "testing")] {
/// let bytes = b"\x01\0\0\0\x80\x3f\x02\0\0\0\0\x40\x03";
/// let report = mysimbdp_plugin_api::testing::run::<App>("readings.bin", bytes);
/// assert_eq!((report.rows.ingested, report.rows.rejected), (2, 1));
/// # }
/// ```
#[derive(Debug)]
pub struct RangeRows {
    feed: Feed,
}

/// Where a row of [`RangeRows`] is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RangeStart {
    /// Number of the row, from 1.
    pub number: u64,
    /// Offset of its first byte.
    pub offset: u64,
}

impl RangeRows {
    pub(crate) fn new(host: &Rc<Host>) -> RangeRows {
        RangeRows { feed: Feed::new(host) }
    }

    /// Where the next row begins: at `here`, or where the host wants the work to go on. `None` when no more rows are
    /// wanted.
    ///
    /// # Errors
    /// The host refused to answer.
    pub fn next_start(&mut self, here: u64) -> Result<Option<RangeStart>, AppError> {
        Ok(match self.feed.next_start()? {
            Next::Here => Some(RangeStart { number: self.feed.number(), offset: here }),
            Next::Jump(start) => Some(RangeStart { number: start.number, offset: start.offset }),
            Next::End => None,
        })
    }

    /// Works on the row in these bytes. An error of `work` rejects it. The host may want it passed over; then `work` is
    /// not called.
    ///
    /// # Errors
    /// `work` ended the run, or the run is over.
    pub fn row<F>(&mut self, range: Range<u64>, sink: &mut Sink, work: F) -> Result<(), AppError>
    where
        F: FnOnce(&mut Sink) -> Result<(), Reject>,
    {
        if !self.feed.begin(range.start, range.end, 0)? {
            return Ok(());
        }
        let worked = work(sink);
        crate::sink::settle(self.feed.host(), worked, range.end)
    }
}
