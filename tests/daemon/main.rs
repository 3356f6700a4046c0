//! The daemon as its users know it: files dropped with `cp`, commands, configuration; and what no kill may change.

#![allow(clippy::unwrap_used, reason = "what tests share is a test as well")]

mod apps;
mod backup;
mod bad_drops;
mod clock;
mod disk;
mod drops;
mod failpoints;
mod fairness;
mod keeping;
mod kept_files;
mod kills;
mod letters;
mod limits;
mod neighbours;
mod records;
mod starting;
mod stream_bad_messages;
mod stream_breaches;
mod stream_crowd;
mod stream_faults;
mod stream_limits;
mod streams;
mod submit;
