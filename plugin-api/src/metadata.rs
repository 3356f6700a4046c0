//! Metadata apps: what was ingested, said about it.

use crate::bson::DocumentRef;
use crate::create::Create;
use crate::error::AppError;
use crate::sink::Sink;

/// A producer of metadata: it sees what was stored, and in the end emits documents about it.
///
/// ```
/// use mysimbdp_plugin_api::prelude::*;
///
/// #[derive(Default, Serialize)]
/// struct Summary { file: String, documents: u64, most: f64 }
///
/// impl Metadata for Summary {
///     fn begin(&mut self, subject: &str, _size: u64) -> Result<(), AppError> {
///         *self = Summary { file: subject.to_owned(), ..Summary::default() };
///         Ok(())
///     }
///
///     fn observe(&mut self, document: DocumentRef) -> Result<(), AppError> {
///         self.documents += 1;
///         self.most = self.most.max(document.get("fare").and_then(|fare| fare.as_f64()).unwrap_or(0.0));
///         Ok(())
///     }
///
///     fn finish(&mut self, sink: &mut Sink) -> Result<(), AppError> {
///         Ok(sink.emit(self)?)
///     }
/// }
/// ```
pub trait Metadata: Create {
    /// What is about to be ingested: the name of a file or stream, and the size in bytes (0 for a stream).
    ///
    /// # Errors
    /// The metadata of this subject cannot be made.
    fn begin(&mut self, subject: &str, size: u64) -> Result<(), AppError>;

    /// One stored document.
    ///
    /// # Errors
    /// The metadata of this subject cannot be made.
    fn observe(&mut self, document: DocumentRef<'_>) -> Result<(), AppError> {
        let _ = document;
        Ok(())
    }

    /// The end of the file or window: the time to emit.
    ///
    /// # Errors
    /// The metadata of this subject cannot be made.
    fn finish(&mut self, sink: &mut Sink) -> Result<(), AppError>;
}
