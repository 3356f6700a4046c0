//! A clock that is set back while the daemon runs: a wrapper of `clock_gettime` goes before the C library's.

use mysimbdp_tests::artefacts;
use mysimbdp_tests::daemon::Daemon;
use mysimbdp_tests::data::Rows;
use std::fs;
use std::process::Command;

/// The wall clock, moved by the seconds that a file says. Every other clock is the machine's.
const WRAPPER: &str = r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile long *moved(void) {
    static const volatile long *seconds;
    if (!seconds) {
        static const long none = 0;
        int file = open(getenv("CLOCK_MOVED") ? getenv("CLOCK_MOVED") : "", O_RDONLY | O_CLOEXEC);
        void *found = file < 0 ? MAP_FAILED : mmap(0, sizeof(long), PROT_READ, MAP_SHARED, file, 0);
        seconds = found == MAP_FAILED ? &none : found;
    }
    return seconds;
}

int clock_gettime(clockid_t clock, struct timespec *at) {
    int failed = syscall(SYS_clock_gettime, clock, at);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) at->tv_sec += *moved();
    return failed;
}

int gettimeofday(struct timeval *at, void *zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}
"#;

const DAY: i64 = 86_400;

fn set_clock(daemon: &Daemon, seconds: i64) {
    // In place: the daemon has it mapped.
    use std::os::unix::fs::FileExt;
    let file = fs::OpenOptions::new().write(true).open(daemon.path("moved")).unwrap();
    file.write_all_at(&seconds.to_ne_bytes(), 0).unwrap();
}

#[test]
fn a_clock_that_is_set_back_or_forward_holds_up_nothing_and_loses_nothing() {
    let config = "adopt_tenants = true\nlease = \"2s\"\nretry_pause = \"500ms\"\n[profiles.normal]\nattempts = 3\n";
    let mut daemon = Daemon::prepare(config);
    daemon.write("moved", 0_i64.to_ne_bytes());
    let source = daemon.write("clock.c", WRAPPER);
    let wrapper = daemon.path("clock.so");
    let built = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&wrapper).arg(source).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    daemon.set("LD_PRELOAD", wrapper.to_str().unwrap());
    let moved = daemon.path("moved");
    daemon.set("CLOCK_MOVED", moved.to_str().unwrap());
    daemon.serve();
    daemon.drop_app("acme", &artefacts::villains());
    daemon.drop_app("acme", &artefacts::c_villain("ingest_fails"));
    let apps = daemon.ask(&["apps", "list"], &[0]);
    let mut names = apps.as_array().unwrap().iter().map(|app| app["app"].as_str().unwrap());
    let failing = names.find(|name| *name != "villains").unwrap();
    let mut expected = 0;
    for (round, seconds) in [(0, -DAY), (1, 40 * DAY), (2, -400 * DAY), (3, 0)] {
        // A task amid its rows, one that pauses between its attempts, and one that comes after the change.
        let rows = Rows::innocent(3_000 + round).with(2_000, "crawl=1500");
        daemon.write(&format!("amid-{round}.csv"), rows.csv());
        daemon.write(&format!("fails-{round}.csv"), format!("n\n{round}\n"));
        daemon.write(&format!("after-{round}.csv"), Rows::innocent(10 + round).csv());
        let submit = |app: &str, file: &str| {
            let file = format!("{file}-{round}.csv");
            daemon.ask(&["submit", "acme", app, &file, "--no-wait"], &[0]);
        };
        submit("villains", "amid");
        submit(failing, "fails");
        daemon.until("that it runs", || daemon.ask(&["status"], &[0])["running"].as_array()?.first().map(|_| ()));
        set_clock(&daemon, seconds);
        submit("villains", "after");
        expected += 3_000 + round + 10 + round;
        for (index, task) in daemon.settled().iter().enumerate() {
            let (state, attempts) = if index % 3 == 1 { ("parked", 3) } else { ("done", 0) };
            assert_eq!((&task["state"], &task["attempts"]), (&state.into(), &attempts.into()), "{seconds}: {task}");
        }
        assert_eq!(daemon.documents("acme", "documents").len() as u64, expected);
    }
    // What it keeps is there after a start under yet another clock.
    daemon.stop();
    set_clock(&daemon, -DAY);
    daemon.serve();
    assert_eq!(daemon.settled().len(), 12);
    daemon.ask(&["tasks", "retry", "2"], &[0]);
    assert_eq!(daemon.settled()[1]["state"], "parked");
    let told = daemon.command(["logs", "--json", "acme", "--limit", "1000"]).stdout;
    assert_eq!(told.lines().filter(|line| line.contains("\"task_ended\"")).count(), 8 + 5 * 3);
}
