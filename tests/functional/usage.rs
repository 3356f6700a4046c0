//! The command line: what it says and how it exits.

use mysimbdp_tests::artefacts;
use mysimbdp_tests::command::Mysimbdp;
use mysimbdp_tests::data::Rows;
use mysimbdp_tests::expect::{self, exit};

#[test]
fn a_wrong_command_line_is_told_as_such() {
    for arguments in
        [&["run"][..], &["run", "app.so"], &["no-such-command"], &["run", "a.so", "b.csv", "--memory", "lots"]]
    {
        let finished = Mysimbdp::new(arguments.iter().copied()).finish();
        assert_eq!(finished.code(), exit::USAGE, "{arguments:?}: {}", finished.stderr);
    }
}

#[test]
fn files_that_are_not_there_are_named() {
    let finished = Mysimbdp::new(["run"]).arg("nowhere.so").arg("data.csv").finish();
    assert_eq!(finished.code(), exit::FAILED);
    assert!(finished.stderr.contains("nowhere.so"), "{}", finished.stderr);
    let finished = Mysimbdp::new(["run"]).arg(artefacts::rows()).arg("nowhere.csv").finish();
    assert_eq!(finished.code(), exit::FAILED);
    assert!(finished.stderr.contains("nowhere.csv"), "{}", finished.stderr);
}

#[test]
fn a_directory_is_no_file() {
    let finished = Mysimbdp::new(["run"]).arg(artefacts::rows()).arg("tmp").arg("--json").finish();
    assert_eq!(finished.code(), exit::FAILED);
    expect::says_one_of(&finished.words(), &["tmp"]);
}

#[test]
fn everything_ingested_is_exit_code_0_and_a_dead_letter_3() {
    assert_eq!(expect::villains(&Rows::innocent(3)).finish().code(), exit::DONE);
    assert_eq!(expect::villains(&Rows::innocent(3).with(2, "reject")).finish().code(), exit::DEAD_LETTERS);
}

#[test]
fn a_sink_that_cannot_be_written_fails_and_names_it() {
    let finished = expect::villains(&Rows::innocent(3)).option("--sink", "/nowhere/at/all/sink.db").finish();
    assert_eq!(finished.code(), exit::FAILED);
    expect::says_one_of(&finished.words(), &["/nowhere/at/all"]);
}

#[test]
fn an_insecure_run_says_so_loudly() {
    let finished = expect::villains(&Rows::innocent(3)).option("--isolation", "insecure").finish();
    assert_eq!(finished.code(), exit::DONE, "{}", finished.stderr);
    expect::says_one_of(&finished.stderr, &["insecure", "no sandbox", "not isolated", "without isolation"]);
}

#[test]
fn a_configuration_that_does_not_fit_is_told_in_the_apps_words() {
    let command = Mysimbdp::run(&artefacts::rows(), "a\n1\n").option("--config", r#"{"delimitre": ";"}"#);
    let finished = command.finish();
    assert_eq!(finished.code(), exit::FAILED);
    expect::says_one_of(&finished.words(), &["delimitre"]);
    let finished = Mysimbdp::run(&artefacts::rows(), "a\n1\n").option("--config", "not json").finish();
    assert_eq!(finished.code(), exit::USAGE);
}
