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
//!   wants all there is.
//! - *Consumers* are dealt out one by one, in an order that is another for each stream: so a stream that has fewer than there
//!   are hosts is with some of them, and a hundred such streams are with all. A host that comes or goes moves few.
//!
//! That all parts together are never more than the limit is not left to hosts that agree: the queue grants what others leave
//! ([`TaskQueue::tell`](crate::queue::TaskQueue::tell)), so a host that is to have less gives back first.

use crate::broker::StreamKey;
use crate::queue::PartWish;
use xxhash_rust::xxh3::xxh3_64;

/// A limit that is large enough is none that anybody meets: it is everybody's.
pub fn is_shared(limit: u64) -> bool {
    limit < PartWish::MOST
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
