//! Apps that were built otherwise and run all the same.

use mysimbdp_tests::artefacts;
use mysimbdp_tests::command::Mysimbdp;
use mysimbdp_tests::expect::exit;
use std::process::Command;

#[test]
fn an_app_without_symbols_runs() {
    let command = Mysimbdp::run(&artefacts::rows(), "a\n1\n2\n");
    let stripped = command.directory().join("stripped.so");
    let status = Command::new("strip").arg("-o").arg(&stripped).arg(artefacts::rows()).status();
    assert!(status.is_ok_and(|status| status.success()), "strip is part of binutils, which every C compiler needs");
    let finished = Mysimbdp::run(&stripped, "a\n1\n2\n").finish();
    assert_eq!(finished.code(), exit::DONE, "{}", finished.words());
}

#[test]
fn an_app_by_a_strange_file_name_runs() {
    let command = Mysimbdp::run(&artefacts::rows(), "");
    let strange = command.directory().join("my app (1) – ünïcode.so");
    std::fs::copy(artefacts::rows(), &strange).unwrap();
    let finished = Mysimbdp::run(&strange, "a\n1\n").finish();
    assert_eq!(finished.code(), exit::DONE, "{}", finished.words());
}

#[test]
fn an_app_that_is_replaced_while_it_runs_runs_to_its_end() {
    let command = Mysimbdp::run(&artefacts::villains(), "");
    let place = command.directory().join("app.so");
    std::fs::copy(artefacts::villains(), &place).unwrap();
    let running = Mysimbdp::run(&place, "n,deed\n1,crawl=500\n2,none\n3,none\n").start();
    std::thread::sleep(std::time::Duration::from_millis(200));
    // What would be a bus error in a process that has the file itself mapped.
    std::fs::write(&place, "no library any more").unwrap();
    let finished = running.finish();
    assert_eq!(finished.code(), exit::DONE, "{}", finished.words());
    assert_eq!(finished.sink().count(), 3);
}
