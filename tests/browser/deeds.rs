//! Buttons and what comes of them: each deed is done once, asked for where much depends on it, and seen on the page at once.

use crate::driver::{Browser, keys};
use crate::scene::Scene;
use mysimbdp_tests::data::Rows;

/// Notes each request that changes something, takes the letters of row `window.gone` for gone, and lets those whose address has `window.held` in it wait for `window.go()`.
const WATCHED: &str = "window.asked = [];
    const fetched = window.fetch;
    window.fetch = async (address, options) => {
        if (window.gone && String(address).includes('/dead-letters')) {
            const page = await (await fetched(address, options)).json();
            return new Response(JSON.stringify({ ...page, letters: page.letters.filter(({ row }) => row !== window.gone) }));
        }
        if (options?.method !== 'GET') {
            const key = new Headers(options.headers).get('idempotency-key');
            window.asked.push([options.method, String(address), options.body ?? null, key]);
            if (window.held && String(address).includes(window.held)) await new Promise((go) => { window.go = go; });
            if (window.faked && String(address).includes(window.faked)) return new Response('{\"messages\":1,\"cut\":0}');
        }
        return fetched(address, options);
    };";

const FOCUSED: &str = "return document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.localName";

fn focus(browser: &Browser, label: &str) {
    let script =
        "const e = [...document.querySelectorAll('button')].find((e) => e.getAttribute('aria-label') === arguments[0]);
        e?.focus();
        return document.activeElement === e && e !== undefined";
    browser.until(&format!("the focus on {label:?}"), script, &[label.into()]);
}

#[test]
fn a_deed_that_is_under_way_is_not_begun_again_and_the_focus_stays_where_it_was() {
    let scene = Scene::open();
    let browser = scene.signed_in(&scene.token(Some("acme"), &[]));
    browser.run(WATCHED, &[]);
    browser.click("Streams");
    browser.reads("orders");
    browser.run("window.held = '/stop'", &[]);
    focus(&browser, "Stop orders");
    for _ in 0..3 {
        browser.press(keys::ENTER);
    }
    let asked = browser.run("return window.asked", &[]);
    assert_eq!(asked.as_array().unwrap().len(), 1, "{asked}");
    assert_eq!(asked[0][3].as_str().unwrap().len(), 32, "a deed has a key: {asked}");
    let is_off = browser.run("return document.activeElement.getAttribute('aria-disabled')", &[]);
    assert_eq!(is_off, "true");
    browser.run("window.go()", &[]);
    browser.reads("orders is stopped");
    // What stops becomes what starts, under the same finger.
    browser.until("the other button", "return document.activeElement?.innerText === 'Start'", &[]);
    browser.until("its end", "return document.activeElement.getAttribute('aria-disabled') === null", &[]);
    assert_eq!(browser.run(FOCUSED, &[]), "Start orders");
    browser.press(keys::ENTER);
    browser.reads("orders is started");
    assert_eq!(scene.stream("orders")["state"], "started");
}

#[test]
fn ones_own_replay_is_seen_at_once_however_many_letters_are_shown_and_what_is_new_besides_is_offered() {
    let scene = Scene::open();
    let mut rows = Rows::innocent(40);
    for row in 1..=40 {
        rows = rows.with(row, "reject");
    }
    scene.submit("acme", "dead.csv", &rows.csv());
    let browser = scene.signed_in(&scene.token(Some("acme"), &[]));
    browser.click("Dead letters");
    browser.reads("row 25");
    browser.click("More");
    browser.reads("row 40");
    let shown = "return document.querySelectorAll('[data-letter]').length";
    assert_eq!(browser.run(shown, &[]), 40);

    // Row 2 is run again, and is no dead letter any more. The focus goes to its neighbour.
    browser.run(WATCHED, &[]);
    browser.run("window.gone = 2", &[]);
    assert_eq!(browser.run(shown, &[]), 40);
    focus(&browser, "Replay row 2 of task 1");
    browser.press(keys::ENTER);
    browser.reads("1 row of task 1 run again as task 2");
    browser.until("row 2 to go", "return !document.querySelector('[data-letter=\"1.2.0\"]')", &[]);
    let focused = browser.run(FOCUSED, &[]);
    assert!(focused.as_str().unwrap().starts_with("Replay row "), "the focus is on {focused}");

    // Others come while somebody reads: nothing moves until it is wanted.
    scene.submit("acme", "more.csv", &Rows::innocent(5).with(1, "reject").with(2, "reject").csv());
    browser.click("Show them");
    browser.reads("more.csv");
}

#[test]
fn all_messages_of_a_stream_are_replayed_after_a_question_that_has_their_number_and_one_by_its_button() {
    let scene = Scene::open();
    scene.publish("acme/orders", "1,reject\n2,reject\n3,none\n");
    let browser = scene.signed_in(&scene.token(Some("acme"), &[]));
    browser.run(WATCHED, &[]);
    browser.run("window.faked = '/replay'", &[]);
    browser.click("Dead letters");
    browser.click("Replay all 2 letters of orders");
    browser.reads("2 messages of orders that are dead letters go back into its queue");
    browser.click("Leave it");
    browser.until("the end of the question", "return !document.querySelector('dialog')", &[]);
    assert_eq!(browser.run("return window.asked.length", &[]), 0);

    let letter = browser.run("return document.querySelector('[data-letter]').getAttribute('data-letter')", &[]);
    browser.click("Replay message ");
    browser.reads("1 message of orders put back into its queue");
    let asked = browser.run("return window.asked[0]", &[]);
    assert_eq!(asked[1], "/v1/tenants/acme/streams/orders/replay");
    let body: serde_json::Value = serde_json::from_str(asked[2].as_str().unwrap()).unwrap();
    assert_eq!(body, serde_json::json!({ "letters": [letter] }));
}

#[test]
fn what_runs_says_whose_it_is_and_is_cancelled_from_the_overview() {
    let scene = Scene::open();
    let slow: String = (1..=4_000).map(|n| format!("{n},crawl=50\n")).collect();
    let file = scene.daemon.write("slow.csv", format!("n,deed\n{slow}"));
    scene.daemon.ask(&["submit", "--no-wait", "globex", "villains", file.to_str().unwrap()], &[0]);
    let browser = scene.signed_in(&scene.token(None, &[]));
    browser.reads("slow.csv");
    let whose = "return document.querySelector('[data-task] a')?.getAttribute('href')";
    browser.until("whose it is", &format!("{whose} === '#/tenants/globex'"), &[]);
    browser.click("Cancel task 1");
    browser.reads("Cancel this task?");
    browser.click("Cancel the task");
    browser.reads("task 1 is cancelled");
    assert_eq!(scene.daemon.settled()[0]["state"], "cancelled");
    browser.reads("All slots are free");
}

#[test]
fn an_app_is_retired_after_a_question() {
    let scene = Scene::open();
    let browser = scene.signed_in(&scene.token(Some("acme"), &[]));
    browser.click("Apps");
    // The verdict, without unfolding anything.
    browser.reads("is live: app villains");
    browser.click("Retire villains");
    browser.reads("Retire villains?");
    browser.click("Retire it");
    browser.reads("villains is retired");
    browser.until(
        "its state",
        "return document.querySelector('[data-app=villains] .badge').innerText === 'retired'",
        &[],
    );
}
