//! The control plane over HTTP: what operators and tenants can do, who may what, and what hostile clients get.

#![allow(clippy::unwrap_used, reason = "what tests share is a test as well")]

mod apps;
mod commands;
mod description;
mod fuzzed;
mod going;
mod gone;
mod hostile;
mod identity;
mod isolation;
mod lists;
mod live;
mod publishing;
mod reading;
mod scene;
mod secure;
mod settled;
mod slow;
mod submissions;
mod tenants;
mod uploads;
