//! What may lie under the path of a sink file: each is told in one sentence and left as it is.

use super::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;

fn refused(path: &Path) -> String {
    Store::open(path).unwrap_err().to_string()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_new_file_and_its_log_are_for_their_owner_alone() {
    let to = Embedded::fresh().await;
    to.sink.write(rows(1, 1)).await.unwrap();
    for name in ["acme.db", "acme.db-wal", "acme.db-shm"] {
        assert_eq!(mode(&to.directory.path().join(name)), 0o600, "{name}");
    }
}

#[test]
fn a_file_that_is_not_a_database_is_told_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notes.txt");
    for length in [1, 99, 100, 512, 5000] {
        let text = "id,fare\n1,12.50\n".repeat(400).into_bytes()[..length].to_vec();
        fs::write(&path, &text).unwrap();
        let told = refused(&path);
        let expected = format!("{} is not an SQLite database and was left as it is: name another file", path.display());
        assert_eq!(told, expected, "{length} bytes");
        assert_eq!(Reader::open(&path).unwrap_err().to_string(), expected);
        assert_eq!(fs::read(&path).unwrap(), text);
    }
}

#[test]
fn an_empty_file_becomes_a_sink_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("acme.db");
    fs::write(&path, "").unwrap();
    assert!(Reader::open(&path).unwrap_err().to_string().starts_with("there is no sink file"));
    Store::open(&path).unwrap().close().unwrap();
    assert_eq!(Reader::open(&path).unwrap().collections().unwrap(), [""; 0]);
}

#[test]
fn the_database_of_another_program_is_told_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("places.sqlite");
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE moz_places (url TEXT)").unwrap();
    let before = fs::read(&path).unwrap();
    assert_eq!(
        refused(&path),
        format!("{} is the database of another program and was left as it is: name another file", path.display())
    );
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_file_of_a_newer_version_is_told_with_both_versions() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("acme.db");
    Store::open(&path).unwrap().close().unwrap();
    rusqlite::Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 2").unwrap();
    let expected = format!(
        "the sink file {} has schema version 2 and this mysimbdp knows versions up to 1: \
         use the newer mysimbdp that wrote it",
        path.display()
    );
    assert_eq!(refused(&path), expected);
    assert_eq!(Reader::open(&path).unwrap_err().to_string(), expected);
}

#[test]
fn a_directory_or_a_socket_in_its_place_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    assert_eq!(refused(path), format!("the sink file {} is a directory, not a file: name a file", path.display()));
    let path = directory.path().join("socket");
    let _socket = UnixListener::bind(&path).unwrap();
    let found = "a device, pipe or socket";
    assert_eq!(refused(&path), format!("the sink file {} is {found}, not a file: name a file", path.display()));
}

#[test]
fn a_directory_that_does_not_exist_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("sinks");
    assert_eq!(
        refused(&missing.join("acme.db")),
        format!("the directory {} of the sink file does not exist: make it first", missing.display())
    );
}

#[test]
fn a_file_that_is_not_there_is_told_to_a_reader_and_not_made() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("acme.db");
    let told = Reader::open(&path).unwrap_err().to_string();
    assert!(told.starts_with(&format!("there is no sink file {}", path.display())), "{told}");
    assert!(!path.exists());
}

#[test]
fn a_read_only_directory_is_told_for_a_new_file_and_for_one_that_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let there = directory.path().join("there.db");
    Store::open(&there).unwrap().close().unwrap();
    fs::set_permissions(&there, fs::Permissions::from_mode(0o666)).unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let told = as_an_ordinary_user(|| [refused(&directory.path().join("new.db")), refused(&there)]);
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    for (told, name) in told.iter().zip(["new.db", "there.db"]) {
        let path = directory.path().join(name);
        assert!(told.starts_with(&format!("the sink file {} cannot be written (", path.display())), "{told}");
        assert!(told.ends_with("this user must be allowed to write the file and its directory"), "{told}");
    }
}

#[test]
fn a_write_protected_file_is_told() {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let path = directory.path().join("acme.db");
    Store::open(&path).unwrap().close().unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    let told = as_an_ordinary_user(|| refused(&path));
    assert!(told.starts_with(&format!("the sink file {} cannot be written (", path.display())), "{told}");
}

#[test]
fn a_path_that_looks_like_a_uri_is_a_file_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file:acme.db?mode=memory");
    Store::open(&path).unwrap().close().unwrap();
    assert!(path.is_file());
}

#[test]
fn processes_that_make_the_same_file_at_once_agree() {
    let directory = tempfile::tempdir().unwrap();
    for round in 0..10 {
        let path = directory.path().join(format!("{round}.db"));
        std::thread::scope(|scope| {
            let opened: Vec<_> = (0..4).map(|_| scope.spawn(|| Store::open(&path).map(drop))).collect();
            for store in opened {
                store.join().unwrap().unwrap();
            }
        });
    }
}

/// Root may write everywhere: it does this in a thread whose file accesses are those of another user.
fn as_an_ordinary_user<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let ordinary = scope.spawn(|| {
            if rustix::process::geteuid().is_root() {
                // SAFETY: takes a number, and changes the file system identity of this one thread, which ends below.
                unsafe { libc::setfsuid(65534) };
            }
            work()
        });
        ordinary.join().unwrap()
    })
}
