//! Pages over files that are moved on, damaged lines, filters.

use super::*;

/// Pages of `limit` from the beginning to the end, `between` done after each.
async fn pages(house: &House, order: Order, limit: usize, between: impl AsyncFn()) -> Vec<u64> {
    let (mut numbers, mut from) = (Vec::new(), None);
    loop {
        let page = house.journal.read(&acme(), &Filter::default(), order, limit, from).await.unwrap();
        assert!(page.events.len() <= limit);
        numbers.extend(page.events.iter().map(number));
        let Some(next) = page.next else { return numbers };
        // As a client would hand it back.
        from = Some(next.to_string().parse().unwrap());
        between().await;
    }
}

#[tokio::test]
async fn pages_in_both_orders_have_every_event_once() {
    for bytes in [1 << 20, 3000, 10] {
        let house = House::new(Rules { bytes, files: 200, ..rules() }, tuning());
        house.record_deeds(0..100).await;
        house.journal.flush().await.unwrap();
        for limit in [1, 7, 100, 1000] {
            let forward = pages(&house, Order::OldestFirst, limit, async || {}).await;
            assert_eq!(forward, (0..100).collect::<Vec<_>>(), "{bytes} {limit}");
            let backward = pages(&house, Order::NewestFirst, limit, async || {}).await;
            assert_eq!(backward, (0..100).rev().collect::<Vec<_>>(), "{bytes} {limit}");
        }
    }
}

#[tokio::test]
async fn a_place_stays_right_while_files_are_moved_on() {
    let house = House::new(Rules { bytes: 1500, files: 200, ..rules() }, tuning());
    let add = async || {
        // More than a file.
        house.record_deeds(1000..1020).await;
        house.journal.flush().await.unwrap();
    };
    house.record_deeds(0..50).await;
    house.journal.flush().await.unwrap();
    let backward = pages(&house, Order::NewestFirst, 9, add).await;
    assert_eq!(backward, (0..50).rev().collect::<Vec<_>>(), "what came later lies behind it");

    let mut left = std::sync::atomic::AtomicUsize::new(3);
    let add_some = async || {
        let again = |left: usize| left.checked_sub(1);
        let order = std::sync::atomic::Ordering::Relaxed;
        if left.fetch_update(order, order, again).is_ok() {
            add().await;
        }
    };
    let forward = pages(&house, Order::OldestFirst, 9, add_some).await;
    assert_eq!(&forward[..50], (0..50).collect::<Vec<_>>());
    let added = forward.len() - 50;
    assert!(added >= 60 && added % 20 == 0 && forward[50..].iter().all(|number| *number >= 1000), "{added}");
    assert_eq!(*left.get_mut(), 0);
}

#[tokio::test]
async fn reading_goes_on_with_the_oldest_there_is_when_the_place_was_removed() {
    let small = Rules { bytes: 1000, files: 2, ..rules() };
    let house = House::new(small, tuning());
    house.record_deeds(0..3).await;
    house.journal.flush().await.unwrap();
    let read = async |order, from| house.journal.read(&acme(), &Filter::default(), order, 2, from).await.unwrap();
    let (first, last) = (read(Order::OldestFirst, None).await, read(Order::NewestFirst, None).await);
    house.record_deeds(3..100).await;
    house.journal.flush().await.unwrap();
    let oldest = house.numbers(&acme()).await[0];
    assert_eq!(number(&read(Order::OldestFirst, first.next).await.events[0]), oldest);
    assert_eq!(read(Order::NewestFirst, last.next).await.events, []);
}

#[tokio::test]
async fn a_torn_last_line_is_closed_off_and_damages_nothing_else() {
    for torn in [&b"{\"at\":\"2026-11-26T12:00:00Z\",\"ev"[..], b"{", b"\0\0\0\0", b"\xff\xfe"] {
        let house = House::new(rules(), tuning());
        house.record_deeds(0..2).await;
        let House { thread, data, .. } = house;
        thread.close().unwrap();
        for scope in [Scope::General, acme()] {
            use std::io::Write;
            let path = Place::of(data.path(), &scope).file(0);
            fs::File::options().append(true).open(path).unwrap().write_all(torn).unwrap();
        }
        let house = House::at(data, rules(), tuning());
        // Read before anything is written: half a line may still grow, so it is no damage yet.
        let page = house.all(&acme()).await;
        assert_eq!((page.events.len(), page.damaged), (2, 0));
        house.record_deeds(2..4).await;
        house.journal.flush().await.unwrap();
        for scope in [Scope::General, acme()] {
            for order in [Order::OldestFirst, Order::NewestFirst] {
                let page = house.journal.read(&scope, &Filter::default(), order, 10, None).await.unwrap();
                let mut numbers: Vec<_> = page.events.iter().map(number).collect();
                numbers.sort_unstable();
                assert_eq!((numbers, page.damaged), (vec![0, 1, 2, 3], 1));
            }
        }
    }
}

#[tokio::test]
async fn lines_of_any_length_and_content_are_passed_over_and_counted() {
    let house = House::new(rules(), tuning());
    house.record_deeds(0..1).await;
    house.journal.flush().await.unwrap();
    let path = house.acme(0);
    let mut text = fs::read(&path).unwrap();
    let sound = line::line_of(&deed("acme", 1)).unwrap();
    for length in [0, 1, line::LONGEST_READ - 1, line::LONGEST_READ, line::LONGEST_READ + 1, 3 * line::LONGEST_READ] {
        text.extend(std::iter::repeat_n(b'x', length));
        text.push(b'\n');
        text.extend_from_slice(sound.as_bytes());
    }
    text.extend(std::iter::repeat_n(b'y', 2 * line::LONGEST_READ));
    fs::rename(&path, house.acme(1)).unwrap();
    fs::write(house.acme(1), &text).unwrap();
    for order in [Order::OldestFirst, Order::NewestFirst] {
        let page = house.journal.read(&acme(), &Filter::default(), order, 100, None).await.unwrap();
        assert_eq!((page.events.len(), page.damaged), (7, 7), "{order:?}");
    }
}

#[tokio::test]
async fn only_what_is_asked_for_is_read() {
    let house = House::new(Rules { bytes: 3000, ..rules() }, tuning());
    // Files are passed over by the times at which they were written, so the events have to be of now.
    let now = Timestamp::now();
    let at = |second: i64| now + jiff::SignedDuration::from_secs(second);
    for number in 0..60 {
        let event = if number % 3 == 0 { ended("acme", number, 1) } else { deed("acme", number) };
        let at = at(i64::try_from(number).unwrap());
        house.journal.record(Event { at, ..event }).await;
    }
    house.journal.flush().await.unwrap();
    let filter = Filter { since: Some(at(10)), until: Some(at(20)), ..Filter::kind("deed") };
    let page = house.journal.read(&acme(), &filter, Order::NewestFirst, 5, None).await.unwrap();
    assert_eq!(page.events.iter().map(number).collect::<Vec<_>>(), [19, 17, 16, 14, 13]);
    let rest = house.journal.read(&acme(), &filter, Order::NewestFirst, 5, page.next).await.unwrap();
    assert_eq!(rest.events.iter().map(number).collect::<Vec<_>>(), [11, 10]);
    assert_eq!(rest.next, None);
    let one = Filter { task: Some(33), ..Filter::default() };
    let page = house.journal.read(&acme(), &one, Order::OldestFirst, 5, None).await.unwrap();
    assert_eq!(page.events, [Event { at: at(33), ..ended("acme", 33, 1) }]);
    let wrong = house.journal.read(&acme(), &Filter::kind("deeds"), Order::OldestFirst, 5, None).await;
    assert!(matches!(wrong, Err(JournalError::Kind { .. })));
}

#[tokio::test]
async fn a_search_through_much_ends_early_and_goes_on_where_it_was() {
    let house = House::new(Rules { bytes: 1 << 30, ..rules() }, tuning());
    house.journal.record(deed("acme", 1)).await;
    house.journal.flush().await.unwrap();
    let path = house.acme(0);
    let filler = Event { what: Happening::Deed { sentence: "x".repeat(60_000) }, ..ended("acme", 0, 1) };
    let line = serde_json::to_string(&filler).unwrap() + "\n";
    let mut text = fs::read_to_string(&path).unwrap();
    for _ in 0..1_500 {
        text.push_str(&line);
    }
    fs::write(&path, text).unwrap();
    let (mut from, mut pages, mut found) = (None, 0, 0);
    loop {
        let one = Filter { task: Some(33), ..Filter::default() };
        let page = house.journal.read(&acme(), &one, Order::NewestFirst, 5, from).await.unwrap();
        (from, pages, found) = (page.next, pages + 1, found + page.events.len());
        if from.is_none() {
            break;
        }
    }
    assert_eq!((pages, found), (2, 0));
    let all = house.journal.read(&acme(), &Filter::default(), Order::OldestFirst, 1, None).await.unwrap();
    assert_eq!(number(&all.events[0]), 1);
}

#[tokio::test]
async fn a_journal_that_does_not_exist_is_empty() {
    let house = House::new(rules(), tuning());
    let page = house.all(&acme()).await;
    assert_eq!(page, Page { events: vec![], next: None, damaged: 0 });
    assert!(!house.acme(0).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_while_files_are_moved_on_misses_nothing_that_was_there() {
    let house = House::new(Rules { bytes: 600, files: 10_000, ..rules() }, tuning());
    house.record_deeds(0..50).await;
    house.journal.flush().await.unwrap();
    let journal = house.journal.clone();
    let writing = tokio::spawn(async move {
        for number in 50..1500 {
            journal.record(deed("acme", number)).await;
        }
    });
    while !writing.is_finished() {
        let numbers = house.numbers(&acme()).await;
        assert!(numbers.len() >= 50);
        assert_eq!(numbers, (0..numbers.len() as u64).collect::<Vec<_>>());
    }
    writing.await.unwrap();
}
