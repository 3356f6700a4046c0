//! A short, seeded run of the fuzzer; `cargo xtask fuzz` runs the long one.

#[path = "../fuzz/mod.rs"]
mod fuzz;

use fuzz::{Failure, Target};

/// About a second per target in a build without optimisation.
fn stands(target: Target, executions: u64) {
    match fuzz::run(&[target], 1, 0..executions) {
        Ok(tally) => {
            assert_eq!(tally.executions, executions);
            let share = tally.accepted as f64 / executions as f64;
            assert!((0.1..0.9).contains(&share), "a share of {share} was accepted: the generator is no good");
        }
        Err(Failure { target, execution, input, why }) => {
            panic!("{}, execution {execution}: {why}\n{input:02x?}", target.name())
        }
    }
}

#[test]
fn the_document_check_agrees_with_the_bson_crate() {
    stands(Target::Bson, 20_000);
}

#[test]
fn the_codec_stands_whatever_a_worker_sends() {
    stands(Target::Codec, 100_000);
}

#[test]
fn numbering_touches_nothing_but_the_placeholder() {
    stands(Target::Numbering, 50_000);
}

#[test]
fn each_execution_depends_on_nothing_but_the_seed_and_its_number() {
    let whole = fuzz::run(&Target::ALL, 7, 0..300).unwrap();
    let parts = [0..101, 101..300].map(|part| fuzz::run(&Target::ALL, 7, part).unwrap());
    assert_eq!(whole.executions, parts.iter().map(|part| part.executions).sum::<u64>());
    assert_eq!(whole.accepted, parts.iter().map(|part| part.accepted).sum::<u64>());
    assert_eq!(Target::ALL.map(Target::name), ["bson", "codec", "numbering"]);
}
