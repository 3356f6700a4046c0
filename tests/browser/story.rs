//! The day of a tenant.

use crate::scene::{Scene, text};
use mysimbdp_tests::data::Rows;

const FILES: &str = "input[type=file][multiple]";

#[test]
fn a_tenant_signs_in_submits_a_file_replays_its_dead_letter_and_stops_a_stream() {
    let scene = Scene::open();
    let token = scene.token(Some("acme"), &[]);
    let browser = scene.signed_in(&token);

    // Whatever comes now comes by itself: the page is not loaded again.
    browser.run("window.sameOne = true", &[]);
    let file = scene.daemon.write("january.csv", Rows::innocent(2_000).with(7, "reject").csv());
    browser.type_into(FILES, text(&file));
    browser.reads("january.csv is in the queue of villains as task 1");
    browser.click("Batches");
    let line = "const line = document.querySelector('[data-task=\"1\"]');
        return line?.innerText.includes('done') && line.querySelector('progress').value === 1 && line.innerText";
    let told = browser.until("the end of the file", line, &[]);
    assert!(told.as_str().unwrap().contains("1 dead letter"), "{told}");

    browser.click("1 dead letter");
    browser.reads("the villain rejects 7");
    browser.reads("7,reject");
    browser.click("Replay row 7 of task 1");
    browser.reads("1 row of task 1 run again as task 2");
    browser.click("Batches");
    browser.until("the end of the replay", &line.replace("\"1\"", "\"2\""), &[]);

    browser.click("Streams");
    browser.click("Stop orders");
    browser.reads("orders is stopped; messages wait in its queue");
    browser.until(
        "the stream's new state",
        "return document.querySelector('[data-stream=orders] .badge').innerText === 'stopped'",
        &[],
    );
    assert_eq!(scene.stream("orders")["state"], "stopped");
    browser.click("Start orders");
    browser.until(
        "the stream's old state",
        "return document.querySelector('[data-stream=orders] .badge').innerText === 'started'",
        &[],
    );
    assert_eq!(scene.stream("orders")["state"], "started");

    browser.click("Log");
    browser.reads("1 dead rows of task 1 (january.csv) are replayed");
    assert_eq!(browser.run("return window.sameOne", &[]), true);

    browser.click("Sign out");
    browser.reads("Sign in");
    assert_eq!(browser.run("return sessionStorage.length", &[]), 0);
}

#[test]
fn charts_show_what_a_stream_has_done_before_the_page_was_opened_and_what_it_does_since() {
    let scene = Scene::open();
    scene.publish("acme/orders", &Rows::innocent(300).csv().replace("n,deed\n", ""));
    let browser = scene.signed_in(&scene.token(Some("acme"), &[]));
    browser.click("Streams");
    // A line of more than one point, in the first chart: the rate.
    let line = "return document.querySelector('[data-stream=orders] .plot .stroke')?.getAttribute('d').length";
    let before = browser.until("a chart of the past", line, &[]).as_u64().unwrap();
    browser.reads("300 messages since the hosts are up");
    scene.publish("acme/orders", "1,none\n2,reject\n");
    browser.reads("302 messages since the hosts are up");
    browser.reads("1 dead letter");
    let longer = format!("{} > {before}", line);
    browser.until("the chart to go on", &longer, &[]);
    // The limits of the configuration, not of the profile that is there always.
    browser.reads("2 000 in 1 s");
}

#[test]
fn the_page_comes_back_by_itself_when_the_host_does() {
    let mut scene = Scene::open();
    scene.stay();
    let browser = scene.signed_in(&scene.token(Some("acme"), &[]));
    browser.run("window.sameOne = true", &[]);
    scene.daemon.stop();
    browser.reads("reconnecting");
    scene.daemon.serve();
    scene.submit("acme", "later.csv", &Rows::innocent(10).csv());
    browser.until("the connection", "return document.querySelector('.live').innerText === 'live'", &[]);
    browser.reads("later.csv");
    assert_eq!(browser.run("return window.sameOne", &[]), true);
}
