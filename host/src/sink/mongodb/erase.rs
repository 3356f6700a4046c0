//! Taking back what a task has stored, a few at a time.

use super::sink::Collection;
use super::trouble::Trouble;
use crate::document::DocumentId;
use bson::oid::ObjectId;
use bson::{Bson, doc};

impl Collection {
    /// Deletes at most `limit` documents that the host numbered for a task, those of its first rows; where none is left,
    /// the task's dead letters. Answers how many documents that were.
    ///
    /// Ranges of ObjectIds hold nothing of another type, and an ObjectId in a task's range is the host's own.
    pub(super) async fn erase(&self, task: u64, limit: usize) -> Result<u64, Trouble> {
        // A number that no task can have has no documents either.
        let Ok(range) = DocumentId::of_task(task) else { return Ok(0) };
        let object_id = |id: &DocumentId| ObjectId::from_bytes(id.bytes());
        let (first, last) = (object_id(range.start()), object_id(range.end()));
        let skip = u64::try_from(limit.saturating_sub(1)).unwrap_or(u64::MAX).min(i64::MAX.cast_unsigned());
        let sorted = self.documents().find(doc! { "_id": { "$gte": first, "$lte": last } }).sort(doc! { "_id": 1 });
        let mut found = self.within(sorted.skip(skip).limit(1).projection(doc! { "_id": 1 })).await?;
        let last = match self.within(found.advance()).await? {
            true => found.current().get_object_id("_id").map_err(|error| Trouble::passing(error.to_string()))?,
            false => last,
        };
        let range = doc! { "$gte": Bson::ObjectId(first), "$lte": Bson::ObjectId(last) };
        let erased = self.delete(&self.name, std::iter::once(range)).await?;
        if erased == 0 {
            self.forget_task(task).await?;
        }
        Ok(erased)
    }
}
