//! What whoever watches a host sees of an outage.

use crate::scene::Scene;
use mysimbdp_tests::daemon::Daemon;
use mysimbdp_tests::http::Http;
use std::thread::sleep;
use std::time::{Duration, Instant};

fn metrics(http: &Http) -> String {
    let asked = Instant::now();
    let answer = http.get("/metrics");
    assert_eq!(answer.status, 200, "{}", answer.text());
    // Prometheus waits for ten seconds.
    assert!(asked.elapsed() < Duration::from_secs(8), "{:?}", asked.elapsed());
    answer.text()
}

fn has(http: &Http, line: &str) -> bool {
    metrics(http).lines().any(|found| found == line)
}

fn told(daemon: &Daemon, kind: &str) -> usize {
    let told = daemon.command(["logs", "--event", kind]);
    told.stdout.lines().filter(|line| line.contains("the task queue")).count()
}

#[test]
fn metrics_go_on_while_the_queue_is_away_and_its_outage_is_told_once_and_so_is_its_end() {
    let scene = Scene::set();
    let http = Http::of(&scene.daemon);
    let [up, down] = [1, 0].map(|value| format!("mysimbdp_dependency_up{{dependency=\"queue\"}} {value}"));
    scene.daemon.until("a first answer", || has(&http, &up).then_some(()));
    assert!(has(&http, "mysimbdp_tasks{tenant=\"acme\",state=\"waiting\"} 0") && has(&http, "mysimbdp_ready 1"));
    scene.servers.redis().kill();
    scene.daemon.until("the outage", || has(&http, &down).then_some(()));
    let text = metrics(&http);
    assert!(!text.contains("\nmysimbdp_tasks{") && !text.contains("\nmysimbdp_hosts "), "{text}");
    let sink = "mysimbdp_dependency_up{dependency=\"sink\"} 1";
    for line in ["mysimbdp_ready 0", "mysimbdp_apps{tenant=\"acme\"} 1", sink] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    // It is told when it has lasted for half a minute.
    assert_eq!(told(&scene.daemon, "trouble"), 0);
    sleep(Duration::from_secs(25));
    scene.daemon.until("what is told of it", || (told(&scene.daemon, "trouble") == 1).then_some(()));
    scene.daemon.until("the counter", || has(&http, "mysimbdp_troubles_total 1").then_some(()));
    scene.servers.redis().restart().unwrap();
    scene.daemon.until("its end", || (told(&scene.daemon, "trouble_over") == 1).then_some(()));
    assert!(has(&http, &up) && has(&http, "mysimbdp_ready 1"));
    assert_eq!(told(&scene.daemon, "trouble"), 1);
}
