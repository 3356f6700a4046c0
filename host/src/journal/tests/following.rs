//! The last lines and then each new one, with no gap and no double.

use super::*;

async fn take(follower: &mut Follower, count: u64) -> Vec<u64> {
    let mut numbers = Vec::new();
    for _ in 0..count {
        numbers.push(number(&follower.next().await.unwrap()));
    }
    numbers
}

#[tokio::test]
async fn who_follows_gets_the_last_lines_and_then_the_new_ones() {
    let house = House::new(Rules { bytes: 600, files: 100, ..rules() }, tuning());
    house.record_deeds(0..20).await;
    let mut followers = Vec::new();
    for last in [0, 1, 3, 15, 1000] {
        let begin = 20_u64.saturating_sub(last as u64);
        followers.push((begin, house.journal.follow(&acme(), Filter::default(), last).await.unwrap()));
    }
    house.record_deeds(20..22).await;
    for (begin, mut follower) in followers {
        let told = take(&mut follower, 22 - begin).await;
        assert_eq!(told, (begin..22).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn between_the_files_and_what_comes_nothing_is_missing_and_nothing_is_there_twice() {
    let house = House::new(Rules { bytes: 2000, files: 10_000, ..rules() }, Tuning { behind: 1 << 16, ..tuning() });
    let journal = house.journal.clone();
    let writing = tokio::spawn(async move {
        for number in 0..5000 {
            journal.record(deed("acme", number)).await;
            if number % 16 == 0 {
                tokio::task::yield_now().await;
            }
        }
    });
    let mut followers = tokio::task::JoinSet::new();
    while !writing.is_finished() {
        let mut follower = house.journal.follow(&acme(), Filter::default(), 100).await.unwrap();
        followers.spawn(async move {
            let first = number(&follower.next().await.unwrap());
            let rest = take(&mut follower, 4999 - first).await;
            assert_eq!(rest, (first + 1..5000).collect::<Vec<_>>());
        });
    }
    writing.await.unwrap();
    assert!(!followers.is_empty());
    followers.join_all().await;
}

#[tokio::test]
async fn who_is_too_slow_is_told_how_many_lines_were_skipped() {
    let house = House::new(rules(), Tuning { behind: 16, ..tuning() });
    let mut follower = house.journal.follow(&acme(), Filter::default(), 0).await.unwrap();
    house.record_deeds(0..100).await;
    house.journal.flush().await.unwrap();
    let told = follower.next().await.unwrap();
    let Happening::Skipped { lines, reason } = &told.what else { panic!("{told:?}") };
    assert_eq!((*lines, told.tenant.clone()), (84, Some(tenant("acme"))));
    assert_eq!(reason, "84 lines were skipped: they came faster than they were taken");
    assert_eq!(take(&mut follower, 16).await, (84..100).collect::<Vec<_>>());
}

#[tokio::test]
async fn each_scope_has_its_own_and_the_filter_holds_for_both_halves() {
    let house = House::new(rules(), tuning());
    let some = |task| ended("acme", task, 1);
    house.journal.record(log("acme", 1, "before")).await;
    house.journal.record(some(1)).await;
    let mut all = house.journal.follow(&acme(), Filter::default(), 10).await.unwrap();
    let mut ends = house.journal.follow(&acme(), Filter::kind("task_ended"), 10).await.unwrap();
    let mut general = house.journal.follow(&Scope::General, Filter::default(), 10).await.unwrap();
    house.journal.record(log("acme", 2, "after")).await;
    house.journal.record(deed("other", 5)).await;
    house.journal.record(some(2)).await;
    for expected in [log("acme", 1, "before"), some(1), log("acme", 2, "after"), some(2)] {
        assert_eq!(*all.next().await.unwrap(), expected);
    }
    for expected in [some(1), some(2)] {
        assert_eq!(*ends.next().await.unwrap(), expected);
    }
    for expected in [some(1), deed("other", 5), some(2)] {
        assert_eq!(*general.next().await.unwrap(), expected);
    }
    house.thread.close().unwrap();
    assert!(all.next().await.is_none() && general.next().await.is_none(), "the end of the journal is theirs");
}
