//! Who sees what: the page of one token is not that of another.

use crate::driver::Browser;
use crate::scene::Scene;
use mysimbdp_tests::data::Rows;
use mysimbdp_tests::http::Http;

/// Buttons and fields that do something to the platform, on all tabs of the tenant that is open.
const DEEDS: &str = "return [...document.querySelectorAll('main button, main input[type=file]')]
    .map((e) => (e.getAttribute('aria-label') ?? e.innerText).trim())
    .filter((name) => !['Pause', 'Older events', 'Older ones', 'More', 'Show them', 'Try now', 'Sort by'].some((harmless) => name.startsWith(harmless)))";

#[test]
fn a_tenant_sees_its_own_page_whatever_address_it_types() {
    let scene = Scene::open();
    let browser = scene.signed_in(&scene.token(Some("acme"), &[]));
    for hash in ["#/", "#/tenants/globex", "#/tenants/globex/streams", "#/tenants/nobody/log", "#/nowhere"] {
        browser.run("location.hash = arguments[0]", &[hash.into()]);
        browser.until("its own page", "return document.querySelector('h1')?.innerText === 'acme'", &[]);
        let shown = browser.run("return document.body.innerText", &[]).to_string();
        assert!(!shown.contains("globex") && !shown.contains("clicks"), "{hash} shows {shown}");
    }
}

#[test]
fn an_operator_sees_all_tenants_and_goes_from_the_overview_to_each() {
    let scene = Scene::open();
    scene.submit("globex", "a.csv", &Rows::innocent(10).with(3, "fail").csv());
    let browser = scene.signed_in(&scene.token(None, &[]));
    browser.reads("Overview");
    browser.reads("Hosts");
    browser.run("location.hash = '#/tenants/nobody'", &[]);
    browser.reads("There is no tenant nobody");
    let deeds = browser.run(DEEDS, &[]);
    assert_eq!(deeds.as_array().unwrap().len(), 0, "for a tenant that is none there is {deeds}");
    // It is not asked for again and again.
    browser.run("window.wasFetch = window.fetch; window.asked = 0; window.fetch = (...of) => { window.asked += 1; return window.wasFetch(...of); }", &[]);
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(browser.run("return window.asked", &[]), 0);
    browser.click("Back to the overview");
    for tenant in ["acme", "globex"] {
        browser.click(tenant);
        browser.until("its page", "return document.querySelector('h1')?.innerText === arguments[0]", &[tenant.into()]);
        browser.click("mysimbdp: overview");
        browser.reads("Tenants");
    }
}

#[test]
fn a_suspended_tenant_is_said_to_be_so_and_has_no_button_that_does_anything() {
    let scene = Scene::open();
    scene.submit("acme", "a.csv", &Rows::innocent(10).with(3, "reject").csv());
    let operator = scene.token(None, &[]);
    let browser = scene.signed_in(&operator);
    browser.reads("Tenants");
    let http = Http::of(&scene.daemon).with(&operator);
    let suspended =
        http.send("PATCH", "/v1/tenants/acme", &[("content-type", "application/json")], br#"{"enabled":false}"#);
    assert_eq!(suspended.status, 200);
    browser.until("that", "return document.querySelector('[data-tenant=acme]').innerText.includes('suspended')", &[]);
    browser.run("location.hash = '#/tenants/acme'", &[]);
    browser.reads("Suspended: nothing is accepted and nothing runs.");
    for tab in ["Now", "Apps", "Batches", "Streams", "Dead letters"] {
        browser.click(tab);
        browser.until(
            "the tab",
            "return document.querySelector('.tabs a[aria-current]')?.innerText.startsWith(arguments[0])",
            &[tab.into()],
        );
        let deeds = browser.run(DEEDS, &[]);
        assert_eq!(deeds.as_array().unwrap().len(), 0, "{tab} of a suspended tenant has {deeds}");
    }
}

#[test]
fn a_token_of_a_suspended_tenant_is_told_so_at_the_door() {
    let scene = Scene::open();
    let browser = scene.signed_in(&scene.token(Some("acme"), &[]));
    browser.reads("Newest files");
    let http = Http::of(&scene.daemon).with(&scene.token(None, &[]));
    let suspend = br#"{"enabled":false}"#;
    http.send("PATCH", "/v1/tenants/acme", &[("content-type", "application/json")], suspend).good();
    browser.reads("Sign in");
    browser.reads("tenant acme is suspended, and nothing of it is reached until the operator lets it go on");
}

#[test]
fn a_token_that_may_only_read_is_shown_everything_and_no_button_that_does_anything() {
    let scene = Scene::open();
    scene.submit("acme", "a.csv", &Rows::innocent(10).with(3, "reject").csv());
    let browser = scene.signed_in(&scene.token(Some("acme"), &["--read-only"]));
    let other = scene.signed_in(&scene.token(Some("acme"), &[]));
    for (tab, shown) in [
        ("Now", "Newest files"),
        ("Apps", "History"),
        ("Batches", "a.csv"),
        ("Streams", "orders"),
        ("Dead letters", "row 3"),
        ("Log", "app live"),
    ] {
        let deeds = |browser: &Browser| {
            browser.click(tab);
            browser.reads(shown);
            browser.run(DEEDS, &[])
        };
        assert_eq!(deeds(&browser).as_array().unwrap().len(), 0, "{tab} of a token that may only read has buttons");
        assert_ne!(deeds(&other).as_array().unwrap().len(), 0, "{tab} of a token that may do things has none");
    }
}

#[test]
fn a_wrong_token_is_told_so_and_a_revoked_one_leads_back_to_the_door() {
    let scene = Scene::open();
    let token = scene.token(Some("acme"), &[]);
    let browser = Browser::open();
    browser.go(&scene.address);
    browser.type_into("input[name=token]", "msb_nonsense");
    browser.click("Sign in");
    let told = browser.until("why not", "return document.querySelector('[role=alert]')?.innerText", &[]);
    assert!(!told.as_str().unwrap().is_empty());
    browser.run("document.querySelector('input[name=token]').value = ''", &[]);
    browser.type_into("input[name=token]", &token);
    browser.click("Sign in");
    browser.reads("acme");
    let all = scene.daemon.ask(&["tokens", "list"], &[0]);
    let id = all[0]["id"].as_str().unwrap();
    scene.daemon.command(["tokens", "revoke", id]);
    browser.click("Apps");
    browser.reads("Your token is no longer valid");
    assert_eq!(browser.run("return sessionStorage.length", &[]), 0);
}

#[test]
fn as_long_as_no_token_was_issued_nobody_is_asked_for_one() {
    let scene = Scene::open();
    let browser = Browser::open();
    browser.go(&scene.address);
    browser.reads("no tokens: everybody on this machine");
    browser.reads("Tenants");
    // The first one that is issued closes the door.
    scene.token(None, &[]);
    browser.go(&scene.address);
    browser.reads("With the token that your operator gave you");
}
