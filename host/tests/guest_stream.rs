//! A stream app in a real worker: messages with all their fields, outcomes in order, endings.

#![allow(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod guest_support;

use guest_support::{Options, compile, start_with};
use mysimbdp::worker::delivery::{Message, OutcomeFate};
use mysimbdp::worker::protocol::Ending;

/// Obeys the body: `emit N`, `reject`, `fail`, `panic`, `crash`, `tell` (all fields, by `fail`).
const APP: &str = r#"
    static int calls;
    static int32_t create(const host_t *host, bytes_t config, void **instance) {
        (void)instance;
        if (config.ptr) return mysimbdp_fail(host, "created in vain");
        return MYSIMBDP_OK;
    }
    #define TEXT(b) (int)(b).len, (const char *)((b).ptr ? (b).ptr : "-")
    static int32_t on_message(void *instance, const host_t *host, const mysimbdp_message_v1_t *m) {
        char body[64] = "";
        int count = 0;
        (void)instance;
        calls++;
        memcpy(body, m->body.ptr, m->body.len < 63 ? m->body.len : 63);
        if (sscanf(body, "emit %d", &count) == 1) {
            for (int i = 0; i < count; i++) emit_number(host, i);
            return MYSIMBDP_OK;
        }
        if (!strcmp(body, "junk")) { host->emit(host->ctx, mysimbdp_bytes("junk", 4)); return emit_number(host, 1); }
        if (!strcmp(body, "reject")) { emit_number(host, 1); return mysimbdp_reject(host, "call %d", calls); }
        if (!strcmp(body, "fail")) return MYSIMBDP_ERROR;
        if (!strcmp(body, "panic")) { mysimbdp_fail(host, "panicked at src/lib.rs:1:1"); return MYSIMBDP_PANIC; }
        if (!strcmp(body, "crash")) abort();
        if (!strcmp(body, "row")) return begin(host, 0, 0, 0);
        return mysimbdp_reject(host, "%.*s %.*s %d | %d %d %.*s %.*s | %u %d %d %d %.*s %.*s %.*s %.*s %.*s %.*s %.*s %.*s %.*s %.*s",
            TEXT(m->channel.stream), TEXT(m->channel.consumer_tag), m->channel.number,
            (int)m->delivery.delivery_tag, m->delivery.redelivered, TEXT(m->delivery.exchange), TEXT(m->delivery.routing_key),
            m->properties.present, m->properties.delivery_mode, m->properties.priority, (int)m->properties.timestamp,
            TEXT(m->properties.content_type), TEXT(m->properties.content_encoding), TEXT(m->properties.headers),
            TEXT(m->properties.correlation_id), TEXT(m->properties.reply_to), TEXT(m->properties.expiration),
            TEXT(m->properties.message_id), TEXT(m->properties.kind), TEXT(m->properties.user_id), TEXT(m->properties.app_id));
    }
    MYSIMBDP_EXPORT_STREAM("test-stream", "1", 0, create, on_message, mysimbdp_destroy_nothing)"#;

fn body(body: &str) -> Message<'_> {
    Message { body: body.as_bytes(), ..Message::default() }
}

fn worker() -> guest_support::Worker {
    let app = compile(APP, &[]);
    let (worker, ready) = start_with(&app.path, &Options::default());
    assert_eq!(ready.kinds, ["stream"]);
    worker
}

#[test]
fn every_message_has_its_outcome_in_its_place() {
    let (outcomes, done) = worker().deliver(&["emit 2", "reject", "fail", "emit 0", "junk", "row"].map(body));
    assert_eq!(done, None);
    let told: Vec<_> =
        outcomes.iter().map(|(head, bytes)| (head.fate, head.documents, head.refused, bytes.len())).collect();
    let document = 33;
    assert_eq!(told[0], (OutcomeFate::Taken, 2, 0, 2 * document));
    assert_eq!(told[1], (OutcomeFate::Rejected, 0, 0, 6));
    assert_eq!(outcomes[1].1, b"call 2");
    assert_eq!(outcomes[2].1, b"the app failed and did not say why");
    assert_eq!(told[2].0, OutcomeFate::Failed);
    assert_eq!(told[3], (OutcomeFate::Taken, 0, 0, 0));
    assert_eq!(told[4], (OutcomeFate::Taken, 1, 1, document));
    assert_eq!(told[5].0, OutcomeFate::Failed, "rows belong to files");
    assert!(outcomes.iter().any(|(head, _)| head.nanos > 0));
}

#[test]
fn all_fields_of_a_message_arrive() {
    let full = Message {
        channel: 3,
        delivery_tag: 9,
        redelivered: true,
        present: 7,
        delivery_mode: 2,
        priority: 5,
        timestamp: 1_700_000_000,
        stream: Some(b"clicks"),
        consumer_tag: Some(b"tag"),
        exchange: Some(b"ex"),
        routing_key: Some(b"key"),
        content_type: Some(b"json"),
        content_encoding: Some(b"gzip"),
        headers: Some(b"h"),
        correlation_id: Some(b"c"),
        reply_to: Some(b"r"),
        expiration: Some(b"60"),
        message_id: Some(b"m"),
        kind: Some(b"k"),
        user_id: Some(b"u"),
        app_id: None,
        body: b"tell",
    };
    let (outcomes, _) = worker().deliver(&[full]);
    let told = String::from_utf8(outcomes[0].1.clone()).unwrap();
    assert!(told.starts_with("clicks tag 3 | 9 1 ex key | 7 2 5 1700000000 json gzip h c r 60 m k u "), "{told}");
}

#[test]
fn an_instance_lives_from_delivery_to_delivery() {
    let mut worker = worker();
    worker.deliver(&[body("emit 1")]);
    let (outcomes, _) = worker.deliver(&[body("reject")]);
    assert_eq!(outcomes[0].1, b"call 2");
    assert_eq!(worker.finish().code(), Some(0));
}

#[test]
fn a_large_delivery_is_answered_in_several_frames_that_continue_each_other() {
    let messages: Vec<Message<'_>> = (0..3000).map(|_| body("emit 2")).collect();
    let (outcomes, _) = worker().deliver(&messages);
    assert_eq!(outcomes.len(), 3000);
    assert!(outcomes.iter().all(|(head, _)| head.documents == 2));
}

#[test]
fn a_panic_is_the_last_outcome_and_the_worker_ends() {
    let mut worker = worker();
    let (outcomes, _) = worker.deliver(&["emit 1", "panic"].map(body));
    assert_eq!(outcomes[1].0.fate, OutcomeFate::Panicked);
    assert_eq!(outcomes[1].1, b"panicked at src/lib.rs:1:1");
    assert_eq!(worker.receive().unwrap().kind, mysimbdp::worker::protocol::GuestKind::Done);
    assert_eq!(worker.wait().code(), Some(73));
}

#[test]
fn a_crash_names_its_message() {
    let mut worker = worker();
    worker.deliver(&[body("emit 1")]);
    let (outcomes, _) = worker.deliver(&["emit 1", "emit 1", "crash", "emit 1"].map(body));
    assert!(outcomes.is_empty(), "what had not left yet runs again");
    assert_eq!(worker.signal(), Some(libc::SIGABRT));
    let row = worker.claim().row.unwrap();
    assert_eq!((row.number, row.line), (3, 2), "the third message of the second delivery");
}

#[test]
fn a_stream_app_that_cannot_be_made_and_a_file_for_a_stream_app_are_errors() {
    let app = compile(APP, &[]);
    let (mut worker, _) = start_with(&app.path, &Options { config: Some("{}".to_owned()), ..Options::default() });
    let (outcomes, done) = worker.deliver(&[body("emit 1")]);
    assert!(outcomes.is_empty());
    assert_eq!(done.unwrap().ending, Ending::Error { reason: "created in vain".to_owned() });
    let reason = "the app is no batch app: its table has no `batch`".to_owned();
    assert_eq!(worker.run(b"x").done.unwrap().ending, Ending::Error { reason });
}

/// The example in C: what `docs/sample-data.md` says of readings.
const READINGS: &str = include_str!("../../tenant-plugins/clientstreamingestapp-fixed-c/app.c");

#[test]
fn the_example_in_c_takes_readings_and_says_of_others_which_field_and_why() {
    let app = compile(READINGS, &["-Werror", "-Wall", "-Wextra"]);
    let mut worker = start_with(&app.path, &Options::default()).0;
    let late = Message { present: 4, timestamp: 1_700_000_060, ..body("attic-1;1700000000;-12.5\n") };
    let (outcomes, _) = worker.deliver(&[late, body("roof.2;0;1e3"), body("roof.2;253402300799;-273.15")]);
    let stored = |at: usize| {
        assert_eq!(outcomes[at].0.fate, OutcomeFate::Taken, "{}", String::from_utf8_lossy(&outcomes[at].1));
        let mut document = bson::Document::from_reader(&mut &outcomes[at].1[..]).unwrap();
        document.remove("_id");
        document
    };
    let at = |seconds: i64| bson::DateTime::from_millis(seconds * 1000);
    assert_eq!(
        stored(0),
        bson::doc! { "sensor": "attic-1", "at": at(1_700_000_000), "celsius": -12.5, "kelvin": 273.15 - 12.5, "late_s": 60_i64 }
    );
    let kelvin = 1000.0 + 273.15;
    assert_eq!(
        stored(1),
        bson::doc! { "sensor": "roof.2", "at": at(0), "celsius": 1000.0, "kelvin": kelvin, "late_s": bson::Bson::Null }
    );
    assert_eq!(stored(2).get_f64("kelvin").unwrap(), 0.0);

    let long = format!("{};0;0", "s".repeat(65));
    let name = "is not a name of 1 to 64 letters, digits, '-', '_' and '.'";
    let seconds = "is not a number of seconds from 0 to 253402300799";
    let degrees = "is not a number from -273.15 to 10000";
    let bad: Vec<(&str, String)> = vec![
        ("", "message has 1 fields where 3 belong".into()),
        ("a;0", "message has 2 fields where 3 belong".into()),
        ("a;0;0;0", "message has 4 fields where 3 belong".into()),
        (";0;0", format!("field 1 (sensor): \"\" {name}")),
        ("a b;0;0", format!("field 1 (sensor): \"a b\" {name}")),
        ("Zürich;0;0", format!("field 1 (sensor): \"Zürich\" {name}")),
        (&long, format!("field 1 (sensor): \"{}\" {name}", "s".repeat(60))),
        ("a;-1;0", format!("field 2 (seconds): \"-1\" {seconds}")),
        ("a;253402300800;0", format!("field 2 (seconds): \"253402300800\" {seconds}")),
        ("a;now;0", format!("field 2 (seconds): \"now\" {seconds}")),
        ("a;0;", format!("field 3 (celsius): \"\" {degrees}")),
        ("a;0;warm", format!("field 3 (celsius): \"warm\" {degrees}")),
        ("a;0;nan", format!("field 3 (celsius): \"nan\" {degrees}")),
        ("a;0;-273.16", format!("field 3 (celsius): \"-273.16\" {degrees}")),
        ("a;0;1e5", format!("field 3 (celsius): \"1e5\" {degrees}")),
        ("a;0;1\n\n", format!("field 3 (celsius): \"1\n\" {degrees}")),
    ];
    let messages: Vec<Message<'_>> = bad.iter().map(|(text, _)| body(text)).collect();
    let (outcomes, _) = worker.deliver(&messages);
    for ((text, expected), (head, reason)) in bad.iter().zip(&outcomes) {
        assert_eq!((head.fate, head.documents), (OutcomeFate::Rejected, 0), "{text:?}");
        assert_eq!(std::str::from_utf8(reason).unwrap(), expected, "{text:?}");
    }
    assert_eq!(outcomes.len(), bad.len());
    assert_eq!(worker.finish().code(), Some(0));
}
