//! The policy at work on loads, window by window and without a clock. Pure: the same each time.
//!
//! A queue and its consumers are a fluid here: what arrives in a window waits; each consumer serves so many messages a second,
//! all of them together no more than the sink takes; a consumer that has just come serves half a window.
//!
//! What tests prove sentences of, the benchmark draws a picture of: [`scenes`] is for both.

use super::{Bounds, Observation, Rules, Scaler, Why};
use std::time::Duration;

/// Seconds of a window.
pub const WINDOW: u64 = 5;

/// What serves.
#[derive(Clone, Copy, Debug)]
pub struct Plant {
    /// Messages that one consumer serves in a window.
    pub each: u64,
    /// Messages that the sink takes in a window, from all consumers together.
    pub sink: u64,
    /// Messages that the tenant's limit lets through in a window.
    pub limit: u64,
}

/// A load and what serves it.
#[derive(Clone, Debug)]
pub struct Scene {
    /// What it is called.
    pub name: &'static str,
    /// Messages that arrive in each window.
    pub arrivals: Vec<u64>,
    /// What serves.
    pub plant: Plant,
    /// Between how many consumers there may be.
    pub bounds: Bounds,
}

/// What a window saw, and how many consumers the next one has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Messages that arrived.
    pub arrived: u64,
    /// Messages that were served.
    pub served: u64,
    /// Messages that wait at its end.
    pub backlog: u64,
    /// Consumers in it.
    pub consumers: usize,
    /// Consumers in the next.
    pub wanted: usize,
    /// Why.
    pub why: Why,
}

impl Scene {
    /// Plays it.
    #[expect(clippy::cast_precision_loss, reason = "the seconds of a window")]
    pub fn play(&self, rules: Rules) -> Vec<Moment> {
        let mut scaler = Scaler::new(rules);
        let (mut consumers, mut fresh, mut backlog, mut now) = (self.bounds.min, 0, 0, Duration::ZERO);
        let mut moments = Vec::with_capacity(self.arrivals.len());
        for arrived in &self.arrivals {
            now += Duration::from_secs(WINDOW);
            let Plant { each, sink, limit } = self.plant;
            let could = (consumers as u64 * each - fresh * each / 2).min(sink);
            let there: u64 = backlog + arrived;
            let served = there.min(could).min(limit);
            backlog = there - served;
            let is_held_back = served == limit && backlog > 0;
            let seen = Observation { now, seconds: WINDOW as f64, served, backlog, consumers, is_held_back };
            let wanted = scaler.observe(&seen, self.bounds);
            let moment =
                Moment { arrived: *arrived, served, backlog, consumers, wanted: wanted.consumers, why: wanted.why };
            moments.push(moment);
            fresh = wanted.consumers.saturating_sub(consumers) as u64;
            consumers = wanted.consumers;
        }
        moments
    }
}

/// One consumer serves 100 messages a second, a sink of its own speed takes any number.
const PLENTY: Plant = Plant { each: 500, sink: u64::MAX, limit: u64::MAX };
const BOUNDS: Bounds = Bounds { min: 1, max: 16 };
/// Windows of a quarter of an hour.
const LONG: u64 = 180;

/// Loads that show what the policy does.
pub fn scenes() -> Vec<Scene> {
    let scene = |name, plant, arrival: &dyn Fn(u64) -> u64| Scene {
        name,
        arrivals: (0..LONG).map(arrival).collect(),
        plant,
        bounds: BOUNDS,
    };
    let step = |window: u64| if (20..100).contains(&window) { 3_000 } else { 100 };
    vec![
        scene("step", PLENTY, &step),
        scene("burst", PLENTY, &|window| if window == 20 { 60_000 } else { 50 }),
        scene("sawtooth", PLENTY, &|window| if window < 150 { window % 30 * 150 } else { 0 }),
        scene("slow drip", PLENTY, &|window| u64::from(window % 3 == 0)),
        scene("slow sink", Plant { sink: 700, ..PLENTY }, &step),
        scene("a limit", Plant { limit: 400, ..PLENTY }, &step),
        Scene { name: "recorded", arrivals: RECORDED.to_vec(), plant: PLENTY, bounds: BOUNDS },
    ]
}

/// A load as it really was: switches from task to task on a machine with two cores, counted every half second from the moment
/// at which it began to build software. Each count is a window's messages here. At its end nothing comes any more.
const RECORDED: [u64; 300] = [
    164, 86, 37, 40, 35, 38, 54, 39, 32, 31, 39, 40, 59, 30, 40, 203, 109, 86, 152, 147, 118, 96, 88, 103, 520, 223,
    275, 296, 302, 239, 224, 95, 165, 96, 79, 75, 176, 250, 386, 742, 1001, 287, 89, 69, 51, 58, 89, 112, 334, 995,
    283, 203, 152, 152, 146, 121, 156, 137, 122, 160, 162, 130, 335, 821, 113, 643, 1158, 820, 334, 643, 176, 250, 327,
    297, 84, 979, 163, 88, 81, 119, 393, 642, 324, 1470, 1012, 1024, 1733, 1565, 1355, 886, 321, 2788, 2224, 564, 1107,
    583, 1361, 830, 516, 69, 231, 667, 659, 647, 1054, 656, 518, 384, 305, 546, 855, 1562, 1159, 1180, 696, 1043, 1516,
    1340, 1752, 1441, 1543, 1666, 1452, 2755, 920, 1095, 1349, 1539, 1317, 1509, 1796, 3447, 2647, 1329, 1422, 1787,
    1774, 1451, 990, 1099, 1215, 757, 1246, 1453, 933, 678, 741, 699, 742, 937, 690, 469, 420, 503, 365, 368, 621, 741,
    515, 602, 697, 801, 490, 540, 688, 385, 549, 419, 439, 438, 226, 1035, 1335, 716, 724, 1023, 734, 616, 804, 682,
    604, 1181, 1782, 1973, 1191, 947, 760, 1081, 648, 736, 610, 588, 911, 1185, 1609, 1385, 1428, 441, 2243, 3316,
    2024, 887, 3403, 1887, 1769, 4493, 2544, 1166, 1122, 1965, 2235, 838, 1793, 1006, 848, 947, 3350, 1611, 2935, 2861,
    922, 1794, 1613, 2589, 707, 1303, 1532, 501, 978, 825, 822, 577, 500, 450, 974, 721, 1135, 1605, 1721, 973, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];
