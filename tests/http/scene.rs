//! Two tenants with the same app each, and a token for everybody.

use mysimbdp_tests::artefacts;
use mysimbdp_tests::daemon::Daemon;
use mysimbdp_tests::http::Http;
use serde_json::json;

pub(crate) struct Scene {
    pub(crate) daemon: Daemon,
    /// An operator.
    pub(crate) operator: Http,
    /// An operator that may only look.
    pub(crate) looker: Http,
    /// The tenant `acme`.
    pub(crate) acme: Http,
    /// The tenant `globex`.
    pub(crate) globex: Http,
}

pub(crate) const CONFIG: &str = "
    [tenants.acme.streams.trips]
    app = \"villains\"
    [tenants.globex]
    [api]
    listen = \"127.0.0.1:0\"
";

/// Issues a token over the control socket.
pub(crate) fn issue(daemon: &Daemon, name: &str, more: &[&str]) -> String {
    let issued = daemon.ask(&[&["tokens", "issue", name], more].concat(), &[0]);
    issued["secret"].as_str().unwrap().to_owned()
}

impl Scene {
    pub(crate) fn set() -> Scene {
        Scene::with(CONFIG)
    }

    pub(crate) fn with(config: &str) -> Scene {
        Scene::of(Daemon::start(config))
    }

    /// Of a daemon that runs.
    pub(crate) fn of(daemon: Daemon) -> Scene {
        for tenant in ["acme", "globex"] {
            std::fs::create_dir_all(daemon.staging(tenant)).unwrap();
            assert_eq!(daemon.drop_app(tenant, &artefacts::villains())["verdict"], "live");
        }
        let http = Http::of(&daemon);
        let with = |name: &str, more: &[&str]| http.with(&issue(&daemon, name, more));
        let operator = with("operator", &[]);
        let looker = with("looker", &["--read-only"]);
        let acme = with("acme", &["--tenant", "acme"]);
        let globex = with("globex", &["--tenant", "globex"]);
        Scene { daemon, operator, looker, acme, globex }
    }

    /// Submits a file of acme's and waits for its end; answers the number of its task.
    pub(crate) fn ingested(&self, name: &str, text: &str) -> u64 {
        let path = format!("/v1/tenants/acme/apps/villains/files?name={name}");
        let answer = self.acme.send("POST", &path, &[], text.as_bytes()).good();
        let task = answer["tasks"][0].as_u64().unwrap();
        self.daemon.until("the end of the task", || {
            let state = self.acme.get(&format!("/v1/tasks/{task}")).good()["state"].clone();
            (state != json!("waiting") && state != json!("running")).then_some(())
        });
        task
    }
}
