//! What an honest app gets, whatever the data is like.

#![allow(clippy::unwrap_used, reason = "what tests share is a test as well")]

mod check;
mod citizen;
mod csv;
mod doctor;
mod identity;
mod messages;
mod new;
mod trips;
mod usage;
