//! Villains that take memory: the limit holds on every way to get some, and the host keeps its own small.

use mysimbdp_tests::expect::{self, innocent_documents, told};

/// Most that the host may have resident in these tests: far above what it needs, far below what the villains take.
const HOST_MEMORY: u64 = 200 << 20;

/// The villain is either told that there is no more, or dies of the limit and is named for it.
fn the_limit_holds(deed: &str) {
    let rows = expect::crowd(deed);
    let finished = expect::villains(&rows).finish();
    let report = finished.report();
    assert_eq!(innocent_documents(&finished), rows.documents(), "{:?}", report.sentences());
    assert!(finished.peak_memory < HOST_MEMORY, "the host took {} MB", finished.peak_memory >> 20);
    match told(&finished, 20) {
        Some((verdict, detail)) => assert_eq!(verdict, "held", "{deed}: {detail}"),
        None => {
            expect::only_the_guilty_die(&finished, &rows, &["memory", "SIGABRT"]);
        }
    }
}

macro_rules! the_memory_limit_holds {
    ($($deed:ident;)*) => {
        mod the_memory_limit_holds_against {
            $(
                #[test]
                fn $deed() {
                    super::the_limit_holds(stringify!($deed));
                }
            )*
        }
    };
}

the_memory_limit_holds! {
    memory_private;
    memory_shared;
    memory_heap;
    memory_heap_abort;
    memory_many_small;
    memory_memfd;
}

#[test]
fn the_limit_is_the_one_that_was_asked_for() {
    let rows = expect::crowd("memory_private");
    let finished = expect::villains(&rows).option("--memory", "128M").finish();
    assert_eq!(innocent_documents(&finished), rows.documents());
    let report = finished.report();
    let taken = told(&finished, 20).map(|(_, detail)| detail).unwrap_or_default();
    let megabytes = taken.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0);
    assert!(megabytes < 192, "took {taken} under a limit of 128 MB: {:?}", report.sentences());
}
