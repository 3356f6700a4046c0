//! What clients of a tenant publish by themselves, past everything that this host could have said before: messages that are too
//! large or nothing at all, headers of every type, more than a queue takes.

use crate::streams::{CONFIG, obeying, stored};
use mysimbdp_tests::client::Client;
use mysimbdp_tests::servers::Servers;
use serde_json::{Value, json};

#[test]
fn messages_that_are_too_large_or_nothing_at_all_are_dead_letters_and_the_others_go_on() {
    let servers = Servers::start().with_broker();
    let daemon = obeying(CONFIG, &servers);
    let client = Client::of_tenant(&daemon, &servers, "acme", "obey");
    let script = r#"
most = 16 << 20
publish(b"n 1", message_id="first")
publish(b"n 2 ".ljust(most, b"x"), message_id="just-so")
publish(b"n 3 ".ljust(most + 1, b"x"), message_id="too-large")
publish(b"n 4 ".ljust(40 << 20, b"x"), message_id="far-too-large")
publish(b"", message_id="empty")
publish(b"\xff\xfe\x00", message_id="no-text")
publish(b"[1, 2", message_id="no-word")
publish(b"n 5", message_id="last")
"#;
    client.run(script);
    daemon.until("the documents", || (stored(&servers) == [1, 2, 5]).then_some(()));
    let mut letters = daemon.until("the letters", || Some(daemon.letters("acme")).filter(|letters| letters.len() == 5));
    letters.sort_by_key(|letter| letter["message_id"].to_string());
    let told: Vec<_> =
        letters.iter().map(|it| (it["message_id"].as_str().unwrap(), it["reason"].as_str().unwrap())).collect();
    let too_large = |bytes: u64| format!("the message has {bytes} bytes, where 16777216 are allowed (message_bytes)");
    let (large, larger) = (too_large((16 << 20) + 1), too_large(40 << 20));
    let expected = [
        ("empty", "an empty message"),
        ("far-too-large", larger.as_str()),
        ("no-text", "not a word that it knows"),
        ("no-word", "not a word that it knows"),
        ("too-large", large.as_str()),
    ];
    assert_eq!(told, expected);
    assert_eq!((&letters[1]["bytes"], &letters[4]["bytes"]), (&(40 << 20).into(), &((16 << 20) + 1).into()));
}

#[test]
fn headers_of_every_type_come_into_documents_with_their_values() {
    let servers = Servers::start().with_broker();
    let daemon = obeying(CONFIG, &servers);
    let client = Client::of_tenant(&daemon, &servers, "acme", "obey");
    // What the client does not write by itself is written as its bytes.
    let script = r#"
class Raw:
    def __init__(self, kind, form, value):
        self.bytes = kind + struct.pack(">" + form, value)
plain = pika.data.encode_value
def encode_value(pieces, value):
    if not isinstance(value, Raw):
        return plain(pieces, value)
    pieces.append(value.bytes)
    return len(value.bytes)
pika.data.encode_value = encode_value
publish(b"headers 1", message_id="1", headers={
    "bool": True,
    "i8": Raw(b"b", "b", -5), "u8": Raw(b"B", "B", 200),
    "i16": Raw(b"s", "h", -300), "u16": Raw(b"u", "H", 60000),
    "i32": Raw(b"I", "i", -70000), "u32": Raw(b"i", "I", 4000000000),
    "i64": Raw(b"l", "q", -(1 << 40)),
    "float": Raw(b"f", "f", 1.5), "double": Raw(b"d", "d", 2.25),
    "decimal": decimal.Decimal("12.5"), "text": "\u00e4", "bytes": b"\x00\xff",
    "time": datetime.datetime(2024, 1, 2, 3, 4, 5), "none": None,
    "list": [1, "a", [True]], "table": {"b": {"c": 1}}})
publish(b"headers 2", message_id="2", headers={})
publish(b"headers 3", message_id="3")
"#;
    client.run(script);
    daemon.until("the documents", || (stored(&servers) == [1, 2, 3]).then_some(()));
    let documents: Vec<Value> =
        servers.documents("acme", "documents").iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    let headers = |n: u64| documents.iter().find(|it| it["n"] == n).unwrap()["headers"].clone();
    let expected = json!({
        "bool": true, "i8": -5, "u8": 200, "i16": -300, "u16": 60_000, "i32": -70_000, "u32": 4_000_000_000_u64,
        "i64": -(1_i64 << 40), "float": 1.5, "double": 2.25,
        "decimal": { "$numberDecimal": "12.5" }, "text": "ä", "bytes": { "$binary": { "base64": "AP8=", "subType": "00" } },
        "time": { "$date": "2024-01-02T03:04:05Z" }, "none": null, "list": [1, "a", [true]], "table": { "b": { "c": 1 } },
    });
    // Values are compared by name: a table has no order.
    let came = headers(1);
    let names: Vec<_> = came.as_object().unwrap().keys().collect();
    assert_eq!(names.len(), expected.as_object().unwrap().len(), "{names:?}");
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&came[name], value, "{name}");
    }
    assert!([json!({}), Value::Null].contains(&headers(2)), "{}", headers(2));
    assert_eq!(headers(3), Value::Null);
}

#[test]
fn a_client_hears_that_a_queue_is_full_and_all_that_was_confirmed_is_stored() {
    let servers = Servers::start().with_broker();
    let daemon = obeying(&format!("{CONFIG}max_queue_bytes = \"200kB\"\n"), &servers);
    let client = Client::of_tenant(&daemon, &servers, "acme", "obey");
    daemon.ask(&["streams", "stop", "acme/obey"], &[0]);
    let fill = r#"
for n in range(1, 1000):
    try:
        publish((b"n %d " % n).ljust(10000, b"x"), message_id="m-%d" % n)
    except pika.exceptions.NackError:
        print(n - 1)
        break
"#;
    let confirmed: i64 = client.run(fill).trim().parse().unwrap();
    assert!(confirmed >= 19, "{confirmed}");
    daemon.ask(&["streams", "start", "acme/obey"], &[0]);
    daemon.until("the documents", || (stored(&servers).len() >= usize::try_from(confirmed).unwrap()).then_some(()));
    // There is room again.
    let again = r#"
while True:
    try:
        publish(b"n 5000", message_id="again")
        break
    except pika.exceptions.NackError:
        time.sleep(0.05)
"#;
    client.run(again);
    let expected: Vec<i64> = (1..=confirmed).chain([5_000]).collect();
    daemon.until("what came then", || stored(&servers).ends_with(&[5_000]).then_some(()));
    assert_eq!(stored(&servers), expected);
}
