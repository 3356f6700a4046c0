//! What all outages are played on: one daemon, with a proxy before each server, and files whose outcome is known.

use mysimbdp_servers::Proxy;
use mysimbdp_tests::artefacts;
use mysimbdp_tests::daemon::{Daemon, Outcome};
use mysimbdp_tests::data::Rows;
use mysimbdp_tests::servers::Servers;
use std::fs;
use std::sync::OnceLock;

/// Short leases and pauses, so that what is lost is taken up again soon.
pub(crate) const CONFIG: &str = "adopt_tenants = true\nlease = \"3s\"\nretry_pause = \"200ms\"\n";

pub(crate) struct Scene {
    pub(crate) daemon: Daemon,
    pub(crate) servers: Servers,
    pub(crate) redis: Proxy,
    pub(crate) mongodb: Proxy,
    files: usize,
}

fn rows(file: usize) -> Rows {
    Rows::innocent(1_500 + 50 * file as u64).with(17, "reject").with(1_000, "segfault")
}

impl Scene {
    /// The daemon runs and has the app.
    pub(crate) fn set() -> Scene {
        let servers = Servers::start();
        let (redis_port, mongodb_port) = (servers.redis().port(), servers.mongodb().port());
        let (redis, mongodb) = (Proxy::start(redis_port).unwrap(), Proxy::start(mongodb_port).unwrap());
        let servers = servers.behind(redis.port(), mongodb.port());
        let mut daemon = Daemon::prepare(CONFIG);
        daemon.use_servers(servers.clone());
        daemon.serve();
        daemon.drop_app("acme", &artefacts::villains());
        let inbox = daemon.staging("acme").join("inbox/villains");
        daemon.until("the inbox", || inbox.is_dir().then_some(()));
        Scene { daemon, servers, redis, mongodb, files: 0 }
    }

    /// Drops so many more files into the inbox, each of its own content.
    pub(crate) fn drop_files(&mut self, count: usize) {
        let inbox = self.daemon.staging("acme").join("inbox/villains");
        for file in self.files..self.files + count {
            fs::write(inbox.join(format!("{file:02}.csv")), rows(file).csv()).unwrap();
        }
        self.files += count;
    }

    /// Waits until a document is stored: something is under way.
    pub(crate) fn under_way(&self) {
        self.daemon.until("a document", || {
            let status = self.daemon.command(["status", "--json"]);
            let running = serde_json::from_str::<serde_json::Value>(&status.stdout).ok()?;
            let stored =
                running["running"].as_array()?.iter().filter_map(|task| task["counts"]["documents"]["stored"].as_u64());
            (stored.sum::<u64>() > 0).then_some(())
        });
    }

    /// Everything has ended as if nothing had been, and nothing innocent was convicted.
    pub(crate) fn ends_well(&self) {
        let outcome = self.daemon.outcome("acme", self.files);
        let expected = undisturbed();
        for (file, expected) in outcome.iter().zip(&expected) {
            assert!(
                file == expected,
                "{} differs: {}, {} documents instead of {}, letters {:?}; the daemon said: {}",
                file.file,
                file.state,
                file.documents.len(),
                expected.documents.len(),
                file.letters,
                self.daemon.log()
            );
        }
        assert_eq!(outcome.len(), self.files);
        // What goes past a proxy is not disturbed by it.
        let documents: usize = expected[..self.files].iter().map(|file| file.documents.len()).sum();
        let (redis, mongodb) = (self.redis.carried(), self.mongodb.carried());
        assert!(redis > 0 && mongodb > 20 * documents as u64, "{redis} and {mongodb} bytes went through the proxies");
    }
}

/// What the files become where nothing happens, on the embedded twins: both homes store the same.
fn undisturbed() -> Vec<Outcome> {
    static OUTCOME: OnceLock<Vec<Outcome>> = OnceLock::new();
    const MOST: usize = 24;
    let make = || {
        let daemon = Daemon::start("");
        daemon.drop_app("acme", &artefacts::villains());
        let inbox = daemon.staging("acme").join("inbox/villains");
        daemon.until("the inbox", || inbox.is_dir().then_some(()));
        for file in 0..MOST {
            fs::write(inbox.join(format!("{file:02}.csv")), rows(file).csv()).unwrap();
        }
        let outcome = daemon.outcome("acme", MOST);
        assert!(outcome.iter().all(|file| file.state == "done" && file.letters.len() == 2), "{outcome:?}");
        outcome
    };
    OUTCOME.get_or_init(make).clone()
}
