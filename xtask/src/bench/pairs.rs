//! Two programs side by side: A B A B …, so that whatever else the machine does falls on both alike.

use super::measure::{Run, median};
use anyhow::Result;
use std::io::Write as _;

/// What a comparison is made of.
#[derive(Debug)]
pub(super) struct Pairs {
    /// The runs of the first program.
    pub(super) first: Vec<Run>,
    /// The runs of the second; as many.
    pub(super) second: Vec<Run>,
}

/// Runs the two alternately, after one run of each that warms the caches and is not counted.
pub(super) fn alternate(
    pairs: usize,
    mut first: impl FnMut() -> Result<Run>,
    mut second: impl FnMut() -> Result<Run>,
) -> Result<Pairs> {
    first()?;
    second()?;
    let mut runs = Pairs { first: Vec::new(), second: Vec::new() };
    print!("  pairs:");
    for number in 1..=pairs {
        runs.first.push(first()?);
        runs.second.push(second()?);
        print!(" {number}");
        // Only the look of the progress depends on it.
        let _ = std::io::stdout().flush();
    }
    println!();
    Ok(runs)
}

impl Pairs {
    /// The median over the pairs of `first / second`.
    pub(super) fn ratio(&self, of: impl Fn(&Run) -> f64) -> f64 {
        median(self.first.iter().zip(&self.second).map(|(first, second)| of(first) / of(second)))
    }

    /// The median of the first program's runs.
    pub(super) fn of_first(&self, of: impl Fn(&Run) -> f64) -> f64 {
        median(self.first.iter().map(of))
    }

    /// The median of the second program's runs.
    pub(super) fn of_second(&self, of: impl Fn(&Run) -> f64) -> f64 {
        median(self.second.iter().map(of))
    }
}
