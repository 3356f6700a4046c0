use super::*;

const QUIET: Duration = Duration::from_millis(50);

struct Bench {
    quiet: Quiet<&'static str>,
    begin: Instant,
}

impl Bench {
    fn new() -> Bench {
        Bench { quiet: Quiet::new(QuietRules::of(QUIET)), begin: Instant::now() }
    }

    fn at(&self, millis: u64) -> Instant {
        self.begin + Duration::from_millis(millis)
    }

    fn heard(&mut self, sign: Sign, millis: u64) {
        let now = self.at(millis);
        self.quiet.heard("a", sign, now);
    }

    /// Looks if it is due, and finds `size` bytes.
    fn look(&mut self, millis: u64, size: u64, writers: Writers) -> Option<Decision> {
        let now = self.at(millis);
        if self.quiet.due(now, 10).is_empty() {
            return None;
        }
        Some(self.quiet.observed(&"a", Observed::There(identity(size), writers), now))
    }
}

fn identity(size: u64) -> FileIdentity {
    FileIdentity { dev: 1, ino: 1, size, mtime_ns: 0 }
}

#[test]
fn a_file_that_was_closed_settles_after_one_quiet_moment() {
    let mut bench = Bench::new();
    bench.heard(Sign::Touched, 0);
    bench.heard(Sign::Closed, 10);
    assert_eq!(bench.look(59, 1, Writers::Nobody), None);
    assert_eq!(bench.look(60, 1, Writers::Nobody), Some(Decision::Settled));
    assert!(bench.quiet.is_empty() && bench.quiet.next().is_none());
}

#[test]
fn a_file_that_was_only_seen_has_to_look_the_same_twice() {
    let mut bench = Bench::new();
    let now = bench.at(0);
    bench.quiet.seen("a", now);
    assert_eq!(bench.look(50, 1, Writers::Nobody), Some(Decision::Wait));
    assert_eq!(bench.look(100, 2, Writers::Nobody), Some(Decision::Wait));
    assert_eq!(bench.look(150, 2, Writers::Nobody), Some(Decision::Settled));
}

#[test]
fn a_file_that_somebody_has_open_for_writing_waits_for_minutes_and_is_looked_at_ever_more_rarely() {
    let mut bench = Bench::new();
    bench.heard(Sign::Closed, 0);
    let mut looks = 0;
    for millis in (0..300_000).step_by(10) {
        if let Some(decision) = bench.look(millis, millis / 100_000, Writers::Somebody) {
            assert_eq!(decision, Decision::Wait);
            looks += 1;
        }
    }
    assert!((290..320).contains(&looks), "{looks}");
    bench.heard(Sign::Closed, 300_000);
    assert_eq!(bench.look(300_050, 3, Writers::Nobody), Some(Decision::Settled));
}

#[test]
fn without_leases_it_has_to_stay_the_same_for_much_longer() {
    let mut bench = Bench::new();
    bench.heard(Sign::Closed, 0);
    assert_eq!(bench.look(50, 1, Writers::Unknown), Some(Decision::Wait));
    assert_eq!(bench.look(1999, 1, Writers::Unknown), None);
    assert_eq!(bench.look(2000, 2, Writers::Unknown), Some(Decision::Wait));
    assert_eq!(bench.look(3999, 2, Writers::Unknown), None);
    assert_eq!(bench.look(4000, 2, Writers::Unknown), Some(Decision::Settled));
}

#[test]
fn a_sign_that_comes_while_somebody_looks_makes_the_look_void() {
    let mut bench = Bench::new();
    bench.heard(Sign::Closed, 0);
    let now = bench.at(50);
    assert_eq!(bench.quiet.due(now, 10), ["a"]);
    bench.heard(Sign::Touched, 55);
    let there = Observed::There(identity(1), Writers::Nobody);
    assert_eq!(bench.quiet.observed(&"a", there, bench.at(56)), Decision::Wait);
    assert_eq!(bench.quiet.observed(&"a", Observed::Nothing, bench.at(57)), Decision::Wait);
    assert_eq!(bench.look(105, 1, Writers::Nobody), Some(Decision::Wait));
    assert_eq!(bench.look(155, 1, Writers::Nobody), Some(Decision::Settled));
}

#[test]
fn a_file_that_is_replaced_at_once_was_never_gone() {
    let mut bench = Bench::new();
    bench.heard(Sign::Touched, 0);
    bench.heard(Sign::Closed, 20);
    assert_eq!(bench.look(70, 1, Writers::Nobody), Some(Decision::Settled));
    bench.heard(Sign::Touched, 100);
    let now = bench.at(150);
    assert_eq!(bench.quiet.due(now, 10), ["a"]);
    assert_eq!(bench.quiet.observed(&"a", Observed::Nothing, now), Decision::Gone);
}

#[test]
fn a_scan_does_not_prolong_the_moment() {
    let mut bench = Bench::new();
    bench.heard(Sign::Closed, 0);
    let now = bench.at(40);
    bench.quiet.seen("a", now);
    assert_eq!(bench.quiet.len(), 1);
    assert_eq!(bench.look(50, 1, Writers::Nobody), Some(Decision::Settled));
}

/// Whatever the order of signs and looks, and whether the watcher tells of changes or a scan has to find them.
#[test]
fn no_order_of_signs_and_looks_settles_a_changing_file_or_loses_one() {
    fastrand::seed(7);
    let mut settled = 0;
    for round in 0..500 {
        let is_told = round % 2 == 0;
        let mut bench = Bench::new();
        let (mut size, mut changed) = (0, 0);
        bench.heard(Sign::Touched, 0);
        for millis in 1..400 {
            if fastrand::u8(..) < 5 {
                (size, changed) = (size + 1, millis);
                if is_told {
                    bench.heard(if fastrand::bool() { Sign::Closed } else { Sign::Touched }, millis);
                }
            }
            if fastrand::bool() && bench.look(millis, size, Writers::Nobody) == Some(Decision::Settled) {
                assert!(millis - changed >= 50, "settled {} ms after a change", millis - changed);
                settled += 1;
                bench.heard(Sign::Touched, millis);
            }
            assert_eq!(bench.quiet.len(), 1);
        }
    }
    assert!(settled > 100, "{settled}");
}
