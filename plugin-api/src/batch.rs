//! Batch apps: one file after another.

use crate::create::Create;
use crate::error::AppError;
use crate::host::Host;
use crate::reader::Reader;
use crate::rows::{CsvRows, JsonRows, RangeRows};
use crate::sink::Sink;
use memmap2::{Mmap, MmapOptions};
use std::cell::OnceCell;
use std::fs::File;
use std::mem::ManuallyDrop;
use std::os::fd::{FromRawFd, RawFd};
use std::rc::Rc;

/// A batch app: `clientbatchingestapp`. It is given one file at a time and turns it into documents.
///
/// One instance ingests many files; what it keeps in its fields survives from one to the next, as long as its worker
/// lives. It owns its loop: it may read the file in any way it likes, though a loop over rows is what lets the host name
/// a bad row and go on behind it.
///
/// ```
/// use mysimbdp_plugin_api::prelude::*;
///
/// #[derive(Deserialize)]
/// struct Trip { id: u32, fare: f64 }
///
/// #[derive(Serialize)]
/// struct Doc { id: u32, fare_cents: i64 }
///
/// #[derive(Default)]
/// struct App;
///
/// impl BatchIngest for App {
///     fn ingest(&mut self, input: &mut BatchInput, sink: &mut Sink) -> Result<(), AppError> {
///         input.csv()?.each(sink, |row, sink| {
///             let trip: Trip = row.parse()?;
///             if trip.fare < 0.0 {
///                 return Err(reject!("fare {} is negative", trip.fare));
///             }
///             sink.emit(&Doc { id: trip.id, fare_cents: (trip.fare * 100.0).round() as i64 })?;
///             Ok(())
///         })
///     }
/// }
/// ```
pub trait BatchIngest: Create {
    /// Ingests one file. Success says nothing; failure returns the error.
    ///
    /// # Errors
    /// The run fails with this sentence. What was emitted by then stays in the sink, and a rerun does not double it.
    fn ingest(&mut self, input: &mut BatchInput, sink: &mut Sink) -> Result<(), AppError>;
}

/// The file that is to be ingested: a name, a size and the content. There is no path: an app sees this file and no other.
#[derive(Debug)]
pub struct BatchInput {
    name: String,
    size: u64,
    /// Lent by the host, so never closed here.
    file: ManuallyDrop<File>,
    view: OnceCell<Mmap>,
    host: Rc<Host>,
}

impl BatchInput {
    /// # Safety
    /// `fd` is open for reading, and stays so as long as this value lives.
    pub(crate) unsafe fn new(host: Rc<Host>, name: &str, size: u64, fd: RawFd) -> BatchInput {
        // SAFETY: the caller vouches for the descriptor, and `ManuallyDrop` never closes what is not ours.
        let file = ManuallyDrop::new(unsafe { File::from_raw_fd(fd) });
        BatchInput { name: name.to_owned(), size, file, view: OnceCell::new(), host }
    }

    /// The file's name, without any directory.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its size in bytes when the run began.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Rows of comma-separated values, with a header in the first line. Options can be set before the first row is
    /// taken: `input.csv()?.delimiter(b';')`.
    ///
    /// # Errors
    /// The file cannot be read, or begins like UTF-16.
    pub fn csv(&self) -> Result<CsvRows<'_>, AppError> {
        CsvRows::new(self.rows_reader(), &self.host)
    }

    /// One JSON value in each line.
    ///
    /// # Errors
    /// The file cannot be read, or begins like UTF-16.
    pub fn json_lines(&self) -> Result<JsonRows<'_>, AppError> {
        JsonRows::new(self.rows_reader(), &self.host)
    }

    /// Rows that the app finds itself, as ranges of bytes.
    pub fn rows(&self) -> RangeRows {
        RangeRows::new(&self.host)
    }

    /// A buffered reader over the content.
    pub fn reader(&self) -> Reader<'_> {
        Reader::new(&self.file, self.size, Some(Rc::clone(&self.host)))
    }

    /// The whole content as one slice, mapped into memory: nothing is copied, pages are read when they are touched.
    ///
    /// To the host, a file that was looked at as a whole counts as read to its end.
    ///
    /// # Errors
    /// The file cannot be mapped, or the host ended the run.
    pub fn view(&self) -> Result<&[u8], AppError> {
        if self.size == 0 {
            return Ok(&[]);
        }
        if let Some(view) = self.view.get() {
            return Ok(view);
        }
        let size = usize::try_from(self.size)?;
        // SAFETY: the mapping is private and read-only, and the host keeps the file unchanged while it is ingested.
        // Should it shrink nevertheless, the worker dies of SIGBUS, which costs this run and nothing else.
        let view = unsafe { MmapOptions::new().len(size).map_copy_read_only(&*self.file) }
            .map_err(|error| AppError::new(format_args!("cannot map {} of {size} bytes: {error}", self.name)))?;
        self.host.progress(self.size)?;
        Ok(self.view.get_or_init(|| view))
    }

    /// A reader that leaves it to the rows to tell how far it is.
    fn rows_reader(&self) -> Reader<'_> {
        Reader::new(&self.file, self.size, None)
    }
}
