//! Without a mouse: every button can be reached, is seen to have the focus, and does what it says.

use crate::driver::{Browser, keys};
use crate::scene::Scene;
use mysimbdp_tests::data::Rows;
use serde_json::Value;
use std::collections::BTreeSet;

/// What has the focus: its name, and whether that can be seen. Null for nothing.
const FOCUSED: &str = "const e = document.activeElement;
    if (!e || e === document.body) return null;
    const style = getComputedStyle(e);
    const name = e.localName + ' ' + (e.getAttribute('aria-label') ?? e.innerText ?? '').trim().split('\\n')[0];
    return [name, style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2]";

/// Names of everything that can be clicked or filled in.
const USABLE: &str = "return [...document.querySelectorAll('button, a[href], input:not([type=file]), select, summary')]
    .filter((e) => e.checkVisibility() && !e.disabled)
    .map((e) => e.localName + ' ' + (e.getAttribute('aria-label') ?? e.innerText ?? '').trim().split('\\n')[0])";

/// Goes through the page with the tabulator, from wherever it is to the end and once through all of it; answers what had the
/// focus.
fn through(browser: &Browser) -> BTreeSet<String> {
    let (mut reached, mut ends) = (BTreeSet::new(), 0);
    for _ in 0..300 {
        browser.press(keys::TAB);
        let Value::Array(focused) = browser.run(FOCUSED, &[]) else {
            ends += 1;
            if ends == 2 {
                break;
            }
            continue;
        };
        let name = focused[0].as_str().unwrap().to_owned();
        assert_eq!(focused[1], true, "{name:?} has the focus and does not look so");
        reached.insert(name);
    }
    reached
}

fn names(told: &Value) -> BTreeSet<String> {
    told.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_tabulator_reaches_everything_that_can_be_used_and_shows_where_it_is() {
    let scene = Scene::open();
    scene.submit("acme", "a.csv", &Rows::innocent(10).with(3, "reject").csv());
    scene.submit("acme", "b.csv", &Rows::innocent(10).with(4, "fail").csv());
    let browser = scene.signed_in(&scene.token(None, &[]));
    let pages = [
        ("#/", "Tenants"),
        ("#/tenants/acme", "Newest files"),
        ("#/tenants/acme/apps", "History"),
        ("#/tenants/acme/batches", "Replay dead rows"),
        ("#/tenants/acme/streams", "orders"),
        ("#/tenants/acme/letters", "row 3"),
        ("#/tenants/acme/log", "app live"),
    ];
    for (hash, shown) in pages {
        browser.run("location.hash = arguments[0]", &[hash.into()]);
        browser.reads(shown);
        let reached = through(&browser);
        let missed: Vec<String> = names(&browser.run(USABLE, &[])).difference(&reached).cloned().collect();
        assert!(missed.is_empty(), "{hash}: the tabulator does not reach {missed:?}; it reaches {reached:?}");
    }
}

/// Presses the tabulator until the focus is on what has this name.
fn tab_to(browser: &Browser, name: &str) {
    for _ in 0..100 {
        let focused = browser.run(FOCUSED, &[]);
        if focused[0].as_str().is_some_and(|focused| focused == name) {
            return;
        }
        browser.press(keys::TAB);
    }
    panic!("the tabulator does not reach {name:?}");
}

#[test]
fn a_day_without_a_mouse() {
    let scene = Scene::open();
    let token = scene.token(Some("acme"), &[]);
    let browser = Browser::open();
    browser.go(&scene.address);
    // The field has the focus already.
    browser.until("the field", "return document.activeElement?.name === 'token'", &[]);
    browser.press_all(&token);
    browser.press(keys::ENTER);
    browser.reads("Newest files");

    // A letter for each tab; then a stream is stopped.
    browser.press("4");
    browser.reads("orders");
    browser.until("its title", "return document.title === 'Streams · acme · mysimbdp'", &[]);
    browser.reads("Messages waiting");
    // What the arrow keys find on a chart is said aloud.
    browser.run("document.querySelector('.plot').focus()", &[]);
    browser.press(keys::LEFT);
    browser.until("what it was", "return document.getElementById('said').innerText.includes('messages ')", &[]);
    tab_to(&browser, "button Stop orders");
    browser.press(keys::ENTER);
    browser.reads("orders is stopped");
    assert_eq!(scene.stream("orders")["state"], "stopped");

    // A question keeps the keyboard, Escape is no, and the focus is back where it was.
    scene.publish("acme/orders", "1,none\n2,none\n");
    browser.until(
        "what waits",
        "return document.querySelector('[data-stream=orders]').innerText.match(/waiting\\s+2/)",
        &[],
    );
    tab_to(&browser, "button Purge orders");
    browser.press(keys::ENTER);
    browser.reads("2 messages waiting in the queue of orders would be thrown away");
    browser.press(keys::ESCAPE);
    browser.until("the end of the question", "return !document.querySelector('dialog')", &[]);
    assert_eq!(browser.run(FOCUSED, &[])[0], "button Purge orders");
    assert_eq!(scene.stream("orders")["waiting"], 2);
    browser.press(keys::ENTER);
    tab_to(&browser, "button Throw away");
    browser.press(keys::ENTER);
    browser.reads("2 messages of orders thrown away");
    assert_eq!(scene.stream("orders")["waiting"], 0);

    browser.press("?");
    browser.reads("through time, on a chart");
    browser.press(keys::ESCAPE);
    browser.press("6");
    browser.reads("app live");
    browser.press("/");
    browser.press_all("stopped");
    browser.until(
        "the log to be filtered",
        "return [...document.querySelectorAll('.log li')].every((e) => e.innerText.includes('stopped'))",
        &[],
    );
}
