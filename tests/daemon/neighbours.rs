//! One tenant's app does everything that is forbidden, and another tenant's batch does not notice.

use mysimbdp_tests::artefacts;
use mysimbdp_tests::daemon::Daemon;
use mysimbdp_tests::data::Rows;

/// Deeds that end or hold up a worker, each in its own way.
const DEEDS: &[&str] = &[
    "panic",
    "segfault",
    "abort",
    "stack_overflow",
    "exit0",
    "double_free",
    "illegal_instruction",
    "endless_loop",
    "sleep_forever",
    "fail",
];

#[test]
fn a_batch_beside_every_villain_ends_as_it_would_alone() {
    let config = "[profiles.normal]\nstall_seconds = 1\nattempts = 1\n[tenants.villain]\n[tenants.acme]\n";
    let mut daemon = Daemon::start(config);
    for tenant in ["villain", "acme"] {
        daemon.drop_app(tenant, &artefacts::villains());
    }
    let files: Vec<String> = DEEDS.iter().map(|deed| format!("{deed}.csv")).collect();
    for (number, (file, deed)) in (0_u64..).zip(files.iter().zip(DEEDS)) {
        daemon.write(file, Rows::innocent(300 + number).with(100, deed).csv());
    }
    let submit = |tenant: &str, files: &[&str], more: &[&str]| {
        let arguments = [&["submit", tenant, "villains"], files, more].concat();
        daemon.ask(&arguments, &[0, 1, 3])
    };
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    submit("villain", &files, &["--no-wait"]);
    daemon.write("honest.csv", Rows::innocent(20_000).csv());
    let batch = submit("acme", &["honest.csv"], &[]);
    let counts = &batch["tasks"][0]["checkpoint"]["counts"];
    assert_eq!(
        (&batch["tasks"][0]["state"], &counts["documents"]["stored"]),
        (&"done".into(), &20_000.into()),
        "{batch}"
    );
    assert_eq!(daemon.documents("acme", "documents").len(), 20_000);
    let tasks = daemon.settled();
    for (task, deed) in tasks.iter().zip(DEEDS) {
        let expected = if *deed == "fail" { "parked" } else { "done" };
        assert_eq!(task["state"], expected, "{deed}: {task}");
    }
    assert!(daemon.is_running());
}
