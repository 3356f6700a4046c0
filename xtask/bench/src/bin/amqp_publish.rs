//! `amqp_publish <amqp://…> <to> <messages.jsonl> <bytes> <count> <rate>`: trips of so many bytes each, to RabbitMQ.
//!
//! `to` is `exchange/<name>/<routing key>`, or `queue/<kind>/<name>` for a queue that is declared if it is not there. With a rate of
//! 0 messages are published as fast as the broker confirms them, and the last line tells how long that took. With a rate,
//! each is published at its time, unconfirmed, and the number in its first field is the time at which it really was; the last
//! line tells how late they were: what is late here was the machine's doing, not a consumer's.
#![expect(clippy::print_stdout, reason = "a program for the benchmark, which reads its last line")]

use anyhow::{Context as _, Result, bail, ensure};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::protocol::constants::REPLY_SUCCESS;
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel, Confirmation, PublisherConfirm};
use mysimbdp_bench::clock::monotonic_nanos;
use mysimbdp_bench::messages::Messages;
use mysimbdp_bench::{amqp, clock};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// Messages that may be unconfirmed.
const WINDOW: usize = 1_000;

/// Where messages go.
struct To {
    exchange: ShortString,
    key: ShortString,
}

fn main() -> Result<()> {
    let usage = "usage: amqp_publish <amqp://…> <to> <messages.jsonl> <bytes> <count> <rate>";
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, to, file, bytes, count, rate] = arguments.as_slice() else { bail!(usage) };
    let lines = std::fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
    let messages = Messages::new(&lines, bytes.parse().context(usage)?)?;
    let (count, rate): (usize, f64) = (count.parse().context(usage)?, rate.parse().context(usage)?);
    // One thread for the sockets; this one keeps the time.
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let connection = runtime.block_on(amqp::connect(url))?;
    let channel = runtime.block_on(connection.create_channel())?;
    let to = runtime.block_on(destination(&channel, to))?;
    let began = clock::monotonic_nanos();
    let late = if rate > 0.0 {
        paced(&runtime, &channel, &to, &messages, count, rate)?
    } else {
        runtime.block_on(confirmed(&channel, &to, &messages, count))?;
        0.0
    };
    runtime.block_on(async {
        channel.close(REPLY_SUCCESS, "done".into()).await?;
        connection.close(REPLY_SUCCESS, "done".into()).await
    })?;
    println!("{{\"messages\": {count}, \"seconds\": {}, \"late_p99\": {late}}}", seconds(monotonic_nanos() - began));
    Ok(())
}

async fn destination(channel: &Channel, to: &str) -> Result<To> {
    let parts: Vec<&str> = to.split('/').collect();
    match parts.as_slice() {
        ["exchange", name, key] => Ok(To { exchange: (*name).into(), key: (*key).into() }),
        ["queue", kind, name] => {
            amqp::declare(channel, name, kind).await?;
            Ok(To { exchange: "".into(), key: (*name).into() })
        }
        _ => bail!("{to:?} is neither exchange/<name>/<key> nor queue/<kind>/<name>"),
    }
}

/// As fast as they are confirmed.
async fn confirmed(channel: &Channel, to: &To, messages: &Messages, count: usize) -> Result<()> {
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let (mut text, mut under_way) = (String::new(), VecDeque::with_capacity(WINDOW));
    for index in 0..count {
        if under_way.len() == WINDOW {
            settle(&mut under_way).await?;
        }
        messages.write(index, i64::try_from(index)?, &mut text);
        under_way.push_back(publish(channel, to, index, &text).await?);
    }
    while !under_way.is_empty() {
        settle(&mut under_way).await?;
    }
    Ok(())
}

async fn settle(under_way: &mut VecDeque<PublisherConfirm>) -> Result<()> {
    let Some(first) = under_way.pop_front() else { return Ok(()) };
    let answer = first.await?;
    ensure!(matches!(answer, Confirmation::Ack(None)), "a message was not taken: {answer:?}");
    Ok(())
}

/// Each at its time; answers by how many milliseconds the latest of a hundred were late.
fn paced(runtime: &Runtime, channel: &Channel, to: &To, messages: &Messages, count: usize, rate: f64) -> Result<f64> {
    let (mut text, mut late) = (String::new(), Vec::with_capacity(count));
    let began = monotonic_nanos();
    for index in 0..count {
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a minute in nanoseconds")]
        let due = began + (index as f64 / rate * 1e9) as i64;
        let wait = u64::try_from(due - monotonic_nanos()).unwrap_or_default();
        if wait > 0 {
            std::thread::sleep(Duration::from_nanos(wait));
        }
        let now = monotonic_nanos();
        messages.write(index, now, &mut text);
        runtime.block_on(publish(channel, to, index, &text))?;
        late.push(now - due);
    }
    late.sort_unstable();
    Ok(late.get(late.len() * 99 / 100).map_or(0.0, |late| 1e3 * seconds(*late)))
}

async fn publish(channel: &Channel, to: &To, index: usize, text: &str) -> Result<PublisherConfirm> {
    let id = index.to_string();
    let properties = BasicProperties::default()
        .with_content_type("application/json".into())
        .with_delivery_mode(2)
        .with_message_id(id.into());
    let options = BasicPublishOptions::default();
    Ok(channel.basic_publish(to.exchange.clone(), to.key.clone(), options, text.as_bytes(), properties).await?)
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds of a benchmark are far below 2^52")]
fn seconds(nanos: i64) -> f64 {
    nanos as f64 / 1e9
}
