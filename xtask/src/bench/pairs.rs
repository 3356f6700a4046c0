//! Two programs side by side: A B A B …, so that whatever else the machine does falls on both alike.

use super::measure::{Run, median};
use anyhow::Result;
use std::fmt;
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

/// How many times as much.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ratio {
    /// What counts.
    pub(super) median: f64,
    least: f64,
    most: f64,
}

impl Ratio {
    /// The other way round.
    pub(super) fn inverse(self) -> Ratio {
        Ratio { median: 1.0 / self.median, least: 1.0 / self.most, most: 1.0 / self.least }
    }
}

/// With the least and the greatest of the pairs, by which a reader sees how quiet the machine was.
impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}\u{d7} ({:.2} to {:.2})", self.median, self.least, self.most)
    }
}

impl Pairs {
    /// `first / second`, pair by pair.
    pub(super) fn ratio(&self, of: impl Fn(&Run) -> f64) -> Ratio {
        let each = || self.first.iter().zip(&self.second).map(|(first, second)| of(first) / of(second));
        let (least, most) = (each().fold(f64::INFINITY, f64::min), each().fold(f64::NEG_INFINITY, f64::max));
        Ratio { median: median(each()), least, most }
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
