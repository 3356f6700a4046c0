//! The dashboard as people use it: in a real browser, with the mouse and without one, large and small, light and dark.

#![allow(clippy::unwrap_used, reason = "what tests share is a test as well")]

mod deeds;
mod driver;
mod drops;
mod hostile;
mod keyboard;
mod log;
mod looks;
mod modules;
mod overview;
mod rights;
mod scene;
mod silence;
mod story;
