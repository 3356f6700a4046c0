//! How a daemon starts, and how it does not: what is wrong is told before anything is begun, and a stop is heeded at any moment.

use mysimbdp_tests::daemon::Daemon;
use mysimbdp_tests::expect::exit;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

/// A daemon whose queue is on a Redis that is not there.
fn without_redis() -> Daemon {
    let mut daemon = Daemon::prepare("");
    daemon.set("MYSIMBDP_QUEUE__KIND", "redis");
    daemon.set("MYSIMBDP_REDIS__URL", "redis://127.0.0.1:1/");
    daemon
}

/// The exit status of a daemon that does not get far, and what it has said.
fn ended(daemon: &mut Daemon) -> (i32, String) {
    daemon.launch();
    let status = daemon.wait();
    (status, daemon.log())
}

#[test]
fn what_a_configuration_names_that_is_not_there_is_a_mistake_in_it() {
    let mut daemon = Daemon::prepare("[api]\ncertificate = \"tls/host.pem\"\nkey = \"tls/host.key\"\n");
    let checked = daemon.command(["config", "check"]);
    assert_eq!(checked.code, exit::USAGE, "{}", checked.stdout);
    let told = "mysimbdp.toml: api.certificate = \"tls/host.pem\": cannot be read (No such file or directory";
    assert!(checked.stderr.contains(told), "{}", checked.stderr);
    let (status, log) = ended(&mut daemon);
    assert_eq!(status, exit::USAGE, "a service manager must not try again: {log}");
    assert!(log.contains(told), "{log}");
}

#[test]
fn a_depot_that_takes_nothing_is_told_before_anybody_relies_on_it() {
    let mut daemon = without_redis();
    daemon.set("MYSIMBDP_DEPOT__URL", "file:///sys/kernel");
    let (status, log) = ended(&mut daemon);
    assert_eq!(status, exit::FAILED, "{log}");
    assert!(log.contains("depot.url = \"file:///sys/kernel\": nothing can be written there"), "{log}");
}

#[test]
fn a_stop_is_heeded_while_a_server_is_waited_for() {
    let mut daemon = without_redis();
    daemon.launch();
    daemon.until("the wait for a server", || daemon.log().contains("cannot be reached; trying again").then_some(()));
    let began = Instant::now();
    daemon.signal("HUP");
    assert_eq!(daemon.stop(), exit::DONE, "{}", daemon.log());
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert!(daemon.log().contains("stopped before everything was started"), "{}", daemon.log());
}

#[test]
fn a_service_manager_is_told_when_it_is_ready_that_it_lives_and_when_it_stops() {
    let mut daemon = Daemon::prepare("[api]\nlisten = \"\"\n");
    let socket = UnixDatagram::bind(daemon.path("notify")).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let heard = || {
        let mut words = [0; 256];
        let length = socket.recv(&mut words).unwrap();
        String::from_utf8_lossy(&words[..length]).into_owned()
    };
    daemon.set("NOTIFY_SOCKET", daemon.path("notify").to_str().unwrap());
    daemon.set("WATCHDOG_USEC", "200000");
    daemon.serve();
    assert!(heard().starts_with("READY=1"));
    for _ in 0..3 {
        assert_eq!(heard(), "WATCHDOG=1");
    }
    // What closes a terminal ends no daemon.
    daemon.signal("HUP");
    daemon.until("a word of it", || daemon.log().contains("SIGHUP: HTTP has no certificate").then_some(()));
    assert_eq!(heard(), "WATCHDOG=1");
    assert_eq!(daemon.stop(), 0, "{}", daemon.log());
    let last: Vec<String> = std::iter::repeat_with(heard).take_while(|word| !word.starts_with("STOPPING=1")).collect();
    assert!(last.iter().all(|word| word == "WATCHDOG=1"), "{last:?}");
}
