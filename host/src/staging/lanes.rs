//! Whose turn it is: one lane for each tenant, what is urgent first and the rest in order, one job of a tenant at a time, and
//! a few tenants at once. Tenants with work take turns, so one with ten thousand files holds up nobody. Pure.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::Hash;

/// Jobs by whose they are.
#[derive(Debug)]
pub struct Lanes<T, J> {
    at_once: usize,
    running: usize,
    lanes: HashMap<T, Lane<J>>,
    /// Tenants that have work and none running.
    ready: VecDeque<T>,
}

#[derive(Debug)]
struct Lane<J> {
    urgent: VecDeque<J>,
    ordinary: VecDeque<J>,
    queued: HashSet<J>,
    is_running: bool,
}

impl<T: Clone + Eq + Hash, J: Clone + Eq + Hash> Lanes<T, J> {
    /// Empty lanes, of which at most `at_once` move.
    pub fn new(at_once: usize) -> Lanes<T, J> {
        Lanes { at_once: at_once.max(1), running: 0, lanes: HashMap::new(), ready: VecDeque::new() }
    }

    /// Queues a job; `false` where the same job is queued already.
    pub fn push(&mut self, tenant: &T, job: J, is_urgent: bool) -> bool {
        let lane = self.lanes.entry(tenant.clone()).or_insert_with(Lane::new);
        if !lane.queued.insert(job.clone()) {
            return false;
        }
        if !lane.is_running && lane.queued.len() == 1 {
            self.ready.push_back(tenant.clone());
        }
        if is_urgent { &mut lane.urgent } else { &mut lane.ordinary }.push_back(job);
        true
    }

    /// The next job that may begin; told as [`done`](Lanes::done) when it is over.
    pub fn begin(&mut self) -> Option<(T, J)> {
        if self.running == self.at_once {
            return None;
        }
        let tenant = self.ready.pop_front()?;
        let lane = self.lanes.get_mut(&tenant)?;
        let job = lane.urgent.pop_front().or_else(|| lane.ordinary.pop_front())?;
        lane.queued.remove(&job);
        lane.is_running = true;
        self.running += 1;
        Some((tenant, job))
    }

    /// A tenant's job is over; `true` where it has none left.
    pub fn done(&mut self, tenant: &T) -> bool {
        let Some(lane) = self.lanes.get_mut(tenant) else { return true };
        self.running -= usize::from(std::mem::take(&mut lane.is_running));
        if lane.queued.is_empty() {
            self.lanes.remove(tenant);
            return true;
        }
        self.ready.push_back(tenant.clone());
        false
    }

    /// Whether this job is queued.
    pub fn is_queued(&self, tenant: &T, job: &J) -> bool {
        self.lanes.get(tenant).is_some_and(|lane| lane.queued.contains(job))
    }

    /// Number of a tenant's jobs that are queued.
    pub fn queued(&self, tenant: &T) -> usize {
        self.lanes.get(tenant).map_or(0, |lane| lane.queued.len())
    }
}

impl<J> Lane<J> {
    fn new() -> Lane<J> {
        Lane { urgent: VecDeque::new(), ordinary: VecDeque::new(), queued: HashSet::new(), is_running: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenants_jobs_run_one_at_a_time_the_urgent_ones_first() {
        let mut lanes = Lanes::new(3);
        lanes.push(&"a", "1", false);
        lanes.push(&"a", "2", false);
        assert_eq!(lanes.begin(), Some(("a", "1")));
        lanes.push(&"a", "app", true);
        assert_eq!(lanes.begin(), None);
        assert!(!lanes.done(&"a"));
        assert_eq!(lanes.begin(), Some(("a", "app")));
        lanes.done(&"a");
        assert_eq!(lanes.begin(), Some(("a", "2")));
        assert!(lanes.done(&"a"));
        assert_eq!(lanes.begin(), None);
    }

    #[test]
    fn tenants_take_turns_and_a_slow_one_holds_up_nobody() {
        let mut lanes = Lanes::new(2);
        (0..100).for_each(|number| assert!(lanes.push(&"slow", number, false)));
        assert_eq!(lanes.begin(), Some(("slow", 0)));
        lanes.push(&"b", 0, false);
        lanes.push(&"c", 0, false);
        assert_eq!(lanes.begin(), Some(("b", 0)));
        assert_eq!(lanes.begin(), None, "two at once");
        lanes.done(&"b");
        assert_eq!(lanes.begin(), Some(("c", 0)));
        lanes.done(&"slow");
        assert_eq!(lanes.begin(), Some(("slow", 1)));
    }

    #[test]
    fn a_job_is_queued_once_and_may_be_queued_again_while_it_runs() {
        let mut lanes = Lanes::new(1);
        assert!(lanes.push(&"a", 1, false));
        assert!(!lanes.push(&"a", 1, true));
        assert_eq!((lanes.begin(), lanes.queued(&"a")), (Some(("a", 1)), 0));
        assert!(lanes.push(&"a", 1, false) && lanes.is_queued(&"a", &1));
        lanes.done(&"a");
        assert_eq!(lanes.begin(), Some(("a", 1)));
    }
}
