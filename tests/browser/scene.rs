//! A daemon with two tenants, an app, a stream, and tokens; and a browser that has signed in.

use crate::driver::Browser;
use mysimbdp_tests::artefacts;
use mysimbdp_tests::daemon::Daemon;
use mysimbdp_tests::http::Http;
use serde_json::Value;
use std::path::Path;

const CONFIG: &str = r#"
[api]
listen = "127.0.0.1:0"

[profiles.brisk]
window_seconds = 1
messages_per_window = 2000

[tenants.acme]
profile = "brisk"
[tenants.acme.streams.orders]
app = "villains"

[tenants.globex]
[tenants.globex.streams.clicks]
app = "villains"
"#;

/// See the module.
pub(crate) struct Scene {
    pub(crate) daemon: Daemon,
    pub(crate) address: String,
}

impl Scene {
    /// A daemon whose tenants have the app `villains` live.
    pub(crate) fn open() -> Scene {
        let daemon = Daemon::start(CONFIG);
        let address = format!("http://{}", Http::of(&daemon).address);
        for tenant in ["acme", "globex"] {
            let verdict = daemon.drop_app(tenant, &artefacts::villains());
            assert_eq!(verdict["verdict"], "live", "{verdict}");
        }
        Scene { daemon, address }
    }

    /// Has the daemon serve where it serves now when it is started again.
    pub(crate) fn stay(&self) {
        let (_, at) = self.address.split_once("://").unwrap();
        self.daemon.write("mysimbdp.toml", CONFIG.replace("127.0.0.1:0", at));
    }

    /// A token for a tenant, or an operator's.
    pub(crate) fn token(&self, tenant: Option<&str>, more: &[&str]) -> String {
        let of = tenant.map(|tenant| vec!["--tenant", tenant]).unwrap_or_default();
        let issued = self.daemon.ask(&[&["tokens", "issue", "browser"], &of[..], more].concat(), &[0]);
        issued["secret"].as_str().unwrap_or_else(|| panic!("no token: {issued}")).to_owned()
    }

    /// A browser with the page, signed in with this token.
    pub(crate) fn signed_in(&self, token: &str) -> Browser {
        let browser = Browser::open();
        browser.go(&self.address);
        browser.type_into("input[name=token]", token);
        browser.click("Sign in");
        browser.reads("live");
        browser
    }

    /// Has an app read a file, to its end.
    pub(crate) fn submit(&self, tenant: &str, name: &str, rows: &str) {
        let file = self.daemon.write(name, rows);
        let codes: Vec<i32> = (0..=20).collect();
        self.daemon.ask(&["submit", tenant, "villains", file.to_str().unwrap()], &codes);
    }

    /// Publishes messages, a line each.
    pub(crate) fn publish(&self, stream: &str, lines: &str) {
        let file = self.daemon.write("messages.txt", lines);
        let answer = self.daemon.ask(&["publish", stream, file.to_str().unwrap()], &[0]);
        assert_eq!(answer["refused"], 0, "{answer}");
    }

    /// What is told of a stream.
    pub(crate) fn stream(&self, name: &str) -> Value {
        let all = self.daemon.ask(&["streams", "list"], &[0]);
        all.as_array().unwrap().iter().find(|line| line["stream"] == name).cloned().unwrap()
    }
}

/// A path as a browser's field for files takes it.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
