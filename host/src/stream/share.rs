//! Who gets what, where several hosts work for a tenant: parts of a window's allowance, and of a stream's consumers. Pure.
//!
//! ```text
//!   limit 100       wanted   5   20   all there is     no part is larger than what is wanted while somebody wants more
//!                   part     5   20   75               who wants more than an equal part has one, and what others leave
//!                   wanted   5   20                    what nobody wants is there for a sudden beginning
//!                   part    42   58
//! ```
//!
//! - *Max-min fair*: nobody can be given more without taking it from one who has no more. A host that wants nothing leaves all
//!   of its part; a lone host has all.
//! - What a host *wants* is what it took in the last window and an eighth to spare, so that it can grow; one that was held back
//!   lately wants all there is: for as long as others may need to give back what they have taken.
//! - *Consumers* are dealt out one by one, in an order that is another for each stream: so a stream that has fewer than there
//!   are hosts is with some of them, and a hundred such streams are with all. A host that comes or goes moves few.
//!
//! That all parts together are never more than the limit is not left to hosts that agree: the queue grants what others leave
//! ([`TaskQueue::tell`](crate::queue::TaskQueue::tell)), so a host that is to have less gives back first.

use crate::broker::StreamKey;
use crate::queue::{HOST_WORD, PartWish};
use std::time::Duration;
use xxhash_rust::xxh3::xxh3_64;

/// A limit that is large enough is none that anybody meets: it is everybody's.
pub fn is_shared(limit: u64) -> bool {
    limit < PartWish::MOST
}

/// How long it counts that a host was held back, where windows are so long.
pub fn memory(window: Duration) -> Duration {
    window.min(HOST_WORD)
}

/// The part of each, of whom is said what it wants. Together they are the limit.
pub fn parts(limit: u64, wanted: &[u64]) -> Vec<u64> {
    let mut parts = vec![0; wanted.len()];
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by_key(|host| (wanted[*host], *host));
    let mut left = limit;
    for (served, host) in order.iter().enumerate() {
        let equal = left / (wanted.len() - served) as u64;
        parts[*host] = wanted[*host].min(equal);
        left -= parts[*host];
    }
    // To spare, for those who work; where nobody does, for all.
    let is_idle = wanted.iter().all(|wanted| *wanted == 0);
    order.retain(|host| is_idle || wanted[*host] > 0);
    for (served, host) in order.iter().enumerate() {
        let equal = left / (order.len() - served) as u64;
        parts[*host] += equal;
        left -= equal;
    }
    parts
}

/// What a host wants of a limit of which it took so much in the last window.
pub fn wanted(limit: u64, taken: u64, has_consumers: bool, is_held_back: bool) -> u64 {
    match (has_consumers, is_held_back) {
        (false, _) => 0,
        (true, true) => limit,
        (true, false) => taken.saturating_add(taken / 8).saturating_add(1).min(limit),
    }
}

/// What a host has to hold for its part to be so large: what it has taken in the last window it cannot give back yet.
pub fn hold(part: u64, taken: u64) -> u64 {
    part.max(taken)
}

/// What a host may take in a window, that shall have such a part and was granted so much to hold: what it holds because it was
/// taken already is not to be taken once more.
pub fn take(part: u64, granted: u64) -> u64 {
    part.min(granted)
}

/// Of so many consumers in all, those of the host that is dealt to as the `place`th of so many, counted from 0.
pub fn consumers(all: usize, place: usize, hosts: usize) -> usize {
    (all + hosts.max(1) - 1).saturating_sub(place) / hosts.max(1)
}

/// How many a host may have now that has `own` and shall have `part` of them: fewer at once, more as far as others have given
/// theirs back.
pub fn now(own: usize, part: usize, all: usize, others: usize) -> usize {
    if part <= own { part } else { part.min(all.saturating_sub(others)).max(own) }
}

/// The place of a host among those that a stream's consumers are dealt out to; `None` where it is none of them.
pub fn place(stream: &StreamKey, host: &str, hosts: &[&str]) -> Option<usize> {
    let draw = |host: &str| (xxh3_64(format!("{stream} {host}").as_bytes()), host.to_owned());
    let own = draw(host);
    hosts.contains(&host).then(|| hosts.iter().filter(|other| draw(other) < own).count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quota::bucket::{Amount, Bucket};
    use proptest::prelude::*;

    fn key(stream: &str) -> StreamKey {
        StreamKey { tenant: "acme".parse().unwrap(), stream: stream.parse().unwrap() }
    }

    #[test]
    fn whoever_wants_little_has_it_and_the_rest_is_shared_equally() {
        assert_eq!(parts(100, &[5, 20, 100]), [5, 20, 75]);
        assert_eq!(parts(100, &[100, 5, 100]), [47, 5, 48]);
        assert_eq!(parts(100, &[5, 20]), [42, 58]);
        assert_eq!(parts(100, &[0, 100]), [0, 100], "who wants nothing leaves all of it");
        assert_eq!(parts(100, &[0, 0]), [50, 50], "nobody is known to want anything");
        assert_eq!(parts(100, &[7]), [100], "a lone host has all");
        assert_eq!(parts(1, &[1, 1]), [0, 1], "one message cannot be divided");
        assert_eq!(parts(1, &[]), [0_u64; 0]);
    }

    #[test]
    fn who_was_held_back_wants_all_and_who_has_no_consumer_nothing() {
        assert_eq!(wanted(100, 100, true, true), 100);
        assert_eq!(wanted(100, 16, true, false), 19);
        assert_eq!(wanted(100, 0, true, false), 1, "whoever may begin is not kept waiting for a beat");
        assert_eq!(wanted(100, 99, true, false), 100);
        assert_eq!(wanted(100, 50, false, true), 0);
    }

    #[test]
    fn consumers_of_many_streams_are_with_all_hosts() {
        let hosts = ["a", "b", "c"];
        let mut with = [0; 3];
        for stream in 0..300 {
            let key = key(&format!("s{stream}"));
            for (number, host) in hosts.iter().enumerate() {
                let place = place(&key, host, &hosts).unwrap();
                with[number] += consumers(1, place, 3);
                // A host that goes moves nothing but its own.
                let fewer = super::place(&key, host, &["a", "b"]);
                assert_eq!(fewer.is_some(), *host != "c");
                assert!(fewer.is_none_or(|fewer| fewer <= place));
            }
        }
        assert_eq!(with.iter().sum::<usize>(), 300);
        assert!(with.iter().all(|with| *with > 60), "{with:?}");
    }

    #[test]
    fn a_host_gives_back_before_another_takes() {
        assert_eq!(now(4, 2, 4, 0), 2);
        assert_eq!(now(0, 2, 4, 4), 0);
        assert_eq!(now(0, 2, 4, 3), 1);
        assert_eq!(now(1, 2, 4, 5), 1, "what it has it need not give for others");
        assert_eq!(now(0, 2, 4, 2), 2);
    }

    const LIMIT: u64 = 100;
    const WINDOW: Duration = Duration::from_secs(2);

    /// Hosts that beat, as the driver does, and take all that they may of what they have to do.
    struct Hosts {
        now: Duration,
        buckets: Vec<Bucket>,
        /// What each holds, as the queue knows it; what each has told that it wants; when it was held back last.
        held: Vec<u64>,
        wanted: Vec<u64>,
        held_back: Vec<Option<Duration>>,
        /// When how much was taken, by whom.
        taken: Vec<(Duration, u64, usize)>,
    }

    impl Hosts {
        fn new(hosts: usize) -> Hosts {
            let nothing = Amount { messages: 0, bytes: u64::MAX };
            let mut bucket = Bucket::new(Amount { messages: LIMIT, bytes: u64::MAX }, WINDOW);
            bucket.resize(Duration::ZERO, nothing);
            Hosts {
                now: Duration::ZERO,
                buckets: vec![bucket; hosts],
                held: vec![0; hosts],
                wanted: vec![0; hosts],
                held_back: vec![None; hosts],
                taken: Vec::new(),
            }
        }

        fn beat(&mut self, host: usize) {
            let taken = self.buckets[host].standing(self.now).taken.messages;
            let is_held_back = self.held_back[host].is_some_and(|at| self.now - at < memory(WINDOW));
            self.wanted[host] = wanted(LIMIT, taken, true, is_held_back);
            let part = parts(LIMIT, &self.wanted)[host];
            let others = self.held.iter().sum::<u64>() - self.held[host];
            self.held[host] = hold(part, taken).min(LIMIT - others);
            let messages = take(part, self.held[host]);
            self.buckets[host].resize(self.now, Amount { messages, bytes: u64::MAX });
        }

        /// The host has so many messages to take.
        fn work(&mut self, host: usize, messages: u64) {
            let allowed = self.buckets[host].allowed(self.now).messages;
            if allowed < messages {
                self.held_back[host] = Some(self.now);
            }
            let taken = Amount { messages: allowed.min(messages), bytes: 0 };
            self.buckets[host].take(self.now, taken);
            self.taken.push((self.now, taken.messages, host));
        }

        /// What one took in the last window and a quarter of a second: all at once comes back so late.
        fn lately(&self, host: usize) -> u64 {
            let since = self.now.saturating_sub(WINDOW + Duration::from_millis(250));
            self.taken.iter().filter(|(at, _, by)| *at > since && *by == host).map(|(_, taken, _)| taken).sum()
        }

        /// So many beats, with so much to do in each quarter of a second.
        fn run(&mut self, beats: u32, work: &[u64]) {
            for quarter in 0..beats * 4 {
                self.now += Duration::from_millis(250);
                let hosts = self.buckets.len();
                if let Some(host) = (0..hosts).find(|host| *host == quarter as usize % 4) {
                    self.beat(host);
                }
                (0..hosts).for_each(|host| self.work(host, work[host]));
            }
        }
    }

    #[test]
    fn an_allowance_goes_where_it_is_wanted_within_a_window_and_two_beats() {
        let mut hosts = Hosts::new(3);
        hosts.run(8, &[1_000, 0, 0]);
        assert!(hosts.lately(0) >= LIMIT - 2, "the others keep one each, to begin with: {}", hosts.lately(0));
        hosts.run(4, &[1_000, 1_000, 0]);
        hosts.run(4, &[1_000, 1_000, 0]);
        assert!(hosts.lately(0) >= 45 && hosts.lately(1) >= 45, "{} {}", hosts.lately(0), hosts.lately(1));
        hosts.run(8, &[1_000, 1, 1_000]);
        assert_eq!(hosts.lately(1), 9, "who wants little has it");
        assert!(hosts.lately(0) >= 40 && hosts.lately(2) >= 40, "{} {}", hosts.lately(0), hosts.lately(2));
        hosts.run(8, &[0, 0, 1_000]);
        assert!(hosts.lately(2) >= LIMIT - 2, "{}", hosts.lately(2));
    }

    fn some() -> impl Strategy<Value = (u64, Vec<u64>)> {
        let limit = prop_oneof![0_u64..200, any::<u64>()];
        let wanted = prop_oneof![2 => Just(0_u64), 4 => 0_u64..100, 1 => any::<u64>()];
        (limit, prop::collection::vec(wanted, 1..8))
    }

    proptest! {
        #[test]
        fn parts_together_are_the_limit_and_nobody_starves((limit, wanted) in some()) {
            let parts = parts(limit, &wanted);
            let sum: u128 = parts.iter().map(|part| u128::from(*part)).sum();
            prop_assert_eq!(sum, u128::from(limit));
            let equal = limit / wanted.len() as u64;
            for (part, wanted) in parts.iter().zip(&wanted) {
                prop_assert!(*part >= equal.min(*wanted), "{parts:?}");
            }
        }

        #[test]
        fn whoever_has_less_than_it_wants_has_as_much_as_anybody((limit, wanted) in some()) {
            let parts = parts(limit, &wanted);
            let most = parts.iter().max().unwrap();
            for (part, wanted) in parts.iter().zip(&wanted) {
                prop_assert!(part >= wanted || part + 1 >= *most, "{parts:?}");
            }
        }

        #[test]
        fn no_window_of_all_hosts_together_holds_more_than_the_limit(
            steps in prop::collection::vec((0_usize..4, 0_u64..700, 0_u64..150, any::<bool>()), 1..200),
        ) {
            let mut hosts = Hosts::new(4);
            for (host, pause, messages, is_beat) in steps {
                hosts.now += Duration::from_millis(pause);
                if is_beat { hosts.beat(host) } else { hosts.work(host, messages) }
            }
            for (from, ..) in &hosts.taken {
                let within = hosts.taken.iter().filter(|(at, ..)| at >= from && *at < *from + WINDOW);
                let sum: u64 = within.map(|(_, taken, _)| taken).sum();
                prop_assert!(sum <= LIMIT, "{sum} from {from:?}");
            }
        }

        #[test]
        fn consumers_are_dealt_out_to_the_last_one(least in 0_usize..9, more in 0_usize..9, hosts in 1_usize..7) {
            let deal = |all| (0..hosts).map(|place| consumers(all, place, hosts)).collect::<Vec<usize>>();
            let (few, many) = (deal(least), deal(least + more));
            prop_assert_eq!(few.iter().sum::<usize>(), least);
            prop_assert_eq!(many.iter().sum::<usize>(), least + more);
            prop_assert!(few.iter().zip(&many).all(|(few, many)| few <= many));
        }

        #[test]
        fn hosts_that_have_heard_of_each_other_never_have_more_consumers_than_there_are_to_be(
            own in prop::collection::vec(0_usize..5, 1..5),
            all in 0_usize..12,
            order in prop::collection::vec(0_usize..5, 0..40),
        ) {
            let hosts = own.len();
            let (mut has, before) = (own.clone(), own.iter().sum::<usize>());
            for host in order.into_iter().map(|host| host % hosts) {
                let others = has.iter().sum::<usize>() - has[host];
                has[host] = now(has[host], consumers(all, host, hosts), all, others);
                prop_assert!(has.iter().sum::<usize>() <= before.max(all));
            }
            for _ in 0..2 {
                for host in 0..hosts {
                    let others = has.iter().sum::<usize>() - has[host];
                    has[host] = now(has[host], consumers(all, host, hosts), all, others);
                }
            }
            prop_assert_eq!(has.iter().sum::<usize>(), all);
        }
    }
}
