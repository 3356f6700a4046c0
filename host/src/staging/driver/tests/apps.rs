//! Apps that are dropped, replaced and removed.

use super::*;
use std::io::Write;

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_is_dropped_goes_live_and_has_an_inbox_wherever_it_was_dropped() {
    let bench = Bench::new(&["acme", "beta"]);
    bench.there("acme/apps").await;
    bench.live("acme/x.so", "one").await;
    bench.live("acme/apps/y.so", "two").await;
    let verdict = bench.verdict("acme/apps/y.so", "live").await;
    assert_eq!((&verdict["file"], &verdict["apps"][0]), (&"y.so".into(), &"two".into()));
    assert_eq!(verdict["generation"], blake3::hash(b"app two").to_string());
    assert!(bench.path("acme/inbox/one").is_dir() && bench.path("acme/inbox/two").is_dir());
    assert_eq!(bench.considered(), ["acme/x.so: app one", "acme/apps/y.so: app two"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_app_gets_its_sentence_and_the_next_one_goes_live() {
    let bench = Bench::new(&["acme"]);
    bench.there("acme/apps").await;
    bench.write("acme/x.so", "rubbish");
    let verdict = bench.verdict("acme/x.so", "refused").await;
    assert_eq!((&verdict["sentence"], &verdict["findings"][0]["code"]), (&"it is no app".into(), &"not-elf".into()));
    bench.live("acme/x.so", "good").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_is_copied_for_long_waits_without_a_verdict() {
    let bench = Bench::new(&["acme"]);
    bench.there("acme/apps").await;
    let mut copy = fs::File::create(bench.path("acme/x.so")).unwrap();
    copy.write_all(b"app ").unwrap();
    for (file, app) in [("acme/a.so", "a"), ("acme/b.so", "b"), ("acme/apps/c.so", "c")] {
        bench.live(file, app).await;
        bench.knock().look_again(&TenantId::parse("acme").unwrap());
    }
    assert!(!bench.considered().iter().any(|candidate| candidate.contains("x.so")));
    assert!(!bench.path("acme/x.so.verdict.json").exists());
    copy.write_all(b"late").unwrap();
    drop(copy);
    bench.verdict("acme/x.so", "live").await;
    assert_eq!(bench.considered().last().unwrap(), "acme/x.so: app late");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_is_overwritten_in_place_or_renamed_over_is_a_new_candidate() {
    let bench = Bench::new(&["acme"]);
    bench.there("acme/apps").await;
    bench.live("acme/x.so", "one").await;
    bench.live("acme/x.so", "two").await;
    bench.write("acme/.new", "app three");
    fs::rename(bench.path("acme/.new"), bench.path("acme/x.so")).unwrap();
    bench.until("three", || bench.considered().len() == 3).await;
    assert_eq!(bench.considered(), ["acme/x.so: app one", "acme/x.so: app two", "acme/x.so: app three"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_is_removed_retires_and_one_that_is_removed_and_put_back_is_judged_again() {
    let bench = Bench::new(&["acme"]);
    bench.there("acme/apps").await;
    bench.live("acme/x.so", "one").await;
    fs::remove_file(bench.path("acme/x.so")).unwrap();
    assert_eq!(bench.verdict("acme/x.so", "retired").await["sentence"], "one is retired");
    bench.live("acme/x.so", "one").await;
    assert_eq!(bench.considered().len(), 2);

    bench.write("acme/bad.so", "rubbish");
    bench.verdict("acme/bad.so", "refused").await;
    fs::remove_file(bench.path("acme/bad.so")).unwrap();
    bench.until("its verdict is gone", || !bench.path("acme/bad.so.verdict.json").exists()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_judged_is_not_judged_again_by_another_life_and_what_went_meanwhile_retires() {
    let mut bench = Bench::new(&["acme"]);
    bench.there("acme/apps").await;
    bench.live("acme/x.so", "one").await;
    bench.live("acme/y.so", "two").await;
    bench.write("acme/bad.so", "rubbish");
    bench.verdict("acme/bad.so", "refused").await;
    bench.stop().await;
    fs::remove_file(bench.path("acme/x.so")).unwrap();
    bench.write("acme/z.so", "app three");
    fs::write(bench.path(format!("acme/apps/.verdict-{}", uuid::Uuid::new_v4())), "half").unwrap();
    bench.start();
    bench.verdict("acme/x.so", "retired").await;
    bench.verdict("acme/z.so", "live").await;
    assert_eq!(bench.considered().len(), 4, "{:?}", bench.considered());
    assert!(bench.names("acme/apps").is_empty(), "what a kill left of a verdict is removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_app_holds_up_its_own_tenant_only() {
    let bench = Bench::new(&["acme", "beta"]);
    bench.there("beta/apps").await;
    bench.write("acme/x.so", "app slow");
    bench.registry.began.notified().await;
    bench.write("acme/y.so", "app after");
    bench.live("beta/x.so", "one").await;
    bench.live("beta/y.so", "two").await;
    assert!(!bench.considered().iter().any(|candidate| candidate.contains("after")));
    bench.registry.release.notify_one();
    bench.verdict("acme/y.so", "live").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_handled_as_soon_as_it_is_known() {
    let bench = Bench::new(&["acme"]);
    bench.there("acme/apps").await;
    fs::create_dir_all(bench.path("newcomer/inbox/one")).unwrap();
    bench.write("newcomer/x.so", "app one");
    bench.write("newcomer/inbox/one/a.csv", "a");
    bench.write("stray.so", "app stray");
    bench.until("told", || bench.was_told("newcomer in the staging directory belongs to no tenant")).await;
    bench.until("told", || bench.was_told("stray.so in the staging directory belongs to nobody")).await;
    bench.live("acme/x.so", "acmes").await;
    assert_eq!(bench.considered().len(), 1);
    bench.tenants.lock().unwrap().push("newcomer".into());
    bench.knock().tenants_changed();
    bench.verdict("newcomer/x.so", "live").await;
    bench.verdict("newcomer/inbox/one/a.csv", "accepted").await;
    // And a known one's directory may come later.
    bench.tenants.lock().unwrap().push("later".into());
    fs::create_dir(bench.path("later")).unwrap();
    bench.there("later/apps").await;
    bench.live("later/apps/x.so", "laters").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_watcher_everything_is_found_by_looking() {
    let mut bench = Bench::asleep(&["acme"]);
    let mut staging = bench.staging();
    staging.scanner.as_mut().unwrap().watcher = None;
    staging.every = Duration::from_millis(20);
    bench.start_as(staging);
    bench.there("acme/apps").await;
    bench.live("acme/x.so", "one").await;
    bench.live("acme/x.so", "two").await;
    bench.write("acme/inbox/two/a.csv", "a");
    bench.verdict("acme/inbox/two/a.csv", "accepted").await;
    fs::remove_file(bench.path("acme/x.so")).unwrap();
    bench.verdict("acme/x.so", "retired").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_watcher_missed_is_scanned_when_it_says_so() {
    let mut bench = Bench::asleep(&["acme"]);
    let staging = bench.staging();
    let ears = staging.ears.clone();
    bench.start_as(staging);
    bench.there("acme/apps").await;
    bench.live("acme/y.so", "one").await;
    // Beneath a directory that is not watched, as if its events were lost.
    fs::create_dir(bench.path("acme/.hidden")).unwrap();
    bench.write("acme/.hidden/x.so", "app two");
    bench.tenants.lock().unwrap().push("beta".into());
    ears.overflow();
    fs::create_dir(bench.path("beta")).unwrap();
    bench.there("beta/apps").await;
    assert_eq!(bench.considered().len(), 1);
}
