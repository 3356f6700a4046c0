//! Villains that end their process.

use mysimbdp_tests::artefacts;
use mysimbdp_tests::command::Mysimbdp;
use mysimbdp_tests::expect::{self, exit, innocent_documents};

/// `deed: [one of these words is in the sentence]`
macro_rules! the_killing_row_is_named {
    ($($deed:ident: $words:expr;)*) => {
        mod the_killing_row_is_named_and_only_it_is_lost_after {
            $(
                #[test]
                fn $deed() {
                    mysimbdp_tests::expect::the_killing_row_is_named(stringify!($deed), &$words);
                }
            )*
        }
    };
}

the_killing_row_is_named! {
    panic: ["the villain panics at n 20"];
    panic_with_a_long_message: ["long long long"];
    panic_with_no_message: ["panicked"];
    panic_in_drop: ["SIGABRT", "abort"];
    index_out_of_bounds: ["index out of bounds"];
    segfault: ["SIGSEGV"];
    jump_to_null: ["SIGSEGV"];
    illegal_instruction: ["SIGILL"];
    divide_by_zero: ["SIGFPE"];
    abort: ["SIGABRT"];
    stack_overflow: ["SIGSEGV", "stack"];
    double_free: ["SIGABRT"];
    exit0: ["status 0", "code 0", "exit"];
    exit_raw: ["status 0", "code 0", "exit"];
    raise_sigkill: ["SIGKILL"];
    segfault_hidden_by_a_handler: ["status 0", "code 0", "exit"];
    segfault_without_alternate_stack: ["SIGSEGV"];
    segfault_ignored: ["SIGSEGV"];
}

#[test]
fn a_panic_is_told_with_its_place_in_the_source() {
    let finished = expect::villains(&expect::crowd("panic")).finish();
    let sentence = &finished.report().deaths[0].sentence;
    assert!(sentence.contains("dying.rs:"), "{sentence}");
}

#[test]
fn an_app_built_with_panic_abort_dies_of_its_panic_and_its_row_is_named() {
    let rows = expect::crowd("panic");
    let finished = Mysimbdp::run(&artefacts::aborts(), rows.csv()).finish();
    expect::only_the_guilty_die(&finished, &rows, &["SIGABRT"]);
}

#[test]
fn an_app_that_fails_ends_its_run_with_its_own_words() {
    let rows = expect::crowd("fail");
    let finished = expect::villains(&rows).finish();
    let report = finished.report();
    assert_eq!((finished.code(), report.outcome.as_str()), (exit::FAILED, "failed"));
    let reason = report.reason.clone().unwrap_or_default();
    assert!(reason.contains("the villain gives up at n 20"), "{reason}");
    assert!(report.deaths.is_empty() && report.dead_letters.is_empty(), "{:?}", report.sentences());
    let stored = innocent_documents(&finished);
    assert_eq!(stored, rows.documents()[..stored.len()], "what is stored is the beginning of the file");
}
