//! What clients in other languages publish: every property, every type of header, and what a hostile one makes of them.

use super::*;
use crate::worker::delivery::Message;
use bson::{Bson, DateTime, Decimal128, Document, doc};
use std::process::{Command, Stdio};

/// What each script begins with: a channel, and a way to publish to the tenant's exchange.
const BEGIN: &str = r#"
import datetime, decimal, os, pika, struct, sys, threading
e = os.environ
where = pika.ConnectionParameters(
    host="127.0.0.1", port=int(e["PORT"]), virtual_host=e["VHOST"],
    credentials=pika.PlainCredentials(e["MQ_USER"], e["MQ_PASSWORD"]))
connection = pika.BlockingConnection(where)
channel = connection.channel()
channel.confirm_delivery()
def publish(body, **properties):
    channel.basic_publish(e["EXCHANGE"], "click", body, pika.BasicProperties(**properties), mandatory=True)
"#;

/// Publishes with Python's `pika`, as a tenant's client does, and takes what came.
async fn published(script: &str, count: usize) -> Vec<Vec<u8>> {
    let python = RabbitMq::python_client().unwrap();
    let (broker, _) = managed(QueueKind::Quorum).await;
    let spec = queue("clicks", &["click"]);
    broker.declare(&spec).await.unwrap();
    let credentials = broker.credentials_of(&tenant("acme"), false).await.unwrap();
    let mut command = Command::new(python);
    command.args(["-c", &format!("{BEGIN}{script}")]).stdin(Stdio::null());
    command.env("PORT", RabbitMq::shared().unwrap().port().to_string());
    command.env("VHOST", credentials.vhost).env("EXCHANGE", credentials.exchange);
    command.env("MQ_USER", credentials.user.unwrap()).env("MQ_PASSWORD", credentials.password.unwrap());
    let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let mut consumer = broker.consume(subscription(&spec, "c-1", 100)).await.unwrap();
    let mut bundle = Bundle::default();
    while bundle.messages.len() < count {
        consumer.next(WIDE, &mut bundle).await.unwrap();
    }
    bundle.messages.iter().map(|arrived| bundle.payload[arrived.range.clone()].to_vec()).collect()
}

fn message(bytes: &[u8]) -> Message<'_> {
    Message::decode(&mut &bytes[..]).unwrap().unwrap()
}

fn headers(bytes: &[u8]) -> Document {
    Document::from_reader(message(bytes).headers.unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_in_python_publishes_arrives_with_all_its_properties_and_headers() {
    let script = r#"
publish(b"\x00\xffbody",
    content_type="application/json", content_encoding="gzip", delivery_mode=1, priority=7,
    correlation_id="c-1", reply_to="r", expiration="600000", message_id="m-\u00e4", timestamp=1700000000,
    type="t", user_id=e["MQ_USER"], app_id="app",
    headers={
        "bool": True, "int": 1 << 20, "long": -(1 << 40), "decimal": decimal.Decimal("12.5"),
        "text": "\u00e4", "bytes": b"\x00\xff", "time": datetime.datetime(2024, 1, 2, 3, 4, 5),
        "none": None, "list": [1, "a", [True]], "table": {"b": {"c": 1}}})
publish(b"")
"#;
    let came = published(script, 2).await;
    let full = message(&came[0]);
    assert_eq!(full.body, b"\x00\xffbody");
    let texts = [
        (full.routing_key, "click"),
        (full.content_type, "application/json"),
        (full.content_encoding, "gzip"),
        (full.correlation_id, "c-1"),
        (full.reply_to, "r"),
        (full.expiration, "600000"),
        (full.message_id, "m-ä"),
        (full.kind, "t"),
        (full.app_id, "app"),
    ];
    for (text, expected) in texts {
        assert_eq!(text.map(String::from_utf8_lossy).as_deref(), Some(expected));
    }
    assert_eq!(full.user_id, full.exchange, "both are called after the tenant");
    assert_eq!((full.present, full.delivery_mode, full.priority, full.timestamp), (7, 1, 7, 1_700_000_000));
    let expected = doc! {
        "bool": true, "int": 1 << 20, "long": -(1_i64 << 40),
        "decimal": "12.5".parse::<Decimal128>().unwrap(), "text": "ä",
        "bytes": Bson::Binary(bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: vec![0, 255] }),
        "time": DateTime::from_millis(1_704_164_645_000), "none": Bson::Null, "list": [1, "a", [true]],
        "table": { "b": { "c": 1 } },
    };
    let mut came_headers: Vec<_> = headers(&came[0]).into_iter().collect();
    let mut expected: Vec<_> = expected.into_iter().collect();
    came_headers.sort_by(|one, other| one.0.cmp(&other.0));
    expected.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(came_headers, expected);
    let bare = message(&came[1]);
    assert_eq!((bare.body, bare.message_id, bare.headers, bare.present), (&b""[..], None, None, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn properties_that_are_not_utf_8_hurt_nobody() {
    let script = r#"
publish(b"first", message_id=b"m\xff", headers={b"k\xfe": b"v\xff"})
publish(b"second", message_id="m")
"#;
    let came = published(script, 2).await;
    assert_eq!(message(&came[0]).message_id, Some(&b"m?"[..]));
    assert_eq!(headers(&came[0]).keys().collect::<Vec<_>>(), ["k?"]);
    assert_eq!(message(&came[1]).body, b"second");
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_nest_thousands_deep_hurt_nobody() {
    // Deeper than the client itself can nest: written as bytes, in the shape of arrays in each other.
    let script = r#"
import pika.data
plain = pika.data.encode_value
def deep(pieces, value):
    if value != "deep":
        return plain(pieces, value)
    inner = b""
    for _ in range(20000):
        inner = b"A" + struct.pack(">I", len(inner)) + inner
    pieces.append(inner)
    return len(inner)
pika.data.encode_value = deep
publish(b"first", headers={"h": "deep"})
publish(b"second")
"#;
    let came = published(script, 2).await;
    let mut levels = 0;
    let mut value = headers(&came[0]).remove("h").unwrap();
    while let Bson::Array(mut inner) = value {
        levels += 1;
        value = inner.remove(0);
    }
    assert!(levels == 64 && matches!(&value, Bson::Binary(rest) if rest.bytes.len() > 90_000), "{levels}");
    assert_eq!(message(&came[1]).body, b"second");
}
