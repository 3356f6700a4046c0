//! What is recorded is where it belongs, whole, and moved on by size, number and age.

use super::*;
use std::collections::HashSet;
use std::time::SystemTime;

#[tokio::test]
async fn an_event_is_in_the_general_journal_and_in_its_tenant_s_and_what_an_app_logs_only_there() {
    let house = House::new(rules(), tuning());
    let platform = Event { tenant: None, ..deed("acme", 1) };
    let (tenants, logged) = (deed("acme", 2), log("acme", 1, "hello"));
    for event in [&platform, &tenants, &logged, &deed("other", 3)] {
        house.journal.record(event.clone()).await;
    }
    house.journal.flush().await.unwrap();
    assert_eq!(house.all(&Scope::General).await.events, [platform, tenants.clone(), deed("other", 3)]);
    assert_eq!(house.all(&acme()).await.events, [tenants, logged]);
    for file in [house.general(0), house.acme(0)] {
        assert_eq!(mode(&file), 0o600);
        assert_eq!(mode(file.parent().unwrap()), 0o700);
        let text = fs::read_to_string(file).unwrap();
        assert!(text.lines().all(|line| serde_json::from_str::<Event>(line).is_ok()), "{text}");
    }
}

#[tokio::test]
async fn what_operators_asked_for_stands_in_a_journal_that_nobody_else_makes_grow() {
    let house = House::new(rules(), tuning());
    let asked = super::super::fixtures::every_kind().into_iter().find(|event| event.what.kind() == "request").unwrap();
    let mut of_a_tenant = asked.clone();
    let Happening::Request { operator, .. } = &mut of_a_tenant.what else { unreachable!() };
    *operator = false;
    for event in [&asked, &of_a_tenant, &deed("acme", 1)] {
        house.journal.record(event.clone()).await;
    }
    house.journal.flush().await.unwrap();
    assert_eq!(house.all(&Scope::Audit).await.events, [asked]);
    assert_eq!(house.all(&Scope::General).await.events.len(), 3);
}

#[tokio::test]
async fn a_journal_goes_on_where_it_ended() {
    let house = House::new(rules(), tuning());
    house.record_deeds(0..3).await;
    let house = house.reopened(rules());
    house.record_deeds(3..5).await;
    house.journal.flush().await.unwrap();
    assert_eq!(house.numbers(&Scope::General).await, [0, 1, 2, 3, 4]);
    assert!(!house.general(1).exists());
}

#[tokio::test]
async fn full_files_move_on_no_line_is_lost_and_the_oldest_go() {
    let small = Rules { bytes: 2000, files: 3, ..rules() };
    let house = House::new(small, tuning());
    house.record_deeds(0..10).await;
    house.journal.flush().await.unwrap();
    assert_eq!(house.numbers(&acme()).await, (0..10).collect::<Vec<_>>());
    house.record_deeds(10..500).await;
    house.journal.flush().await.unwrap();
    for suffix in 0..=3 {
        assert!(fs::metadata(house.acme(suffix)).unwrap().len() <= 2000);
    }
    assert!(!house.acme(4).exists() && !house.general(4).exists());
    let kept = house.numbers(&acme()).await;
    assert_eq!(kept, (500 - kept.len() as u64..500).collect::<Vec<_>>(), "the newest, none missing");
    assert!(kept.len() > 40, "{}", kept.len());
}

#[tokio::test]
async fn a_line_longer_than_a_file_may_be_is_written_all_the_same() {
    let house = House::new(Rules { bytes: 10, files: 5, ..rules() }, tuning());
    house.record_deeds(0..4).await;
    house.journal.flush().await.unwrap();
    assert_eq!(house.numbers(&acme()).await, [0, 1, 2, 3]);
    assert!(house.acme(3).exists() && !house.acme(4).exists());
}

#[tokio::test]
async fn what_is_too_old_is_removed_when_the_journal_is_opened() {
    let house = House::new(Rules { bytes: 1000, ..rules() }, tuning());
    house.record_deeds(0..45).await;
    house.journal.flush().await.unwrap();
    let old = SystemTime::now() - Duration::from_secs(3601);
    for path in [house.acme(2), house.general(2)] {
        fs::File::options().write(true).open(path).unwrap().set_modified(old).unwrap();
    }
    let house = house.reopened(Rules { bytes: 1000, ..rules() });
    // The sweep is the thread's first work, so it is behind us when it answers.
    house.record_deeds(45..46).await;
    house.journal.flush().await.unwrap();
    house.journal.flush().await.unwrap();
    for path in [house.acme(2), house.general(2)] {
        assert!(!path.exists(), "{}", path.display());
    }
    assert!(house.acme(3).exists() && house.acme(1).exists());
}

#[tokio::test]
async fn a_file_whose_first_line_is_too_old_is_written_no_further() {
    let house = House::new(rules(), tuning());
    house.record_deeds(0..1).await;
    house.journal.flush().await.unwrap();
    let data = house.data;
    house.thread.close().unwrap();
    let path = Place::of(data.path(), &acme()).file(0);
    let began = Event {
        at: Timestamp::now() - Duration::from_secs(3601),
        ..fixtures::of("acme", Happening::FileBegan { number: 5 })
    };
    let text = fs::read_to_string(&path).unwrap();
    let rest = text.split_once('\n').unwrap().1;
    fs::write(&path, format!("{}{rest}", line::line_of(&began).unwrap())).unwrap();
    let house = House::at(data, rules(), tuning());
    house.record_deeds(1..2).await;
    house.journal.flush().await.unwrap();
    assert!(house.acme(1).exists() && !house.general(1).exists());
    assert_eq!(house.numbers(&acme()).await, [0, 1]);
}

#[tokio::test]
async fn a_file_that_somebody_put_there_is_moved_aside_and_read_as_far_as_it_can_be() {
    let house = House::new(rules(), tuning());
    let path = house.acme(0);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let line = line::line_of(&deed("acme", 0)).unwrap();
    fs::write(&path, format!("not JSON\n{line}")).unwrap();
    house.record_deeds(1..3).await;
    house.journal.flush().await.unwrap();
    let page = house.all(&acme()).await;
    assert_eq!(page.events.iter().map(number).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(page.damaged, 1);
    assert!(fs::read_to_string(house.acme(1)).unwrap().starts_with("not JSON\n"));
}

#[tokio::test]
async fn a_journal_that_is_removed_while_it_is_written_begins_anew() {
    let house = House::new(rules(), tuning());
    house.record_deeds(0..1).await;
    house.journal.flush().await.unwrap();
    fs::remove_file(house.acme(0)).unwrap();
    // Written to a file that nobody can read any more, which is noticed when it is synced.
    house.record_deeds(1..2).await;
    house.journal.flush().await.unwrap();
    house.record_deeds(2..3).await;
    house.journal.flush().await.unwrap();
    assert_eq!(house.numbers(&acme()).await, [2]);
    assert_eq!(house.numbers(&Scope::General).await, [0, 1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_record_at_once_wait_for_each_other_and_lose_nothing() {
    let narrow = Tuning { queue: 2048, ..tuning() };
    let house = House::new(Rules { bytes: 20_000, files: 100, ..rules() }, narrow);
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..4 {
        let journal = house.journal.clone();
        tasks.spawn(async move {
            for number in 0..250 {
                journal.record(deed("acme", writer * 1000 + number)).await;
            }
        });
        let journal = house.journal.clone();
        let slot = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                for number in 250..400 {
                    journal.record(deed("acme", writer * 1000 + number)).await;
                }
                // Inside of a runtime too.
                (400..500).for_each(|number| journal.record_blocking(deed("acme", writer * 1000 + number)));
            });
        };
        tasks.spawn_blocking(slot);
    }
    tasks.join_all().await;
    house.journal.flush().await.unwrap();
    for scope in [Scope::General, acme()] {
        let numbers = house.numbers(&scope).await;
        assert_eq!(numbers.len(), 2000);
        assert_eq!(numbers.iter().collect::<HashSet<_>>().len(), 2000);
        for writer in 0..4 {
            for half in [0..250, 250..500] {
                let own: Vec<_> = numbers
                    .iter()
                    .filter(|number| **number / 1000 == writer && half.contains(&(**number % 1000)))
                    .collect();
                assert!(own.is_sorted(), "what one has recorded stays in its order");
            }
        }
    }
}

#[tokio::test]
async fn a_thousand_tenants_have_their_journals_and_few_files_are_open() {
    let house = House::new(rules(), Tuning { open: 10, idle: Duration::ZERO, ..tuning() });
    let open_files = || {
        let links = fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        links.filter(|path| path.starts_with(house.data.path())).count()
    };
    for round in 0..2 {
        for number in 0..1000 {
            house.journal.record(deed(&format!("tenant{number}"), round)).await;
        }
        house.journal.flush().await.unwrap();
        assert!(open_files() <= 10, "{}", open_files());
    }
    for number in [0, 500, 999] {
        assert_eq!(house.numbers(&Scope::Tenant(tenant(&format!("tenant{number}")))).await, [0, 1]);
    }
    house.journal.flush().await.unwrap();
}

#[tokio::test]
async fn what_comes_after_the_end_is_refused_and_nobody_hangs() {
    let house = House::new(rules(), tuning());
    house.record_deeds(0..1).await;
    house.thread.close().unwrap();
    house.journal.record(deed("acme", 1)).await;
    assert!(matches!(house.journal.flush().await, Err(JournalError::Closed)));
    assert!(matches!(house.journal.follow(&acme(), Filter::default(), 1).await, Err(JournalError::Closed)));
    let page = house.journal.read(&acme(), &Filter::default(), Order::OldestFirst, 10, None).await.unwrap();
    assert_eq!(page.events, [deed("acme", 0)]);
}

#[test]
fn a_data_directory_that_cannot_be_used_is_told_in_one_sentence() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    fs::write(&data, "a file").unwrap();
    let told = Journal::open(&data, rules()).unwrap_err().to_string();
    let path = data.join("journal/general.jsonl");
    assert!(told.starts_with(&format!("the journal {} cannot be opened (", path.display())), "{told}");
    assert!(told.ends_with("this user must be allowed to write the file and its directory"), "{told}");
}
