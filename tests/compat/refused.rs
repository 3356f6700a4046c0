//! Files that are no apps: each is refused with a sentence that says what, where, why and how to mend it, without any of
//! its code being run where its bytes tell already.

use mysimbdp_tests::artefacts;
use mysimbdp_tests::command::Mysimbdp;
use mysimbdp_tests::expect::exit;
use std::fs;
use std::path::{Path, PathBuf};

/// How to make an app of a library.
const EXPORT_IT: &str = "export the app with export_app! (Rust) or a MYSIMBDP_EXPORT_ macro (C)";

/// Both `check` and `run` refuse it in this sentence, which follows the file's name, and say how to mend it.
fn refused(app: &Path, sentence: &str, mend: &str) {
    for command in [Mysimbdp::check(app), Mysimbdp::run(app, "n\n1\n")] {
        let finished = command.finish();
        let said = finished.words();
        assert_eq!(finished.code(), exit::FAILED, "{}: {said}", app.display());
        let sentence = format!("{} is refused: {sentence}", app.display());
        assert!(said.contains(&sentence), "not {sentence:?}, but: {said}");
        assert!(said.contains(mend), "not {mend:?} in: {said}");
        assert!(!finished.stdout.contains('\u{1b}') && !finished.stderr.contains('\u{1b}'), "{said:?}");
    }
}

/// A file of these bytes, under a name; the directory has to be kept.
fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(name);
    fs::write(&path, bytes).unwrap();
    (home, path)
}

fn good() -> Vec<u8> {
    fs::read(artefacts::c_villain("reads_nothing")).unwrap()
}

#[test]
fn an_empty_file() {
    let (_home, path) = file("empty.so", b"");
    refused(
        &path,
        "the file is empty: the copy has not begun, or the disk was full",
        "copy it again, under another name, and rename it when it is complete",
    );
}

#[test]
fn a_text() {
    let (_home, path) = file("text.so", b"#!/bin/sh\necho no library\n");
    refused(
        &path,
        "this is a script, not a shared library (ELF)",
        "drop the shared library that the build made: `cargo build --release` puts it at target/release/lib<app>.so",
    );
}

#[test]
fn a_library_that_was_copied_in_part() {
    for whole in [good(), fs::read(artefacts::rows()).unwrap()] {
        for percent in [1, 10, 50, 90, 99] {
            let half = &whole[..whole.len() * percent / 100];
            let (_home, path) = file(&format!("cut-{percent}.so"), half);
            let (ends, needs) = (half.len(), whole.len());
            let sentence = format!(
                "the file ends at byte {ends}, its section table needs byte {needs}: {} bytes are missing, it is still being \
                 copied or was cut",
                needs - ends
            );
            refused(&path, &sentence, "wait until the copy is complete or copy it again");
        }
    }
}

#[test]
fn a_library_that_is_no_app() {
    let libraries = [
        ("/lib/x86_64-linux-gnu/libz.so.1", "libz.so.1"),
        ("/lib/x86_64-linux-gnu/libm.so.6", "libm.so.6"),
        ("/lib/aarch64-linux-gnu/libm.so.6", "libm.so.6"),
    ];
    let library = libraries.iter().find(|(path, _)| Path::new(path).exists());
    let (library, name) = library.expect("a C library is on every machine");
    let (_home, path) = file("library.so", &fs::read(library).unwrap());
    let sentence =
        format!("this is a library, called {name}, without a mysimbdp descriptor: it was not built as an app");
    refused(&path, &sentence, EXPORT_IT);
}

#[test]
fn a_program() {
    let (_home, path) = file("program.so", &fs::read("/bin/true").unwrap());
    refused(&path, "this is an executable program (position-independent), not a shared library", "");
}

#[test]
fn a_library_for_another_machine() {
    let mut bytes = good();
    // e_machine: RISC-V, which is neither of the two that are supported.
    bytes[18..20].copy_from_slice(&243_u16.to_le_bytes());
    let (_home, path) = file("foreign.so", &bytes);
    refused(
        &path,
        &format!("built for riscv, this host is {}", std::env::consts::ARCH),
        &format!(
            "build it for this host: `cargo build --release --target {}-unknown-linux-gnu`",
            std::env::consts::ARCH
        ),
    );
}

#[test]
fn a_library_of_32_bits_or_the_other_byte_order() {
    for (at, value, kind) in [(4, 1, "32-bit, little-endian"), (5, 2, "64-bit, big-endian")] {
        let mut bytes = good();
        bytes[at] = value;
        let (_home, path) = file("odd.so", &bytes);
        let sentence = format!("this is a {kind} ELF file, this host loads 64-bit, little-endian ones");
        refused(&path, &sentence, "build it for this host's 64-bit Linux target");
    }
}

#[test]
fn a_library_whose_every_byte_may_be_wrong() {
    // A fixed sequence of damages: each may be refused or harmless, none may hurt the host.
    let whole = good();
    let mut at = 7_usize;
    for _ in 0..40 {
        at = (at * 31 + 17) % whole.len().min(4096);
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        let (_home, path) = file("damaged.so", &bytes);
        let finished = Mysimbdp::run(&path, "n\n1\n").finish();
        assert!(
            [exit::DONE, exit::FAILED, exit::PARTIAL].contains(&finished.code()),
            "byte {at}: {}",
            finished.words()
        );
    }
}

#[test]
fn no_descriptor() {
    refused(
        &artefacts::c_villain("no_descriptor"),
        "the library has a door, but neither a symbol mysimbdp_descriptor nor a section .mysimbdp that describes it",
        EXPORT_IT,
    );
}

#[test]
fn a_descriptor_that_is_garbage() {
    refused(
        &artefacts::c_villain("descriptor_garbage"),
        "the descriptor is malformed: it is not UTF-8 from byte 0 on",
        EXPORT_IT,
    );
}

#[test]
fn a_name_that_would_be_a_path() {
    refused(
        &artefacts::c_villain("descriptor_bad_name"),
        "the app's name «../../etc/passwd» is not valid: a name has 1 to 64 of a-z, 0-9, - and _, and starts with a letter",
        "",
    );
}

#[test]
fn an_app_for_a_newer_api() {
    refused(
        &artefacts::c_villain("newer_api"),
        "built for plugin API 2.0, this host speaks 1.0",
        "upgrade mysimbdp on this host, or build the app with an older mysimbdp-plugin-api",
    );
}

/// The app of this name cannot be started, for this reason.
fn cannot_be_started(villain: &str, reason: &str) {
    let path = artefacts::c_villain(villain);
    let generation = &blake3::hash(&fs::read(&path).unwrap()).to_hex()[..12];
    let label = format!("{} (generation {generation})", villain.replace('_', "-"));
    refused(&path, &format!("app {label} cannot be started: {}", reason.replace("{label}", &label)), "");
}

#[test]
fn a_table_that_is_none() {
    for (villain, broken) in [
        ("table_too_small", "its `size` is 16, where a table of version 1 has 88 bytes; set it to `sizeof` the struct"),
        ("table_null_kinds", "it provides no kind: `batch`, `stream`, `check` and `metadata` are all null"),
        ("table_null_entry", "the entry `create` of its kind `batch` is null; only `none` may be"),
    ] {
        cannot_be_started(villain, &format!("{{label}} shows a broken table: {broken}"));
    }
    cannot_be_started("table_wild_name", "it was killed by a segmentation fault (SIGSEGV) before it was ready");
    refused(
        &artefacts::c_villain("table_other_name"),
        "its descriptor says honest-name (batch), its table says other-name (batch)",
        "build it again with the export macro, which writes both",
    );
}

#[test]
fn an_app_that_needs_a_newer_c_library() {
    let path = artefacts::c_villain("glibc_too_new");
    let mend = "build it on the oldest system it is to run on (a container of this host's release does)";
    refused(&path, "needs glibc 2.99 (symbol function_of_the_future), this host has 2.", mend);
}

#[test]
fn an_app_that_needs_what_is_not_there() {
    refused(
        &artefacts::c_villain("needs_a_library"),
        "needs libnobody.so.7, not found in this host's library directories",
        "link it statically into the app, or have the operator install it on the host",
    );
    cannot_be_started(
        "undefined_symbol",
        "the system cannot load {label}: the file: undefined symbol: function_that_nobody_wrote",
    );
}

#[test]
fn constructors_that_misbehave() {
    let ends = "before it was ready: a constructor of the library ends the process";
    cannot_be_started("constructor_exits", &format!("it exited with status 0 {ends}"));
    cannot_be_started("constructor_crashes", &format!("it was killed by a segmentation fault (SIGSEGV) {ends}"));
    cannot_be_started(
        "constructor_hangs",
        "it was not ready after 5000 ms: a constructor of the library hangs, or waits for what it cannot have",
    );
}

#[test]
fn a_directory_and_a_device() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("directory.so");
    fs::create_dir(&directory).unwrap();
    for (path, kind) in [(directory.as_path(), "directory"), (Path::new("/dev/zero"), "device")] {
        let sentence = format!("{} is a {kind}, not a regular file", path.display());
        refused(path, &sentence, "give the .so file itself");
    }
}
