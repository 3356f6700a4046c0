//! What passes, with what is remarked about it.

use std::fs;
use std::process::Command;

use super::*;

#[test]
fn a_clean_c_app_is_accepted_and_described() {
    let examination = examine(clean(), &host());
    assert!(examination.is_accepted(), "{:#?}", examination.findings);
    assert_eq!(examination.door, Some(Door::C));
    assert!(!examination.uses_iconv);
    let descriptor = examination.descriptor.as_ref().unwrap();
    assert_eq!((descriptor.name.as_str(), descriptor.version.as_str()), ("clean", "0.1.0"));
    assert_eq!(descriptor.kinds, [Kind::Batch]);
    let codes: Vec<&str> = examination.findings.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, ["symbols-only"], "a clean app gets no warning");
}

#[test]
fn a_generation_is_the_hash_of_all_bytes() {
    let examination = examine(clean(), &host());
    assert_eq!(examination.generation, blake3::hash(clean()).to_string());
    assert_eq!(examination.short_generation(), &examination.generation[..12]);
    let mut other = clean().to_vec();
    other.push(0);
    assert_ne!(examine(&other, &host()).generation, examination.generation);
}

#[test]
fn an_app_is_still_described_when_its_section_table_was_stripped() {
    let mut bytes = clean().to_vec();
    bytes[40..48].fill(0);
    bytes[58..64].fill(0);
    let examination = examine(&bytes, &host());
    assert!(examination.is_accepted(), "{:#?}", examination.findings);
    assert_eq!(examination.descriptor.map(|descriptor| descriptor.name).as_deref(), Some("clean"));
    assert_eq!(examination.door, Some(Door::C));
}

#[test]
fn a_descriptor_whose_symbol_is_hidden_is_found_by_its_section() {
    let source = app(CLEAN, "").replace("used))", "used, visibility(\"hidden\")))");
    let examination = examine(&library(&source, &[]), &host());
    assert!(examination.is_accepted() && examination.descriptor.is_some(), "{:#?}", examination.findings);
}

#[test]
fn debug_information_is_remarked_upon() {
    let with_lines = examine(&library(&app(CLEAN, "int f(void) { return 1; }"), &["-g"]), &host());
    assert_eq!(
        finding(&with_lines, "debug-info").sentence,
        "has debug information: a crash is shown with file and line"
    );
    let stripped = examine(&library(&app(CLEAN, ""), &["-s"]), &host());
    let note = finding(&stripped, "stripped");
    assert_eq!(note.sentence, "is stripped: a crash is shown as addresses");
    assert_eq!(note.mend, "to have names and lines, do not strip it and compile with -g1");
}

#[test]
fn what_will_not_work_in_the_sandbox_is_warned_of() {
    let cases = [
        (
            "int pthread_create(); int f(void) { return pthread_create(0, 0, 0, 0); }",
            "threads",
            "it has code that starts threads (it imports pthread_create): \
             apps are single-threaded, and a thread cannot be started in the sandbox",
        ),
        (
            "int fork(); int execve(); int f(void) { return fork() + execve(0, 0, 0); }",
            "processes",
            "it has code that starts other processes (it imports execve and fork): no process can be started in the sandbox",
        ),
        (
            "int socket(); int f(void) { return socket(1, 1, 1); }",
            "network",
            "it has code that uses the network or sockets (it imports socket): there is no network in the sandbox",
        ),
        (
            "int kill(); long ptrace(); int f(void) { return kill(1, 9) + ptrace(0); }",
            "signals",
            "it has code that sends signals to or looks into other processes (it imports kill and ptrace): \
             neither is possible in the sandbox",
        ),
        (
            "void *fopen(); void *f(void) { return fopen(\"a\", \"r\"); }",
            "files",
            "it has code that opens or changes files by path (it imports fopen): \
             no file can be opened in the sandbox; the input comes through a descriptor",
        ),
        (
            "void *dlopen(); void *f(void) { return dlopen(\"a\", 1); }",
            "loads-libraries",
            "it has code that loads further libraries while it runs (it imports dlopen): \
             no code can be loaded in the sandbox once the app is",
        ),
        (
            "int shm_open(); int f(void) { return shm_open(\"a\", 1, 1); }",
            "shared-memory",
            "it has code that shares memory or semaphores with other processes (it imports shm_open): \
             that is not possible in the sandbox",
        ),
    ];
    for (more, code, sentence) in cases {
        let examination = examine(&library(&app(CLEAN, more), &[]), &host());
        assert!(examination.is_accepted(), "{:#?}", examination.findings);
        let warning = finding(&examination, code);
        assert_eq!(warning.sentence, sentence);
        assert_eq!(warning.severity, Severity::Warning);
        assert!(!warning.mend.is_empty());
    }
}

#[test]
fn a_weak_import_proves_no_use() {
    let more = "extern int pthread_create() __attribute__((weak)); int f(void) { return pthread_create != 0; }";
    let examination = examine(&library(&app(CLEAN, more), &[]), &host());
    assert!(!examination.findings.iter().any(|finding| finding.code == "threads"), "{:#?}", examination.findings);
}

#[test]
fn use_of_iconv_is_recognised() {
    let more = "void *iconv_open(); void *f(void) { return iconv_open(\"UTF-8\", \"LATIN1\"); }";
    assert!(examine(&library(&app(CLEAN, more), &[]), &host()).uses_iconv);
}

#[test]
fn search_paths_and_constructors_are_remarked_upon() {
    let more = "volatile int ran; __attribute__((constructor)) static void early(void) { ran = 1; }";
    let arguments = ["-Wl,-rpath,$ORIGIN/lib", "-Wl,--enable-new-dtags"];
    let examination = examine(&library(&app(CLEAN, more), &arguments), &host());
    assert!(examination.is_accepted(), "{:#?}", examination.findings);
    let path = finding(&examination, "search-path");
    assert!(path.sentence.starts_with("the library wants its libraries searched in $ORIGIN/lib (RPATH or RUNPATH)"));
    assert_eq!(
        finding(&examination, "constructors").sentence,
        "1 function of its own will run while the library is loaded (constructors), inside the sandbox"
    );
}

#[test]
fn panic_abort_is_warned_of() {
    let examination = examine(&library(&app(&format!("{CLEAN}panic=abort\n"), ""), &[]), &host());
    assert!(examination.is_accepted());
    let warning = finding(&examination, "panic-abort");
    assert_eq!(
        warning.to_string(),
        "warning[panic-abort]: built with panic=abort: a panic kills its worker and counts as a crash of the row, \
         where it could be caught and reported with its message; remove `panic = \"abort\"` from the profile in \
         Cargo.toml"
    );
}

/// The compiler that builds these tests builds apps, too.
fn rust_app(body: &str, arguments: &[&str]) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let (input, output) = (directory.path().join("app.rs"), directory.path().join("app.so"));
    let text = format!("{CLEAN}panic=unwind\n");
    let source = format!(
        "#[unsafe(no_mangle)] #[unsafe(link_section = \".mysimbdp\")]\n\
         pub static mysimbdp_descriptor: [u8; {}] = *b{text:?};\n\
         #[unsafe(no_mangle)] pub static _1as_0lib_1header_0root_bmodule_bloader: [u64; 2] = [1, 2];\n{body}\n",
        text.len()
    );
    fs::write(&input, source).unwrap();
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut rustc = Command::new(rustc);
    rustc.args(["--edition=2024", "--crate-type=cdylib", "-Anon_upper_case_globals", "-o"]).arg(&output).arg(&input);
    let made = rustc.args(arguments).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    fs::read(output).unwrap()
}

#[test]
fn a_plain_rust_app_gets_no_warning_and_one_with_threads_does() {
    let plain = "#[unsafe(no_mangle)] pub extern \"C\" fn f(n: u32) -> usize {
        let map: std::collections::HashMap<u32, String> = (0..n).map(|i| (i, i.to_string())).collect();
        std::panic::catch_unwind(|| if n == 7 { panic!(\"seven\") }).ok();
        println!(\"{map:?}\");
        map.len()
    }";
    for arguments in [&[][..], &["-Copt-level=3", "-Cstrip=symbols"]] {
        let examination = examine(&rust_app(plain, arguments), &HostMachine::current(host().apis));
        assert_eq!(examination.door, Some(Door::Rust), "{:#?}", examination.findings);
        let graver = examination.findings.iter().filter(|finding| finding.severity != Severity::Note);
        assert_eq!(graver.count(), 0, "{:#?}", examination.findings);
        assert!(!examination.findings.iter().any(|finding| finding.code == "constructors"));
    }
    let spawning = "#[unsafe(no_mangle)] pub extern \"C\" fn f(n: u32) -> u32 {
        std::thread::spawn(move || n + 1).join().unwrap_or(0)
    }";
    let examination = examine(&rust_app(spawning, &[]), &HostMachine::current(host().apis));
    assert!(
        finding(&examination, "threads")
            .sentence
            .starts_with("it has code that starts threads (it imports pthread_create)")
    );
    let pool = "mod rayon_core { pub mod registry { #[inline(never)] pub fn spawn(n: u32) -> u32 {
            std::thread::spawn(move || n + 1).join().unwrap_or(0) } } }
        #[unsafe(no_mangle)] pub extern \"C\" fn f(n: u32) -> u32 { rayon_core::registry::spawn(n) }";
    let examination = examine(&rust_app(pool, &[]), &HostMachine::current(host().apis));
    assert!(finding(&examination, "threads").sentence.contains("(it imports pthread_create, through rayon)"));
}
