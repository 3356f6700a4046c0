//! `kill -9` of a host amid drops and rollbacks: what was answered is so, what was not is so as a whole or not at all.
//!
//! The test runs itself once more as a child, which tells each answer on its standard output.

#![allow(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod apps_support;
mod guest_support;

use apps_support::{Place, app, build, candidate, hash, identity, tenant, with_version};
use mysimbdp::apps::Apps;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const CHILD: &str = "MYSIMBDP_TEST_KILLED_REGISTRY";
const THIS: &str = "what_was_answered_survives_kill_9_and_nothing_is_there_by_half";
/// Generations that take turns: two are dropped, then the first of them is brought back.
const GENERATIONS: u32 = 40;
/// Ends a child that nobody kills.
const STEPS: u32 = 5_000;

/// The generation that is live after so many steps.
fn expected(step: u32) -> u32 {
    match step % 3 {
        // The rollback.
        0 => (step - 2) % GENERATIONS,
        _ => step % GENERATIONS,
    }
}

#[tokio::test]
async fn what_was_answered_survives_kill_9_and_nothing_is_there_by_half() {
    if let Some(directory) = std::env::var_os(CHILD) {
        return change_until_killed(&Place::of(Path::new(&directory))).await;
    }
    let (acme, name) = (tenant("acme"), app("some-app"));
    let so = build("");
    for answers in [1, 2, 3, 5, 8, 13, 21, 34] {
        let place = Place::new();
        fs::write(place.at("so"), &so).unwrap();
        let answered = kill_after(place.directory(), answers);

        let apps = place.open();
        assert!(apps.troubles().is_empty(), "{:?}", apps.troubles());
        let live = apps.live(&acme, &name).unwrap();
        let or_the_next = [answered, answered + 1].map(|step| hash(&with_version(&so, expected(step))));
        assert!(or_the_next.contains(&live.hash().to_owned()), "after {answered} answers {} is live", live.version());
        assert!(live.source().is_ok());
        // Neither a file without a row nor a row without a file.
        let mut kept: Vec<String> = apps.list(None)[0].kept.iter().map(|hash| format!("{hash}.so")).collect();
        kept.sort();
        assert_eq!(place.stored(), kept);
        // What it left in staging is judged as any file is, and it goes on.
        let path = place.at("staging").join("a.so");
        if !apps.is_judged(&acme, "a.so", &identity(&path)) {
            apps.consider(candidate(&acme, &path)).await.unwrap();
        }
        go_on(&place, &apps, &so).await;
    }
}

async fn go_on(place: &Place, apps: &Apps, so: &[u8]) {
    let next = with_version(so, GENERATIONS + 1);
    place.consider(apps, &tenant("acme"), "a.so", &next).await;
    assert_eq!(apps.live(&tenant("acme"), &app("some-app")).unwrap().hash(), hash(&next));
}

/// Starts a child, kills it some moment after so many answers, and gives the number of the last one.
fn kill_after(directory: &Path, answers: u32) -> u32 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", THIS, "--nocapture", "--test-threads=1"])
        .env(CHILD, directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut last, mut killed) = (0, false);
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        // The harness writes to the same pipe, and a last line may be cut by the kill.
        let line = line.unwrap();
        let Some(step) = line.split("answered ").nth(1).and_then(|rest| rest.strip_suffix('.')) else { continue };
        last = step.parse().unwrap();
        if last >= answers && !killed {
            std::thread::sleep(Duration::from_micros(fastrand::u64(..30_000)));
            child.kill().unwrap();
            killed = true;
        }
    }
    let status = child.wait().unwrap();
    assert!(killed && !status.success(), "the child ended by itself: {status}");
    last
}

async fn change_until_killed(place: &Place) {
    let (acme, name) = (tenant("acme"), app("some-app"));
    let so = fs::read(place.at("so")).unwrap();
    let apps = place.open();
    // Not by println, which the harness would take.
    let mut answers = std::io::stdout();
    for step in 1..STEPS {
        let wanted = with_version(&so, expected(step));
        match step % 3 {
            0 => drop(apps.rollback(&acme, &name, Some(&hash(&wanted))).await.unwrap()),
            _ => drop(place.consider(&apps, &acme, "a.so", &wanted).await),
        }
        writeln!(answers, "answered {step}.").unwrap();
    }
}
