//! What one document of a usual row costs: `cargo bench -p mysimbdp --bench document [-- PART_OF_A_NAME]`.
//!
//! Eighteen fields, about 450 bytes, as a row of a taxi data set. Each figure is the best of several rounds, because the
//! best is what the code can do and everything above it is the machine's noise.
#![expect(clippy::print_stdout, reason = "this is a command")]

use bson::oid::ObjectId;
use bson::raw::RawDocument;
use bson::{Document, doc};
use mysimbdp::document::{DocumentId, extjson, id_text, validate};
use std::hint::black_box;
use std::time::{Duration, Instant};

const DOCUMENTS: usize = 512;
const ROUNDS: usize = 500;

fn main() {
    let documents: Vec<Vec<u8>> = (0..DOCUMENTS).map(row).collect();
    let bytes: usize = documents.iter().map(Vec::len).sum();
    println!("{DOCUMENTS} documents of {} fields and {} bytes", row_document(0).len(), bytes / DOCUMENTS);

    measure("validate", || documents.iter().filter(|document| validate(document).is_ok()).count());
    measure("bson crate, every element read", || documents.iter().filter(|document| read_by_crate(document)).count());
    measure("bson crate, decoded", || documents.iter().filter(|document| decoded_by_crate(document)).count());

    let mut out = Vec::new();
    measure("extjson::append", || {
        out.clear();
        documents.iter().filter(|document| extjson::append(document, &mut out).is_ok()).count()
    });
    measure("bson crate, decoded and relaxed Extended JSON", || {
        let texts = documents.iter().filter_map(|document| {
            let decoded = Document::try_from(RawDocument::from_bytes(document).ok()?).ok()?;
            Some(bson::Bson::Document(decoded).into_relaxed_extjson().to_string())
        });
        texts.filter(|text| !text.is_empty()).count()
    });
    measure("id_text", || documents.iter().filter(|document| id_text(document).is_ok()).count());

    let mut numbered = documents.clone();
    measure("number_in_place (and the placeholder put back)", || {
        let mut count = 0;
        for (row, document) in (1..).zip(&mut numbered) {
            let placed = DocumentId::new(1, row, 0).is_ok_and(|id| id.number_in_place(document).is_ok());
            document[DocumentId::OFFSET..DocumentId::OFFSET + DocumentId::LEN].fill(0);
            count += usize::from(placed);
        }
        count
    });
}

/// Tells the best time for one document, of a `work` that must manage all of them.
fn measure(what: &str, mut work: impl FnMut() -> usize) {
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    if wanted.is_some_and(|wanted| !what.contains(&wanted)) {
        return;
    }
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let started = Instant::now();
        assert_eq!(black_box(work()), DOCUMENTS, "{what}");
        best = best.min(started.elapsed());
    }
    println!("{:>8.1} ns  {what}", best.as_secs_f64() * 1e9 / DOCUMENTS as f64);
}

fn read_by_crate(document: &[u8]) -> bool {
    RawDocument::from_bytes(document).is_ok_and(|raw| raw.iter().all(|element| black_box(element).is_ok()))
}

fn decoded_by_crate(document: &[u8]) -> bool {
    RawDocument::from_bytes(document).is_ok_and(|raw| black_box(Document::try_from(raw)).is_ok())
}

fn row(number: usize) -> Vec<u8> {
    #[expect(clippy::unwrap_used, reason = "a document of these types can always be written")]
    row_document(number).to_vec().unwrap()
}

fn row_document(number: usize) -> Document {
    let n = i32::try_from(number).unwrap_or(0);
    let cents = |by: i32| f64::from(n * by % 9973) / 100.0;
    doc! {
        "_id": ObjectId::from_bytes([0; 12]),
        "vendor_id": n % 3,
        "pickup_datetime": bson::DateTime::from_millis(1_735_689_600_000 + i64::from(n) * 61_000),
        "dropoff_datetime": bson::DateTime::from_millis(1_735_690_600_000 + i64::from(n) * 67_123),
        "passenger_count": i64::from(n % 7),
        "trip_distance": cents(37),
        "rate_code": "standard rate",
        "store_and_fwd_flag": if n % 2 == 0 { "N" } else { "Y" },
        "pickup_zone": pick(&["Upper East Side North", "JFK Airport", "Midtown Center"], number),
        "dropoff_zone": pick(&["Lincoln Square West", "Williamsburg (North Side)", "Astoria"], number / 3),
        "payment_type": "credit card",
        "fare_amount": cents(101),
        "tip_amount": cents(11),
        "tolls_amount": cents(3),
        "total_amount": cents(131),
        "congestion": n % 5 != 0,
        "airport_fee": bson::Bson::Null,
        "comment": "ride number ".to_owned() + &n.to_string(),
    }
}

fn pick<'a>(from: &[&'a str], number: usize) -> &'a str {
    from[number % from.len()]
}
