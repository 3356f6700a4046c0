//! What a kill, a loss or damage leaves of the registry, and how it comes back. The durable steps are done by hand.

#![allow(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod apps_support;
mod guest_support;

use apps_support::{Place, app, build, candidate, first, hash, identity, tenant, with_name, with_version};
use mysimbdp::apps::{AppState, Apps, AppsError, Change, Decision, Occurrence};
use mysimbdp::staging::candidate::Finding;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

fn stored(place: &Place, bytes: &[u8]) -> PathBuf {
    place.at("apps").join(format!("{}.so", hash(bytes)))
}

/// Overwrites a read-only file of the store in place, as a failing disk or a hand would.
fn damage(path: &PathBuf, bytes: &[u8]) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_kill_before_the_record_leaves_garbage_that_is_swept_and_a_file_that_is_judged_again() {
    let (place, acme, so) = (Place::new(), tenant("acme"), build(""));
    drop(place.open());
    let path = place.drop_file("a.so", &so);
    // Step 1: written in part. Step 2: named, but never recorded.
    let unfinished = place.at("apps").join(format!(".{}.tmp", hash(b"other")));
    fs::write(&unfinished, &so[..100]).unwrap();
    fs::write(stored(&place, &so), &so).unwrap();
    let apps = place.open();
    assert!(place.stored().is_empty() && apps.troubles().is_empty());
    assert!(apps.list(None).is_empty() && !apps.is_judged(&acme, "a.so", &identity(&path)));
    assert_eq!(apps.consider(candidate(&acme, &path)).await.unwrap().verdict, Decision::Live);
    // Step 4 is done: nothing depends on what this process still holds in memory.
    let copy = Place::new();
    for name in ["apps.db", "apps.db-wal"] {
        fs::copy(place.at(name), copy.at(name)).unwrap();
    }
    fs::create_dir(copy.at("apps")).unwrap();
    fs::copy(stored(&place, &so), stored(&copy, &so)).unwrap();
    let after_a_kill = copy.open();
    let generation = after_a_kill.live(&acme, &app("some-app")).unwrap();
    assert!(generation.source().is_ok());
    assert!(after_a_kill.is_judged(&acme, "a.so", &identity(&path)));
}

#[tokio::test]
async fn an_app_whose_file_is_lost_is_told_counts_as_missing_and_is_mended_by_the_next_scan() {
    let (place, acme, so) = (Place::new(), tenant("acme"), build(""));
    let path = place.drop_file("a.so", &so);
    place.open().consider(candidate(&acme, &path)).await.unwrap();
    for lost in [None, Some(&so[..200])] {
        let file = stored(&place, &so);
        match lost {
            None => fs::remove_file(&file).unwrap(),
            Some(rest) => damage(&file, rest),
        }
        let apps = place.open();
        let [trouble] = apps.troubles() else { panic!("{:?}", apps.troubles()) };
        assert!(trouble.starts_with("app some-app of tenant acme is missing: the file "), "{trouble}");
        assert_eq!(apps.list(None)[0].state, AppState::Missing);
        assert!(apps.live(&acme, &app("some-app")).is_none());
        assert!(!apps.is_judged(&acme, "a.so", &identity(&path)));
        let mut changes = apps.changes();
        let verdict = apps.consider(candidate(&acme, &path)).await.unwrap();
        assert_eq!(verdict.verdict, Decision::Live, "{}", verdict.sentence);
        assert!(matches!(changes.try_recv(), Ok(Change::Live { .. })), "files may be waiting for it");
        assert!(apps.live(&acme, &app("some-app")).unwrap().source().is_ok());
    }
    assert_eq!(place.started(), 1, "the content is the one that was probed");
}

#[tokio::test]
async fn a_copy_damaged_while_the_host_runs_is_not_run() {
    let (place, acme, so) = (Place::new(), tenant("acme"), build(""));
    let apps = place.open();
    let path = place.drop_file("a.so", &so);
    apps.consider(candidate(&acme, &path)).await.unwrap();
    let generation = apps.live(&acme, &app("some-app")).unwrap();
    // The same size, one bit.
    let mut bytes = so.clone();
    bytes[so.len() / 2] ^= 1;
    damage(&stored(&place, &so), &bytes);
    let told = generation.source().unwrap_err().to_string();
    assert!(told.contains("is damaged (its bytes are not those that were stored) and is not run"), "{told}");
    assert!(apps.live(&acme, &app("some-app")).is_none());
    apps.consider(candidate(&acme, &path)).await.unwrap();
    assert!(apps.live(&acme, &app("some-app")).unwrap().source().is_ok());
    assert!(generation.source().is_ok(), "who holds it has the mended one");
}

#[tokio::test]
async fn a_lost_generation_that_is_not_live_undoes_no_rollback() {
    let (place, acme, so) = (Place::new(), tenant("acme"), build(""));
    let (one, two) = (with_version(&so, 1), with_version(&so, 2));
    let path = {
        let apps = place.open();
        place.consider(&apps, &acme, "a.so", &one).await;
        place.consider(&apps, &acme, "a.so", &two).await;
        apps.rollback(&acme, &app("some-app"), None).await.unwrap();
        place.at("staging").join("a.so")
    };
    fs::remove_file(stored(&place, &two)).unwrap();
    let apps = place.open();
    assert!(apps.troubles().is_empty());
    assert!(apps.is_judged(&acme, "a.so", &identity(&path)));
    assert_eq!(apps.live(&acme, &app("some-app")).unwrap().hash(), hash(&one));
}

#[tokio::test]
async fn generations_that_nobody_needs_are_given_up_and_their_history_stays() {
    let (place, acme, other, so) = (Place::new(), tenant("acme"), tenant("other"), build(""));
    let apps = place.open();
    let name = app("some-app");
    let versions: Vec<Vec<u8>> = (1..=10).map(|number| with_version(&so, number)).collect();
    for version in &versions {
        place.consider(&apps, &acme, "a.so", version).await;
    }
    place.consider(&apps, &other, "a.so", &versions[0]).await;
    let held = apps.generation(&acme, &name, &hash(&versions[1])).unwrap();
    let pinned = hash(&versions[2]);
    let collected = apps.collect(move |hash| hash == pinned).await.unwrap();
    // Of the ten: the newest five, one held, one pinned; and one whose file another tenant's app needs.
    assert_eq!((collected.generations, collected.swept.files), (3, 2));
    assert_eq!(place.stored().len(), 8);
    assert!(apps.generation(&acme, &name, &hash(&versions[0])).is_none());
    assert!(apps.live(&other, &name).unwrap().source().is_ok());
    assert!(held.source().is_ok());
    drop((held, apps));

    let apps = place.open();
    assert_eq!(apps.list(Some(&acme))[0].kept.len(), 7);
    assert_eq!(apps.collect(|_| false).await.unwrap().generations, 2);
    assert_eq!(place.stored().len(), 6);
    // Long gone, still the live one of a rollback.
    apps.rollback(&acme, &name, Some(&hash(&versions[5]))).await.unwrap();
    for number in 11..=16 {
        place.consider(&apps, &acme, "b.so", &with_name(&with_version(&so, number), "next-app")).await;
    }
    assert_eq!(apps.collect(|_| false).await.unwrap().generations, 1);
    assert_eq!(apps.live(&acme, &name).unwrap().hash(), hash(&versions[5]));
    let history = apps.history(&acme, Some(&name), &first(100)).await.unwrap().0;
    assert_eq!(history.iter().filter(|entry| entry.what == Occurrence::Live).count(), 10);
    assert!(history.iter().any(|entry| entry.generation.as_deref() == Some(&hash(&versions[0]))));
}

#[tokio::test]
async fn what_the_host_cannot_do_is_no_verdict_on_the_file() {
    let (place, acme, so) = (Place::new(), tenant("acme"), build(""));
    let apps = place.open();
    let path = place.drop_file("a.so", &so);
    fs::set_permissions(place.at("worker.sh"), fs::Permissions::from_mode(0o600)).unwrap();
    let error = apps.consider(candidate(&acme, &path)).await.unwrap_err();
    assert!(matches!(error, AppsError::Probe { .. }), "{error}");
    assert!(error.to_string().starts_with("a.so could not be probed: the host could not start a worker process"));
    assert!(!apps.is_judged(&acme, "a.so", &identity(&path)) && place.stored().is_empty());
    fs::set_permissions(place.at("worker.sh"), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(apps.consider(candidate(&acme, &path)).await.unwrap().verdict, Decision::Live);
}

#[tokio::test]
async fn a_store_that_cannot_be_written_is_no_verdict_and_hurts_nothing_that_is_live() {
    let (place, acme, so) = (Place::new(), tenant("acme"), build(""));
    let apps = place.open();
    place.consider(&apps, &acme, "a.so", &so).await;
    let generation = apps.live(&acme, &app("some-app")).unwrap();
    let source = generation.source().unwrap();
    fs::rename(place.at("apps"), place.at("elsewhere")).unwrap();
    let path = place.drop_file("a.so", &with_version(&so, 1));
    let error = apps.consider(candidate(&acme, &path)).await.unwrap_err().to_string();
    assert!(error.starts_with("the app store could not write "), "{error}");
    assert_eq!(apps.live(&acme, &app("some-app")).unwrap().hash(), hash(&so));
    fs::rename(place.at("elsewhere"), place.at("apps")).unwrap();
    assert!(std::sync::Arc::ptr_eq(&source, &generation.source().unwrap()), "one descriptor for all of its workers");
    assert_eq!(apps.consider(candidate(&acme, &path)).await.unwrap().verdict, Decision::Live);
}

#[tokio::test]
async fn a_file_that_could_not_be_read_is_on_record_too_and_old_refusals_make_room() {
    let (place, acme) = (Place::new(), tenant("acme"));
    let apps = place.open();
    let path = place.drop_file("a.so", b"");
    place.consider(&apps, &acme, "real.so", &build("")).await;
    let finding = Finding::refusal("symbolic-link", "link.so is a symbolic link", "give the file itself");
    let verdict = apps.refuse(&acme, "link.so", identity(&path), finding).await.unwrap();
    assert_eq!(verdict.sentence, "link.so is refused: link.so is a symbolic link; give the file itself");
    assert!(apps.is_judged(&acme, "link.so", &identity(&path)));
    for number in 0..60 {
        place.consider(&apps, &acme, &format!("bad{number}.so"), b"text").await;
    }
    let history = apps.history(&acme, None, &first(1000)).await.unwrap().0;
    assert_eq!(history.iter().filter(|entry| entry.what == Occurrence::Refused).count(), 50);
    assert_eq!(history.last().map(|entry| entry.what), Some(Occurrence::Live));
    assert_eq!(history[0].file.as_deref(), Some("bad59.so"));
}

#[tokio::test]
async fn a_file_that_is_no_registry_is_left_alone() {
    let place = Place::new();
    let other = rusqlite::Connection::open(place.at("apps.db")).unwrap();
    other.execute_batch("CREATE TABLE mine (a); PRAGMA application_id = 7").unwrap();
    drop(other);
    let spawner = mysimbdp::worker::spawner::Spawner::start(None).unwrap();
    let prober = mysimbdp::apps::Prober::new(spawner, mysimbdp::worker::protocol::Isolation::Full);
    let told = Apps::open(&place.at("apps.db"), &place.at("apps"), prober).unwrap_err().to_string();
    assert!(told.contains("is the database of another program and was left as it is"), "{told}");
}
