//! `mysimbdp new`: what it writes compiles, passes its own test, is accepted, and ingests its own sample.
//!
//! The apps are compiled with the workspace's lock file, profile and target directory, so that only they and their copy of
//! the plugin API are compiled anew.

use mysimbdp_tests::artefacts::{profile_dir, root};
use mysimbdp_tests::command::Mysimbdp;
use mysimbdp_tests::expect::exit;
use mysimbdp_tests::fixtures::cargo;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const KINDS: [&str; 4] = ["batch", "stream", "check", "metadata"];

/// The workspace's profile, so that compiled dependencies are shared.
const PROFILE: [&str; 6] = [
    "--config",
    "profile.dev.debug='line-tables-only'",
    "--config",
    "profile.dev.package.'*'.debug=false",
    "--config",
    "profile.dev.package.'*'.opt-level=2",
];

/// Runs `mysimbdp new` in a place that stays the same from run to run.
fn new(name: &str, arguments: &[&str]) -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("new").join(name);
    if place.exists() {
        fs::remove_dir_all(&place).unwrap();
    }
    let mut command = Mysimbdp::new(["new", name]).arg(&place).arg("--json");
    for argument in arguments {
        command = command.arg(argument);
    }
    let finished = command.finish();
    assert_eq!(finished.code(), exit::DONE, "{}", finished.words());
    let told: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert!(
        told["files"]
            .as_array()
            .is_some_and(|files| files.iter().all(|file| place.join(file.as_str().unwrap()).is_file()))
    );
    place
}

/// Tests and builds an app in Rust, and answers its `.so`.
fn build_rust(name: &str, place: &Path) -> PathBuf {
    fs::copy(root().join("Cargo.lock"), place.join("Cargo.lock")).unwrap();
    let target = profile_dir().parent().unwrap().to_owned();
    for command in ["test", "build"] {
        cargo(place, &target, &[&[command], &PROFILE[..]].concat()).unwrap();
    }
    target.join("debug").join(format!("lib{}.so", name.replace('-', "_")))
}

/// Builds an app in C, and answers its `.so`.
fn build_c(name: &str, place: &Path) -> PathBuf {
    let made = Command::new("make").env("CFLAGS", "-O2 -Werror").current_dir(place).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    place.join(format!("{name}.so"))
}

fn is_accepted(app: &Path) {
    let finished = Mysimbdp::check(app).finish();
    assert_eq!(finished.code(), exit::DONE, "{}", finished.words());
}

/// The sample has two good rows and two bad ones.
fn ingests_its_sample(app: &Path, place: &Path) {
    let finished = Mysimbdp::run(app, fs::read(place.join("sample.csv")).unwrap()).finish();
    assert_eq!(finished.code(), exit::DEAD_LETTERS, "{}", finished.words());
    let report = finished.report();
    assert_eq!((report.rows.ingested, report.rows.rejected), (2, 2));
    assert_eq!(report.dead_letters[0].reason, "quantity 0 is less than one");
    assert_eq!(
        finished.sink().documents()[0],
        json!({ "id": 1, "item": "tea", "quantity": 2, "price": 3.5, "total": 7.0 })
    );
}

/// The sample has two good messages and two bad ones, of which the app in C takes all.
fn takes_its_sample(app: &Path, place: &Path, rejected: u64) {
    let finished = Mysimbdp::run(app, fs::read(place.join("sample.jsonl")).unwrap()).finish();
    let rows = finished.report().rows;
    assert_eq!((rows.ingested, rows.rejected), (4 - rejected, rejected), "{}", finished.words());
}

#[test]
fn a_new_app_in_rust_builds_passes_its_test_and_ingests_its_sample() {
    let place = new("new-batch", &[]);
    let app = build_rust("new-batch", &place);
    is_accepted(&app);
    ingests_its_sample(&app, &place);
    // The other kinds are compiled against the same copy of the API, which is the same in all of them.
    for kind in &KINDS[1..] {
        let name = format!("new-{kind}");
        let other = new(&name, &["--kind", kind]);
        fs::remove_dir_all(other.join("sdk")).unwrap();
        std::os::unix::fs::symlink(place.join("sdk"), other.join("sdk")).unwrap();
        let app = build_rust(&name, &other);
        is_accepted(&app);
        if *kind == "stream" {
            takes_its_sample(&app, &other, 2);
        }
    }
}

#[test]
fn a_new_app_in_c_builds_and_ingests_its_sample() {
    for kind in KINDS {
        let name = format!("new-c-{kind}");
        let place = new(&name, &["--c", "--kind", kind]);
        let app = build_c(&name, &place);
        is_accepted(&app);
        match kind {
            "batch" => ingests_its_sample(&app, &place),
            "stream" => takes_its_sample(&app, &place, 0),
            _ => {}
        }
    }
}

#[test]
fn a_new_app_that_cannot_be_is_refused_in_one_sentence() {
    let finished = Mysimbdp::new(["new", "My App"]).finish();
    assert_eq!(finished.code(), exit::USAGE);
    assert!(finished.stderr.starts_with("\"My App\" cannot be the name of an app: "), "{}", finished.stderr);
    let command = Mysimbdp::new(["new", "app"]);
    let taken = command.directory().join("taken");
    fs::create_dir(&taken).unwrap();
    fs::write(taken.join("mine"), "precious").unwrap();
    let finished = command.arg(&taken).finish();
    assert_eq!(finished.code(), exit::FAILED);
    assert!(finished.stderr.contains("exists and is not empty"), "{}", finished.stderr);
}
