//! Villains that reach for what is not theirs. Each is held, and what they reached for is looked at afterwards.

use mysimbdp_tests::expect;
use std::fs;
use std::io::ErrorKind;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener};

#[test]
fn files_of_the_machine_cannot_be_seen() {
    expect::every_deed_is_held(&[
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
    expect::every_deed_is_held(&deeds);

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
    let finished = expect::every_deed_is_held(&deeds);
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

    expect::every_deed_is_held(&[
        format!("tcp={}", tcp.local_addr().unwrap()),
        "tcp_listen".into(),
        format!("udp={}", udp.local_addr().unwrap()),
        format!("unix_socket={}", path.display()),
        format!("unix_listen={}", home.path().join("mine").display()),
        "unix_datagram".into(),
        format!("abstract_unix={name}"),
        "socketpair".into(),
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
    expect::every_deed_is_held(&["fork_bomb", "clone3", "thread_bomb", "execve", "spawn_shell", "setsid", "renice"]);
}

#[test]
fn the_host_is_neither_signalled_nor_read() {
    let finished = expect::every_deed_is_held(&[
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
    expect::every_deed_is_held(&[
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
    expect::every_deed_is_held(&[
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
    expect::every_deed_is_held(&["leaked_environment", "inherited_fds", "dup_bomb"]);
}

#[test]
fn no_clock_can_be_set_that_would_strike_an_innocent_row() {
    let finished = expect::every_deed_is_held(&["alarm", "setitimer", "timer_create", "crawl=1300"]);
    assert!(finished.report().deaths.is_empty(), "{:?}", finished.report().sentences());
}

#[test]
fn the_reduced_set_of_older_kernels_holds_as_well() {
    let rows = [
        "read_passwd",
        "stat",
        "tcp=127.0.0.1:9",
        "udp=127.0.0.1:9",
        "abstract_unix=villain",
        "fork_bomb",
        "thread_bomb",
    ];
    let mut data = mysimbdp_tests::data::Rows::innocent(20);
    for (index, deed) in rows.iter().enumerate() {
        data = data.with(index as u64 * 2 + 3, deed);
    }
    let finished = expect::villains(&data).option("--isolation", "reduced").finish();
    assert_eq!(expect::innocent_documents(&finished), data.documents());
    for n in data.guilty() {
        let told = expect::told(&finished, n);
        assert!(told.as_ref().is_none_or(|(verdict, _)| verdict == "held"), "row {n}: {told:?}");
    }
}
