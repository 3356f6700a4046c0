//! How it looks: on a desk and on a phone, light and dark. Nothing runs out of the page, and every word can be read.
//!
//! With `MYSIMBDP_TEST_SCREENSHOTS=1` what is seen is kept in `docs/screenshots/`, and there is more to see: the charts are given
//! two minutes and a half.

use crate::driver::Browser;
use crate::scene::Scene;
use mysimbdp_tests::artefacts;
use mysimbdp_tests::data::Rows;
use serde_json::Value;
use std::fs;
use std::time::{Duration, Instant};

const KEEP: &str = "MYSIMBDP_TEST_SCREENSHOTS";
/// The pictures that are worth it.
const KEPT: [&str; 10] = [
    "sign-in",
    "overview-desk-light",
    "overview-desk-dark",
    "overview-phone-light",
    "tenant-desk-light",
    "tenant-phone-dark",
    "batches-desk-dark",
    "streams-desk-dark",
    "streams-phone-light",
    "dead-letters-desk-light",
];
/// Most bytes of one that is kept.
const LARGEST: usize = 200_000;
/// A page that is blank has fewer.
const SMALLEST: usize = 8_000;

const PAGES: [(&str, &str, &str); 7] = [
    ("overview", "#/", "Hosts"),
    ("tenant", "#/tenants/acme", "Newest files"),
    ("apps", "#/tenants/acme/apps", "History"),
    ("batches", "#/tenants/acme/batches", "january.csv"),
    ("streams", "#/tenants/acme/streams", "orders"),
    ("dead-letters", "#/tenants/acme/letters", "row 200"),
    ("log", "#/tenants/acme/log", "app live"),
];

/// What reaches beyond the right edge and is not in something that can be scrolled.
const BEYOND: &str = "const edge = document.documentElement.clientWidth + 1;
    const scrolls = (e) => e && e !== document.body && (['auto', 'scroll', 'hidden'].includes(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
    const beyond = [...document.body.querySelectorAll('*')].filter((e) => e.checkVisibility() && e.getBoundingClientRect().right > edge && !scrolls(e.parentElement) && !e.closest('svg'));
    return beyond.map((e) => `${e.localName}.${e.className}: ${e.innerText ?? ''}`.slice(0, 80))";

/// What is too near in colour to what is behind it: words and placeholders below 4.5 to 1, lines and edges below 3 to 1.
const FAINT: &str = "const context = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const read = (colour) => { context.clearRect(0, 0, 1, 1); context.fillStyle = colour; context.fillRect(0, 0, 1, 1); return [...context.getImageData(0, 0, 1, 1).data] };
    const over = ([r, g, b, a], below) => [r, g, b].map((channel, index) => (channel * a + below[index] * (255 - a)) / 255);
    const ground = (e) => {
        const own = e ? read(getComputedStyle(e).backgroundColor) : [255, 255, 255, 255];
        return own[3] === 255 ? own.slice(0, 3) : over(own, ground(e.parentElement));
    };
    const linear = (channel) => (channel / 255 <= 0.03928 ? channel / 255 / 12.92 : ((channel / 255 + 0.055) / 1.055) ** 2.4);
    const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    const faint = new Set();
    const contrast = (colour, below) => {
        const [a, b] = [light(over(read(colour), below)), light(below)];
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    };
    const isOff = (e) => !e.checkVisibility() || e.closest('.unseen, .skip, [disabled], [aria-disabled=true]');
    const hold = (what, e, colour, below, least) => {
        const found = contrast(colour, below);
        if (!isOff(e) && found < least) faint.add(`${what} (${e.getAttribute('class') || e.localName}): ${found.toFixed(2)}`);
    };
    for (const e of document.querySelectorAll('[placeholder]')) hold(e.placeholder, e, getComputedStyle(e, '::placeholder').color, ground(e), 4.5);
    for (const e of document.querySelectorAll('input, select, .button:not(.bare, .main)')) hold('its edge', e, getComputedStyle(e).borderTopColor, ground(e.parentElement), 3);
    for (const e of document.querySelectorAll('.plot .stroke, .spark .stroke')) hold('a line', e.closest('g, svg'), getComputedStyle(e).stroke, ground(e.closest('figure, td, .card')), 3);
    const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (words.nextNode()) {
        const e = words.currentNode.parentElement;
        if (words.currentNode.data.trim()) hold(words.currentNode.data.trim().slice(0, 30), e, getComputedStyle(e).color, ground(e), 4.5);
    }
    return [...faint]";

/// What is too small for a finger: below 24 pixels, but for links within a sentence.
const SMALL: &str =
    "const small = [...document.querySelectorAll('button, a[href], input, select, summary')].filter((e) => {
        const { width, height } = e.getBoundingClientRect();
        const inline = e.localName === 'a' && getComputedStyle(e).display === 'inline';
        return e.checkVisibility() && !e.closest('.unseen, .skip') && !inline && Math.min(width, height) < 23.9;
    });
    return small.map((e) => `${e.localName}.${e.className}: ${(e.innerText ?? '').slice(0, 30)}`)";

fn is_kept() -> bool {
    std::env::var_os(KEEP).is_some()
}

/// A picture of what is on the screen, kept where that is asked for.
fn picture(browser: &Browser, name: &str) {
    let picture = browser.picture();
    assert!(picture.len() > SMALLEST, "{name} is blank: {} bytes", picture.len());
    if is_kept() && KEPT.contains(&name) {
        assert!(picture.len() < LARGEST, "{name} has {} bytes, where {LARGEST} are allowed", picture.len());
        let folder = artefacts::root().join("docs/screenshots");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{name}.png")), picture).unwrap();
    }
}

/// Something of everything: files that are done, parked and under way, a refused app, messages above the limit.
fn busy() -> Scene {
    let scene = Scene::open();
    scene.daemon.drop_app("acme", &artefacts::csv_app());
    scene.submit(
        "acme",
        "january.csv",
        &Rows::innocent(1_000).with(200, "reject").with(500, "segfault").with(900, "reject").csv(),
    );
    scene.submit("acme", "february.csv", &Rows::innocent(5_000).csv());
    scene.submit("globex", "clicks.csv", &Rows::innocent(900).with(30, "return").csv());
    let failing = scene.daemon.write("failing.csv", Rows::innocent(90).with(30, "fail").csv());
    scene.daemon.ask(&["submit", "--no-wait", "acme", "villains", failing.to_str().unwrap()], &[0]);
    fs::write(scene.daemon.staging("acme").join("half.so"), "no app").unwrap();
    let slow: String = (1..=2_000).map(|n| format!("{n},crawl=100\n")).collect();
    let file = scene.daemon.write("march.csv", format!("n,deed\n{slow}"));
    let second = scene.daemon.write("april.csv", format!("n,deed\n1,none\n{slow}"));
    scene
        .daemon
        .ask(&["submit", "--no-wait", "acme", "villains", file.to_str().unwrap(), second.to_str().unwrap()], &[0]);
    // A picture of charts is worth waiting for; nothing is proved by it.
    let (wait, pause) = if is_kept() { (150, Duration::from_secs(1)) } else { (0, Duration::ZERO) };
    let until = Instant::now() + Duration::from_secs(wait);
    for round in 1_u64.. {
        std::thread::sleep(pause);
        let busy = [700, 1_100, 900, 1_500, 1_200, 400, 2_600, 300][usize::try_from(round % 8).unwrap()];
        scene.publish("acme/orders", &Rows::innocent(busy).with(3, "reject").csv().replace("n,deed\n", ""));
        scene.publish("globex/clicks", &Rows::innocent(40 * (1 + round % 3)).csv().replace("n,deed\n", ""));
        if round % 40 == 7 {
            scene.publish("acme/orders", &"1,crawl=20\n".repeat(400));
        }
        if Instant::now() >= until {
            break;
        }
    }
    scene
}

#[test]
fn every_page_fits_a_desk_and_a_phone_and_can_be_read_in_light_and_dark() {
    let scene = busy();
    let token = scene.token(None, &[]);
    let browser = Browser::open();
    browser.go(&scene.address);
    browser.reads("Sign in");
    picture(&browser, "sign-in");
    browser.type_into("input[name=token]", &token);
    browser.click("Sign in");
    browser.reads("Overview");
    for (device, width, height) in [("desk", 1280, 900), ("phone", 390, 844)] {
        browser.size(width, height);
        for (page, hash, shown) in PAGES {
            browser.run("location.hash = arguments[0]; window.scrollTo(0, 0)", &[hash.into()]);
            browser.reads(shown);
            for theme in ["light", "dark"] {
                browser.theme(theme);
                let name = format!("{page}-{device}-{theme}");
                let none = Value::Array(Vec::new());
                assert_eq!(browser.run(BEYOND, &[]), none, "{name}: this reaches beyond the edge");
                let width = browser.run("return document.documentElement.scrollWidth <= innerWidth", &[]);
                assert_eq!(width, true, "{name} can be scrolled sideways");
                assert_eq!(browser.run(FAINT, &[]), none, "{name}: this cannot be read well");
                assert_eq!(browser.run(SMALL, &[]), none, "{name}: this is too small to be touched");
                picture(&browser, &name);
            }
        }
    }
    let complaints = browser.complaints();
    assert!(complaints.is_empty(), "the browser complains: {complaints:?}");
}
