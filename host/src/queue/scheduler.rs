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
