//! `bare_consumer <amqp://…> <queue> <prefetch> <app.so> <mongodb://…> <count>`: the messages of a queue straight into a MongoDB.
//!
//! What somebody would write who needs no platform, and wants it fast: one process, one event loop, the same code for the JSON as
//! on the platform (the very `.so`, called in this process), the official driver's `insert_many` for all that has come
//! meanwhile, two of them under way, and one acknowledgement for all messages of an insert. Nothing is isolated, no document is
//! checked, its `_id` is a count, no window is kept, no message is put aside.
#![expect(clippy::print_stdout, reason = "a program for the benchmark, which reads its last line")]

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use bson::RawDocumentBuf;
use futures_util::{FutureExt as _, StreamExt as _};
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::protocol::constants::REPLY_SUCCESS;
use lapin::types::FieldTable;
use mongodb::options::WriteConcern;
use mongodb::{Client, Collection};
use mysimbdp::document::DocumentId;
use mysimbdp_bench::amqp;
use mysimbdp_bench::clock::own_cpu_seconds;
use mysimbdp_bench::direct::{Direct, Told};
use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Most messages of an insert.
const BATCH: usize = 1_000;
/// Inserts under way.
const AT_ONCE: usize = 2;

/// An insert under way: how many messages, and the tag of the last.
type Insert = JoinHandle<Result<(u64, u64)>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let usage = "usage: bare_consumer <amqp://…> <queue> <prefetch> <app.so> <mongodb://…> <count>";
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, queue, prefetch, app, sink, count] = arguments.as_slice() else { bail!(usage) };
    let (prefetch, count): (u16, u64) = (prefetch.parse().context(usage)?, count.parse().context(usage)?);
    let app = Direct::load(Path::new(app))?;
    let client = Client::with_uri_str(sink).await?;
    let collection = client.database("bare").collection::<RawDocumentBuf>("trips");
    let connection = amqp::connect(url).await?;
    let channel = connection.create_channel().await?;
    channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
    let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
    let cpu = own_cpu_seconds();
    let deliveries = channel.basic_consume(queue.as_str().into(), "bare".into(), options, none).await?;
    Consumer { app, batch: Vec::new(), numbered: 0, deliveries, under_way: VecDeque::new() }
        .run(&channel, &collection, count)
        .await?;
    let cpu = own_cpu_seconds() - cpu;
    connection.close(REPLY_SUCCESS, "done".into()).await?;
    client.shutdown().await;
    println!("{{\"documents\": {count}, \"cpu_seconds\": {cpu}}}");
    Ok(())
}

struct Consumer {
    app: Direct,
    batch: Vec<RawDocumentBuf>,
    numbered: u64,
    deliveries: lapin::Consumer,
    under_way: VecDeque<Insert>,
}

impl Consumer {
    /// Works until so many messages are stored and acknowledged.
    async fn run(
        &mut self,
        channel: &lapin::Channel,
        collection: &Collection<RawDocumentBuf>,
        count: u64,
    ) -> Result<()> {
        let mut stored = 0;
        while stored < count {
            let may_take = self.under_way.len() < AT_ONCE;
            tokio::select! {
                biased;
                landed = landed(&mut self.under_way) => {
                    let (messages, last) = landed?;
                    channel.basic_ack(last, BasicAckOptions { multiple: true }).await?;
                    stored += messages;
                }
                first = self.deliveries.next(), if may_take => {
                    let insert = self.gather(first.context("the queue is gone")??)?;
                    self.under_way.push_back(launch(collection.clone(), insert));
                }
            }
        }
        ensure!(stored == count, "{stored} messages came, not {count}");
        Ok(())
    }

    /// This one, and what has come besides.
    fn gather(&mut self, first: Delivery) -> Result<(Vec<RawDocumentBuf>, u64, u64)> {
        let (mut next, mut messages, mut last) = (Some(Ok(first)), 0, 0);
        while let Some(delivery) = next {
            let delivery = delivery?;
            (messages, last) = (messages + 1, delivery.delivery_tag);
            self.take(&delivery)?;
            next = if self.batch.len() < BATCH { self.deliveries.next().now_or_never().flatten() } else { None };
        }
        Ok((std::mem::take(&mut self.batch), messages, last))
    }

    fn take(&mut self, delivery: &Delivery) -> Result<()> {
        let told = Told {
            routing_key: delivery.routing_key.as_str(),
            message_id: delivery.properties.message_id().as_ref().map(|id| id.as_str()),
            delivery_tag: delivery.delivery_tag,
        };
        for mut document in self.app.on_message(told, &delivery.data)? {
            self.numbered += 1;
            DocumentId::new(1, self.numbered, 0)?.number_in_place(&mut document)?;
            self.batch.push(RawDocumentBuf::from_bytes(document)?);
        }
        Ok(())
    }
}

/// The oldest insert; for ever where none is under way.
async fn landed(under_way: &mut VecDeque<Insert>) -> Result<(u64, u64)> {
    let Some(oldest) = under_way.front_mut() else { return std::future::pending().await };
    let landed = oldest.await.map_err(|error| anyhow!("an insert was lost: {error}"))?;
    under_way.pop_front();
    landed
}

/// With the write concern that the platform has.
fn launch(collection: Collection<RawDocumentBuf>, insert: (Vec<RawDocumentBuf>, u64, u64)) -> Insert {
    let (documents, messages, last) = insert;
    let concern = WriteConcern::builder().w(mongodb::options::Acknowledgment::Majority).journal(true);
    let concern = concern.w_timeout(Duration::from_secs(30)).build();
    tokio::spawn(async move {
        let stored = collection.insert_many(&documents).ordered(false).write_concern(concern).await?;
        ensure!(stored.inserted_ids.len() == documents.len(), "not every document was stored");
        Ok((messages, last))
    })
}
