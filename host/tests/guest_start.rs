//! How a worker starts, and with which sentence it refuses.

#![allow(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod guest_support;

use guest_support::{Options, WORKER, compile, refusal, spawn, start_with};
use mysimbdp::worker::protocol::{Ending, Isolation, Stage};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const DOORLESS: &str = "int nothing;";
const APP: &str = r#"
    static int32_t ingest(void *instance, const host_t *host, const input_t *input) {
        (void)instance; (void)host; (void)input; return MYSIMBDP_OK;
    }
    CONSTRUCTOR
    MYSIMBDP_EXPORT_BATCH("test-app", "1", 0, mysimbdp_create_nothing, ingest, mysimbdp_destroy_nothing)"#;

fn app(constructor: &str) -> guest_support::Compiled {
    compile(&APP.replace("CONSTRUCTOR", constructor), &[])
}

fn constructor(body: &str) -> guest_support::Compiled {
    app(&format!("__attribute__((constructor)) static void constructed(void) {{ {body} }}"))
}

/// Builds the fixture behind the Rust door, with the profile and target directory of this test.
fn rust_door() -> PathBuf {
    let profile = Path::new(WORKER).parent().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--package", "mysimbdp", "--example", "rust_door", "--target-dir"]);
    cargo.arg(profile.parent().unwrap()).current_dir(env!("CARGO_MANIFEST_DIR"));
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    assert!(cargo.status().unwrap().success());
    profile.join("examples/librust_door.so")
}

fn refused_load(source: &str, flags: &[&str]) -> String {
    let app = compile(source, flags);
    let refused = refusal(&app.path, &Options::default());
    assert_eq!(refused.stage, Stage::Load);
    assert!(!refused.reason.contains('\n') && !refused.reason.contains("/proc/self"), "{}", refused.reason);
    refused.reason
}

#[test]
fn an_app_comes_in_by_the_rust_door_and_its_time_to_ready_is_told() {
    let path = rust_door();
    for isolation in [Isolation::Full, Isolation::Reduced, Isolation::Insecure] {
        let mut micros = Vec::new();
        for _ in 0..15 {
            let began = std::time::Instant::now();
            let (mut worker, ready) = start_with(&path, &Options { isolation, ..Options::default() });
            micros.push((ready.start_micros, began.elapsed().as_micros()));
            assert_eq!((ready.name.as_str(), ready.kinds.as_slice()), ("rust-door", &["batch".to_owned()][..]));
            let run = worker.run(b"abc");
            assert_eq!(run.numbers(), [1, 2, 3]);
            assert_eq!(run.done.unwrap().ending, Ending::Ok);
        }
        micros.sort_unstable();
        let (inside, outside) = micros[micros.len() / 2];
        println!("start to ready, {isolation:?}: median {inside} µs in the worker, {outside} µs with the spawn");
    }
}

#[test]
fn a_library_without_a_door_is_no_app() {
    let reason = refused_load(DOORLESS, &[]);
    assert!(reason.starts_with("app.so is a library but no mysimbdp app"), "{reason}");
}

#[test]
fn what_is_no_library_is_refused_in_one_sentence() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.so");
    for content in [&b""[..], b"hello, this is text", b"\x7fELF"] {
        std::fs::write(&path, content).unwrap();
        let refused = refusal(&path, &Options::default());
        assert_eq!(refused.stage, Stage::Load);
        assert!(refused.reason.starts_with("the system cannot load app.so: "), "{}", refused.reason);
    }
}

#[test]
fn a_missing_function_and_a_missing_library_are_named() {
    let reason = refused_load("void not_there(void); void call(void) { not_there(); }", &[]);
    assert_eq!(reason, "the system cannot load app.so: the file: undefined symbol: not_there");
    let directory = tempfile::tempdir().unwrap();
    let library = directory.path().join("libfirst.so");
    let output = compile("int first;", &["-Wl,-soname,libnowhere.so.9"]);
    std::fs::copy(&output.path, &library).unwrap();
    let reason = refused_load(DOORLESS, &["-Wl,--no-as-needed", library.to_str().unwrap()]);
    assert!(reason.contains("libnowhere.so.9"), "{reason}");
}

#[test]
fn a_system_library_is_found_while_loading() {
    let used =
        "#include <math.h>\n__attribute__((constructor)) static void c(void) { volatile double x = 2; x = pow(x, x); }";
    let app = compile(&APP.replace("CONSTRUCTOR", used), &["-Wl,--no-as-needed", "-lm"]);
    let (worker, _) = start_with(&app.path, &Options::default());
    assert_eq!(worker.finish().code(), Some(0));
}

#[test]
fn a_broken_table_is_told_word_by_word() {
    let table = |words: &str| {
        refused_load(
            &format!(
                "static const mysimbdp_batch_v1_t batch = {{mysimbdp_create_nothing, NULL, mysimbdp_destroy_nothing}};\n\
                 MYSIMBDP_VISIBLE extern const mysimbdp_plugin_v1_t mysimbdp_plugin_v1;\n\
                 const mysimbdp_plugin_v1_t mysimbdp_plugin_v1 = {{{words}}};"
            ),
            &[],
        )
    };
    let size = "sizeof(mysimbdp_plugin_v1_t)";
    let name = "{\"app\", 3}, {\"1\", 1}, 0";
    let cases = [
        ("2, 0, 8".to_owned(), "it is of version 2, this host speaks version 1"),
        (format!("1, 0, {size} - 8, {name}, &batch"), "its `size` is 80, where a table of version 1 has 88 bytes"),
        (format!("1, 0, {size}, {{\"App\", 3}}, {{\"1\", 1}}, 0, &batch"), "its name is \"App\""),
        (format!("1, 0, {size}, {{NULL, 3}}, {{\"1\", 1}}, 0, &batch"), "its name is \"\""),
        (format!("1, 0, {size}, {{\"app\", 3}}, {{\"\\xff\", 1}}, 0, &batch"), "its version is not text"),
        (format!("1, 0, {size}, {name}"), "it provides no kind"),
        (format!("1, 0, {size}, {name}, &batch"), "the entry `ingest` of its kind `batch` is null"),
        (format!("1, 0, {size}, {name}, (const void *)1"), "its kind `batch` stands at an address"),
    ];
    for (words, expected) in cases {
        let reason = table(&words);
        assert!(reason.starts_with("app.so shows a broken table: "), "{reason}");
        assert!(reason.contains(expected), "{reason}");
    }
}

#[test]
fn a_constructor_that_exits_or_crashes_leaves_no_frame() {
    for (body, code) in [("_exit(0);", Some(0)), ("exit(0);", Some(0)), ("abort();", None)] {
        let app = constructor(body);
        let (mut worker, first) = spawn(&app.path, &Options::default());
        assert!(first.is_none(), "{body}");
        assert_eq!(worker.wait().code(), code, "{body}");
    }
}

#[test]
fn an_executable_stack_is_refused_in_one_sentence() {
    let reason = refused_load(&APP.replace("CONSTRUCTOR", ""), &["-Wl,-z,execstack"]);
    assert!(reason.contains("executable stack"), "{reason}");
}

#[test]
fn another_protocol_is_refused_at_the_hello() {
    let app = app("");
    let refused = refusal(&app.path, &Options { protocol: 2, ..Options::default() });
    assert_eq!(refused.stage, Stage::Hello);
    assert!(refused.reason.starts_with("the host speaks protocol 2, this worker 1"), "{}", refused.reason);
}

#[test]
fn a_worker_without_a_host_ends_at_once() {
    let without = Command::new(WORKER).args(["__worker"]).stdin(Stdio::null()).status().unwrap();
    assert_eq!(without.code(), Some(2));
    let orphan = Command::new(WORKER).args(["__worker", "1"]).stdin(Stdio::null()).status().unwrap();
    assert_eq!(orphan.code(), Some(71));
}

#[test]
fn a_host_that_hangs_up_before_its_hello_is_no_reason_to_stay() {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let mut child = Command::new(WORKER)
        .args(["__worker", &std::process::id().to_string()])
        .stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs)))
        .spawn()
        .unwrap();
    drop(ours);
    assert_eq!(child.wait().unwrap().code(), Some(72));
}
