//! Batches over HTTP, opened, filled and committed: what is sent twice, wrongly, or by too many at once.

use crate::scene::{CONFIG, Scene};
use mysimbdp_tests::data::Rows;
use mysimbdp_tests::http::Reply;
use serde_json::{Value, json};
use std::io::Write as _;

const BATCHES: &str = "/v1/batches";
const FILES: &str = "/v1/tenants/acme/apps/villains/files";

fn plan(batch: &str, tenant: &str, files: &[(&str, usize)]) -> Value {
    let files: Vec<Value> = files.iter().map(|(name, bytes)| json!({ "name": name, "bytes": bytes })).collect();
    json!({ "batch": batch, "tenant": tenant, "app": "villains", "files": files })
}

/// The id of a batch; each test has a daemon of its own.
fn id(number: u32) -> String {
    format!("0198c0de-0000-7000-8000-{number:012}")
}

#[test]
fn the_same_batch_opened_again_keeps_what_was_sent_and_another_under_its_id_is_refused() {
    let scene = Scene::set();
    let (batch, text) = (id(1), Rows::innocent(5).csv());
    let mine = plan(&batch, "acme", &[("a.csv", text.len())]);
    assert_eq!(scene.acme.post(BATCHES, &mine).good()["batch"], json!(batch));
    let file = format!("{BATCHES}/{batch}/files/0");
    scene.acme.send("PUT", &file, &[], text.as_bytes()).good();
    // The answer was lost, so it is asked once more: nothing that was sent is forgotten.
    assert_eq!(scene.acme.post(BATCHES, &mine).good()["batch"], json!(batch));
    for other in [
        plan(&batch, "acme", &[("b.csv", text.len())]),
        plan(&batch, "acme", &[("a.csv", 1)]),
        plan(&batch, "globex", &[("a.csv", text.len())]),
    ] {
        let refused = scene.operator.post(BATCHES, &other);
        assert_eq!((refused.status, refused.problem().as_str()), (409, "another_batch"), "{}", refused.text());
    }
    assert_eq!(scene.globex.post(BATCHES, &plan(&batch, "globex", &[("a.csv", 1)])).problem(), "unknown_batch");
    let commit = format!("{BATCHES}/{batch}/commit");
    let tasks = scene.acme.post(&commit, &json!({})).good()["tasks"].clone();
    assert_eq!(scene.acme.post(&commit, &json!({})).good()["tasks"], tasks);
    let settled = scene.daemon.settled();
    assert_eq!(settled[0]["checkpoint"]["counts"]["documents"]["stored"], 5);
}

#[test]
fn a_file_that_is_short_or_another_than_was_said_is_sent_again() {
    let scene = Scene::set();
    let (batch, text) = (id(1), Rows::innocent(5).csv());
    scene.acme.post(BATCHES, &plan(&batch, "acme", &[("a.csv", text.len())])).good();
    let file = format!("{BATCHES}/{batch}/files/0");
    let with = |blake3: &str| format!("{file}?blake3={blake3}");
    assert_eq!(scene.acme.send("PUT", &file, &[], &text.as_bytes()[1..]).problem(), "wrong_size");
    let wrong = scene.acme.send("PUT", &with(&"0".repeat(64)), &[], text.as_bytes());
    assert_eq!((wrong.status, wrong.problem().as_str()), (400, "wrong_checksum"));
    let head = scene.acme.head("PUT", &file, &[]) + &format!("content-length: {}\r\n\r\nn,", text.len());
    assert!(scene.acme.cut(head.as_bytes()).is_none_or(|reply| reply.status == 400));
    assert_eq!(scene.acme.post(&format!("{BATCHES}/{batch}/commit"), &json!({})).problem(), "missing_file");
    let content = scene.acme.send("PUT", &file, &[], text.as_bytes()).good()["content"].as_str().unwrap().to_owned();
    scene.acme.send("PUT", &with(&content), &[], text.as_bytes()).good();
    scene.acme.post(&format!("{BATCHES}/{batch}/commit"), &json!({})).good();
    assert_eq!(scene.daemon.settled().len(), 1);
}

#[test]
fn uploads_at_the_same_time_have_no_more_together_than_their_tenant_may_keep() {
    const ROOM: usize = 3_000_000;
    let scene = Scene::with(&format!("{CONFIG}[tenants.acme.limits]\nstorage_bytes = {ROOM}\n"));
    let large = "x".repeat(2_500_000);
    // Each has room when it begins.
    let batch = id(1);
    scene.acme.post(BATCHES, &plan(&batch, "acme", &[("b.csv", large.len())])).good();
    let mut first = scene.acme.connect();
    let head = scene.acme.head("POST", &format!("{FILES}?name=a.csv"), &[]);
    let (begun, rest) = large.split_at(2_200_000);
    first.write_all(format!("{head}content-length: {}\r\n\r\n{begun}", large.len()).as_bytes()).unwrap();
    let stored = || scene.acme.get("/v1/tenants").good()[0]["stored_bytes"].as_u64().unwrap();
    scene.daemon.until("what is on its way is counted", || (stored() > 2_000_000).then_some(()));

    let told = |reply: &Reply| {
        assert_eq!((reply.status, reply.problem().as_str()), (422, "storage_bytes"), "{}", reply.text());
        assert!(reply.text().contains("(storage_bytes of tenant acme)"), "{}", reply.text());
        assert!(stored() <= ROOM as u64);
    };
    let head = scene.acme.head("POST", &format!("{FILES}?name=c.csv"), &[]);
    let chunk = format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len());
    told(&scene.acme.raw(format!("{head}transfer-encoding: chunked\r\n\r\n{chunk}").as_bytes()));
    told(&scene.acme.send("POST", &format!("{FILES}?name=d.csv"), &[], large.as_bytes()));
    told(&scene.acme.send("PUT", &format!("{BATCHES}/{batch}/files/0"), &[], large.as_bytes()));
    // It holds no room for an hour that nobody else can have.
    assert_eq!(scene.acme.post(&format!("{BATCHES}/{batch}/commit"), &json!({})).problem(), "unknown_batch");
    // Somebody else has room of its own.
    let other = "/v1/tenants/globex/apps/villains/files?name=a.csv";
    scene.globex.send("POST", other, &[], Rows::innocent(5).csv().as_bytes()).good();

    first.write_all(rest.as_bytes()).unwrap();
    assert_eq!(Reply::read(&mut first).good()["tasks"].as_array().unwrap().len(), 1);
}

#[test]
fn a_tenant_has_no_more_files_in_open_batches_than_may_wait() {
    let scene = Scene::with(&format!("{CONFIG}[tenants.acme.limits]\nwaiting_tasks = 3\n"));
    let open = |number: u32, files: &[(&str, usize)]| scene.acme.post(BATCHES, &plan(&id(number), "acme", files));
    open(1, &[("a.csv", 1), ("b.csv", 1)]).good();
    let refused = open(2, &[("a.csv", 1), ("b.csv", 1)]);
    assert_eq!((refused.status, refused.problem().as_str()), (422, "waiting_tasks"));
    assert!(refused.text().contains("2 files are announced by batches that are open"), "{}", refused.text());
    open(3, &[("a.csv", 1)]).good();
}
