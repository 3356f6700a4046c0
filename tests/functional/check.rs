//! `mysimbdp check`: good apps pass, with what they are.

use mysimbdp_tests::artefacts;
use mysimbdp_tests::command::Mysimbdp;
use mysimbdp_tests::expect::exit;

#[test]
fn every_honest_app_passes() {
    for app in [artefacts::citizen(), artefacts::rows(), artefacts::villains(), artefacts::example("liar")] {
        let finished = Mysimbdp::check(&app).finish();
        assert_eq!(finished.code(), exit::DONE, "{}: {}", app.display(), finished.words());
        let report: serde_json::Value = serde_json::from_str(&finished.stdout).unwrap();
        assert_eq!(report["verdict"], "accepted");
        assert!(report["probe"]["start_micros"].as_u64().is_some(), "{report}");
        assert_eq!(report["probe"]["sandbox"]["seccomp"], true);
    }
}

#[test]
fn panic_abort_gets_a_clear_word() {
    let finished = Mysimbdp::check(&artefacts::aborts()).finish();
    assert_eq!(finished.code(), exit::DONE, "{}", finished.words());
    let words = finished.words();
    assert!(words.contains("panic=abort") || words.contains("panic = \"abort\""), "{words}");
}

#[test]
fn the_text_form_says_the_same_in_one_line_for_people() {
    let finished = Mysimbdp::new(["check"]).arg(artefacts::rows()).finish();
    assert_eq!(finished.code(), exit::DONE, "{}", finished.stderr);
    assert!(finished.stdout.contains("is accepted"), "{}", finished.stdout);
}
