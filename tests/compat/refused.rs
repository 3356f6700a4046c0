//! Files that are no apps: each is refused with a sentence that says what, where, why and how to mend it, without any of
//! its code being run where its bytes tell already.

use mysimbdp_tests::artefacts;
use mysimbdp_tests::command::Mysimbdp;
use mysimbdp_tests::expect::{self, exit};
use std::fs;
use std::path::{Path, PathBuf};

/// Both `check` and `run` refuse it, each with one of the words, and name the file.
fn refused(app: &Path, words: &[&str]) {
    for command in [Mysimbdp::check(app), Mysimbdp::run(app, "n\n1\n")] {
        let finished = command.finish();
        let said = finished.words();
        assert_eq!(finished.code(), exit::FAILED, "{}: {said}", app.display());
        expect::says_one_of(&said, words);
        let name = app.file_name().unwrap().to_string_lossy().into_owned();
        assert!(said.contains(&name), "{name} is not named: {said}");
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
    refused(&path, &["empty"]);
}

#[test]
fn a_text() {
    let (_home, path) = file("text.so", b"#!/bin/sh\necho no library\n");
    refused(&path, &["ELF", "shared object", "library"]);
}

#[test]
fn a_library_that_was_copied_in_part() {
    for whole in [good(), fs::read(artefacts::rows()).unwrap()] {
        for percent in [1, 10, 50, 90, 99] {
            let (_home, path) = file(&format!("cut-{percent}.so"), &whole[..whole.len() * percent / 100]);
            refused(&path, &["cut", "truncated", "incomplete", "ends", "beyond", "outside", "copied", "short"]);
        }
    }
}

#[test]
fn a_library_that_is_no_app() {
    let libc =
        ["/lib/x86_64-linux-gnu/libz.so.1", "/lib/x86_64-linux-gnu/libm.so.6", "/lib/aarch64-linux-gnu/libm.so.6"];
    let library = libc.iter().map(Path::new).find(|path| path.exists()).expect("a C library is on every machine");
    let (_home, path) = file("library.so", &fs::read(library).unwrap());
    refused(&path, &["no app", "not an app", "export", "mysimbdp"]);
}

#[test]
fn a_program() {
    let (_home, path) = file("program.so", &fs::read("/bin/true").unwrap());
    refused(&path, &["program", "executable", "no app", "export", "mysimbdp"]);
}

#[test]
fn a_library_for_another_machine() {
    let mut bytes = good();
    // e_machine: RISC-V, which is neither of the two that are supported.
    bytes[18..20].copy_from_slice(&243_u16.to_le_bytes());
    let (_home, path) = file("foreign.so", &bytes);
    refused(&path, &["RISC-V", "riscv", "machine", "built for"]);
}

#[test]
fn a_library_of_32_bits_or_the_other_byte_order() {
    for (at, value) in [(4, 1), (5, 2)] {
        let mut bytes = good();
        bytes[at] = value;
        let (_home, path) = file("odd.so", &bytes);
        refused(&path, &["32", "endian", "bit"]);
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
    refused(&artefacts::c_villain("no_descriptor"), &["descriptor", "export_app"]);
}

#[test]
fn a_descriptor_that_is_garbage() {
    refused(&artefacts::c_villain("descriptor_garbage"), &["descriptor"]);
}

#[test]
fn a_name_that_would_be_a_path() {
    refused(&artefacts::c_villain("descriptor_bad_name"), &["name"]);
}

#[test]
fn an_app_for_a_newer_api() {
    refused(&artefacts::c_villain("newer_api"), &["2.0", "newer"]);
}

#[test]
fn a_table_that_is_none() {
    refused(&artefacts::c_villain("table_too_small"), &["size", "bytes", "16"]);
    refused(&artefacts::c_villain("table_null_kinds"), &["kind", "batch", "nothing"]);
    refused(&artefacts::c_villain("table_null_entry"), &["null", "create", "ingest", "SIGSEGV"]);
    refused(&artefacts::c_villain("table_wild_name"), &["SIGSEGV", "name", "table"]);
    refused(&artefacts::c_villain("table_other_name"), &["honest-name", "other-name"]);
}

#[test]
fn an_app_that_needs_a_newer_c_library() {
    refused(&artefacts::c_villain("glibc_too_new"), &["2.99"]);
}

#[test]
fn an_app_that_needs_what_is_not_there() {
    refused(&artefacts::c_villain("needs_a_library"), &["libnobody.so.7"]);
    refused(&artefacts::c_villain("undefined_symbol"), &["function_that_nobody_wrote"]);
}

#[test]
fn constructors_that_misbehave() {
    refused(&artefacts::c_villain("constructor_exits"), &["constructor"]);
    refused(&artefacts::c_villain("constructor_hangs"), &["constructor"]);
    refused(&artefacts::c_villain("constructor_crashes"), &["SIGSEGV"]);
}

#[test]
fn a_directory_and_a_device() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("directory.so");
    fs::create_dir(&directory).unwrap();
    refused(&directory, &["directory", "regular file", "not a file"]);
    refused(Path::new("/dev/zero"), &["device", "regular file", "not a file"]);
}
