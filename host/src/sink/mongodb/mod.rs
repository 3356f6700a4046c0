//! Documents in MongoDB: a database for each tenant, a collection for each sink, one driver's client for all of them.
//!
//! ```text
//!   <prefix><tenant>                 a database for each tenant (`name.rs`)
//!     <collection>                   its documents, in the bytes that the worker sent
//!     _dead_letters                  what did not become a document (`letters.rs`)
//! ```
//!
//! # How it writes
//! ```text
//!   write() ─▶ room in bytes ─▶ line of the collection ─▶ a few commands under way ─▶ answers
//!                               what waits there goes      insert, unordered,
//!                               out together               documents as raw bytes
//! ```
//! - *Raw.* The `insert` command is put together from the documents' own bytes by copying them (`command.rs`); none is
//!   parsed or serialised. The driver does the rest as for any command: authentication, TLS, finding the primary.
//! - *In the body of the command.* The driver sends a command of our own as one BSON document, and MongoDB takes none of
//!   more than 16 MiB and 16 KiB, whatever its 48 MB for a message: so a command holds [`Settings::command_bytes`], or
//!   one document that is longer. The 16 KiB are there so that a document of 16 MiB fits.
//! - *Together.* A worker's frame has 64 KiB, and a command costs the same whatever is in it. So while
//!   [`Settings::commands_at_once`] commands of a collection are under way, what comes waits, and goes out together when
//!   one of them is answered. Nothing waits for a timer: a lone batch is sent at once.
//! - *Bounded.* [`Settings::bytes_in_flight`] hold for all collections together; back-pressure is a `write().await` that
//!   takes longer.
//!
//! # Durable before it answers
//! Each command carries the write concern (majority and journal, unless the operator has it otherwise), and a write
//! concern that could not be fulfilled is an error that passes: the documents may be rolled back, so nothing is answered
//! as stored. A document that is *found* is covered too: MongoDB waits for the last operation of all where a command
//! itself wrote nothing.
//!
//! # Writing again
//! An answer may be lost after the write was done; then the same documents come again. MongoDB refuses each with 11000,
//! and those are fetched by `_id` and compared (`existing.rs`). That it is the `_id` which is taken, and not a value of a unique
//! index of the operator's, is told by what is found, not by the words of the server.
//!
//! # Whose fault it is
//! `blame.rs` knows the codes: a passing trouble (network, no primary, shutting down, disk full) is for all who wrote, and they
//! may try again ([`retry`](crate::sink::retry) does); one of the sink (not authorised, no such command) parks the task;
//! one of a document refuses that document with the server's words. A code that is in no list is the document's where the
//! server names a document, and the sink's where it does not. A command refused as a whole because of something in it is
//! sent again in halves, until the document is alone.
//!
//! # Event loops
//! A client starts its monitors and its connection pools on the runtime that makes it, and its sockets belong to that one.
//! But each operation starts one small task, for its session, on the runtime that *awaits* it. Awaited on the event loop
//! of a slot, that task dies with the slot: the session is not given back, and `Client::shutdown()` waits for it where
//! that loop still exists and nobody turns it. So everything that is the driver's runs on the runtime that called
//! [`MongoSinks::connect`], the daemon's; a slot hands a batch over and waits for the answer. That costs one wake-up for a
//! command, and takes the copying off the slot's thread, which is the busiest. `Client::shutdown()` is called in
//! [`Sinks::close_all`](crate::sink::Sinks::close_all), while that runtime still turns.
//!
//! Messages of streams cannot afford the wake-up: whoever asks with [`Sinks::open_here`](crate::sink::Sinks::open_here) gets a
//! client that lives on its own event loop, and ends it with [`Sinks::leave`](crate::sink::Sinks::leave) while that still turns.
//!
//! # Recovery
//! There is none to do. Whatever is killed, the same batch is written again by whoever has the task next.

mod blame;
mod client;
mod command;
mod erase;
mod existing;
mod letters;
mod line;
mod name;
mod reply;
mod same;
mod settings;
mod sink;
mod sinks;
mod size;
mod store;
#[cfg(test)]
mod tests;
mod trouble;

pub use client::parse;
pub use name::NameError;
pub use settings::{Acknowledged, Settings, SettingsError};
pub use sinks::MongoSinks;
