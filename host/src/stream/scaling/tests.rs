use super::simulation::{Moment, Plant, Scene, WINDOW, scenes};
use super::*;
use proptest::prelude::*;

fn rules() -> Rules {
    Rules::of_windows(Duration::from_secs(WINDOW))
}

fn played(name: &str) -> Vec<Moment> {
    let scene = scenes().into_iter().find(|scene| scene.name == name).unwrap();
    scene.play(rules())
}

/// In which windows the number of consumers changed, and to what.
fn changes(moments: &[Moment]) -> Vec<(usize, usize)> {
    let changed = |(_, moment): &(usize, &Moment)| moment.wanted != moment.consumers;
    moments.iter().enumerate().filter(changed).map(|(window, moment)| (window, moment.wanted)).collect()
}

fn most(moments: &[Moment]) -> usize {
    moments.iter().map(|moment| moment.consumers).max().unwrap()
}

#[test]
fn a_step_is_climbed_held_and_left() {
    let step = played("step");
    let up: Vec<_> = changes(&step).into_iter().filter(|(window, _)| (20..100).contains(window)).collect();
    // 3,000 in a window need six consumers, and some more while the backlog goes.
    assert!(step[40].consumers >= 6, "{up:?}");
    assert!(step[60..100].iter().all(|moment| moment.backlog == 0), "{up:?}");
    assert!(up.len() <= 6, "no swinging: {up:?}");
    assert_eq!(step.last().unwrap().consumers, 1);
}

#[test]
fn a_burst_is_drained_and_then_few_are_left() {
    let burst = played("burst");
    let drained = burst.iter().skip(21).position(|moment| moment.backlog == 0).unwrap();
    // One consumer would take two minutes of windows a hundred times as long.
    assert!(drained <= 20, "{drained} windows: {:?}", changes(&burst));
    assert_eq!((most(&burst), burst.last().unwrap().consumers), (16, 1));
}

#[test]
fn a_sawtooth_is_followed_without_swinging() {
    let sawtooth = played("sawtooth");
    let largest = sawtooth.iter().map(|moment| moment.backlog).max().unwrap();
    assert!(largest < 10 * 4_350, "never more than ten windows behind: {largest}");
    assert!(changes(&sawtooth).len() <= 5 * 8, "{:?}", changes(&sawtooth));
    assert_eq!(sawtooth.last().unwrap().consumers, 1);
}

#[test]
fn a_slow_drip_changes_nothing() {
    assert_eq!(changes(&played("slow drip")), []);
}

#[test]
fn where_the_sink_is_slow_more_consumers_are_tried_rarely_and_sent_away() {
    let slow = played("slow sink");
    assert!(most(&slow) <= 4, "{:?}", changes(&slow));
    let tries = slow.iter().filter(|moment| moment.why == Why::NoHelp).count();
    assert!((1..=4).contains(&tries), "{tries}: {:?}", changes(&slow));
    let backlogged: Vec<&Moment> = slow.iter().filter(|moment| moment.backlog > 0).collect();
    let mean = backlogged.iter().map(|moment| moment.consumers).sum::<usize>() as f64 / backlogged.len() as f64;
    assert!(mean < 2.5, "{mean}: {:?}", changes(&slow));
}

#[test]
fn what_a_limit_holds_back_gets_no_more_consumers() {
    assert_eq!(most(&played("a limit")), 1);
}

#[test]
fn a_recorded_load_is_kept_up_with() {
    let recorded = played("recorded");
    let behind = recorded.iter().filter(|moment| moment.backlog > 3 * 4_500).count();
    assert!(behind == 0, "{behind} windows");
    assert!(changes(&recorded).len() < recorded.len() / 6, "{:?}", changes(&recorded));
    assert_eq!(recorded.last().unwrap().consumers, 1);
}

#[test]
fn the_reason_is_told() {
    let slow = played("slow sink");
    let why: Vec<Why> =
        slow.iter().filter(|moment| moment.wanted != moment.consumers).map(|moment| moment.why).collect();
    assert!(why.contains(&Why::Behind) && why.contains(&Why::NoHelp), "{why:?}");
    let told = Why::NoHelp.to_string();
    assert_eq!(told, "more did not serve more: they wait for something else, such as the sink");
}

#[test]
fn a_queue_that_was_full_before_is_no_arrival() {
    let mut scaler = Scaler::new(rules());
    let now = Duration::from_secs(5);
    let seen = Observation { now, seconds: 5.0, served: 500, backlog: 1_000_000, consumers: 1, is_held_back: false };
    let wanted = scaler.observe(&seen, Bounds { min: 1, max: 16 });
    assert_eq!(scaler.arrival, 50.0);
    assert_eq!((wanted.consumers, wanted.why), (2, Why::Behind));
}

#[test]
fn bounds_hold_at_once() {
    let mut scaler = Scaler::new(rules());
    let seen =
        |consumers| Observation { now: Duration::from_secs(5), seconds: 5.0, consumers, ..Observation::default() };
    let bounds = Bounds { min: 2, max: 3 };
    for (there, wanted) in [(0, 2), (1, 2), (9, 3)] {
        assert_eq!(scaler.observe(&seen(there), bounds), Wanted { consumers: wanted, why: Why::Bounds });
    }
}

fn scene() -> impl Strategy<Value = Scene> {
    let arrival = prop_oneof![2 => Just(0_u64), 3 => 0_u64..2_000, 1 => 0_u64..50_000];
    let stretch = (arrival, 1_usize..30);
    let arrivals = prop::collection::vec(stretch, 1..20);
    let plant = (
        50_u64..2_000,
        prop_oneof![Just(u64::MAX), 100_u64..5_000],
        prop_oneof![3 => Just(u64::MAX), 1 => 50_u64..2_000],
    );
    (arrivals, plant, 1_usize..4, 0_usize..20).prop_map(|(stretches, (each, sink, limit), min, more)| Scene {
        name: "any",
        arrivals: stretches.into_iter().flat_map(|(arrival, windows)| std::iter::repeat_n(arrival, windows)).collect(),
        plant: Plant { each, sink, limit },
        bounds: Bounds { min, max: min + more },
    })
}

proptest! {
    #[test]
    fn there_are_never_more_or_fewer_than_there_may_be(scene in scene()) {
        for moment in scene.play(rules()) {
            prop_assert!((scene.bounds.min..=scene.bounds.max).contains(&moment.wanted), "{moment:?}");
        }
    }

    #[test]
    fn there_is_no_more_than_one_change_in_a_cool_down(scene in scene()) {
        let changes = changes(&scene.play(rules()));
        for pair in changes.windows(2) {
            prop_assert!(pair[1].0 - pair[0].0 >= 2, "{changes:?}");
        }
    }

    #[test]
    fn a_queue_that_is_drained_and_gets_nothing_returns_to_the_least(mut scene in scene()) {
        scene.arrivals.extend(std::iter::repeat_n(0, 40_000));
        let moments = scene.play(rules());
        let drained = moments.iter().rposition(|moment| moment.backlog + moment.arrived > 0).map_or(0, |last| last + 1);
        prop_assume!(drained + 60 < moments.len());
        prop_assert!(moments[drained + 60..].iter().all(|moment| moment.consumers == scene.bounds.min), "{:?}", changes(&moments));
    }
}
