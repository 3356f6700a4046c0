use super::*;
use crate::staging::layout;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use tempfile::TempDir;

struct Bench {
    home: TempDir,
    at: OwnedFd,
}

impl Bench {
    fn new() -> Bench {
        let home = tempfile::tempdir().unwrap();
        let at = trusted_directory(home.path()).unwrap();
        Bench { home, at }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.home.path().join(name)
    }

    fn refused(&self, name: &str) -> String {
        let error = regular(&self.at, OsStr::new(name), 10, Links::One).unwrap_err();
        assert!(!error.finding().sentence.is_empty());
        error.to_string()
    }
}

#[test]
fn a_regular_file_is_opened_and_known_by_its_state() {
    let bench = Bench::new();
    fs::write(bench.path("a"), "12345").unwrap();
    let opened = regular(&bench.at, OsStr::new("a"), 10, Links::One).unwrap();
    assert_eq!(opened.identity.size, 5);
    assert_eq!(look(&bench.at, OsStr::new("a")).unwrap().identity, opened.identity);
    fs::write(bench.path("a"), "123456").unwrap();
    assert_ne!(look(&bench.at, OsStr::new("a")).unwrap().identity, opened.identity);
}

#[test]
fn whatever_is_no_regular_file_with_one_name_gets_a_sentence_and_is_not_waited_for() {
    let bench = Bench::new();
    fs::write(bench.path("a"), "12345678901").unwrap();
    symlink("a", bench.path("link")).unwrap();
    fs::create_dir(bench.path("x.so")).unwrap();
    rustix::fs::mkfifoat(&bench.at, "fifo", Mode::RWXU).unwrap();
    let _listener = UnixListener::bind(bench.path("socket")).unwrap();
    fs::write(bench.path("b"), "").unwrap();
    fs::hard_link(bench.path("b"), bench.path("b2")).unwrap();
    for (name, sentence) in [
        ("none", "there is no file none"),
        ("link", "link is a symbolic link"),
        ("x.so", "x.so is a directory, not a regular file"),
        ("fifo", "fifo is a pipe (FIFO), not a regular file"),
        ("socket", "socket is a socket, not a regular file"),
        ("b", "b has 2 names (hard links)"),
        ("a", "a has 11 bytes, at most 10 are read"),
    ] {
        let told = bench.refused(name);
        assert!(told.starts_with(sentence), "{told}");
    }
}

#[test]
fn a_device_is_refused_unopened() {
    let dev = trusted_directory(Path::new("/dev")).unwrap();
    let told = regular(&dev, OsStr::new("zero"), 10, Links::One).unwrap_err().to_string();
    assert!(told.starts_with("zero is a device"), "{told}");
}

#[test]
fn a_file_without_permission_says_so() {
    let bench = Bench::new();
    fs::write(bench.path("a"), "").unwrap();
    fs::set_permissions(bench.path("a"), PermissionsExt::from_mode(0o0)).unwrap();
    // Root may read everything.
    if !rustix::process::geteuid().is_root() {
        assert!(bench.refused("a").contains("read permission"));
    }
    assert!(OpenError::Forbidden("a".into()).to_string().contains("read permission"));
}

#[test]
fn no_link_is_followed_on_the_way_to_a_directory() {
    let bench = Bench::new();
    fs::create_dir_all(bench.path("real/inner")).unwrap();
    symlink("real", bench.path("link")).unwrap();
    symlink("/", bench.path("real/root")).unwrap();
    assert!(directory(&bench.at, Path::new("real/inner")).is_ok());
    for path in ["link", "link/inner", "real/root", "real/root/etc", "..", "/etc"] {
        assert!(directory(&bench.at, Path::new(path)).is_err(), "{path}");
        assert!(directory_by_steps(bench.at.as_fd(), Path::new(path)).is_err(), "{path}");
    }
    assert!(directory_by_steps(bench.at.as_fd(), Path::new("real/inner")).is_ok());
}

#[test]
fn a_directory_that_is_made_has_the_mode_that_was_asked_for_and_one_that_is_there_keeps_its_own() {
    let bench = Bench::new();
    let mode = |name: &str| fs::metadata(bench.path(name)).unwrap().permissions().mode() & 0o7777;
    assert!(make_directory(&bench.at, OsStr::new(layout::TAKEN), Mode::RWXU, None).unwrap().1);
    assert_eq!(mode(layout::TAKEN), 0o700);
    assert!(!make_directory(&bench.at, OsStr::new(layout::TAKEN), Mode::from_raw_mode(0o777), None).unwrap().1);
    assert_eq!(mode(layout::TAKEN), 0o700);
    symlink("/tmp", bench.path("planted")).unwrap();
    assert!(make_directory(&bench.at, OsStr::new("planted"), Mode::RWXU, None).is_err());
}

#[test]
fn files_with_names_of_any_bytes_are_opened() {
    let bench = Bench::new();
    for name in [b"\xff\xfe".as_slice(), b"a\nb", b"-rf", b"\"'", &[b'x'; 255]] {
        let name = OsStr::from_bytes(name);
        fs::write(bench.home.path().join(name), "1").unwrap();
        assert!(regular(&bench.at, name, 10, Links::One).is_ok(), "{name:?}");
    }
}
