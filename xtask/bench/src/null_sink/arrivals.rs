//! When documents have arrived, and how long each was on its way. Pure.

use std::fmt::Write as _;

/// A document that took longer is told of by itself, with those around it.
const SLOW: i64 = 25_000_000;
/// Slow documents that arrive within so long of each other are one occasion.
const APART: i64 = 100_000_000;
/// Most occasions that are told.
const MOST: usize = 20;

/// What has arrived since somebody asked. Times in nanoseconds.
#[derive(Debug, Default)]
pub struct Arrivals {
    documents: u64,
    first: i64,
    last: i64,
    /// When it arrived, and how long it took.
    delays: Vec<(i64, i64)>,
}

/// Slow documents that arrived together.
struct Occasion {
    begin: i64,
    end: i64,
    worst: i64,
    documents: u64,
}

impl Arrivals {
    /// So many have arrived.
    pub fn arrived(&mut self, now: i64, documents: u64) {
        if self.documents == 0 {
            self.first = now;
        }
        self.last = now;
        self.documents += documents;
    }

    /// One of those that have arrived `now` was sent then.
    pub fn sent(&mut self, now: i64, then: i64) {
        self.delays.push((now, now - then));
    }

    /// How many there are.
    pub fn documents(&self) -> u64 {
        self.documents
    }

    /// All of it as one line of JSON, after which nothing has arrived yet. Percentiles and all else in milliseconds, null where no
    /// document told when it was sent.
    pub fn tell(&mut self) -> String {
        let Arrivals { documents, first, last, mut delays } = std::mem::take(self);
        let occasions = occasions(&delays);
        let told: Vec<String> = occasions.iter().take(MOST).map(|occasion| occasion.told(first)).collect();
        delays.sort_unstable_by_key(|(_, delay)| *delay);
        let mut line = format!("{{\"documents\": {documents}, \"first_ns\": {first}, \"last_ns\": {last}");
        for (name, of_thousand) in [("p50", 500), ("p90", 900), ("p99", 990), ("p999", 999), ("max", 1000)] {
            let place = (delays.len() * of_thousand).div_ceil(1000).saturating_sub(1);
            let delay = delays.get(place).map_or_else(|| "null".to_owned(), |(_, delay)| milliseconds(*delay));
            // Writing to a String cannot fail.
            let _ = write!(line, ", \"{name}\": {delay}");
        }
        let slow = delays.iter().filter(|(_, delay)| *delay > SLOW).count();
        let _ = write!(line, ", \"slow\": {slow}, \"occasions\": [{}]}}", told.join(", "));
        line
    }
}

impl Occasion {
    fn told(&self, first: i64) -> String {
        format!(
            "{{\"at\": {}, \"lasts\": {}, \"worst\": {}, \"documents\": {}}}",
            milliseconds(self.begin - first),
            milliseconds(self.end - self.begin),
            milliseconds(self.worst),
            self.documents
        )
    }
}

/// In the order in which they arrived.
fn occasions(delays: &[(i64, i64)]) -> Vec<Occasion> {
    let mut occasions: Vec<Occasion> = Vec::new();
    for (now, delay) in delays.iter().copied().filter(|(_, delay)| *delay > SLOW) {
        match occasions.last_mut() {
            Some(last) if now - last.end < APART => {
                *last = Occasion { end: now, worst: last.worst.max(delay), documents: last.documents + 1, ..*last };
            }
            _ => occasions.push(Occasion { begin: now, end: now, worst: delay, documents: 1 }),
        }
    }
    occasions
}

fn milliseconds(nanos: i64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds of a benchmark are far below 2^52")]
    let milliseconds = nanos as f64 / 1e6;
    format!("{milliseconds:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_all_that_has_arrived_since_the_last_answer() {
        let mut arrivals = Arrivals::default();
        for number in 1..=1000 {
            arrivals.arrived(number, 1);
            arrivals.sent(number * 1_000_000, number * 1_000_000 - number * 10_000);
        }
        assert_eq!(arrivals.documents(), 1000);
        let told = arrivals.tell();
        let expected = "{\"documents\": 1000, \"first_ns\": 1, \"last_ns\": 1000, \"p50\": 5.000, \"p90\": 9.000, \"p99\": 9.900, \
                        \"p999\": 9.990, \"max\": 10.000, \"slow\": 0, \"occasions\": []}";
        assert_eq!(told, expected);
        assert!(arrivals.tell().starts_with("{\"documents\": 0, \"first_ns\": 0, \"last_ns\": 0, \"p50\": null"));
    }

    #[test]
    fn slow_documents_that_arrive_together_are_one_occasion() {
        let mut arrivals = Arrivals::default();
        arrivals.arrived(0, 5);
        let second = 1_000_000_000;
        for (now, delay) in
            [(second, SLOW + 1), (second + APART / 2, 2 * SLOW), (second + APART, 5), (3 * second, 3 * SLOW)]
        {
            arrivals.sent(now, now - delay);
        }
        let told = arrivals.tell();
        let expected = "\"slow\": 3, \"occasions\": [{\"at\": 1000.000, \"lasts\": 50.000, \"worst\": 50.000, \"documents\": 2}, \
                        {\"at\": 3000.000, \"lasts\": 0.000, \"worst\": 75.000, \"documents\": 1}]}";
        assert!(told.ends_with(expected), "{told}");
    }
}
