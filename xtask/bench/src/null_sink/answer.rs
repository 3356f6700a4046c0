//! What the null sink answers to which command. Pure.

use super::wire::{self, Request};
use anyhow::Result;
use bson::{DateTime, RawDocument, RawDocumentBuf, rawdoc};

/// An answer, and how many documents it acknowledges.
#[derive(Debug)]
pub struct Answer {
    /// A BSON document.
    pub document: RawDocumentBuf,
    /// Documents that whoever asked takes for stored now.
    pub stored: u64,
}

/// Answers a command. One that is not known is answered with `ok`: there is nothing here that it could change.
///
/// # Errors
/// The command is no BSON.
pub fn answer(request: &Request<'_>) -> Result<Answer> {
    let command = request.command;
    let document = match wire::name(command) {
        "insert" => {
            let stored = request.beside + wire::documents_inside(command)?;
            return Ok(Answer { document: rawdoc! { "n": i64::try_from(stored)?, "ok": 1.0 }, stored });
        }
        "hello" | "ismaster" | "isMaster" => hello(),
        "buildInfo" | "buildinfo" => rawdoc! { "version": "7.0.0", "versionArray": [7, 0, 0, 0], "ok": 1.0 },
        "dbStats" => rawdoc! {
            "collections": 0, "objects": 0, "dataSize": 0.0, "storageSize": 0.0, "indexSize": 0.0, "totalSize": 0.0, "ok": 1.0
        },
        "delete" | "update" | "count" => rawdoc! { "n": 0, "nModified": 0, "ok": 1.0 },
        name @ ("find" | "aggregate" | "listCollections" | "listIndexes") => nothing_found(name, command)?,
        _ => rawdoc! { "ok": 1.0 },
    };
    Ok(Answer { document, stored: 0 })
}

/// A server alone, with sessions, of a version that all drivers of today know.
fn hello() -> RawDocumentBuf {
    rawdoc! {
        "helloOk": true,
        "ismaster": true,
        "isWritablePrimary": true,
        "maxBsonObjectSize": 16_777_216,
        "maxMessageSizeBytes": 48_000_000,
        "maxWriteBatchSize": 100_000,
        "localTime": DateTime::now(),
        "logicalSessionTimeoutMinutes": 30,
        "connectionId": 1,
        "minWireVersion": 0,
        "maxWireVersion": 21,
        "readOnly": false,
        "ok": 1.0,
    }
}

fn nothing_found(name: &str, command: &[u8]) -> Result<RawDocumentBuf> {
    let command = RawDocument::from_bytes(command)?;
    let namespace = format!("{}.{}", command.get_str("$db").unwrap_or("test"), command.get_str(name).unwrap_or("$cmd"));
    let batch = bson::RawArrayBuf::new();
    Ok(rawdoc! { "cursor": { "id": 0_i64, "ns": namespace, "firstBatch": batch }, "ok": 1.0 })
}
