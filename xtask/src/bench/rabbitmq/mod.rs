//! Streams on RabbitMQ into the null sink: the platform, a bare consumer with the same work, and the Python stack that the platform
//! replaces.
//!
//! ```text
//!   amqp_publish ─▶ queue of a kind ─┬─▶ platform        isolation, windows, deterministic ids, journal
//!                                    ├─▶ bare_consumer   one process, the same .so           ─▶ null_sink, which notes when
//!                                    └─▶ consume.py      pika, insert_one, acknowledge each
//! ```
//! `station` has the servers, `stream` the platform on them, `rivals` the other two; `rates` and `latency` are the comparisons.

mod latency;
mod rates;
mod rivals;
mod station;
mod stream;

pub(super) use latency::measure as latency;
pub(super) use rates::measure as rates;

use xtask::text::thousands;

/// Bytes of each message.
const BYTES: usize = 478;
/// Messages that a consumer may hold: as many as the platform asks for. It is the same for all.
const PREFETCH: u16 = 3_072;

/// What kind of queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Classic,
    Quorum,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Classic => "classic",
            Kind::Quorum => "quorum",
        }
    }
}

/// A number of messages, for people.
fn shown(messages: usize) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a number of messages")]
    let messages = messages as f64;
    thousands(messages)
}
