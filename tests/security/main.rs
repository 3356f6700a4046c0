//! Hostile apps: whatever one does, the host lives, every other row is stored, and a sentence says which app, which
//! generation and which row it was.
//!
//! | file | what the villains of the row do |
//! |---|---|
//! | `dying` | end their process |
//! | `hanging` | never come back |
//! | `hoarding` | take memory |
//! | `reaching` | reach for files, the network, processes, the kernel |
//! | `talking` | say too much, or say it where it hurts |
//! | `evasion` | look busy, honest or unlucky to slip past a deadline or a limit |
//! | `tracing` | crash, with debug information that hurts its reader |
//! | `lying` | break the protocol, misuse the function table, scribble over the recorder |
//! | `messages` | do all that among messages, and lie about what became of them |
//! | `loading` | misbehave before there is a row at all |

#![allow(clippy::unwrap_used, reason = "what tests share is a test as well")]

mod dying;
mod evasion;
mod hanging;
mod hoarding;
mod loading;
mod lying;
mod messages;
mod reaching;
mod talking;
mod tracing;
