//! The registry of apps over real `.so` files and real probes: what goes live, what is refused, and the way back.

#![allow(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod apps_support;
mod guest_support;

use apps_support::{Place, app, build, candidate, first, hash, identity, tenant, with_name, with_version};
use mysimbdp::apps::{AppState, Apps, Change, Decision, Occurrence};
use mysimbdp::part::Part;
use mysimbdp::staging::candidate::Kind;
use mysimbdp::tenant::TenantId;
use mysimbdp::worker::process::Worker;
use mysimbdp::worker::protocol::{GuestLimits, Isolation};
use mysimbdp::worker::spawner::Spawner;
use std::fs;
use std::path::Path;
use std::time::Duration;

fn live(apps: &Apps, tenant: &TenantId, name: &str) -> Option<String> {
    apps.live(tenant, &app(name)).map(|generation| generation.hash().to_owned())
}

fn what_happened(history: &[mysimbdp::apps::HistoryEntry]) -> Vec<Occurrence> {
    history.iter().map(|entry| entry.what).collect()
}

#[tokio::test]
async fn a_dropped_app_is_live_at_once_and_a_worker_runs_from_its_copy() {
    let (place, acme, so) = (Place::new(), tenant("acme"), build(""));
    let apps = place.open();
    let mut changes = apps.changes();
    let verdict = place.consider(&apps, &acme, "fares.so", &so).await;
    assert_eq!(verdict.verdict, Decision::Live, "{}", verdict.sentence);
    let expected = format!("fares.so is live: app some-app (generation {}) v000000, kinds: batch", &hash(&so)[..12]);
    assert_eq!(verdict.sentence, expected);
    assert_eq!((verdict.kinds.as_slice(), verdict.version.as_str()), (&[Kind::Batch][..], "v000000"));
    assert!(verdict.after_ms.is_some());

    let generation = apps.live(&acme, &app("some-app")).unwrap();
    assert_eq!((generation.hash(), generation.size()), (hash(&so).as_str(), so.len() as u64));
    assert!(generation.provides(Kind::Batch) && !generation.provides(Kind::Stream) && !generation.rows_independent());
    let Ok(Change::Live { generation: told, replaced: None, reason, .. }) = changes.try_recv() else { panic!() };
    assert_eq!((told.hash(), reason.as_str()), (generation.hash(), "fares.so was dropped"));

    // Whatever becomes of the dropped file.
    fs::write(place.at("staging").join("fares.so"), "overwritten in place").unwrap();
    let limits = GuestLimits { memory: 256 << 20, cpu_seconds: None };
    let spec = generation.worker_spec(Isolation::Full, limits, None).unwrap();
    let spawner = Spawner::start(Some(Path::new(guest_support::WORKER))).unwrap();
    let worker = Worker::start(&spawner, &spec).await.unwrap();
    assert_eq!(worker.ready().name, "some-app");
    worker.retire().await;
}

#[tokio::test]
async fn a_new_generation_replaces_the_old_one_which_is_kept_for_its_tasks() {
    let (place, acme, so) = (Place::new(), tenant("acme"), build(""));
    let apps = place.open();
    let (one, two) = (with_version(&so, 1), with_version(&so, 2));
    place.consider(&apps, &acme, "a.so", &one).await;
    let mut changes = apps.changes();
    place.consider(&apps, &acme, "a.so", &two).await;
    assert_eq!(live(&apps, &acme, "some-app"), Some(hash(&two)));
    let Ok(Change::Live { replaced: Some(replaced), .. }) = changes.try_recv() else { panic!() };
    assert_eq!(replaced.hash(), hash(&one));
    let kept = apps.generation(&acme, &app("some-app"), &hash(&one)).unwrap();
    assert_eq!(kept.version(), "v000001");
    assert!(kept.source().is_ok());
}

#[tokio::test]
async fn what_cannot_be_an_app_is_told_and_changes_nothing() {
    let (place, acme, so) = (Place::new(), tenant("acme"), build(""));
    let apps = place.open();
    place.consider(&apps, &acme, "a.so", &so).await;
    let mut changes = apps.changes();
    let exits = build("exit(0);");
    let crashes = build("abort();");
    // A constructor that goes on to say it is ready has no say in which app it is.
    let mut two_faced = with_version(&so, 7);
    let descriptor = b"name=some-app";
    let at = two_faced.windows(descriptor.len()).position(|window| window == descriptor).unwrap();
    two_faced[at + 5..at + 13].copy_from_slice(b"same-app");
    let cases: [(&[u8], &str); 5] = [
        (b"id,fare\n1,2\n", "a.so is refused: this is a text file (it starts with «id,fare»)"),
        (&so[..so.len() - 100], "bytes are missing, it is still being copied or was cut"),
        (&exits, "exited with status 0 before it was ready: a constructor of the library ends the process"),
        (&crashes, "was killed by an abort (SIGABRT) before it was ready"),
        (&two_faced, "its descriptor says same-app (batch), its table says some-app (batch)"),
    ];
    for (bytes, sentence) in &cases {
        let verdict = place.consider(&apps, &acme, "a.so", bytes).await;
        assert_eq!(verdict.verdict, Decision::Refused, "{}", verdict.sentence);
        assert!(verdict.sentence.starts_with("a.so is refused: "), "{}", verdict.sentence);
        assert!(verdict.sentence.contains(sentence), "{}\nlacks\n{sentence}", verdict.sentence);
        assert!(!verdict.sentence.contains('\n'), "{}", verdict.sentence);
        assert_eq!(live(&apps, &acme, "some-app"), Some(hash(&so)));
    }
    assert!(changes.try_recv().is_err());
    assert_eq!(place.stored(), [format!("{}.so", hash(&so))]);
    let history = apps.history(&acme, None, &first(100)).await.unwrap().0;
    assert_eq!(what_happened(&history), [&[Occurrence::Refused; 5][..], &[Occurrence::Live]].concat());
    let named = apps.history(&acme, Some(&app("some-app")), &first(100)).await.unwrap().0;
    assert_eq!(what_happened(&named), [Occurrence::Refused, Occurrence::Refused, Occurrence::Live]);
    assert_eq!(named[0].sentence, history[1].sentence);
}

#[tokio::test]
async fn a_constructor_that_hangs_is_given_up_and_told() {
    let (place, acme) = (Place::new(), tenant("acme"));
    let apps = place.open_with(|prober| prober.deadline = Duration::from_millis(300));
    let verdict = place.consider(&apps, &acme, "a.so", &build("for (;;) pause();")).await;
    assert_eq!(verdict.verdict, Decision::Refused);
    assert!(verdict.sentence.contains("it was not ready after 300 ms"), "{}", verdict.sentence);
    assert!(apps.list(None).is_empty() && place.stored().is_empty());
}

#[tokio::test]
async fn a_tenant_whose_probe_hangs_holds_up_nobody_else() {
    let (place, slow, quick) = (Place::new(), tenant("slow"), tenant("quick"));
    let apps = place.open_with(|prober| prober.parallel = 2);
    let hanging = candidate(&slow, &place.drop_file("hang.so", &build("for (;;) pause();")));
    let waiting = candidate(&slow, &place.drop_file("next.so", &build("")));
    let hanging = tokio::spawn({
        let apps = apps.clone();
        async move { apps.consider(hanging).await }
    });
    let waiting = tokio::spawn({
        let apps = apps.clone();
        async move { apps.consider(waiting).await }
    });
    while place.started() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let verdict = place.consider(&apps, &quick, "a.so", &build("")).await;
    assert_eq!(verdict.verdict, Decision::Live, "{}", verdict.sentence);
    assert!(!hanging.is_finished() && !waiting.is_finished());
}

#[tokio::test]
async fn the_same_content_of_many_tenants_is_kept_and_probed_once() {
    let (place, so) = (Place::new(), build(""));
    let apps = place.open();
    let path = place.drop_file("a.so", &so);
    let tenants: Vec<TenantId> = (0..20).map(|number| tenant(&format!("t{number}"))).collect();
    let dropped = tenants.iter().map(|tenant| {
        let (apps, candidate) = (apps.clone(), candidate(tenant, &path));
        tokio::spawn(async move { apps.consider(candidate).await.unwrap() })
    });
    for verdict in dropped.collect::<Vec<_>>() {
        assert_eq!(verdict.await.unwrap().verdict, Decision::Live);
    }
    assert_eq!((place.started(), place.stored().len()), (1, 1));
    // One of them has its own way; the others stay.
    place.consider(&apps, &tenants[0], "a.so", &with_version(&so, 1)).await;
    apps.removed(&tenants[1], "a.so").await.unwrap();
    assert_eq!(live(&apps, &tenants[0], "some-app"), Some(hash(&with_version(&so, 1))));
    assert_eq!(live(&apps, &tenants[1], "some-app"), None);
    assert_eq!(live(&apps, &tenants[2], "some-app"), Some(hash(&so)));
    drop(apps);
    // A probe by this build, under this isolation, also counts after a restart.
    let apps = place.open();
    place.consider(&apps, &tenant("late"), "b.so", &so).await;
    assert_eq!(place.started(), 2);
    drop(apps);
    let apps = place.open_with(|prober| prober.build = "another".into());
    place.consider(&apps, &tenant("later"), "c.so", &so).await;
    assert_eq!(place.started(), 3);
}

#[tokio::test]
async fn a_file_is_judged_once_and_the_same_content_newly_dropped_is_live_again() {
    let (place, acme, so) = (Place::new(), tenant("acme"), build(""));
    let apps = place.open();
    let (one, two) = (with_version(&so, 1), with_version(&so, 2));
    place.consider(&apps, &acme, "a.so", &one).await;
    let path = place.drop_file("a.so", &two);
    let first = apps.consider(candidate(&acme, &path)).await.unwrap();
    assert!(apps.is_judged(&acme, "a.so", &identity(&path)));
    let again = apps.consider(candidate(&acme, &path)).await.unwrap();
    assert_eq!((again.verdict, &again.sentence), (Decision::Unchanged, &first.sentence));
    assert_eq!(place.started(), 2);

    let mut changes = apps.changes();
    let dropped = place.consider(&apps, &acme, "a.so", &one).await;
    assert_eq!(dropped.verdict, Decision::Live);
    assert!(dropped.sentence.starts_with("a.so is live again: "), "{}", dropped.sentence);
    assert_eq!(live(&apps, &acme, "some-app"), Some(hash(&one)));
    assert!(matches!(changes.try_recv(), Ok(Change::Live { .. })));

    let renamed = place.consider(&apps, &acme, "renamed.so", &one).await;
    assert_eq!(renamed.verdict, Decision::Live);
    assert!(renamed.sentence.ends_with("which is live already"), "{}", renamed.sentence);
    assert!(changes.try_recv().is_err());
    // The file it came from now is another one.
    assert!(apps.removed(&acme, "a.so").await.unwrap().is_empty());
    assert_eq!(apps.removed(&acme, "renamed.so").await.unwrap().len(), 1);
    assert_eq!(place.started(), 2);
}

#[tokio::test]
async fn a_refused_file_is_not_judged_again_until_it_changes() {
    let (place, acme) = (Place::new(), tenant("acme"));
    let apps = place.open();
    let path = place.drop_file("a.so", b"text");
    let first = apps.consider(candidate(&acme, &path)).await.unwrap();
    drop(apps);
    let apps = place.open();
    assert!(apps.is_judged(&acme, "a.so", &identity(&path)));
    let judgement = apps.judgement(&acme, "a.so", &identity(&path)).unwrap();
    assert_eq!((judgement.accepted, &judgement.sentence), (false, &first.sentence));
    assert_eq!(apps.judged_files(&acme), ["a.so"]);
    let path = place.drop_file("a.so", &build(""));
    assert!(!apps.is_judged(&acme, "a.so", &identity(&path)));
}

#[tokio::test]
async fn removing_the_file_retires_the_app_and_dropping_it_again_brings_it_back() {
    let (place, acme, so) = (Place::new(), tenant("acme"), build(""));
    let apps = place.open();
    let path = place.drop_file("a.so", &so);
    apps.consider(candidate(&acme, &path)).await.unwrap();
    let mut changes = apps.changes();
    let gone = apps.removed(&acme, "a.so").await.unwrap();
    assert_eq!(gone[0].hash(), hash(&so));
    let Ok(Change::Retired { reason, .. }) = changes.try_recv() else { panic!() };
    assert_eq!(reason, "its file a.so was removed");
    assert_eq!(apps.list(Some(&acme))[0].state, AppState::Retired);
    // A task that is pinned to it runs on.
    assert!(apps.generation(&acme, &app("some-app"), &hash(&so)).unwrap().source().is_ok());
    drop(apps);
    let apps = place.open();
    assert_eq!(live(&apps, &acme, "some-app"), None);
    assert!(!apps.is_judged(&acme, "a.so", &identity(&path)), "the very same file may be moved back");
    apps.consider(candidate(&acme, &path)).await.unwrap();
    assert_eq!(live(&apps, &acme, "some-app"), Some(hash(&so)));
    let history = apps.history(&acme, Some(&app("some-app")), &first(10)).await.unwrap().0;
    assert_eq!(what_happened(&history), [Occurrence::Live, Occurrence::Removed, Occurrence::Live]);
    assert_eq!(history[1].file.as_deref(), Some("a.so"));
}

#[tokio::test]
async fn of_two_files_with_one_app_the_one_dropped_last_is_live() {
    let (place, acme, so) = (Place::new(), tenant("acme"), build(""));
    let apps = place.open();
    let (one, two) = (with_version(&so, 1), with_version(&so, 2));
    place.consider(&apps, &acme, "one.so", &one).await;
    place.consider(&apps, &acme, "two.so", &two).await;
    assert_eq!(live(&apps, &acme, "some-app"), Some(hash(&two)));
    assert!(apps.removed(&acme, "one.so").await.unwrap().is_empty());
    assert_eq!(live(&apps, &acme, "some-app"), Some(hash(&two)));
    apps.removed(&acme, "two.so").await.unwrap();
    assert_eq!(live(&apps, &acme, "some-app"), None);
}

#[tokio::test]
async fn a_file_that_becomes_another_app_retires_the_one_it_was() {
    let (place, acme, so) = (Place::new(), tenant("acme"), build(""));
    let apps = place.open();
    place.consider(&apps, &acme, "a.so", &so).await;
    place.consider(&apps, &acme, "a.so", &with_name(&so, "next-app")).await;
    assert_eq!(live(&apps, &acme, "some-app"), None);
    assert_eq!(live(&apps, &acme, "next-app"), Some(hash(&with_name(&so, "next-app"))));
    let history = apps.history(&acme, Some(&app("some-app")), &first(10)).await.unwrap().0;
    assert_eq!(history[0].sentence, "its file a.so is app next-app now");
}

#[tokio::test]
async fn a_rollback_outlives_restart_and_rescan_until_another_file_is_dropped() {
    let (place, acme, so) = (Place::new(), tenant("acme"), build(""));
    let apps = place.open();
    let name = app("some-app");
    let versions: Vec<Vec<u8>> = (1..=3).map(|number| with_version(&so, number)).collect();
    for version in &versions {
        place.consider(&apps, &acme, "a.so", version).await;
    }
    let path = place.at("staging").join("a.so");
    let back = apps.rollback(&acme, &name, None).await.unwrap();
    assert_eq!(back.hash(), hash(&versions[1]));
    drop(apps);

    let apps = place.open();
    assert!(apps.is_judged(&acme, "a.so", &identity(&path)));
    let rescanned = apps.consider(candidate(&acme, &path)).await.unwrap();
    assert_eq!(rescanned.verdict, Decision::Unchanged);
    assert_eq!(live(&apps, &acme, "some-app"), Some(hash(&versions[1])));

    // Further back, and no further than there is.
    apps.rollback(&acme, &name, None).await.unwrap();
    assert_eq!(live(&apps, &acme, "some-app"), Some(hash(&versions[0])));
    let told = apps.rollback(&acme, &name, None).await.unwrap_err().to_string();
    assert!(told.contains("has no earlier generation than some-app (generation "), "{told}");
    // And forward, by its name.
    apps.rollback(&acme, &name, Some(&hash(&versions[2])[..12].to_uppercase())).await.unwrap();
    assert_eq!(live(&apps, &acme, "some-app"), Some(hash(&versions[2])));
    let (history, next) = apps.history(&acme, Some(&name), &first(3)).await.unwrap();
    assert_eq!(what_happened(&history), [Occurrence::RolledBack; 3]);
    let (earlier, none) = apps.history(&acme, Some(&name), &Part { after: next, limit: 3 }).await.unwrap();
    assert_eq!((what_happened(&earlier), none), (vec![Occurrence::Live; 3], None), "behind the last, and no further");
    let from = format!("rolled back by hand from generation {}", &hash(&versions[0])[..12]);
    assert_eq!(history[0].sentence, from);

    apps.rollback(&acme, &name, None).await.unwrap();
    place.consider(&apps, &acme, "a.so", &versions[2]).await;
    assert_eq!(live(&apps, &acme, "some-app"), Some(hash(&versions[2])));
}

#[tokio::test]
async fn a_rollback_that_cannot_be_is_told_in_one_sentence() {
    let (place, acme, so) = (Place::new(), tenant("acme"), build(""));
    let apps = place.open();
    let name = app("some-app");
    let (one, two) = (with_version(&so, 1), with_version(&so, 2));
    place.consider(&apps, &acme, "a.so", &one).await;
    place.consider(&apps, &acme, "a.so", &two).await;
    let kept = format!("it keeps: {}, {}", &hash(&two)[..12], &hash(&one)[..12]);
    let live_already = format!("some-app (generation {}) is live already", &hash(&two)[..12]);
    let cases = [
        ("nothing", Some("x"), "tenant acme has no app nothing: it has some-app"),
        ("some-app", Some("zz\n"), "keeps no generation that begins with \"zz\\n\""),
        ("some-app", Some("zz"), kept.as_str()),
        ("some-app", Some(""), "2 generations of app some-app begin with \"\": give more of its digits"),
        ("some-app", Some(&hash(&two)), live_already.as_str()),
    ];
    for (name, to, sentence) in &cases {
        let told = apps.rollback(&acme, &app(name), *to).await.unwrap_err().to_string();
        assert!(told.contains(sentence), "{told}\nlacks\n{sentence}");
    }
    fs::remove_file(place.at("apps").join(format!("{}.so", hash(&one)))).unwrap();
    let told = apps.rollback(&acme, &name, None).await.unwrap_err().to_string();
    assert!(told.contains("of the app store is gone: drop the app's .so again"), "{told}");
    assert_eq!(live(&apps, &acme, "some-app"), Some(hash(&two)));
}

#[tokio::test]
async fn an_app_retired_by_hand_stays_so_until_it_is_brought_back() {
    let (place, acme, so) = (Place::new(), tenant("acme"), build(""));
    let apps = place.open();
    let path = place.drop_file("a.so", &so);
    apps.consider(candidate(&acme, &path)).await.unwrap();
    apps.retire(&acme, &app("some-app")).await.unwrap();
    let told = apps.retire(&acme, &app("some-app")).await.unwrap_err().to_string();
    assert!(told.contains("is retired already"), "{told}");
    drop(apps);
    let apps = place.open();
    assert_eq!(apps.consider(candidate(&acme, &path)).await.unwrap().verdict, Decision::Unchanged);
    assert_eq!(live(&apps, &acme, "some-app"), None);
    apps.rollback(&acme, &app("some-app"), None).await.unwrap();
    assert_eq!(live(&apps, &acme, "some-app"), Some(hash(&so)));
}

#[tokio::test]
async fn an_asker_that_goes_away_stops_nothing_half_way() {
    let (place, acme, so) = (Place::new(), tenant("acme"), build(""));
    let apps = place.open();
    let mut changes = apps.changes();
    let asked = apps.consider(candidate(&acme, &place.drop_file("a.so", &so)));
    assert!(tokio::time::timeout(Duration::ZERO, asked).await.is_err());
    assert!(matches!(changes.recv().await, Ok(Change::Live { .. })));
    assert_eq!(live(&apps, &acme, "some-app"), Some(hash(&so)));
}
