//! What is pure in the page: numbers, events in pieces, rates. Each module is asked in the browser that runs it.

use crate::driver::Browser;
use crate::scene::Scene;
use serde_json::{Value, json};

/// Runs a function of a module: `module`, then what to make of it as `$`.
fn ask(browser: &Browser, module: &str, what: &str) -> Value {
    browser.run(&format!("return import('/dashboard/js/{module}.js').then(($) => {what})"), &[])
}

#[test]
fn the_pure_modules_of_the_page_do_what_they_say() {
    let scene = Scene::open();
    let browser = Browser::open();
    browser.go(&scene.address);

    // Whole numbers of 64 bits stay exact; fractions and what stands in strings stay as they are.
    let text = r#"$.parse('{"a":18446744073709551615,"b":[1.5000000000000000,-12345678901234567,1e21,7],"c":"x 12345678901234567 \\" 1"}')"#;
    let told = ask(&browser, "json", text);
    assert_eq!(told["a"], "18446744073709551615");
    assert_eq!(told["b"], json!([1.5, "-12345678901234567", 1e21, 7]));
    assert_eq!(told["c"], r#"x 12345678901234567 " 1"#);

    // Events that come in pieces, with every kind of line end, are the events that they are whole.
    let cut = r"(() => {
        const all = 'event: a\ndata: 1\n\n: still here\r\n\r\ndata: 2\r\ndata: 3\r\n\r\nevent: none\n\ndata:4\n\ndata: rest';
        const told = (pieces) => { const read = $.reader(); return JSON.stringify(pieces.flatMap(read)); };
        const cuts = [...all].map((_, at) => told([all.slice(0, at), all.slice(at)]));
        return [told([all]), new Set([...cuts, told([...all])]).size];
    })()";
    let told = ask(&browser, "sse", cut);
    let events = r#"[{"name":"a","data":"1"},{"name":"message","data":"2\n3"},{"name":"message","data":"4"}]"#;
    assert_eq!(told, json!([events, 1]));

    // What is added is what is told, however it was spread.
    let rates = "(() => {
        const buckets = new $.Buckets(1000, 10);
        buckets.add(1500, 4500, 300);
        buckets.add(4000, 4000, 7);
        const rates = buckets.rates(10_000).map(([, rate]) => rate);
        return [rates, rates.reduce((a, b) => a + b)];
    })()";
    assert_eq!(ask(&browser, "series", rates), json!([[0, 50, 100, 100, 57, 0, 0, 0, 0, 0], 307]));

    // A line that comes in from the left begins at the edge, as high as it is there; what is beyond either edge is not drawn.
    let within = "[
        $.within([[0, 100], [20, 0], [30, 6]], 10, 40, 'area'),
        $.within([[0, 8], [20, 4]], 10, 40, 'step'),
        $.within([[0, null], [20, 4], [50, 9]], 10, 40, 'line'),
        $.within([[0, 0], [100, 100]], 10, 40, 'line'),
    ]";
    let wanted = json!([[[10, 50], [20, 0], [30, 6]], [[10, 8], [20, 4]], [[20, 4]], [[10, 10], [40, 40]]]);
    assert_eq!(ask(&browser, "series", within), wanted);
    // Of a stream that is idle, nothing is known but that.
    let idle = "[$.filled([], 0, 60_000, 0, 7, 5), $.filled([[30_000, 3]], 0, 60_000, 0, 7, 5)]";
    let wanted = json!([[[0, 7], [60_000, 7]], [[0, 0], [25_000, 0], [30_000, 3], [35_000, 7], [60_000, 7]]]);
    assert_eq!(ask(&browser, "series", idle), wanted);

    // A window that is open when the page comes goes on as the one before, until its own report puts that right.
    let meter = "(() => {
        const meter = new $.Meter();
        const stream = { tenant: 'a', stream: 's', state: 'started', messages: 900, stored: 900 };
        meter.streams([{ ...stream, window: { closed_at: new Date(100_000).toISOString(), seconds: 10, messages: 50, stored: 50 } }], 110_000);
        const guessed = $.lately(110_000, meter.all.messages);
        meter.window('a', 's', { closed_at: new Date(110_001).toISOString(), seconds: 10.001, messages: 20, stored: 20 });
        const corrected = $.lately(110_000, meter.all.messages);
        // What was missed comes from the journal; the counters of before are no measure of it.
        meter.gap();
        meter.streams([{ ...stream, messages: 5_000, window: null }], 200_000);
        const missed = $.lately(200_000, meter.all.messages);
        // Tasks of the past are not done now, whichever snapshot comes first; one that is new is.
        const task = (number, rows) => ({ number, tenant: 'a', rows, documents: rows });
        meter.tasks([], 200_000, false);
        meter.tasks([task(1, 500), task(2, 500)], 200_000, true);
        const past = $.lately(210_000, meter.all.rows);
        meter.tasks([task(1, 500), task(2, 500), task(3, 40)], 205_000, true);
        return [guessed, Math.round(corrected), missed, past, Math.round($.lately(210_000, meter.all.rows))];
    })()";
    assert_eq!(ask(&browser, "meter", meter), json!([5, 2, 0, 0, 4]));

    // A chart is as high as what is seen of it, and a window that was cut short is no burst; nothing is drawn left of the frame.
    let plots = "(() => {
        const now = Date.now();
        const window = (ago, seconds, messages) => ({ closed_at: new Date(now - ago * 1000).toISOString(), seconds, messages, times: { count: 0 }, lag: { waiting: 9 }, consumers: 1 });
        const windows = [window(400, 5, 50_000), window(302, 5, 100), window(298, 5, 100), window(100, 0.1, 300), window(95, 5, 100)];
        const stream = { tenant: 'a', stream: 's', bounds: [1, 4], consumers: 1, waiting: 9, limits: { window_seconds: 5, messages_per_window: null, bytes_per_window: null } };
        const drawn = $.plots(stream, { windowsOf: () => windows, meter: { streamRates: new Map() } }, true);
        const lefts = [...drawn.querySelectorAll('path')].flatMap((e) => [...e.getAttribute('d').matchAll(/[MLH](-?[\\d.]+)/g)].map(([, x]) => Number(x)));
        return [drawn.querySelector('.scale span').innerText, Math.min(...lefts) >= 0, lefts.length > 10];
    })()";
    assert_eq!(ask(&browser, "views/tenant/plots", plots), json!(["60/s", true, true]));

    // What the journal and the live connection tell with its parts in another order is one event.
    let merged = "$.merged($.merged([], [{ at: '2026-01-01T00:00:00Z', event: 'x', n: { a: 1, b: 2 } }], 9), \
                  [{ n: { b: 2, a: 1 }, event: 'x', at: '2026-01-01T00:00:00Z' }, { at: '2026-01-01T00:00:01Z', event: 'y' }], 9).map(({ event }) => event)";
    assert_eq!(ask(&browser, "parts/log", merged), json!(["y", "x"]));

    // What cannot be seen can be seen.
    let visible = r"$.visible('a\u202eb\u0000c\u200d\u001b[2J\nd')";
    assert_eq!(ask(&browser, "format", visible), "a⟨U+202E⟩b␀c⟨U+200D⟩␛[2J\nd");

    let formats = "[$.count(0), $.count(4.2), $.count(1234), $.count(1234.5), $.count(9999.7), $.count(1234567), $.bytes(999), $.bytes(4300000), \
                   $.seconds(0.0000016), $.seconds(0.25), $.seconds(59.9), $.seconds(61), $.many(1, 'task'), $.many(2, 'task')]\
                   .map((text) => text.replaceAll('\u{202f}', ' '))";
    let told = ask(&browser, "format", formats);
    let wanted = [
        "0", "4.2", "1 234", "1 235", "10 k", "1.23 M", "999 B", "4.30 MB", "1.6 µs", "250 ms", "60 s", "1 min",
        "1 task", "2 tasks",
    ];
    assert_eq!(told, json!(wanted));

    // A tab that there is none of, an address that is none.
    let routes = "['#/', '#/tenants/a%20b/streams?state=x', '#/tenants/a/none', '#/tenants/%zz', ''].map((hash) => { const { page, tenant, tab } = $.route(hash); return [page, tenant ?? null, tab ?? null].join(' ') })";
    let told = ask(&browser, "router", routes);
    assert_eq!(told, json!(["platform  ", "tenant a b streams", "tenant a now", "tenant %zz now", "platform  "]));
}
