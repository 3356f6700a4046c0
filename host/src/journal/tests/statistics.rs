//! Statistics drawn from real journals.

use super::*;
use crate::task::TaskState;
use stats::{Spread, Stats, TaskStats};

fn told(tenant: &str, task: u64, epoch: u64, change: impl Fn(&mut TaskEntry)) -> Event {
    let mut event = ended(tenant, task, epoch);
    let Happening::TaskEnded(entry) = &mut event.what else { unreachable!() };
    change(entry);
    event
}

#[tokio::test]
async fn each_attempt_counts_once_and_what_belongs_to_the_task_counts_once_too() {
    let house = House::new(Rules { bytes: 3000, ..rules() }, tuning());
    let again = told("acme", 1, 1, |entry| {
        entry.state = TaskState::Waiting;
        entry.cause = Some("app_error".into());
        (entry.new_rows, entry.rows_per_second, entry.deaths) = (0, 0.0, 2);
        entry.slot_seconds = 4.0;
    });
    let done = ended("acme", 1, 2);
    for event in [again.clone(), again, done.clone(), deed("acme", 3), done, ended("other", 2, 1)] {
        house.journal.record(event).await;
    }
    house.journal.flush().await.unwrap();

    let stats = house.journal.stats(&Scope::General, None).await.unwrap();
    let acme = &stats.tenants[&tenant("acme")];
    assert_eq!((acme.tasks, acme.attempts, acme.rows, acme.documents), (1, 2, 11, 20));
    assert_eq!((acme.dead_letters, acme.deaths), (2, 2));
    assert_eq!(acme.states, [("done".to_owned(), 1), ("waiting".to_owned(), 1)].into());
    assert_eq!(acme.causes, [("app_error".to_owned(), 1)].into());
    assert_eq!(acme.slot_seconds, Spread { count: 2, mean: 3.0, p50: 2.0, p95: 4.0, max: 4.0 });
    assert_eq!(acme.queue_seconds, Spread { count: 1, mean: 0.5, p50: 0.5, p95: 0.5, max: 0.5 });
    assert_eq!(acme.rows_per_second.count, 1, "an attempt that settled nothing has no rate");
    assert_eq!((stats.all.tasks, stats.all.attempts, stats.all.rows), (2, 3, 22));

    let own = house.journal.stats(&super::acme(), None).await.unwrap();
    assert_eq!(&own.all, acme);
    let json = serde_json::to_string(&stats).unwrap();
    assert_eq!(serde_json::from_str::<Stats>(&json).unwrap(), stats);
}

#[tokio::test]
async fn only_what_ended_since_then_counts_and_damage_is_told() {
    let house = House::new(rules(), tuning());
    let now = Timestamp::now();
    let at = |second: i64| now + jiff::SignedDuration::from_secs(second);
    for task in 0..10 {
        house.journal.record(Event { at: at(task), ..ended("acme", task.unsigned_abs(), 1) }).await;
    }
    house.journal.flush().await.unwrap();
    use std::io::Write;
    fs::File::options().append(true).open(house.general(0)).unwrap().write_all(b"rubbish\n").unwrap();
    let stats = house.journal.stats(&Scope::General, Some(at(7))).await.unwrap();
    assert_eq!((stats.all.tasks, stats.damaged, stats.since), (3, 1, Some(at(7))));
}

#[test]
fn the_table_says_it_all_in_lines() {
    let spread = Spread { count: 1234, mean: 0.5, p50: 0.25, p95: 1234.5, max: 1e9 };
    let acme = TaskStats {
        tasks: 1200,
        attempts: 1234,
        states: [("done".to_owned(), 1200), ("waiting".to_owned(), 34)].into(),
        causes: [("deaths\u{1b}".to_owned(), 34)].into(),
        rows: 1_000_000,
        documents: 999_000,
        dead_letters: 1000,
        deaths: 34,
        slot_seconds: spread,
        ..TaskStats::default()
    };
    let stats =
        Stats { since: Some(at(0)), damaged: 2, all: TaskStats::default(), tenants: [(tenant("acme"), acme)].into() };
    let table = stats::table(&stats);
    let acme = table.split_once("acme\n").unwrap().1;
    let expected = "  tasks       1,200 in 1,234 attempts
  ended as    done 1,200, waiting 34
  not done    deaths\\u{1b} 34
  rows        1,000,000
  documents   999,000
  letters     1,000
  deaths      34
                   count         mean          p50          p95          max
  slot s           1,234        0.500        0.250        1,235 1,000,000,000
";
    assert!(acme.starts_with(expected), "{table}");
    assert!(table.starts_with("attempts that ended since 2026-"), "{table}");
    assert!(table.contains("2 damaged lines of the journal were passed over\n"), "{table}");
    assert!(!table.chars().any(|c| c.is_control() && c != '\n'));
}
