//! Reading files that are what they seem to be, and refusing those that are not.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use rustix::fs::mknodat;

use super::*;

const RULES: ReadRules = ReadRules { max_size: 1 << 20, single_link: true };

#[track_caller]
fn refusal(path: &Path, rules: &ReadRules) -> String {
    let error = Snapshot::take(path, rules).unwrap_err();
    let finding = error.finding();
    assert_eq!(finding.severity, super::super::candidate::Severity::Refusal);
    error.to_string().replace(path.parent().unwrap().to_str().unwrap(), "DIR")
}

#[test]
fn the_bytes_that_were_read_can_never_change() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.so");
    fs::write(&path, b"the first content").unwrap();
    let snapshot = Snapshot::take(&path, &RULES).unwrap();
    fs::write(&path, b"another, longer content").unwrap();
    assert_eq!(snapshot.bytes(), b"the first content");
    assert_eq!(snapshot.len, 17);

    let mut memory = File::from(snapshot.fd.try_clone().unwrap());
    assert!(memory.write_all(b"x").is_err(), "the memory can be written");
    assert!(memory.set_len(0).is_err(), "the memory can be cut");
    assert!(memory.set_len(100).is_err(), "the memory can grow");
    let seals = rustix::fs::fcntl_get_seals(&snapshot.fd).unwrap();
    assert!(seals.contains(SEALS), "{seals:?}");
}

#[test]
fn an_empty_file_is_read_as_such() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.so");
    fs::write(&path, b"").unwrap();
    assert_eq!(Snapshot::take(&path, &RULES).unwrap().bytes(), b"");
}

#[test]
fn what_is_not_a_regular_file_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::create_dir(at("directory.so")).unwrap();
    fs::write(at("real.so"), b"content").unwrap();
    symlink("real.so", at("link.so")).unwrap();
    symlink("nowhere", at("dangling.so")).unwrap();
    mknodat(CWD, at("pipe.so"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let _listener = UnixListener::bind(at("socket.so")).unwrap();
    let cases = [
        ("missing.so", "there is no file DIR/missing.so: it was removed or renamed, or the path is misspelt"),
        ("link.so", "DIR/link.so is a symbolic link, which could point elsewhere a moment later: give the file itself"),
        ("dangling.so", "DIR/dangling.so is a symbolic link, which could point elsewhere a moment later"),
        ("directory.so", "DIR/directory.so is a directory, not a regular file: give the .so file itself"),
        ("pipe.so", "DIR/pipe.so is a pipe (FIFO), not a regular file: give the .so file itself"),
        ("socket.so", "DIR/socket.so is a socket, not a regular file: give the .so file itself"),
    ];
    for (name, sentence) in cases {
        let refusal = refusal(&at(name), &RULES);
        assert!(refusal.starts_with(sentence), "{refusal}\nis not\n{sentence}");
    }
    let device = Snapshot::take(Path::new("/dev/null"), &RULES).unwrap_err();
    assert_eq!(device.to_string(), "/dev/null is a device, not a regular file: give the .so file itself");
}

#[test]
fn a_file_with_another_name_is_refused_only_where_that_matters() {
    let directory = tempfile::tempdir().unwrap();
    let (path, other) = (directory.path().join("app.so"), directory.path().join("other.so"));
    fs::write(&path, b"content").unwrap();
    fs::hard_link(&path, &other).unwrap();
    assert_eq!(
        refusal(&path, &RULES),
        "DIR/app.so has 2 names (hard links), through which it could be changed: \
         copy it into the staging directory instead of linking it"
    );
    let lenient = ReadRules { single_link: false, ..RULES };
    assert_eq!(Snapshot::take(&path, &lenient).unwrap().bytes(), b"content");
}

#[test]
fn a_file_over_the_cap_is_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.so");
    File::create(&path).unwrap().set_len(1 << 40).unwrap();
    assert_eq!(
        refusal(&path, &RULES),
        "DIR/app.so has 1099511627776 bytes, at most 1048576 are read: strip it, or raise the limit"
    );
}

#[test]
fn a_file_that_changes_while_it_is_read_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.so");
    fs::write(&path, b"content").unwrap();
    let (_, before) = open(CWD, &path, &RULES).unwrap();
    let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b" and more").unwrap();
    let (_, after) = open(CWD, &path, &RULES).unwrap();
    assert!(!is_same(&before, &after));
    // A file of the kernel's: more comes out of it than its size says.
    let growing = Snapshot::take(Path::new("/proc/self/status"), &RULES).unwrap_err();
    assert_eq!(
        growing.to_string(),
        "/proc/self/status changed while it was read: it is still being copied, wait until that is complete"
    );
}

#[test]
fn a_file_can_be_taken_from_an_opened_directory() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("app.so"), b"content").unwrap();
    let opened = File::open(directory.path()).unwrap();
    let snapshot = Snapshot::take_at(opened.as_fd(), Path::new("app.so"), &RULES).unwrap();
    assert_eq!(snapshot.bytes(), b"content");
}

#[test]
fn memory_that_the_system_has_in_hand_is_sealed_when_it_lets_go() {
    let memory = File::from(new_memory().unwrap());
    memory.set_len(4096).unwrap();
    // SAFETY: nobody reads or writes it.
    let in_hand = unsafe { memmap2::MmapMut::map_mut(&memory) }.unwrap();
    assert_eq!(rustix::fs::fcntl_add_seals(&memory, SEALS), Err(Errno::BUSY));
    let letting_go = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        drop(in_hand);
    });
    seal(&memory).unwrap();
    letting_go.join().unwrap();
    assert!(rustix::fs::fcntl_get_seals(&memory).unwrap().contains(SEALS));
}
