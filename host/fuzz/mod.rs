//! Fuzzing without nightly tools: seeded, structure-aware, one copy for the short run in the tests and the long one.
//!
//! Each [`Target`] makes an input from a random generator and checks that input alone, so a failure is reproduced either
//! by its seed and number or from the file of its bytes. Execution `n` depends on nothing but the seed and `n`.

mod codec;
mod documents;
mod generate;
mod mutate;
mod numbering;

use fastrand::Rng;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What is fuzzed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The document check and the JSON writer, against the `bson` crate.
    Bson,
    /// The codec of what a worker sends.
    Codec,
    /// Writing a number over the placeholder of an `_id`.
    Numbering,
}

/// An input that a target did not stand.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) target: Target,
    pub(crate) execution: u64,
    pub(crate) input: Vec<u8>,
    pub(crate) why: String,
}

/// How often each target ran, and how often its input was accepted: a fuzzer whose inputs are all refused finds nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) executions: u64,
    pub(crate) accepted: u64,
}

impl Target {
    pub(crate) const ALL: [Target; 3] = [Target::Bson, Target::Codec, Target::Numbering];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Target::Bson => "bson",
            Target::Codec => "codec",
            Target::Numbering => "numbering",
        }
    }

    fn generate(self, rng: &mut Rng) -> Vec<u8> {
        match self {
            Target::Bson => documents::generate(rng),
            Target::Codec => codec::generate(rng),
            Target::Numbering => numbering::generate(rng),
        }
    }

    /// Runs one input. Says whether the code under test accepted it, or in which way it failed.
    pub(crate) fn check(self, input: &[u8]) -> Result<bool, String> {
        let checked = catch_unwind(AssertUnwindSafe(|| match self {
            Target::Bson => documents::check(input),
            Target::Codec => codec::check(input),
            Target::Numbering => numbering::check(input),
        }));
        checked.unwrap_or_else(|_| Err("it panicked, see above".to_owned()))
    }
}

/// Runs executions `from..to` of `targets` in turn and stops at the first failure.
pub(crate) fn run(targets: &[Target], seed: u64, executions: std::ops::Range<u64>) -> Result<Tally, Failure> {
    let mut tally = Tally::default();
    for execution in executions {
        let turn = usize::try_from(execution).unwrap_or(0) % targets.len().max(1);
        let Some(&target) = targets.get(turn) else { break };
        let mut rng = Rng::with_seed(seed ^ execution.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let input = target.generate(&mut rng);
        match target.check(&input) {
            Ok(accepted) => {
                tally.executions += 1;
                tally.accepted += u64::from(accepted);
            }
            Err(why) => return Err(Failure { target, execution, input, why }),
        }
    }
    Ok(tally)
}
