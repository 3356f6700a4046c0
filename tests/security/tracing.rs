//! Villains whose debug information hurts whoever reads it: each crashes, and is told in good time, by name where it has one.

use mysimbdp_tests::artefacts;
use mysimbdp_tests::command::{Finished, Mysimbdp};
use mysimbdp_tests::expect;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Most that the host may have resident in these tests.
const HOST_MEMORY: u64 = 100 << 20;

/// An app that crashes in the function `CRASH`.
const CRASHES: &str = r#"
#include "mysimbdp_plugin.h"
static __attribute__((noinline)) void CRASH(void) { *(volatile int *)8 = 1; }
static int32_t ingest(void *instance, const mysimbdp_host_v1_t *host, const mysimbdp_input_v1_t *input) {
    CRASH();
    return MYSIMBDP_OK;
}
MYSIMBDP_EXPORT_BATCH("crashes", "1.0.0", 0, mysimbdp_create_nothing, ingest, mysimbdp_destroy_nothing)
"#;

fn cc(directory: &Path, arguments: &[&str]) {
    let include = artefacts::root().join("plugin-api/include");
    let mut cc = Command::new("cc");
    cc.current_dir(directory)
        .args(["-w", "-O1", "-fPIC", "-fno-omit-frame-pointer", "-I"])
        .arg(include)
        .args(arguments);
    let output = cc.output().expect("the tests need a C compiler: install gcc or clang");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Compiles the code with these flags and lets it crash.
fn crash(code: &str, flags: &[&str], meddle: impl FnOnce(&Path)) -> (Finished, Vec<String>) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("app.c"), code).unwrap();
    cc(directory.path(), &[&["-c", "-o", "app.o", "app.c"], flags].concat());
    cc(directory.path(), &[&["-shared", "-o", "app.so", "app.o"], flags].concat());
    meddle(directory.path());
    let finished = Mysimbdp::run(&directory.path().join("app.so"), "x\n").finish();
    assert_eq!(finished.code(), expect::exit::FAILED, "{}", finished.stderr);
    assert!(finished.took < Duration::from_secs(20), "took {:?}", finished.took);
    assert!(finished.peak_memory < HOST_MEMORY, "the host took {} MB", finished.peak_memory >> 20);
    assert!(finished.stdout.len() < 1 << 20, "{} bytes", finished.stdout.len());
    let deaths = finished.report().deaths;
    assert_eq!(deaths.len(), 3);
    (finished, deaths.into_iter().next().unwrap().backtrace)
}

#[test]
fn honest_debug_information_is_told() {
    let (_, trace) = crash(CRASHES, &["-g"], |_| {});
    assert!(trace[0].starts_with("CRASH at ") && trace[0].ends_with("app.c:3"), "{trace:?}");
    assert!(trace[1].starts_with("ingest at ") && trace[1].ends_with("app.c:5"), "{trace:?}");
}

#[test]
fn no_path_in_debug_information_is_opened() {
    // Its lines are said to be in a file that is a pipe which nobody writes to.
    let (_, trace) = crash(CRASHES, &["-gsplit-dwarf"], |directory| {
        let split = directory.join("app.dwo");
        std::fs::remove_file(&split).unwrap();
        assert!(Command::new("mkfifo").arg(&split).status().unwrap().success());
    });
    assert!(trace[0].starts_with("CRASH"), "{trace:?}");
}

#[test]
fn compressed_debug_information_stays_unread() {
    let (_, trace) = crash(CRASHES, &["-g", "-gz"], |_| {});
    assert_eq!(trace[..2], ["CRASH", "ingest"]);
}

#[test]
fn a_name_of_megabytes_is_cut() {
    let code = CRASHES.replace("CRASH", &"A".repeat(8 << 20));
    let (_, trace) = crash(&code, &[], |_| {});
    assert!(trace[0].starts_with("AAAA") && trace[0].ends_with('…') && trace[0].len() < 300, "{trace:?}");
}

#[test]
fn debug_information_that_exhausts_its_reader_costs_the_names_alone() {
    // One function, and in it twenty million calls, each inlined into the one before.
    let nested = r#"
        __asm__(".pushsection .debug_abbrev,\"\",%progbits\n"
                ".uleb128 1,0x11\n.byte 1\n.uleb128 0x11,1,0x12,7,0,0\n"
                ".uleb128 2,0x2e\n.byte 1\n.uleb128 0x11,1,0x12,7,0,0\n"
                ".uleb128 3,0x1d\n.byte 1\n.uleb128 0,0\n.byte 0\n.popsection\n"
                ".pushsection .debug_info,\"\",%progbits\n"
                ".4byte 2f-1f\n1: .2byte 4\n.4byte 0\n.byte 8\n"
                ".uleb128 1\n.8byte CRASH\n.8byte 64\n"
                ".uleb128 2\n.8byte CRASH\n.8byte 64\n"
                ".fill 20000000,1,3\n2:\n.popsection\n");
    "#;
    let (_, trace) = crash(&format!("{CRASHES}{nested}"), &[], |_| {});
    assert!(trace[0].starts_with("0x"), "{trace:?}");
}
