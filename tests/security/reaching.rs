//! Villains that reach for what is not theirs. Each is held, by all that this kernel has and by the reduced set that older
//! kernels have, and what they reached for is looked at afterwards.

use mysimbdp_tests::command::Finished;
use mysimbdp_tests::data::Rows;
use mysimbdp_tests::expect;
use std::fs;
use std::io::ErrorKind;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener};

/// Holds them with the reduced set, then with the full one.
fn held(deeds: &[impl AsRef<str>]) -> Finished {
    expect::every_deed_is_held_by("reduced", deeds);
    expect::every_deed_is_held(deeds)
}

#[test]
fn the_same_deeds_get_through_where_nothing_isolates() {
    // The control: what is refused below is refused by the sandbox, not by a mistake in the deed.
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let deeds = [
        "read_passwd",
        "stat",
        "list_directory",
        "open_proc_self_mem",
        "read_proc_maps",
        "inotify",
        &format!("tcp={}", tcp.local_addr().unwrap()),
        "tcp_listen",
        "socketpair",
        "unix_datagram",
        "eventfd",
        "memory_memfd",
        "mmap_exec",
        "mprotect_exec",
        "spawn_shell",
        "setitimer",
        "prctl_dumpable",
        "reopen_data_fd",
    ];
    let rows = deeds.iter().zip(1..).fold(Rows::innocent(deeds.len() as u64), |rows, (deed, n)| rows.with(n, deed));
    let finished = expect::villains(&rows).option("--isolation", "insecure").finish();
    for (deed, n) in deeds.iter().zip(1..) {
        let told = expect::told(&finished, n);
        assert_eq!(told.as_ref().map(|(verdict, _)| verdict.as_str()), Some("breached"), "{deed}: {told:?}");
    }
    tcp.set_nonblocking(true).unwrap();
    assert!(tcp.accept().is_ok(), "nobody connected");
}

#[test]
fn files_of_the_machine_cannot_be_seen() {
    held(&[
        "read_passwd",
        "stat",
        "stat=/etc/passwd",
        "access",
        "list_directory",
        "list_directory=/tmp",
        "readlink_self",
        "statfs",
        "open_proc_self_mem",
        "read_proc_maps",
        "read_host_environment",
        "chdir",
        "chroot",
        "dlopen",
        "inotify",
    ]);
}

#[test]
fn files_of_another_tenant_stay_as_they_are() {
    let home = tempfile::tempdir().unwrap();
    let secret = home.path().join("secret.csv");
    fs::write(&secret, "the other tenant's").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o666)).unwrap();
    let path = secret.to_str().unwrap();
    let deeds = [
        "read_file",
        "stat",
        "write_file",
        "append_file",
        "truncate_file",
        "chmod",
        "unlink",
        "rename",
        "mkdir",
        "symlink",
    ];
    let deeds: Vec<String> = deeds.iter().map(|deed| format!("{deed}={path}")).collect();
    held(&deeds);

    assert_eq!(fs::read_to_string(&secret).unwrap(), "the other tenant's");
    assert_eq!(fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o666);
    let names: Vec<_> = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["secret.csv"]);
}

#[test]
fn the_data_file_stays_as_it_is() {
    let deeds = [
        "write_data_fd",
        "reopen_data_fd",
        "truncate_data_fd",
        "chmod_data_fd",
        "lock_data_fd",
        "lease_data_fd",
        "map_data_writable",
        "seek_data_fd",
    ];
    let finished = held(&deeds);
    let data = fs::read_to_string(finished.directory().join("data.csv")).unwrap();
    assert!(data.starts_with("n,deed\n1,none\n"), "{data}");
    assert_eq!(data.lines().count(), 1 + deeds.len() * 3 + 2);
}

#[test]
fn nobody_hears_from_a_villain_on_the_network() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("socket");
    let name = format!("mysimbdp-test-{}", std::process::id());
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let unix = UnixListener::bind(&path).unwrap();
    let hidden = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    tcp.set_nonblocking(true).unwrap();
    udp.set_nonblocking(true).unwrap();
    unix.set_nonblocking(true).unwrap();
    hidden.set_nonblocking(true).unwrap();

    held(&[
        format!("tcp={}", tcp.local_addr().unwrap()),
        "tcp_listen".into(),
        format!("udp={}", udp.local_addr().unwrap()),
        format!("unix_socket={}", path.display()),
        format!("unix_listen={}", home.path().join("mine").display()),
        "unix_datagram".into(),
        format!("abstract_unix={name}"),
        "socketpair".into(),
        "sendto".into(),
        "pass_descriptors".into(),
        "netlink".into(),
        "raw_socket".into(),
        "packet_socket".into(),
        "vsock".into(),
        "resolve".into(),
    ]);

    let silent = |error: std::io::Error| assert_eq!(error.kind(), ErrorKind::WouldBlock);
    silent(tcp.accept().unwrap_err());
    silent(udp.recv(&mut [0; 16]).unwrap_err());
    silent(unix.accept().unwrap_err());
    silent(hidden.accept().unwrap_err());
    assert!(!home.path().join("mine").exists());
}

#[test]
fn no_process_and_no_thread_is_made() {
    held(&["fork_bomb", "clone3", "thread_bomb", "execve", "spawn_shell", "setsid", "renice"]);
}

#[test]
fn the_host_is_neither_signalled_nor_read() {
    let finished = held(&[
        "kill_host",
        "kill_group",
        "pidfd_host",
        "ptrace_host",
        "process_vm_readv",
        "sigqueue_host",
        "async_socket",
    ]);
    assert!(finished.status.code().is_some(), "the host was killed: {}", finished.status);
}

#[test]
fn the_kernels_wider_surface_is_closed() {
    held(&[
        "io_uring",
        "bpf",
        "perf_event_open",
        "userfaultfd",
        "keyctl",
        "unshare",
        "personality",
        "setuid",
        "shm_sysv",
        "sem_sysv",
        "msg_sysv",
        "mq_open",
        "eventfd",
        "memory_memfd",
    ]);
}

#[test]
fn the_sandbox_cannot_be_loosened_from_inside() {
    held(&[
        "setrlimit_raise",
        "prctl_dumpable",
        "prctl_pdeathsig",
        "prctl_name",
        "seccomp_again",
        "landlock_again",
        "mmap_exec",
        "mprotect_exec",
        "memfd_exec",
        "getrandom",
    ]);
}

#[test]
fn nothing_of_the_host_comes_along() {
    held(&["leaked_environment", "inherited_fds", "dup_bomb"]);
}

#[test]
fn no_clock_can_be_set_that_would_strike_an_innocent_row() {
    let finished = held(&["alarm", "setitimer", "timer_create", "crawl=1300"]);
    assert!(finished.report().deaths.is_empty(), "{:?}", finished.report().sentences());
}
