//! Whose turn it is: FIFO within a tenant, weighted fair slot time between tenants. Pure.
//!
//! Each tenant has a *virtual time*: the slot seconds it has used, divided by its weight. The tenant with the least has the
//! next turn. Two rules make that fair whatever one of them submits:
//!
//! - Slot time that is being used counts as used already: a tenant with ten long tasks under way does not look idle.
//! - A tenant that comes back from idleness starts at the least virtual time of those who are busy: what it did not use
//!   is not saved up, and nobody else has to wait until it has caught up.

/// One tenant that has a task waiting, or one running.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contender {
    /// Slot seconds used so far, divided by the weight.
    pub virtual_time: f64,
    /// Its weight, at least 1.
    pub weight: u32,
    /// Tasks that run now.
    pub running: u64,
    /// Slot seconds that those have used so far.
    pub running_seconds: f64,
    /// Tasks that may run at the same time.
    pub concurrent: u64,
    /// Number of its oldest task that waits and may run now; `None` where there is none.
    pub head: Option<u64>,
}

impl Contender {
    /// Virtual time with what is under way.
    fn now(&self) -> f64 {
        self.virtual_time + self.running_seconds / f64::from(self.weight.max(1))
    }

    #[expect(clippy::cast_precision_loss, reason = "nobody runs 2^52 tasks at once")]
    fn busy(&self) -> f64 {
        self.running as f64 / f64::from(self.weight.max(1))
    }

    fn may_run(&self) -> bool {
        self.head.is_some() && self.running < self.concurrent
    }
}

/// The index of the one whose turn it is, if anybody's. Among equals the one with fewer running tasks for its weight, then
/// the one whose task is oldest.
pub fn pick(contenders: &[Contender]) -> Option<usize> {
    let waiting = contenders.iter().enumerate().filter(|(_, contender)| contender.may_run());
    let order = |a: &Contender, b: &Contender| {
        a.now().total_cmp(&b.now()).then(a.busy().total_cmp(&b.busy())).then(a.head.cmp(&b.head))
    };
    waiting.min_by(|(_, a), (_, b)| order(a, b)).map(|(index, _)| index)
}

/// The virtual time at which a tenant joins that had nothing waiting or running: its own, or the least of the busy ones.
pub fn join(own: f64, busy: &[Contender]) -> f64 {
    let least = busy.iter().map(Contender::now).min_by(f64::total_cmp);
    least.map_or(own, |least| own.max(least))
}

/// Virtual time after a task has used a slot for so many seconds.
pub fn charge(virtual_time: f64, seconds: f64, weight: u32) -> f64 {
    virtual_time + seconds.max(0.0) / f64::from(weight.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn idle(virtual_time: f64) -> Contender {
        Contender { virtual_time, weight: 1, running: 0, running_seconds: 0.0, concurrent: 3, head: Some(1) }
    }

    #[test]
    fn the_least_virtual_time_is_next() {
        assert_eq!(pick(&[idle(3.0), idle(1.0), idle(2.0)]), Some(1));
        assert_eq!(pick(&[]), None);
    }

    #[test]
    fn slots_in_use_count_as_used() {
        let long = Contender { running: 1, running_seconds: 60.0, ..idle(0.0) };
        assert_eq!(pick(&[long, idle(10.0)]), Some(1));
        // At the same moment, whoever has fewer under way.
        let begun = Contender { running: 1, ..idle(0.0) };
        assert_eq!(pick(&[begun, idle(0.0)]), Some(1));
    }

    #[test]
    fn nobody_runs_more_than_their_share_allows() {
        let full = Contender { running: 3, ..idle(0.0) };
        assert_eq!(pick(&[full, idle(100.0)]), Some(1));
        assert_eq!(pick(&[full]), None);
    }

    #[test]
    fn whoever_comes_back_joins_at_the_least_of_the_busy() {
        assert!((join(5.0, &[idle(100.0), idle(90.0)]) - 90.0).abs() < f64::EPSILON);
        assert!((join(95.0, &[idle(100.0), idle(90.0)]) - 95.0).abs() < f64::EPSILON);
        assert!((join(5.0, &[]) - 5.0).abs() < f64::EPSILON);
    }

    proptest! {
        /// Tenants that always have work, with tasks of any length: nobody is left behind by more than the longest tasks
        /// make up.
        #[test]
        fn slot_time_follows_the_weights(
            weights in proptest::collection::vec(1_u32..5, 2..6),
            lengths in proptest::collection::vec(0.1_f64..20.0, 400),
        ) {
            let mut tenants: Vec<Contender> = weights.iter().map(|weight| Contender { weight: *weight, ..idle(0.0) }).collect();
            for length in lengths {
                let turn = pick(&tenants).unwrap();
                tenants[turn].virtual_time = charge(tenants[turn].virtual_time, length, tenants[turn].weight);
            }
            let times = tenants.iter().map(|tenant| tenant.virtual_time);
            let (least, most) = times.fold((f64::MAX, 0.0_f64), |(least, most), time| (least.min(time), most.max(time)));
            prop_assert!(most - least <= 20.0, "{least} to {most}");
        }

        /// Where anybody may run, somebody does.
        #[test]
        fn no_slot_is_idle_while_somebody_may_run(
            tenants in proptest::collection::vec((0.0_f64..9.0, 0_u64..4, proptest::option::of(1_u64..9)), 0..8),
        ) {
            let tenants: Vec<Contender> = tenants
                .into_iter()
                .map(|(virtual_time, running, head)| Contender { running, head, ..idle(virtual_time) })
                .collect();
            let picked = pick(&tenants);
            prop_assert_eq!(picked.is_some(), tenants.iter().any(Contender::may_run));
            prop_assert!(picked.is_none_or(|index| tenants[index].may_run()));
        }
    }
}
