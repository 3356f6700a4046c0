//! The overview of many tenants.

use crate::scene::Scene;
use mysimbdp_tests::http::Http;

/// Names in the table, from its top.
const NAMES: &str =
    "return [...document.querySelectorAll('[data-tenant]')].map((e) => e.getAttribute('data-tenant')).join(' ')";

#[test]
fn tenants_are_filtered_and_sorted_and_none_moves_while_somebody_is_among_them() {
    let scene = Scene::open();
    let operator = scene.token(None, &[]);
    let http = Http::of(&scene.daemon).with(&operator);
    for name in ["beta", "delta", "eta", "gamma", "iota", "kappa", "theta", "zeta"] {
        let made = http.send("PUT", &format!("/v1/tenants/{name}"), &[("content-type", "application/json")], b"{}");
        assert!(made.status < 300, "{}", made.text());
    }
    let browser = scene.signed_in(&operator);
    browser.until("all of them", "return document.querySelectorAll('[data-tenant]').length === 10", &[]);

    browser.type_into("input[aria-label='Filter tenants']", "eta");
    browser.until(
        "those that match",
        &NAMES.replace(";", "").replace("return ", "return 'beta eta theta zeta' === "),
        &[],
    );
    browser.type_into("input[aria-label='Filter tenants']", "xyz");
    browser.reads("No tenant matches");
    browser.run("const e = document.querySelector('[aria-label=\"Filter tenants\"]'); e.value = ''; e.dispatchEvent(new Event('input')); e.blur()", &[]);

    let sorted = "return document.querySelector('th[aria-sort]')?.getAttribute('aria-sort') === arguments[0]";
    browser.click("Sort by Tenant");
    browser.until("the order", sorted, &["ascending".into()]);
    let first = browser.run(NAMES, &[]);
    assert!(first.as_str().unwrap().starts_with("acme beta delta"), "{first}");
    browser.click("Sort by Tenant");
    browser.until("the other order", sorted, &["descending".into()]);

    let turned = browser.run(NAMES, &[]);
    assert!(turned.as_str().unwrap().starts_with("zeta theta"), "{turned}");

    // Somebody is among them with the keyboard: who does more than before stays where it is, until that is over.
    browser.click("Sort by Kept");
    browser.point(5, 5);
    browser.until("another order", "return document.querySelector('th[aria-sort]').innerText.startsWith('Kept')", &[]);
    let before = browser.run(NAMES, &[]);
    browser.run("document.querySelector('[data-tenant=zeta] a').focus()", &[]);
    scene.submit("globex", "rows.csv", "n,deed\n1,none\n2,none\n");
    browser.until(
        "that it has more",
        "return !document.querySelector('[data-tenant=globex]').innerText.includes('0 B')",
        &[],
    );
    assert_eq!(browser.run(NAMES, &[]), before);
    browser.run("document.activeElement.blur()", &[]);
    browser.point(5, 5);
    browser.until("the order as it is now", &NAMES.replace("return ", "return arguments[0] !== "), &[before]);
}
