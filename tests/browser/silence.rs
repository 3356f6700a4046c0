//! The host goes and comes back while the page is open, or the connection to it does: what is known stays, what is shown says how
//! old it is, and what happened meanwhile is told as if one had been there.

use crate::driver::Browser;
use crate::scene::Scene;
use mysimbdp_tests::data::Rows;

/// From now on the live connection cannot be had (`window.isShut`), and the one that is open is cut.
const SHUT: &str = "window.isShut = true;
    if (window.wasFetch) return;
    window.wasFetch = window.fetch;
    window.fetch = (address, options) => (window.isShut && String(address).startsWith('/v1/live')
        ? Promise.reject(new TypeError('shut'))
        : window.wasFetch(address, options));";

fn how_often(browser: &Browser, words: &str) -> u64 {
    let script =
        "return [...document.querySelectorAll('.log li')].filter((e) => e.innerText.includes(arguments[0])).length";
    browser.run(script, &[words.into()]).as_u64().unwrap()
}

#[test]
fn while_the_host_is_down_what_was_known_stays_and_is_said_to_be_old() {
    let mut scene = Scene::open();
    scene.stay();
    scene.submit("acme", "known.csv", &Rows::innocent(10).with(3, "reject").csv());
    let browser = scene.signed_in(&scene.token(None, &[]));
    browser.run("location.hash = '#/tenants/acme/batches'", &[]);
    browser.reads("known.csv");
    scene.daemon.stop();
    browser.reads("No word from the host since");
    browser.reads("trying again");
    // Time stands still, too: a chart that goes on would say that nothing happens.
    browser.until("the page to look old", "return document.querySelector('main').className === 'old'", &[]);
    browser.reads("known.csv");
    browser.click("Now");
    browser.reads("Newest files");
    browser.reads("known.csv");

    scene.daemon.serve();
    scene.submit("acme", "later.csv", &Rows::innocent(10).with(4, "segfault").csv());
    browser.until("the end of it", "return document.querySelector('main').className === ''", &[]);
    browser.click("Batches");
    browser.reads("later.csv");
    browser.click("Apps");
    browser.reads("villains");
    let complaint = browser.run("return document.querySelector('.notice')?.innerText ?? null", &[]);
    assert!(complaint.is_null(), "live again, and still complains: {complaint}");
    browser.run("location.hash = '#/'", &[]);
    browser.reads("later.csv");
}

#[test]
fn what_happened_while_the_connection_was_lost_is_told_once_when_it_is_back() {
    let mut scene = Scene::open();
    scene.stay();
    let operator = scene.signed_in(&scene.token(None, &[]));
    let tenant = scene.signed_in(&scene.token(Some("acme"), &[]));
    tenant.click("Log");
    operator.reads("All slots are free");
    for browser in [&operator, &tenant] {
        browser.run(SHUT, &[]);
    }
    scene.daemon.stop();
    scene.daemon.serve();
    scene.submit("acme", "missed.csv", &Rows::innocent(10).with(3, "segfault").csv());
    for browser in [&operator, &tenant] {
        assert_eq!(how_often(browser, "segmentation fault"), 0);
        browser.run("window.isShut = false", &[]);
    }
    tenant.reads("missed.csv: 10 rows");
    assert_eq!(how_often(&tenant, "missed.csv: 10 rows"), 1);
    operator.reads("worker died");
    operator.reads("segmentation fault");
    // Read from the journal and told live it is one and the same.
    scene.submit("acme", "after.csv", &Rows::innocent(7).csv());
    tenant.reads("after.csv: 7 rows");
    tenant.click("Now");
    tenant.click("Log");
    for words in ["missed.csv: 10 rows", "after.csv: 7 rows"] {
        tenant.reads(words);
        assert_eq!(how_often(&tenant, words), 1, "{words}");
    }
}
