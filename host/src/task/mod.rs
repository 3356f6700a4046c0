//! What is said of a task everywhere: the queue keeps it, the runner moves it on, the journal tells it. Plain values, pure.

mod checkpoint;
mod counts;
mod record;

pub use checkpoint::{Checkpoint, Position, Row};
pub use counts::{Counts, DocumentCounts, RowCounts};
pub use record::{BatchId, Origin, ShownTask, ShownWork, StoredFile, TaskRecord, TaskState, Work};
