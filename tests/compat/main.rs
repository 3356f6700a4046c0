//! Files that are no apps, and apps that were built otherwise.

#![allow(clippy::unwrap_used, reason = "what tests share is a test as well")]

mod frozen_abi;
mod loadable;
mod refused;
mod twins;
