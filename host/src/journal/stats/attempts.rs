//! Which attempts were counted already. Pure.
//!
//! An attempt is told twice when the host was killed between telling and noting that it had, so the two stand close
//! together. The last [`TASKS`] tasks are remembered, which takes a few megabytes; what is told twice further apart than
//! that is counted twice.

use std::collections::{HashMap, VecDeque};

/// Tasks that are remembered.
const TASKS: usize = 100_000;

/// What an attempt is to the statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// The first attempt of its task.
    Task,
    /// A further one.
    Attempt,
    /// Counted already.
    Before,
}

#[derive(Debug)]
pub(super) struct Attempts {
    most: usize,
    epochs: HashMap<u64, Epochs>,
    order: VecDeque<u64>,
}

/// Most tasks have one.
#[derive(Debug)]
struct Epochs {
    first: u64,
    more: Vec<u64>,
}

impl Default for Attempts {
    fn default() -> Attempts {
        Attempts { most: TASKS, epochs: HashMap::new(), order: VecDeque::new() }
    }
}

impl Attempts {
    pub(super) fn see(&mut self, task: u64, epoch: u64) -> Seen {
        if let Some(epochs) = self.epochs.get_mut(&task) {
            if epochs.first == epoch || epochs.more.contains(&epoch) {
                return Seen::Before;
            }
            epochs.more.push(epoch);
            return Seen::Attempt;
        }
        if self.order.len() == self.most
            && let Some(oldest) = self.order.pop_front()
        {
            self.epochs.remove(&oldest);
        }
        self.order.push_back(task);
        self.epochs.insert(task, Epochs { first: epoch, more: Vec::new() });
        Seen::Task
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_counts_once_in_whatever_order_its_task_s_are_told() {
        let mut attempts = Attempts::default();
        let told = [(1, 2), (1, 1), (1, 2), (2, 1), (1, 3), (1, 1)];
        let seen = told.map(|(task, epoch)| attempts.see(task, epoch));
        assert_eq!(seen, [Seen::Task, Seen::Attempt, Seen::Before, Seen::Task, Seen::Attempt, Seen::Before]);
    }

    #[test]
    fn only_so_many_tasks_are_remembered() {
        let mut attempts = Attempts { most: 2, ..Attempts::default() };
        for task in [1, 2, 3] {
            attempts.see(task, 1);
        }
        assert_eq!(attempts.epochs.len(), 2);
        assert_eq!(attempts.see(3, 1), Seen::Before);
        assert_eq!(attempts.see(1, 1), Seen::Task);
    }
}
