//! `mysimbdp doctor`: it looks, and starts nothing.

use mysimbdp_tests::artefacts;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A program in `folder` that leaves a word of having run there, and then does this.
fn program(folder: &Path, name: &str, then: &str) {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\ntouch {}/{name}.ran\n{then}\n", folder.display())).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn no_server_is_run_to_see_whether_it_is_there_and_a_tool_that_hangs_is_not_waited_for() {
    let folder = TempDir::new().unwrap();
    for server in ["rabbitmq-server", "redis-server", "mongod"] {
        program(folder.path(), server, "sleep 300");
    }
    program(folder.path(), "cargo", "exec sleep 300");
    program(folder.path(), "cc", "echo cc of a test");
    let mut doctor = Command::new(artefacts::binary())
        .arg("doctor")
        .current_dir(folder.path())
        .env("PATH", format!("{}:/usr/bin:/bin", folder.path().display()))
        .env_remove("MYSIMBDP_CONFIG")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(doctor.stdout.take().unwrap()).lines().map(Result::unwrap);
    let first = lines.next().unwrap();
    let at_the_first = Instant::now();
    assert!(first.contains("kernel"), "{first}");
    let rest: Vec<String> = lines.collect();
    assert_eq!(doctor.wait().unwrap().code(), Some(0), "{rest:#?}");
    let after = at_the_first.elapsed();
    // What was found before the tool that hangs was told before it.
    assert!(after > Duration::from_millis(1_900) && after < Duration::from_secs(30), "{after:?}");
    let line = |what: &str| rest.iter().find(|line| line.contains(what)).unwrap_or_else(|| panic!("{what}: {rest:#?}"));
    assert!(line("cc of a test").starts_with("ok"));
    assert!(line("/cargo (").starts_with("ok"), "it is there, whatever it says of its version");
    for server in ["rabbitmq-server", "redis-server", "mongod"] {
        assert!(line(server).starts_with("ok"), "{rest:#?}");
        assert!(!folder.path().join(format!("{server}.ran")).exists(), "{server} was run");
    }
    assert!(folder.path().join("cargo.ran").exists() && folder.path().join("cc.ran").exists());
}

#[test]
fn it_tries_what_a_configuration_needs_and_says_what_is_wrong_with_it() {
    let folder = TempDir::new().unwrap();
    let doctor = |config: &str| {
        fs::write(folder.path().join("f.toml"), config).unwrap();
        let mut doctor = Command::new(artefacts::binary());
        doctor.args(["doctor", "--json", "--config", "f.toml"]).current_dir(folder.path()).stdin(Stdio::null());
        let done = doctor.output().unwrap();
        let told: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
        (done.status.code(), told)
    };
    let found = |told: &serde_json::Value, what: &str| {
        let findings = told["findings"].as_array().unwrap();
        findings.iter().find(|finding| finding["what"] == what).cloned().unwrap_or_else(|| panic!("{what}: {told}"))
    };
    let (code, told) = doctor("data = \"there\"");
    assert_eq!((code, &told["works"]), (Some(0), &serde_json::Value::Bool(true)), "{told}");
    let data = found(&told, "data")["found"].as_str().unwrap().to_owned();
    assert!(data.contains("there (to be made in ") && data.contains(" free, a sync takes "), "{data}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left");

    let (code, told) = doctor(
        "data = \"/sys/kernel/data\"\n[queue]\nkind = \"redis\"\n[redis]\nurl = \"redis://u:secret@127.0.0.1:1/\"\n\
         [depot]\nurl = \"file:///sys/kernel\"\n\
         [api]\ncertificate = \"none.pem\"\nkey = \"none.pem\"",
    );
    assert_eq!((code, &told["works"]), (Some(1), &serde_json::Value::Bool(false)), "{told}");
    for (what, words) in [
        ("data", "not writable by whoever runs this"),
        ("redis", "redis://u:***@127.0.0.1:1/: "),
        ("depot", "nothing can be written there"),
        ("configuration", "f.toml: api.certificate = \"none.pem\": cannot be read"),
    ] {
        let finding = found(&told, what);
        assert!(finding["grade"] == "bad" && finding["found"].as_str().unwrap().contains(words), "{finding}");
    }
    assert!(!told.to_string().contains("secret"), "{told}");

    let (code, told) = doctor("slots = 0\nlease = 7");
    assert_eq!(code, Some(1), "{told}");
    assert!(found(&told, "configuration")["found"].as_str().unwrap().contains("slots = 0: at least 1"), "{told}");
}
