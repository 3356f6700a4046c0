//! A queue that somebody deletes, and a network between host and RabbitMQ that cuts and falls silent, while messages flow.

use crate::streams::{CONFIG, all_are_stored, is_stored, obeying, publish, publish_without_ids, stored};
use mysimbdp_tests::client::Client;
use mysimbdp_tests::servers::Servers;
use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::thread::{scope, sleep};
use std::time::Duration;

/// What waits in a queue goes with it: that is the deed of whoever deletes it. What is confirmed afterwards is stored, once.
#[test]
fn a_queue_that_is_deleted_by_hand_is_made_anew_and_everything_goes_on() {
    let servers = Servers::start().with_broker();
    let daemon = obeying(CONFIG, &servers);
    let operator = Client::of_operator(&servers, "acme", "obey");
    let script = r#"
for n in range(1, 2001):
    while True:
        try:
            publish(b"n %d" % n, message_id="m-%d" % n)
            break
        except pika.exceptions.UnroutableError:
            time.sleep(0.01)
    if n in (500, 1000, 1500):
        channel.queue_delete(queue)
"#;
    operator.run(script);
    daemon.until("what came last", || stored(&servers).ends_with(&[1_999, 2_000]).then_some(()));
    let consumers = || operator.run("print(channel.queue_declare(queue, passive=True).method.consumer_count)");
    daemon.until("a consumer", || (consumers().trim() != "0").then_some(()));
    publish(&daemon, 2_001..=2_500);
    let expected: Vec<i64> = (1_501..=2_500).collect();
    let stored = daemon.until("the documents", || {
        let stored = stored(&servers);
        stored.ends_with(&expected).then_some(stored)
    });
    assert_eq!(stored.iter().collect::<BTreeSet<_>>().len(), stored.len(), "some are there twice");
    // What had been stored before its queue went, and what was consumed while it flowed.
    assert!(stored.len() > 1_000 && stored[0] >= 1, "{} documents", stored.len());
    assert!(daemon.letters("acme").is_empty(), "{:?}", daemon.letters("acme"));
}

#[test]
fn connections_that_are_cut_again_and_again_lose_and_double_nothing() {
    const PORTIONS: u32 = 10;
    let (servers, proxy) = Servers::start().with_broker().with_broker_behind_proxy();
    let daemon = obeying(CONFIG, &servers);
    let random = RandomState::new();
    let with_ids = |portion: u32| portion % 3 != 2;
    scope(|scope| {
        let publishing = scope.spawn(|| {
            for portion in 0..PORTIONS {
                let numbers = portion * 1_000 + 1..=(portion + 1) * 1_000;
                if with_ids(portion) { publish(&daemon, numbers) } else { publish_without_ids(&daemon, numbers) }
            }
        });
        let mut cuts = 0_u64;
        while !publishing.is_finished() || cuts < 10 {
            let dice = random.hash_one(cuts);
            sleep(Duration::from_millis(100 + dice % 300));
            if dice & 1024 == 0 {
                proxy.cut_once()
            } else {
                proxy.lose_answers(1)
            }
            cuts += 1;
        }
        publishing.join().unwrap();
    });
    let numbers = 1..=PORTIONS * 1_000;
    let (once, at_least_once): (Vec<u32>, Vec<u32>) = numbers.partition(|number| with_ids((number - 1) / 1_000));
    let signed = |numbers: Vec<u32>| numbers.into_iter().map(i64::from).collect::<Vec<i64>>();
    all_are_stored(&servers, &daemon, &signed(once), &signed(at_least_once));
    assert!(proxy.carried() > 100_000, "{} bytes went through the proxy", proxy.carried());
}

/// A server that has lost its power says nothing, and answers whoever comes anew.
#[test]
fn connections_on_which_nothing_arrives_any_more_are_given_up_and_made_anew() {
    let (servers, proxy) = Servers::start().with_broker().with_broker_behind_proxy();
    let daemon = obeying(CONFIG, &servers);
    publish(&daemon, 1..=2_000);
    proxy.desert();
    publish(&daemon, 2_001..=4_000);
    is_stored(&servers, &daemon, 1..=4_000);
}
