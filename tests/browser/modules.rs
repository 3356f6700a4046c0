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
