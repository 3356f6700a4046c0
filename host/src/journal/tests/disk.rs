//! A disk that fails: recording goes on, what fits is kept in memory and written later, what was lost is told.

use super::*;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::process::Command;

const CHILD: &str = "MYSIMBDP_TEST_FULL_DISK_JOURNAL";
const THIS: &str = "journal::tests::disk::a_write_that_ends_amid_a_line_leaves_no_half_and_is_made_good_later";

/// Puts something where the journal of acme is, so that it cannot be opened, whoever this user is.
fn block(house: &House) {
    fs::create_dir_all(house.acme(0)).unwrap();
}

fn unblock(house: &House) {
    fs::remove_dir(house.acme(0)).unwrap();
}

fn troubles(page: &Page) -> Vec<&Event> {
    page.events.iter().filter(|event| matches!(event.what, Happening::Trouble { .. })).collect()
}

#[tokio::test]
async fn what_cannot_be_written_waits_in_memory_and_is_written_in_order_when_it_can_be() {
    let house = House::new(rules(), tuning());
    block(&house);
    house.record_deeds(0..50).await;
    let told = house.journal.flush().await.unwrap_err().to_string();
    let path = house.acme(0);
    let expected = format!("the journal {} is behind, with 50 events in memory: ", path.display());
    assert!(told.starts_with(&expected), "{told}");
    house.record_deeds(50..100).await;
    assert!(house.journal.flush().await.is_err());
    // The other journals are as ever, and one of them says what is the matter, once.
    let general = house.all(&Scope::General).await;
    assert_eq!(general.events.len(), 101);
    let [trouble] = troubles(&general)[..] else { panic!("{general:?}") };
    assert_eq!(trouble.tenant, Some(tenant("acme")));
    let Happening::Trouble { reason } = &trouble.what else { unreachable!() };
    assert!(reason.starts_with(&format!("the journal {} cannot be written (", path.display())), "{reason}");
    assert!(reason.ends_with("): its events are kept in memory for now, as many as fit"), "{reason}");

    unblock(&house);
    house.journal.flush().await.unwrap();
    assert_eq!(house.numbers(&acme()).await, (0..100).collect::<Vec<_>>());
    // The next time it is told again.
    fs::remove_file(house.acme(0)).unwrap();
    house.record_deeds(100..101).await;
    house.journal.flush().await.unwrap();
    block(&house);
    house.record_deeds(101..102).await;
    assert!(house.journal.flush().await.is_err());
    assert_eq!(troubles(&house.all(&Scope::General).await).len(), 2);
    unblock(&house);
    house.thread.close().unwrap();
}

#[tokio::test]
async fn what_memory_cannot_hold_is_dropped_counted_and_told_where_it_is_missing() {
    let line = line::line_of(&deed("acme", 10)).unwrap().len();
    let house = House::new(rules(), Tuning { memory: 20 * line, ..tuning() });
    block(&house);
    house.record_deeds(10..11).await;
    assert!(house.journal.flush().await.is_err());
    house.record_deeds(11..99).await;
    assert!(house.journal.flush().await.is_err(), "and nobody waited");
    unblock(&house);
    house.journal.flush().await.unwrap();
    house.record_deeds(99..100).await;
    house.journal.flush().await.unwrap();
    let events = house.all(&acme()).await.events;
    let Happening::Lost { events: lost, reason } = &events[events.len() - 2].what else { panic!("{events:?}") };
    let kept: Vec<_> = events[..events.len() - 2].iter().map(number).collect();
    assert_eq!(kept, (10..10 + kept.len() as u64).collect::<Vec<_>>());
    assert!(kept.len() == 19 || kept.len() == 20, "{kept:?}");
    assert_eq!(kept.len() as u64 + lost, 89);
    assert!(reason.starts_with(&format!("{lost} events were lost: ")), "{reason}");
    assert_eq!(number(&events[events.len() - 1]), 99);
    let deeds = house.all(&Scope::General).await.events.into_iter().filter(|event| event.what.kind() == "deed");
    assert_eq!(deeds.count(), 90, "the general journal has all of them");
}

#[tokio::test]
async fn who_follows_while_the_disk_fails_misses_nothing() {
    let house = House::new(rules(), tuning());
    house.record_deeds(0..2).await;
    let mut before = house.journal.follow(&acme(), Filter::default(), 1).await.unwrap();
    house.journal.flush().await.unwrap();
    fs::remove_file(house.acme(0)).unwrap();
    house.record_deeds(2..3).await;
    house.journal.flush().await.unwrap();
    block(&house);
    house.record_deeds(3..6).await;
    for expected in 1..6 {
        assert_eq!(number(&before.next().await.unwrap()), expected);
    }
    let told = house.journal.follow(&acme(), Filter::default(), 1).await.err().unwrap().to_string();
    assert!(told.contains("cannot be opened"), "{told}");
    unblock(&house);
    let mut after = house.journal.follow(&acme(), Filter::default(), 2).await.unwrap();
    house.record_deeds(6..7).await;
    house.journal.flush().await.unwrap();
    for expected in 4..7 {
        assert_eq!(number(&after.next().await.unwrap()), expected, "from memory, then live");
    }
    assert_eq!(house.numbers(&acme()).await, [3, 4, 5, 6]);
}

#[test]
fn a_write_that_ends_amid_a_line_leaves_no_half_and_is_made_good_later() {
    if std::env::var_os(CHILD).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        return runtime.block_on(fill_up());
    }
    // The signal that comes with the limit would kill; a signal that is ignored stays so in what is executed.
    let child = Command::new("sh")
        .args(["-c", r#"trap '' XFSZ; exec "$@""#, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", THIS, "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&child.stdout) + String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success() && told.contains("1 passed"), "{told}");
}

/// The limit is one of the process, so every journal meets it, as with a full disk.
async fn fill_up() {
    let house = House::new(rules(), tuning());
    let before = getrlimit(Resource::Fsize);
    for limit in [1000, 1100, 5000, 5001, 5002, 15_000] {
        setrlimit(Resource::Fsize, Rlimit { current: Some(limit), ..before }).unwrap();
        let from = house.numbers(&acme()).await.len() as u64;
        house.record_deeds(from..from + 200).await;
        assert!(house.journal.flush().await.is_err(), "{limit}");
        for path in [house.acme(0), house.general(0)] {
            let text = fs::read_to_string(path).unwrap();
            assert!(text.len() as u64 <= limit && text.ends_with('\n'), "{limit}: half a line stays");
        }
        let page = house.all(&acme()).await;
        assert!((page.events.len() as u64) < from + 200);
        assert_eq!(page.damaged, 0);
        setrlimit(Resource::Fsize, before).unwrap();
        house.journal.flush().await.unwrap();
        assert_eq!(house.numbers(&acme()).await, (0..from + 200).collect::<Vec<_>>(), "{limit}");
        // So that the next limit is met again.
        if limit < 15_000 {
            truncate(&house).await;
        }
    }
    let general = house.all(&Scope::General).await;
    assert!(!troubles(&general).is_empty(), "it is told where it can be read later");
}

async fn truncate(house: &House) {
    for path in [house.acme(0), house.general(0)] {
        fs::remove_file(path).unwrap();
    }
    // Written to nowhere, which is noticed.
    house.journal.record(deed("acme", 0)).await;
    house.journal.flush().await.unwrap();
}
