//! Whatever is done in whatever order, the broker is what a list of numbers would be.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeSet, VecDeque};

#[derive(Clone, Debug)]
enum Step {
    /// So many messages in one call; large ones do not stay in memory.
    Publish(usize, bool),
    Take(usize, usize),
    /// All but so many of what a consumer holds.
    Acknowledge(usize, usize),
    Drop(usize),
    Purge,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1_usize..40, prop::bool::weighted(0.2)).prop_map(|(count, large)| Step::Publish(count, large)),
        8 => (0_usize..3, 1_usize..60).prop_map(|(consumer, count)| Step::Take(consumer, count)),
        6 => (0_usize..3, 0_usize..20).prop_map(|(consumer, left)| Step::Acknowledge(consumer, left)),
        2 => (0_usize..3).prop_map(Step::Drop),
        1 => Just(Step::Purge),
        1 => Just(Step::Reopen),
    ]
}

/// A consumer, and the numbers it holds with their tags.
struct Holder {
    consumer: Box<dyn Consumer>,
    held: VecDeque<(usize, u64)>,
}

#[derive(Default)]
struct Model {
    next: usize,
    waiting: BTreeSet<usize>,
    /// May have been delivered before.
    told: BTreeSet<usize>,
    sizes: Vec<u64>,
}

const PREFETCH: u16 = 100;

async fn run(steps: Vec<Step>) {
    let queue = QueueSpec { max_bytes: u64::MAX, ..queue("clicks", &["click"]) };
    let mut home = with_queue(&queue).await;
    let mut model = Model::default();
    let mut holders: [Option<Holder>; 3] = [None, None, None];
    for step in steps {
        match step {
            Step::Publish(count, large) => {
                let messages = (model.next..model.next + count).map(|number| {
                    let body = vec![b'x'; if large { 70_000 } else { number % 50 }];
                    model.sizes.push(body.len() as u64);
                    outgoing("click", &number.to_string(), &body)
                });
                publish(&home.broker, messages.collect()).await;
                model.waiting.extend(model.next..model.next + count);
                model.next += count;
            }
            Step::Take(index, count) => {
                if holders[index].is_none() {
                    let consumer = home.consumer(&queue, &format!("c-{index}"), PREFETCH).await;
                    holders[index] = Some(Holder { consumer, held: VecDeque::new() });
                }
                let Some(holder) = &mut holders[index] else { unreachable!() };
                let count = count.min(model.waiting.len()).min(usize::from(PREFETCH) - holder.held.len());
                let got = patience(take(&mut *holder.consumer, count)).await;
                for got in got {
                    let expected = model.waiting.pop_first().unwrap();
                    assert_eq!((got.id, got.body.len() as u64), (expected.to_string(), model.sizes[expected]));
                    assert_eq!(got.redelivered, model.told.contains(&expected));
                    holder.held.push_back((expected, got.tag));
                }
            }
            Step::Acknowledge(index, left) => {
                if let Some(holder) = &mut holders[index] {
                    let count = holder.held.len().saturating_sub(left);
                    if let Some((_, tag)) = holder.held.drain(..count).next_back() {
                        holder.consumer.acknowledge(tag).await.unwrap();
                    }
                }
            }
            Step::Drop(index) => {
                let held = holders[index].take().map(|holder| holder.held).unwrap_or_default();
                model.told.extend(held.iter().map(|(number, _)| *number));
                model.waiting.extend(held.iter().map(|(number, _)| *number));
            }
            Step::Purge => {
                assert_eq!(home.broker.purge(&queue.key).await.unwrap(), model.waiting.len() as u64);
                model.waiting.clear();
            }
            Step::Reopen => {
                for holder in holders.iter_mut().filter_map(Option::take) {
                    model.waiting.extend(holder.held.iter().map(|(number, _)| *number));
                }
                model.told.extend(0..model.next);
                home = home.close_and_open();
            }
        }
        let held = || holders.iter().flatten().flat_map(|holder| holder.held.iter().map(|(number, _)| *number));
        let depth = home.depth(&queue).await;
        let bytes: u64 = model.waiting.iter().copied().chain(held()).map(|number| model.sizes[number]).sum();
        assert_eq!(
            (depth.waiting, depth.held, depth.bytes, depth.consumers),
            (model.waiting.len() as u64, held().count() as u64, Some(bytes), holders.iter().flatten().count() as u64)
        );
        assert_eq!(depth.oldest.is_some(), depth.waiting + depth.held > 0);
    }
    drop(holders);
    // Nothing is in the file but what is still to come.
    let home = home.close_and_open();
    let depth = home.depth(&queue).await;
    if depth.waiting == 0 {
        patience(async {
            while home.chunks() > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_broker_is_what_a_list_of_numbers_would_be(steps in prop::collection::vec(step(), 1..60)) {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(run(steps));
    }
}
