//! What is left of a worker that dies: the row it was on, the signal, and where in the app.

#![allow(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod guest_support;

use guest_support::{Options, compile, start_with};
use mysimbdp::worker::recorder::{ClaimedRow, State};

/// `name(3)` is called in row 3 through two functions of the app.
const APP: &str = r#"
    __attribute__((noinline)) int innermost(int row) { CRASH; return row; }
    __attribute__((noinline)) int middle(int row) { return innermost(row) + 1; }
    static int32_t ingest(void *instance, const host_t *host, const input_t *input) {
        (void)instance;
        for (uint64_t at = 0; at < input->size; at++) {
            begin(host, 0, at, at + 1);
            if (at == 2) middle((int)at);
            host->row_end(host->ctx, 0);
        }
        return MYSIMBDP_OK;
    }
    MYSIMBDP_EXPORT_BATCH("test-app", "1", 0, mysimbdp_create_nothing, ingest, mysimbdp_destroy_nothing)"#;

struct Symbols(Vec<(u64, u64, String)>);

impl Symbols {
    fn of(path: &std::path::Path) -> Symbols {
        use object::{Object, ObjectSymbol};
        let data = std::fs::read(path).unwrap();
        let file = object::File::parse(&*data).unwrap();
        let symbols = file.symbols().filter(|symbol| symbol.size() > 0);
        Symbols(symbols.map(|s| (s.address(), s.address() + s.size(), s.name().unwrap().to_owned())).collect())
    }

    /// The first frame is the faulting instruction, each other the one after a call: which may be another function's.
    fn names(&self, frames: &[u64]) -> Vec<&str> {
        let name = |address: u64| {
            let found = self.0.iter().find(|(start, end, _)| (*start..*end).contains(&address));
            found.map_or("?", |(_, _, name)| name.as_str())
        };
        let places = frames.iter().enumerate().map(|(index, frame)| frame.wrapping_sub(u64::from(index > 0)));
        places.map(name).collect()
    }
}

#[test]
fn a_crash_names_its_row_its_signal_and_its_functions() {
    let crashes = [
        ("*(volatile int *)0x18 = row", libc::SIGSEGV, Some(0x18)),
        ("abort()", libc::SIGABRT, None),
        ("__builtin_trap()", libc::SIGILL, None),
        ("volatile int zero = 0; row /= zero", libc::SIGFPE, None),
    ];
    for (crash, signal, address) in crashes {
        if cfg!(target_arch = "aarch64") && signal != libc::SIGSEGV && signal != libc::SIGABRT {
            continue;
        }
        let app = compile(&APP.replace("CRASH", crash), &[]);
        let (mut worker, _) = start_with(&app.path, &Options::default());
        let run = worker.run(b"abcd");
        assert_eq!(run.done, None, "{crash}");
        assert_eq!(worker.signal(), Some(signal), "{crash}");
        let claim = worker.claim();
        assert_eq!(claim.row, Some(ClaimedRow { number: 3, start: 2, end: 3, line: 0 }), "{crash}");
        let left = claim.crash.unwrap();
        assert_eq!(left.signal, signal, "{crash}");
        if let Some(address) = address {
            assert_eq!(left.address, address);
        }
        let symbols = Symbols::of(&app.path);
        let names = symbols.names(&left.frames);
        let at = names.iter().position(|name| *name == "innermost").unwrap_or_else(|| panic!("{crash}: {names:?}"));
        assert_eq!(names[at..at + 3], ["innermost", "middle", "ingest"], "{crash}");
        if signal != libc::SIGABRT {
            assert_eq!(at, 0, "{crash}: the faulting instruction stands first");
        }
    }
}

#[test]
fn a_stack_that_overflows_is_told_too() {
    let deep = "volatile char room[4096]; room[0] = (char)row; return innermost(row + 1) + room[1]";
    let app = compile(&APP.replace("CRASH", deep), &["-fno-optimize-sibling-calls"]);
    let (mut worker, _) = start_with(&app.path, &Options::default());
    assert_eq!(worker.run(b"abcd").done, None);
    assert_eq!(worker.signal(), Some(libc::SIGSEGV));
    let left = worker.claim().crash.unwrap();
    let symbols = Symbols::of(&app.path);
    assert_eq!(left.frames.len(), 64);
    let names = symbols.names(&left.frames);
    assert!(names.iter().all(|name| name.starts_with("innermost")), "{names:?}");
}

#[test]
fn a_wrecked_stack_still_leaves_its_row_and_signal() {
    let wreck = "volatile char *at = __builtin_frame_address(0); for (int i = 0; i < 256; i++) at[i] = 0x41";
    let app = compile(&APP.replace("CRASH", wreck), &["-fno-stack-protector"]);
    let (mut worker, _) = start_with(&app.path, &Options::default());
    assert_eq!(worker.run(b"abcd").done, None);
    assert!(matches!(worker.signal(), Some(libc::SIGSEGV | libc::SIGBUS)));
    let claim = worker.claim();
    assert_eq!(claim.row.map(|row| row.number), Some(3));
    assert!(!claim.crash.unwrap().frames.is_empty());
}

#[test]
fn a_death_between_two_rows_names_none() {
    let app = guest_support::batch_app(
        r#"
        begin(host, 0, 0, 1);
        host->row_end(host->ctx, 0);
        raise(SIGKILL);
        return MYSIMBDP_OK;"#
            .replace("raise", "#include <signal.h>\nraise")
            .as_str(),
    );
    let (mut worker, _) = start_with(&app.path, &Options::default());
    worker.run(b"abcd");
    assert_eq!(worker.signal(), Some(libc::SIGKILL));
    assert_eq!(worker.claim().row, None);
    let page = worker.page();
    assert_eq!((page.state, page.rows), (State::InApp as u64, 1));
}

#[test]
fn an_idle_worker_says_so() {
    let app = guest_support::batch_app("begin(host, 0, 0, 1); return MYSIMBDP_OK;");
    let (mut worker, _) = start_with(&app.path, &Options::default());
    worker.run(b"abcd");
    assert_eq!(worker.claim().row, None);
}
