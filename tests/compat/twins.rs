//! Two apps of one name with different code: each runs its own.

use mysimbdp_tests::artefacts;
use mysimbdp_tests::command::Mysimbdp;
use mysimbdp_tests::expect::exit;
use serde_json::json;

#[test]
fn two_apps_of_one_name_each_run_their_own_code() {
    let twins = ["a", "b"].map(|twin| {
        let app = artefacts::example(&format!("twin_{twin}"));
        // Under one file name as well.
        let command = Mysimbdp::run(&app, "n\n1\n");
        let same_name = command.directory().join("twin.so");
        std::fs::copy(&app, &same_name).unwrap();
        (twin, Mysimbdp::run(&same_name, "n\n1\n").start(), command)
    });
    let mut generations = Vec::new();
    for (twin, running, _kept) in twins {
        let finished = running.finish();
        let report = finished.report();
        assert_eq!(finished.code(), exit::DONE, "{:?}", report.sentences());
        assert_eq!(finished.sink().documents(), [json!({ "n": 1, "twin": twin })]);
        let app = report.app.unwrap();
        assert_eq!((app.name.as_str(), app.version.as_str()), ("twin", "1.0.0"));
        generations.push(app.generation);
    }
    assert_ne!(generations[0], generations[1], "a generation is the hash of its content");
}
