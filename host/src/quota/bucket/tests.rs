use super::*;
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);

fn amount(messages: u64, bytes: u64) -> Amount {
    Amount { messages, bytes }
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn what_is_taken_comes_back_one_window_later() {
    let mut bucket = Bucket::new(amount(500, 10_000), SECOND * 5);
    assert_eq!(bucket.allowed(ms(0)), amount(500, 10_000));
    bucket.take(ms(0), amount(300, 3_000));
    assert_eq!(bucket.allowed(ms(2_000)), amount(200, 7_000));
    bucket.take(ms(2_000), amount(200, 10));
    assert_eq!(bucket.allowed(ms(4_999)), Amount::default(), "bytes alone are no use");
    let back = bucket.next(ms(4_999));
    assert!(back >= ms(5_000) && back <= ms(5_020), "{back:?}");
    assert_eq!(bucket.allowed(back), amount(300, 9_990));
    assert_eq!(bucket.next(back), back);
    assert_eq!(bucket.allowed(ms(7_020)), amount(500, 10_000));
}

#[test]
fn a_message_larger_than_a_window_is_paid_by_the_windows_that_follow() {
    let mut bucket = Bucket::new(amount(10, 100), SECOND);
    bucket.take(ms(0), amount(1, 350));
    let (mut now, mut wakes) = (ms(0), 0);
    while bucket.allowed(now).is_none() {
        now = bucket.next(now);
        wakes += 1;
    }
    assert!(now > ms(3_000) && now < ms(3_020), "{now:?}");
    assert_eq!((bucket.allowed(now), wakes), (amount(10, 50), 3));
}

#[test]
fn a_window_tells_what_went_through_and_whether_anything_was_left() {
    let mut bucket = Bucket::new(amount(10, 100), SECOND);
    bucket.take(ms(0), amount(4, 130));
    let told = Consumption { taken: amount(4, 100), left: amount(6, 0), no_messages_left: false, no_bytes_left: true };
    assert_eq!(bucket.close(ms(999)), told);
    let next = Consumption { taken: amount(0, 30), left: amount(10, 70), ..Consumption::default() };
    assert_eq!(bucket.close(ms(1_998)), next);
}

#[test]
fn nothing_is_left_of_two_buckets_where_one_is_empty_and_the_other_has_no_more_than_it_keeps_to_spare() {
    let empty =
        Consumption { taken: amount(40, 400), left: amount(0, 600), no_messages_left: true, no_bytes_left: false };
    let with = |taken, left| empty.with(Consumption { taken, left, ..Consumption::default() });
    assert!(with(amount(40, 1), amount(10, 1)).no_messages_left);
    assert!(!with(amount(40, 1), amount(11, 1)).no_messages_left);
    assert!(!with(amount(40, 1), amount(10, 1)).no_bytes_left);
    assert_eq!(with(amount(40, 1), amount(10, 1)).taken, amount(80, 401));
    assert!(empty.with(empty).no_messages_left);
}

#[test]
fn a_bucket_of_nothing_lets_nothing_through_until_it_is_made_larger() {
    let mut bucket = Bucket::new(amount(10, 100), SECOND);
    bucket.resize(ms(0), Amount::default());
    assert!(bucket.allowed(ms(0)).is_none());
    assert!(bucket.next(ms(0)) > ms(0));
    bucket.take(ms(0), amount(1, 7));
    assert_eq!(bucket.standing(ms(9_000)), Standing::default());
    bucket.resize(ms(9_000), amount(2, 10));
    let standing = Standing { limit: amount(2, 10), taken: amount(1, 7), left: amount(1, 3) };
    assert_eq!(bucket.standing(ms(9_000)), standing, "the debt is paid");
}

#[test]
fn another_limit_holds_at_once() {
    let mut bucket = Bucket::new(amount(10, 100), SECOND);
    bucket.take(ms(0), amount(10, 150));
    bucket.resize(ms(1), amount(20, 200));
    assert_eq!(bucket.allowed(ms(1)), amount(10, 50), "the debt is paid at once");
    bucket.resize(ms(2), amount(5, 200));
    assert_eq!(bucket.allowed(ms(2)), Amount::default());
    assert_eq!(bucket.allowed(ms(1_010)), amount(5, 200));
}

#[test]
fn without_a_limit_nothing_is_held_back() {
    let mut bucket = Bucket::new(amount(u64::MAX, u64::MAX), SECOND);
    for now in 0..10_000 {
        bucket.take(ms(now), amount(1 << 40, 1 << 50));
        assert!(!bucket.allowed(ms(now)).is_none());
    }
    assert!(bucket.taken.len() <= 258, "{}", bucket.taken.len());
}

#[test]
fn a_clock_that_goes_back_stands_still() {
    let mut bucket = Bucket::new(amount(1, 1), SECOND);
    bucket.take(ms(5_000), amount(1, 1));
    assert!(bucket.allowed(ms(0)).is_none());
    assert!(bucket.next(ms(0)) > ms(5_900));
}

/// A moment passes, then a consumer takes what there is for it: so many messages of so many bytes.
#[derive(Clone, Debug)]
struct Turn {
    pause: u64,
    messages: u64,
    size: u64,
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let pause = prop_oneof![4 => 0_u64..40, 1 => 0_u64..1_500];
    let turn = (pause, 1_u64..40, prop_oneof![8 => 1_u64..30, 1 => 50_u64..400]);
    prop::collection::vec(turn.prop_map(|(pause, messages, size)| Turn { pause, messages, size }), 1..200)
}

/// Takes as a consumer does: as many as are allowed, until the bytes are spent. Gives what was taken, and when.
fn consume(bucket: &mut Bucket, turns: &[Turn]) -> Vec<(Duration, Amount)> {
    let (mut now, mut all) = (ms(0), Vec::new());
    for turn in turns {
        now += ms(turn.pause);
        let allowed = bucket.allowed(now);
        let mut taken = Amount::default();
        while taken.messages < turn.messages.min(allowed.messages) && taken.bytes < allowed.bytes {
            taken = taken.plus(amount(1, turn.size));
        }
        bucket.take(now, taken);
        all.push((now, taken));
    }
    all
}

proptest! {
    #[test]
    fn no_window_wherever_it_is_laid_holds_more_than_the_limit_and_one_message(turns in turns()) {
        let (limit, window) = (amount(50, 300), ms(1_000));
        let taken = consume(&mut Bucket::new(limit, window), &turns);
        for (from, _) in &taken {
            let within = taken.iter().filter(|(at, _)| at >= from && *at < *from + window);
            let sum = within.fold(Amount::default(), |sum, (_, amount)| sum.plus(*amount));
            prop_assert!(sum.messages <= limit.messages, "{sum:?} from {from:?}");
            prop_assert!(sum.bytes < limit.bytes + 400, "{sum:?} from {from:?}");
        }
    }

    #[test]
    fn on_the_average_the_limit_holds_whatever_the_messages_are(turns in turns()) {
        let (limit, window) = (amount(50, 300), ms(1_000));
        let taken = consume(&mut Bucket::new(limit, window), &turns);
        let mut sum = Amount::default();
        for (at, amount) in &taken {
            sum = sum.plus(*amount);
            let windows = u64::try_from(at.as_millis()).unwrap() / 1_000 + 1;
            // The last message may be one that is paid for later.
            prop_assert!(sum.bytes < limit.bytes * windows + 400, "{sum:?} at {at:?}");
        }
    }

    #[test]
    fn what_windows_tell_is_never_more_than_the_limit_even_where_consumers_take_too_much(
        takes in prop::collection::vec((0_u64..300, 0_u64..200, 0_u64..900), 1..100),
    ) {
        let (limit, window) = (amount(50, 300), ms(1_000));
        let mut bucket = Bucket::new(limit, window);
        let (mut now, mut closed, mut all, mut told) = (0, 0, Amount::default(), Amount::default());
        for (pause, messages, bytes) in takes {
            now += pause;
            while closed + 1_000 <= now {
                closed += 1_000;
                let taken = bucket.close(ms(closed)).taken;
                prop_assert!(taken.messages <= limit.messages && taken.bytes <= limit.bytes, "{taken:?}");
                told = told.plus(taken);
            }
            bucket.take(ms(now), amount(messages, bytes));
            all = all.plus(amount(messages, bytes));
        }
        let rest = bucket.close(ms(now + 10_000_000)).taken;
        prop_assert_eq!(told.plus(rest), all, "in the end everything is paid");
        prop_assert_eq!(bucket.allowed(ms(now + 20_000_000)), limit);
    }

    #[test]
    fn somebody_who_takes_all_there_is_and_wakes_when_told_gets_the_whole_limit(seed in 1_u64..50) {
        let (limit, window) = (amount(50, u64::MAX), ms(1_000));
        let mut bucket = Bucket::new(limit, window);
        let (mut now, mut got, mut wakes) = (ms(0), 0, 0);
        while now < ms(20_000) {
            let allowed = bucket.allowed(now).messages.min(seed);
            prop_assert!(allowed > 0, "woken for nothing at {now:?}");
            bucket.take(now, amount(allowed, 1));
            got += allowed;
            now = bucket.next(now);
            wakes += 1;
        }
        prop_assert!(got >= 50 * 19, "{got} in {wakes} turns");
    }
}
