//! What becomes of messages: published, routed, taken, acknowledged, given back.

use super::*;

pub(crate) async fn messages_come_in_the_order_they_were_published_in<H: Home>() {
    let queue = queue("clicks", &["click"]);
    let home: H = with_queue(&queue).await;
    publish(home.broker(), numbered("click", 0..300)).await;
    let mut consumer = consumer(&home, &queue, "c-1", 1000).await;
    publish(home.broker(), numbered("click", 300..500)).await;
    let got = take(&mut *consumer, 500).await;
    assert_eq!(ids(&got), texts(0..500));
    assert!(got.iter().all(|got| got.body == format!("body {}", got.id).into_bytes() && !got.redelivered));
}

pub(crate) async fn a_message_is_addressed_to_its_consumer<H: Home>() {
    let queue = queue("clicks", &["click"]);
    let home: H = with_queue(&queue).await;
    publish(home.broker(), numbered("click", 0..1)).await;
    let mut consumer = consumer(&home, &queue, "clicks-7", 10).await;
    let mut bundle = Bundle { payload: b"before".to_vec(), messages: Vec::new() };
    consumer.next(WIDE, &mut bundle).await.unwrap();
    assert_eq!(bundle.messages.len(), 1);
    assert_eq!((bundle.messages[0].range.start, bundle.messages[0].range.end), (6, bundle.payload.len()));
    let message = Message::decode(&mut &bundle.payload[6..]).unwrap().unwrap();
    assert_eq!((message.stream, message.consumer_tag), (Some(&b"clicks"[..]), Some(&b"clicks-7"[..])));
    assert_eq!(message.delivery_tag, bundle.messages[0].tag);
}

pub(crate) async fn every_property_and_header_is_kept<H: Home>() {
    let queue = queue("clicks", &["click ü/🚲"]);
    let home: H = with_queue(&queue).await;
    let headers = doc! {
        "text": "Zoë \"Z\"\n🚲", "": "empty key", "int": -42_i32, "long": 9_007_199_254_740_993_i64, "double": 12.5,
        "yes": true, "no": false, "nothing": Bson::Null, "at": bson::DateTime::from_millis(1_718_000_000_000),
        "table": { "deep": { "deeper": 1 } }, "array": ["a", 1, { "deep": [] }],
        "bytes": bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: vec![0, 1, 255] },
    };
    let headers = headers.to_vec().unwrap();
    let message = Message {
        present: 7,
        delivery_mode: 2,
        priority: 3,
        timestamp: 1_718_000_000,
        exchange: Some(b"acme"),
        routing_key: Some("click ü/🚲".as_bytes()),
        content_type: Some(b"application/json"),
        content_encoding: Some(b"identity"),
        headers: Some(&headers),
        correlation_id: Some(b"c-1"),
        reply_to: Some(b"answers"),
        expiration: Some(b"3600000"),
        message_id: Some("m-ü".as_bytes()),
        kind: Some(b"click"),
        app_id: Some(b"shop"),
        body: b"{}",
        ..Message::default()
    };
    let envelope = Envelope::of(&message).unwrap();
    publish(home.broker(), vec![Outgoing { routing_key: "click ü/🚲".into(), envelope }]).await;
    let mut consumer = consumer(&home, &queue, "c-1", 10).await;
    let mut bundle = Bundle::default();
    consumer.next(WIDE, &mut bundle).await.unwrap();
    let got = Message::decode(&mut &bundle.payload[..]).unwrap().unwrap();
    let bare = Message {
        stream: None,
        consumer_tag: None,
        delivery_tag: 0,
        channel: 0,
        headers: None,
        // What an exchange is called is the broker's business.
        exchange: message.exchange,
        ..got
    };
    assert_eq!(bare, Message { headers: None, ..message });
    let table = |headers: &[u8]| bson::Document::from_reader(headers).unwrap();
    assert_eq!(table(got.headers.unwrap()), table(&headers));
}

pub(crate) async fn a_message_without_properties_and_with_an_empty_body_is_kept<H: Home>() {
    let queue = queue("clicks", &[""]);
    let home: H = with_queue(&queue).await;
    let envelope = Envelope::of(&Message::default()).unwrap();
    publish(home.broker(), vec![Outgoing { routing_key: String::new(), envelope }]).await;
    let mut consumer = consumer(&home, &queue, "c-1", 10).await;
    let mut bundle = Bundle::default();
    consumer.next(WIDE, &mut bundle).await.unwrap();
    let got = Message::decode(&mut &bundle.payload[..]).unwrap().unwrap();
    assert_eq!((got.body, got.message_id, got.headers, got.content_type), (&b""[..], None, None, None));
}

pub(crate) async fn a_body_of_a_megabyte_of_any_bytes_is_kept<H: Home>() {
    let queue = queue("clicks", &["click"]);
    let home: H = with_queue(&queue).await;
    let body: Vec<u8> =
        (0..1_048_576_u32).map(|n| u8::try_from(n.wrapping_mul(2_654_435_761) >> 24).unwrap()).collect();
    publish(home.broker(), vec![outgoing("click", "large", &body), outgoing("click", "small", b"x")]).await;
    let mut consumer = consumer(&home, &queue, "c-1", 10).await;
    let got = take(&mut *consumer, 2).await;
    assert!(got[0].body == body);
    assert_eq!(got[1].body, b"x");
}

pub(crate) async fn publishing_nothing_is_done_at_once<H: Home>() {
    let home = H::fresh().await;
    let published = home.broker().publish(&tenant("acme"), Vec::new()).await.unwrap();
    assert_eq!(published, Published::default());
}

pub(crate) async fn a_message_goes_to_each_queue_that_its_key_fits<H: Home>() {
    let home = H::fresh().await;
    let (one, other) = (queue("one", &["a", "b"]), queue("other", &["b", "c"]));
    declared(&home, &one).await;
    declared(&home, &other).await;
    let messages = [numbered("a", [1]), numbered("b", [2]), numbered("c", [3]), numbered("b", [4])].concat();
    publish(home.broker(), messages).await;
    let got = take(&mut *consumer(&home, &one, "one-1", 10).await, 3).await;
    assert_eq!(ids(&got), ["1", "2", "4"]);
    let got = take(&mut *consumer(&home, &other, "other-1", 10).await, 3).await;
    assert_eq!(ids(&got), ["2", "3", "4"]);
}

pub(crate) async fn keys_are_compared_byte_by_byte<H: Home>() {
    let home = H::fresh().await;
    let (exact, stars) = (queue("exact", &["a.b"]), queue("stars", &["#", "*", "a.*"]));
    declared(&home, &exact).await;
    declared(&home, &stars).await;
    publish(home.broker(), [numbered("a.b", [1]), numbered("#", [2]), numbered("a.*", [3])].concat()).await;
    let published = home.broker().publish(&tenant("acme"), numbered("A.b", [4])).await.unwrap();
    assert_eq!((published.accepted, published.refused.len()), (0, 1));
    publish(home.broker(), [numbered("a.b", [5]), numbered("*", [6])].concat()).await;
    assert_eq!(ids(&take(&mut *consumer(&home, &exact, "exact-1", 10).await, 2).await), ["1", "5"]);
    assert_eq!(ids(&take(&mut *consumer(&home, &stars, "stars-1", 10).await, 3).await), ["2", "3", "6"]);
}

pub(crate) async fn a_message_that_fits_no_queue_is_refused_and_the_others_are_accepted<H: Home>() {
    let queue = queue("clicks", &["click"]);
    let home: H = with_queue(&queue).await;
    let messages = [numbered("click", [0]), numbered("clik", [1]), numbered("click", [2]), numbered("", [3])].concat();
    let published = home.broker().publish(&tenant("acme"), messages).await.unwrap();
    assert_eq!(published.accepted, 2);
    let refused: Vec<usize> = published.refused.iter().map(|(index, _)| *index).collect();
    assert_eq!(refused, [1, 3]);
    assert!(published.refused[0].1.contains("clik"), "{:?}", published.refused);
    assert_eq!(ids(&take(&mut *consumer(&home, &queue, "c-1", 10).await, 2).await), ["0", "2"]);
}

pub(crate) async fn tenants_have_exchanges_of_their_own<H: Home>() {
    let home = H::fresh().await;
    let ours = queue("clicks", &["click"]);
    let theirs = QueueSpec { key: key("globex", "clicks"), ..ours.clone() };
    declared(&home, &ours).await;
    declared(&home, &theirs).await;
    publish(home.broker(), numbered("click", [1])).await;
    home.broker().publish(&tenant("globex"), numbered("click", [2])).await.unwrap();
    publish(home.broker(), numbered("click", [3])).await;
    home.broker().publish(&tenant("globex"), numbered("click", [4])).await.unwrap();
    assert_eq!(ids(&take(&mut *consumer(&home, &ours, "c-1", 10).await, 2).await), ["1", "3"]);
    assert_eq!(ids(&take(&mut *consumer(&home, &theirs, "c-1", 10).await, 2).await), ["2", "4"]);
}

pub(crate) async fn a_consumer_that_waits_is_given_what_is_published<H: Home>() {
    let queue = queue("clicks", &["click"]);
    let home: H = with_queue(&queue).await;
    let mut consumer = consumer(&home, &queue, "c-1", 10).await;
    for number in 0..20 {
        let (got, ()) =
            tokio::join!(take(&mut *consumer, 1), async { publish(home.broker(), numbered("click", [number])).await });
        assert_eq!(ids(&got), texts([number]));
        consumer.acknowledge(got[0].tag).await.unwrap();
    }
}

pub(crate) async fn what_was_not_given_to_a_call_that_was_dropped_comes_with_the_next<H: Home>() {
    let queue = queue("clicks", &["click"]);
    let home: H = with_queue(&queue).await;
    let mut consumer = consumer(&home, &queue, "c-1", 10).await;
    let mut bundle = Bundle::default();
    assert!(waits(consumer.next(WIDE, &mut bundle)).await);
    publish(home.broker(), numbered("click", 0..3)).await;
    while bundle.messages.len() < 3 {
        // Looks once and goes away, as often as it takes.
        if waits(consumer.next(WIDE, &mut bundle)).await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    assert_eq!(ids(&unpacked(&bundle)), texts(0..3));
}

pub(crate) async fn no_more_is_taken_than_there_is_room_for<H: Home>() {
    let queue = queue("clicks", &["click"]);
    let home: H = with_queue(&queue).await;
    let large = vec![b'x'; 10_000];
    publish(home.broker(), (0..12).map(|n| outgoing("click", &n.to_string(), &large)).collect()).await;
    let mut consumer = consumer(&home, &queue, "c-1", 100).await;
    let mut all = Vec::new();
    // Larger than there is room for, but the first.
    for (messages, bytes, most) in
        [(2, 1_000_000, 2), (100, 35_000, 3), (100, 100, 1), (1, 100, 1), (100, 1_000_000, 100)]
    {
        let mut bundle = Bundle::default();
        consumer.next(Room { messages, bytes }, &mut bundle).await.unwrap();
        let got = unpacked(&bundle);
        assert!((1..=most).contains(&got.len()), "{} of {messages} in {bytes}", got.len());
        all.extend(got);
    }
    all.extend(take(&mut *consumer, 12 - all.len()).await);
    assert_eq!(ids(&all), texts(0..12));
}

pub(crate) async fn no_more_is_held_than_the_prefetch<H: Home>() {
    let queue = queue("clicks", &["click"]);
    let home: H = with_queue(&queue).await;
    publish(home.broker(), numbered("click", 0..10)).await;
    let mut consumer = consumer(&home, &queue, "c-1", 3).await;
    let mut all = take(&mut *consumer, 3).await;
    until_waiting(home.broker(), &queue, 7).await;
    assert!(waits(consumer.next(WIDE, &mut Bundle::default())).await);
    consumer.acknowledge(all[1].tag).await.unwrap();
    all.extend(take(&mut *consumer, 2).await);
    until_waiting(home.broker(), &queue, 5).await;
    while all.len() < 10 {
        consumer.acknowledge(all.last().unwrap().tag).await.unwrap();
        let mut bundle = Bundle::default();
        consumer.next(WIDE, &mut bundle).await.unwrap();
        assert!(bundle.messages.len() <= 3);
        all.extend(unpacked(&bundle));
    }
    assert_eq!(ids(&all), texts(0..10));
}

pub(crate) async fn what_is_acknowledged_does_not_come_again<H: Home>() {
    let queue = queue("clicks", &["click"]);
    let home: H = with_queue(&queue).await;
    publish(home.broker(), numbered("click", 0..5)).await;
    let mut first = consumer(&home, &queue, "c-1", 100).await;
    let got = take(&mut *first, 5).await;
    first.acknowledge(got[4].tag).await.unwrap();
    until_waiting(home.broker(), &queue, 0).await;
    drop(first);
    publish(home.broker(), numbered("click", [5])).await;
    let mut second = consumer(&home, &queue, "c-2", 100).await;
    assert_eq!(ids(&take(&mut *second, 1).await), ["5"]);
}

pub(crate) async fn an_acknowledgement_takes_everything_up_to_its_tag_and_nothing_else<H: Home>() {
    let queue = queue("clicks", &["click"]);
    let home: H = with_queue(&queue).await;
    publish(home.broker(), numbered("click", 0..10)).await;
    let mut first = consumer(&home, &queue, "c-1", 100).await;
    let got = take(&mut *first, 8).await;
    first.acknowledge(got[3].tag).await.unwrap();
    first.acknowledge(got[5].tag).await.unwrap();
    drop(first);
    let mut second = consumer(&home, &queue, "c-2", 100).await;
    assert_eq!(ids(&take(&mut *second, 4).await), texts(6..10));
}

pub(crate) async fn what_a_dropped_consumer_held_comes_again_in_its_order_and_is_told_to<H: Home>() {
    let queue = queue("clicks", &["click"]);
    let home: H = with_queue(&queue).await;
    publish(home.broker(), numbered("click", 0..10)).await;
    // It holds no more than these, so that the others were never delivered.
    let mut first = consumer(&home, &queue, "c-1", 4).await;
    assert!(take(&mut *first, 4).await.iter().all(|got| !got.redelivered));
    drop(first);
    until_waiting(home.broker(), &queue, 10).await;
    let mut second = consumer(&home, &queue, "c-2", 100).await;
    let got = take(&mut *second, 10).await;
    assert_eq!(ids(&got), texts(0..10));
    let again: Vec<bool> = got.iter().map(|got| got.redelivered).collect();
    assert_eq!(again, (0..10).map(|n| n < 4).collect::<Vec<_>>());
}

pub(crate) async fn several_consumers_share_a_queue_and_each_message_comes_once<H: Home>() {
    let queue = queue("clicks", &["click"]);
    let home: H = with_queue(&queue).await;
    let (mut one, mut other) = (consumer(&home, &queue, "c-1", 5).await, consumer(&home, &queue, "c-2", 5).await);
    let (mut ones, mut others) = (Vec::new(), Vec::new());
    let publishing = async {
        for batch in 0..20 {
            publish(home.broker(), numbered("click", batch * 10..batch * 10 + 10)).await;
        }
    };
    let share = async |consumer: &mut Box<dyn Consumer>, share: &mut Vec<Got>| {
        // None of them can hold all that is left, so both have their part.
        while share.len() < 50 {
            let mut bundle = Bundle::default();
            consumer.next(WIDE, &mut bundle).await.unwrap();
            let got = unpacked(&bundle);
            consumer.acknowledge(got.last().unwrap().tag).await.unwrap();
            share.extend(got);
        }
    };
    tokio::join!(publishing, share(&mut one, &mut ones), share(&mut other, &mut others));
    let left = 200 - ones.len() - others.len();
    drop(other);
    while ones.len() + others.len() < 200 {
        let mut bundle = Bundle::default();
        one.next(WIDE, &mut bundle).await.unwrap();
        let got = unpacked(&bundle);
        one.acknowledge(got.last().unwrap().tag).await.unwrap();
        ones.extend(got);
    }
    assert!(left <= 100);
    let number = |got: &Got| got.id.parse::<usize>().unwrap();
    let all: BTreeSet<usize> = ones.iter().chain(&others).map(number).collect();
    assert_eq!(all, (0..200).collect());
    assert!(others.iter().map(number).is_sorted());
}

pub(crate) async fn of_the_consumers_of_a_single_active_queue_another_is_given_messages_when_the_first_goes<H: Home>() {
    let queue = QueueSpec { single_active: true, ..queue("clicks", &["click"]) };
    let home: H = with_queue(&queue).await;
    let mut first = consumer(&home, &queue, "c-1", 2).await;
    let mut second = consumer(&home, &queue, "c-2", 100).await;
    publish(home.broker(), numbered("click", 0..6)).await;
    let got = take(&mut *first, 2).await;
    assert_eq!(ids(&got), ["0", "1"]);
    // The first can hold no more, and yet the others wait.
    until_waiting(home.broker(), &queue, 4).await;
    let mut bundle = Bundle::default();
    assert!(waits(second.next(WIDE, &mut bundle)).await);
    first.acknowledge(got[1].tag).await.unwrap();
    let got = take(&mut *first, 2).await;
    assert_eq!(ids(&got), ["2", "3"]);
    first.acknowledge(got[0].tag).await.unwrap();
    let ((), got) = tokio::join!(async { drop(first) }, take(&mut *second, 3));
    let number = |got: &Got| got.id.parse::<usize>().unwrap();
    assert_eq!(got.iter().map(number).collect::<BTreeSet<_>>(), BTreeSet::from([3, 4, 5]));
    assert!(bundle.messages.is_empty());
}

pub(crate) async fn messages_of_many_publishers_come_once_and_those_of_each_in_order<H: Home>() {
    let queue = queue("clicks", &["click"]);
    let home: H = with_queue(&queue).await;
    let publisher = async |number: usize| {
        for batch in 0..10 {
            let start = number * 1000 + batch * 7;
            publish(home.broker(), numbered("click", start..start + 7)).await;
        }
    };
    let mut consumer = consumer(&home, &queue, "c-1", 1000).await;
    let (got, ..) = tokio::join!(take(&mut *consumer, 280), publisher(0), publisher(1), publisher(2), publisher(3));
    let numbers: Vec<usize> = got.iter().map(|got| got.id.parse().unwrap()).collect();
    for publisher in 0..4 {
        let own: Vec<usize> = numbers.iter().copied().filter(|number| number / 1000 == publisher).collect();
        assert_eq!(own, (publisher * 1000..publisher * 1000 + 70).collect::<Vec<_>>());
    }
}
