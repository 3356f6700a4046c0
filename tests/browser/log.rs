//! A log that is longer than what is shown of it at once.

use crate::scene::Scene;

/// The log has 2,500 deeds, the newest last, in pages of 200.
const LONG: &str = "const fetched = window.fetch;
    window.fetch = async (address, options) => {
        const asked = new URL(address, location.href);
        if (asked.pathname !== '/v1/logs' || asked.searchParams.get('limit') !== '200') return fetched(address, options);
        const end = Number(asked.searchParams.get('after') ?? 2500);
        const begin = Math.max(0, end - 200);
        const events = Array.from({ length: end - begin }, (_, index) => begin + index + 1);
        const told = events.map((n) => ({ at: new Date(1.7e12 + n * 1000).toISOString(), tenant: 'acme', event: 'deed', sentence: `deed number ${n}.` }));
        asked.searchParams.set('after', begin);
        const headers = begin > 0 ? { link: `<${asked.pathname}${asked.search}>; rel=\"next\"` } : {};
        return new Response(JSON.stringify(told), { headers });
    };";

#[test]
fn the_log_goes_back_to_its_beginning_and_returns_to_the_newest() {
    let scene = Scene::open();
    let browser = scene.signed_in(&scene.token(Some("acme"), &[]));
    browser.reads("Newest files");
    browser.run(LONG, &[]);
    browser.click("Log");
    browser.reads("deed number 2500.");
    let oldest = "return document.querySelector('.log li:last-child')?.innerText.includes(`number ${arguments[0]}.`)";
    for page in 1..=12 {
        browser.click("Older events");
        let first = 2_500_u64.saturating_sub(200 * (page + 1)) + 1;
        browser.until(&format!("deed {first}"), oldest, &[first.into()]);
    }
    let left = "return [[...document.querySelectorAll('button')].some((e) => e.innerText === 'Older events'),
        document.querySelectorAll('.log li').length]";
    assert_eq!(browser.run(left, &[]), serde_json::json!([false, 2_000]));
    browser.click("To the newest");
    browser.reads("deed number 2500.");
}
