//! What is wrong with a configuration: where it stands, and one sentence that says what would do.

use std::fmt;
use std::sync::Arc;

/// Where something of the configuration was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In no particular line of this file.
    File(Arc<str>),
    /// In this line, counted from 1.
    Line(Arc<str>, usize),
    /// In this variable of the environment.
    Variable(Arc<str>),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File(name) | Place::Variable(name) => f.write_str(name),
            Place::Line(file, line) => write!(f, "{file}:{line}"),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where.
    pub place: Place,
    /// What it is, as it was written, and what would do.
    pub sentence: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.sentence)
    }
}

/// Everything that is wrong with a configuration: first what stands in the file, from top to bottom, then the variables. At
/// least one mistake; shown one on a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(Vec<Mistake>);

impl ConfigErrors {
    /// Puts mistakes in the order in which they are told.
    pub(super) fn of(mut mistakes: Vec<Mistake>) -> ConfigErrors {
        mistakes.sort_by(|a, b| a.place.cmp(&b.place));
        ConfigErrors(mistakes)
    }

    /// The mistakes.
    pub fn mistakes(&self) -> &[Mistake] {
        &self.0
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
