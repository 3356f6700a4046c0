//! Stream apps, checks and metadata apps, called through their tables.

use mysimbdp_plugin_api::bson::ValueRef;
use mysimbdp_plugin_api::prelude::*;
use mysimbdp_plugin_api::testing::bson::doc;
use mysimbdp_plugin_api::testing::{Message, Outcome, check_document, check_file, check_message, deliver, describe};

/// Counts on in each message, and does what the body says.
#[derive(Default)]
struct Counter {
    seen: i32,
}

impl StreamIngest for Counter {
    fn on_message(
        &mut self,
        channel: &Channel,
        method: &Delivery,
        properties: &Properties,
        body: &[u8],
        sink: &mut Sink,
    ) -> Result<(), Reject> {
        self.seen += 1;
        assert_eq!((channel.stream, channel.number, method.delivery_tag), ("test", 1, self.seen as u64));
        sink.emit(&doc! { "seen": self.seen, "id": properties.message_id })?;
        match body {
            b"reject" => Err(reject!("as told by {}", method.routing_key)),
            b"fail" => Err(AppError::new("out of order"))?,
            b"panic" => panic!("as told"),
            b"look" => {
                assert_eq!(properties.header("retries"), Some(ValueRef::Int32(2)));
                assert_eq!(properties.content_type, Some("text/plain"));
                assert_eq!(properties.timestamp, Some(DateTime::from_millis(7000)));
                assert_eq!((properties.priority, properties.app_id, properties.header("absent")), (None, None, None));
                assert!(method.redelivered);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

#[test]
fn each_message_is_answered_for_itself() {
    let look = Message::new("look").header("retries", 2).content_type("text/plain").timestamp(7).redelivered();
    let rejected = Message::new("reject").routing_key("someone");
    let report = deliver::<Counter>(&[Message::new("x").message_id("m-1"), rejected, look]);
    assert_eq!(report.outcome, Outcome::Ok);
    assert_eq!(report.without_ids(), [doc! { "seen": 1, "id": "m-1" }, doc! { "seen": 3, "id": null }]);
    assert_eq!((report.rejects[0].row, report.rejects[0].reason.as_str()), (2, "as told by someone"));
    assert_eq!((report.rows.read, report.rows.ingested, report.rows.rejected), (3, 2, 1));
}

#[test]
fn an_app_that_fails_or_panics_takes_no_more_messages() {
    let failed = deliver::<Counter>(&[Message::new("x"), Message::new("fail"), Message::new("x")]);
    assert_eq!(failed.outcome, Outcome::Error("out of order".into()));
    assert_eq!((failed.documents.len(), failed.rows.read), (1, 1));
    let panicked = deliver::<Counter>(&[Message::new("panic"), Message::new("x")]);
    assert!(matches!(panicked.outcome, Outcome::Panic(reason) if reason.ends_with(": as told")));
}

/// Answers with what it is asked.
#[derive(Default)]
struct Gate;

impl Check for Gate {
    fn input(&mut self, input: &mut BatchInput) -> Result<(), Reject> {
        match input.view()? {
            b"good" => Ok(()),
            other => Err(reject!("{} holds {} bytes", input.name(), other.len())),
        }
    }

    fn document(&mut self, document: DocumentRef) -> Result<(), Reject> {
        match document.at("fare.cents").and_then(|cents| cents.as_i64()) {
            Some(0..100_000) => Ok(()),
            Some(cents) => Err(reject!("{cents} cents are not plausible")),
            None => Err(AppError::new("no fare to look at"))?,
        }
    }
}

#[test]
fn a_check_answers_each_of_its_questions() {
    assert_eq!(check_file::<Gate>("a.csv", "good"), Ok(()));
    assert_eq!(check_file::<Gate>("a.csv", "bad"), Err("a.csv holds 3 bytes".into()));
    assert_eq!(check_document::<Gate>(&doc! { "fare": { "cents": 250 } }), Ok(()));
    assert_eq!(check_document::<Gate>(&doc! { "fare": { "cents": -1 } }), Err("-1 cents are not plausible".into()));
    assert_eq!(check_document::<Gate>(&doc! {}), Err("no fare to look at".into()));
    // What it does not answer is let through.
    assert_eq!(check_message::<Gate>(&Message::new("x")), Ok(()));
}

/// Adds up.
#[derive(Default, Serialize)]
struct Total {
    subject: String,
    size: u64,
    sum: i64,
}

impl Metadata for Total {
    fn begin(&mut self, subject: &str, size: u64) -> Result<(), AppError> {
        (self.subject, self.size) = (subject.to_owned(), size);
        Ok(())
    }

    fn observe(&mut self, document: DocumentRef) -> Result<(), AppError> {
        self.sum += document.get("n").and_then(|n| n.as_i64()).ok_or("a document without n")?;
        Ok(())
    }

    fn finish(&mut self, sink: &mut Sink) -> Result<(), AppError> {
        Ok(sink.emit(self)?)
    }
}

#[test]
fn metadata_is_made_of_what_was_observed() {
    let report = describe::<Total>("trips.csv", 90, &[doc! { "n": 3 }, doc! { "n": 4_i64 }]);
    assert_eq!(report.without_ids(), [doc! { "subject": "trips.csv", "size": 90_i64, "sum": 7_i64 }]);
    let failed = describe::<Total>("trips.csv", 90, &[doc! {}]);
    assert_eq!(failed.outcome, Outcome::Error("a document without n".into()));
    assert!(failed.documents.is_empty());
}
