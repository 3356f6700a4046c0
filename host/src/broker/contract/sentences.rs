//! The sentences of the contract: each is a test that a home must pass.

mod messages;
mod queues;

pub(crate) use messages::*;
pub(crate) use queues::*;

use super::*;
use crate::broker::{BrokerError, Published};
use bson::{Bson, doc};
use std::collections::BTreeSet;
use std::future::poll_fn;
use std::task::Poll;

/// Whether a call has to wait.
async fn waits<T>(mut call: BoxFuture<'_, T>) -> bool {
    poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_pending())).await
}

async fn declared<H: Home>(home: &H, queue: &QueueSpec) {
    home.broker().declare(queue).await.unwrap();
}

async fn consumer<H: Home>(home: &H, queue: &QueueSpec, tag: &str, prefetch: u16) -> Box<dyn Consumer> {
    home.broker().consume(subscription(queue, tag, prefetch)).await.unwrap()
}

/// A fresh home with one queue.
async fn with_queue<H: Home>(queue: &QueueSpec) -> H {
    let home = H::fresh().await;
    declared(&home, queue).await;
    home
}

fn texts(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    numbers.into_iter().map(|number| number.to_string()).collect()
}
