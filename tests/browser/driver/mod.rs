//! A browser and what somebody does with it: goes to an address, clicks what has these words, types, presses keys, looks.
//!
//! Everything is tried until it can be done: a page that is alive is never quite ready.

mod wire;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mysimbdp_servers::Chromium;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

/// Nothing that is waited for takes longer, however slow the machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// How a driver names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Keys that are no letters.
pub(crate) mod keys {
    pub(crate) const TAB: &str = "\u{e004}";
    pub(crate) const ENTER: &str = "\u{e007}";
    pub(crate) const LEFT: &str = "\u{e012}";
    pub(crate) const ESCAPE: &str = "\u{e00c}";
}

/// A browser with one page. It ends when this is dropped.
pub(crate) struct Browser {
    driver: Chromium,
    session: String,
}

impl Browser {
    pub(crate) fn open() -> Browser {
        let driver = Chromium::start().unwrap_or_else(|error| panic!("{error}"));
        let options = json!({ "binary": driver.program(), "args": driver.arguments() });
        let wanted = json!({ "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL" } });
        let wanted = json!({ "capabilities": { "alwaysMatch": wanted } });
        let opened =
            wire::ask(driver.port(), "POST", "/session", Some(&wanted)).unwrap_or_else(|error| panic!("{error}"));
        let session = opened["sessionId"].as_str().unwrap_or_else(|| panic!("no session: {opened}")).to_owned();
        let browser = Browser { driver, session };
        browser.size(1280, 900);
        browser
    }

    fn ask(&self, path: &str, body: &Value) -> Result<Value, String> {
        wire::ask(self.driver.port(), "POST", &format!("/session/{}{path}", self.session), Some(body))
    }

    fn must(&self, path: &str, body: &Value) -> Value {
        self.ask(path, body).unwrap_or_else(|error| panic!("{error}"))
    }

    fn protocol(&self, command: &str, parameters: &Value) -> Value {
        self.must("/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    pub(crate) fn size(&self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.protocol("Emulation.setDeviceMetricsOverride", &size);
    }

    /// `light` or `dark`, as the system would have it. Nothing moves: what is seen next is how it stays.
    pub(crate) fn theme(&self, theme: &str) {
        let colours = json!({ "name": "prefers-color-scheme", "value": theme });
        let still = json!({ "name": "prefers-reduced-motion", "value": "reduce" });
        self.protocol("Emulation.setEmulatedMedia", &json!({ "features": [colours, still] }));
    }

    pub(crate) fn go(&self, address: &str) {
        self.must("/url", &json!({ "url": address }));
    }

    /// Runs a script in the page, and answers what it returns.
    pub(crate) fn run(&self, script: &str, arguments: &[Value]) -> Value {
        self.must("/execute/sync", &json!({ "script": script, "args": arguments }))
    }

    /// Waits until a script returns something that is not nothing, and answers that.
    pub(crate) fn until(&self, what: &str, script: &str, arguments: &[Value]) -> Value {
        self.wait(what, || match self.run(script, arguments) {
            Value::Null | Value::Bool(false) => Err("not yet".to_owned()),
            found => Ok(found),
        })
    }

    fn wait<T>(&self, what: &str, mut attempt: impl FnMut() -> Result<T, String>) -> T {
        let until = Instant::now() + PATIENCE;
        loop {
            match attempt() {
                Ok(found) => return found,
                Err(error) if Instant::now() > until => {
                    let shown = self.run("return document.body.innerText", &[]);
                    panic!(
                        "{what} does not come ({error}); the page says: {shown}\nand its console: {:?}",
                        self.complaints()
                    )
                }
                Err(_) => std::thread::sleep(Duration::from_millis(30)),
            }
        }
    }

    /// Waits until these words can be read.
    pub(crate) fn reads(&self, words: &str) {
        // The spaces within numbers are narrow.
        let script = "return document.body.innerText.replaceAll('\\u202f', ' ').includes(arguments[0])";
        self.until(&format!("the text {words:?}"), script, &[words.into()]);
    }

    /// Clicks what has this name: its label, or the words on it.
    pub(crate) fn click(&self, name: &str) {
        let script = "const shown = (e) => e.checkVisibility() && !e.disabled;
            const named = (e) => (e.getAttribute('aria-label') ?? e.innerText).trim().startsWith(arguments[0]);
            const within = document.querySelector('dialog[open]') ?? document;
            return [...within.querySelectorAll('button, a, summary')].find((e) => shown(e) && named(e)) ?? null";
        self.wait(&format!("a click on {name:?}"), || {
            let found = self.run(script, &[name.into()]);
            let element = found[ELEMENT].as_str().ok_or("there is none")?;
            self.ask(&format!("/element/{element}/click"), &json!({}))
        });
    }

    /// Types into the field that the selector names; of a field for files, the path.
    pub(crate) fn type_into(&self, selector: &str, text: &str) {
        self.wait(&format!("typing into {selector}"), || {
            let found = self.ask("/element", &json!({ "using": "css selector", "value": selector }))?;
            let element = found[ELEMENT].as_str().ok_or("there is none")?;
            self.ask(&format!("/element/{element}/value"), &json!({ "text": text }))
        });
    }

    /// Presses and lets go a key, wherever the focus is.
    pub(crate) fn press(&self, key: &str) {
        let strokes = json!([{ "type": "keyDown", "value": key }, { "type": "keyUp", "value": key }]);
        self.must("/actions", &json!({ "actions": [{ "type": "key", "id": "keys", "actions": strokes }] }));
    }

    /// Types letters, wherever the focus is.
    pub(crate) fn press_all(&self, text: &str) {
        for letter in text.chars() {
            self.press(&letter.to_string());
        }
    }

    /// Moves the mouse there.
    pub(crate) fn point(&self, x: u32, y: u32) {
        self.protocol("Input.dispatchMouseEvent", &json!({ "type": "mouseMoved", "x": x, "y": y }));
    }

    /// Drops what is at a path of this machine in the middle of the page, as a mouse would.
    pub(crate) fn drop_path(&self, path: &Path) {
        for kind in ["dragEnter", "dragOver", "drop"] {
            let data = json!({ "items": [], "files": [path], "dragOperationsMask": 1 });
            self.protocol("Input.dispatchDragEvent", &json!({ "type": kind, "x": 400, "y": 400, "data": data }));
        }
    }

    /// What is on the screen, as PNG.
    pub(crate) fn picture(&self) -> Vec<u8> {
        let told = self.protocol("Page.captureScreenshot", &json!({ "format": "png" }));
        STANDARD.decode(told["data"].as_str().unwrap_or_default()).unwrap_or_default()
    }

    /// What was complained of on the console since the last time, by the browser or the page. That a page without a token is
    /// answered 401 at first is no complaint.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let told = self.must("/se/log", &json!({ "type": "browser" }));
        let lines = told.as_array().into_iter().flatten().filter(|line| line["level"] != "DEBUG");
        let words = lines.filter_map(|line| line["message"].as_str().map(str::to_owned));
        words.filter(|line| !(line.contains("/v1/me") && line.contains("401"))).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = wire::ask(self.driver.port(), "DELETE", &format!("/session/{}", self.session), None);
    }
}
