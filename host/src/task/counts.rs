//! Rows and documents, counted by the host. They balance, always.

use serde::{Deserialize, Serialize};

/// Rows: `read = ingested + passed_over + rejected`, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RowCounts {
    /// Rows that the app has been through, and rows that it will never see again because they kill.
    pub read: u64,
    /// Rows that ended with at least one document.
    pub ingested: u64,
    /// Rows that ended without a document.
    pub passed_over: u64,
    /// Rows that became dead letters.
    pub rejected: u64,
}

/// Documents: `emitted = stored + duplicate + refused`, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DocumentCounts {
    /// Documents that rows handed over when they ended, and documents refused before that.
    pub emitted: u64,
    /// In the sink.
    pub stored: u64,
    /// There already, the same, under an `_id` that the app set.
    pub duplicate: u64,
    /// Not stored: not BSON, too large, or another document has its `_id`.
    pub refused: u64,
}

/// Both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = TaskCounts)]
pub struct Counts {
    /// Rows.
    pub rows: RowCounts,
    /// Documents.
    pub documents: DocumentCounts,
}

impl Counts {
    /// Every row and every document is accounted for.
    pub fn balance(&self) -> bool {
        let Counts { rows, documents } = self;
        rows.read == rows.ingested + rows.passed_over + rows.rejected
            && documents.emitted == documents.stored + documents.duplicate + documents.refused
    }
}
