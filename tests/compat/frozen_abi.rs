//! Apps that were built against the frozen ABI, and against copies of it that are not quite it.

use mysimbdp_tests::command::{Finished, Mysimbdp};
use mysimbdp_tests::expect::exit;
use mysimbdp_tests::fixtures::{Compat, compat_app, test_frozen_abi};
use serde_json::json;

#[test]
fn the_frozen_abi_still_has_its_frozen_layout() {
    test_frozen_abi().expect("the frozen copy compiles and passes its own test");
}

#[test]
fn an_app_built_against_the_frozen_abi_is_loaded_and_runs() {
    let app = compat_app(Compat::Frozen).expect("it builds");
    assert_eq!(Mysimbdp::check(&app).finish().code(), exit::DONE);
    let finished = Mysimbdp::run(&app, "a,b\n1,2\n").finish();
    assert_eq!(finished.code(), exit::DONE, "{}", finished.words());
    assert_eq!(finished.sink().documents(), [json!({ "bytes": 8 })]);
}

/// What `check` and `run` say about an app that neither of them takes.
fn refused(variant: Compat) -> [Finished; 2] {
    let app = compat_app(variant).expect("it builds");
    let both = [Mysimbdp::check(&app).finish(), Mysimbdp::run(&app, "a\n1\n").finish()];
    for finished in &both {
        assert_eq!(finished.code(), exit::FAILED, "{}", finished.words());
    }
    both
}

#[test]
fn an_app_with_another_layout_is_refused_in_one_sentence() {
    for finished in refused(Compat::ChangedLayout) {
        let words = finished.words();
        assert!(words.contains("compat-changed-layout"), "{words}");
        assert!(words.contains("was built against another ABI than this host has"), "{words}");
        assert!(words.contains("rebuild it with this host's plugin-api"), "{words}");
        // The whole comparison has thousands of lines; nobody is helped by those.
        assert!(words.len() < 4000, "{} bytes: {words}", words.len());
    }
}

#[test]
fn an_app_of_a_newer_api_is_refused_before_its_code_is_loaded() {
    for finished in refused(Compat::NewerApi) {
        let words = finished.words();
        assert!(words.contains("built for plugin API 2.0, this host speaks 1.0"), "{words}");
    }
}
