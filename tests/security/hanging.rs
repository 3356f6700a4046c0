//! Villains that never come back: a deadline ends them, however they resist.

use mysimbdp_tests::data::Rows;
use mysimbdp_tests::expect;
use std::time::Duration;

macro_rules! a_deadline_ends {
    ($($deed:ident;)*) => {
        mod a_deadline_ends {
            $(
                #[test]
                fn $deed() {
                    mysimbdp_tests::expect::the_hanging_row_is_named(stringify!($deed));
                }
            )*
        }
    };
}

a_deadline_ends! {
    endless_loop;
    sleep_forever;
    pause_forever;
    deadlock;
    read_host_frames;
    ignore_sigterm;
    block_all_signals;
    half_frame_and_hang;
}

#[test]
fn a_slow_row_that_ends_in_time_is_not_convicted() {
    let rows = Rows::innocent(12).with(3, "crawl=1200").with(6, "crawl=900").with(9, "crawl=600");
    let finished = expect::villains(&rows).option("--stall-seconds", "2").finish();
    let report = finished.report();
    assert_eq!(finished.code(), expect::exit::DONE, "{:?}", report.sentences());
    assert!(report.deaths.is_empty(), "{:?}", report.sentences());
}

#[test]
fn the_total_deadline_ends_a_run_in_which_every_row_keeps_its_own() {
    let rows = (1..=40).fold(Rows::innocent(40), |rows, n| rows.with(n, "crawl=500"));
    let finished = expect::villains(&rows).option("--total-seconds", "3").finish();
    let report = finished.report();
    assert_ne!(report.outcome, "done");
    assert!(finished.took < Duration::from_secs(30), "took {:?}", finished.took);
    let reason = report.reason.unwrap_or_default();
    expect::says_one_of(&reason, &["longer than the 3 s"]);
    assert!(report.dead_letters.is_empty(), "nobody is guilty of a long file: {:?}", report.dead_letters);
}

#[test]
fn an_app_whose_end_never_comes_is_ended() {
    let rows = expect::crowd("spin_in_destroy");
    let finished = expect::villains(&rows).option("--stall-seconds", "2").finish();
    let report = finished.report();
    // Everything was read before: what happens afterwards concerns no row.
    assert!(report.dead_letters.is_empty(), "{:?}", report.sentences());
    assert_eq!(report.rows.ingested, rows.count());
    assert!(finished.took < Duration::from_secs(20), "took {:?}", finished.took);
}
