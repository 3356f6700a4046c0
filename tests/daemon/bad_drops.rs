//! What must not be dropped: each gets its sentence beside it, changes nothing that runs and never hinders a start.

use mysimbdp_tests::artefacts;
use mysimbdp_tests::daemon::Daemon;
use mysimbdp_tests::data::Rows;
use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::process::Command;

#[test]
fn whatever_is_no_app_is_refused_in_a_sentence_and_changes_nothing() {
    let mut daemon = Daemon::start("");
    daemon.drop_app("acme", &artefacts::villains());
    let folder = daemon.staging("acme");
    let whole = fs::read(artefacts::csv_app()).unwrap();
    for (name, content, sentence) in [
        (
            "empty.so",
            Vec::new(),
            "empty.so is refused: the file is empty: the copy has not begun, or the disk was full",
        ),
        (
            "text.so",
            b"not an app at all\n".to_vec(),
            "this is a text file (it starts with «not an app at all»), not a shared library (ELF)",
        ),
        ("half.so", whole[..whole.len() / 2].to_vec(), "bytes are missing, it is still being copied or was cut"),
        (
            "exits.so",
            fs::read(artefacts::c_villain("constructor_exits")).unwrap(),
            "it exited with status 0 before it was ready: a constructor of the library ends the process",
        ),
    ] {
        fs::write(folder.join(name), content).unwrap();
        let verdict = daemon.verdict(&folder.join(format!("{name}.verdict.json")), None);
        assert_eq!(verdict["verdict"], "refused", "{name}: {verdict}");
        assert!(verdict["sentence"].as_str().unwrap().contains(sentence), "{name}: {verdict}");
    }
    let target = daemon.write("elsewhere.so", &whole);
    symlink(&target, folder.join("link.so")).unwrap();
    fs::hard_link(&target, folder.join("hard.so")).unwrap();
    fs::create_dir(folder.join("directory.so")).unwrap();
    assert!(Command::new("mkfifo").arg(folder.join("fifo.so")).status().unwrap().success());
    for (name, sentence) in [
        ("link.so", "symbolic link"),
        ("hard.so", "names (hard links)"),
        ("directory.so", "a directory"),
        ("fifo.so", "a pipe"),
    ] {
        let verdict = daemon.verdict(&folder.join(format!("{name}.verdict.json")), None);
        assert_eq!(verdict["verdict"], "refused", "{name}: {verdict}");
        assert!(verdict["sentence"].as_str().unwrap().contains(sentence), "{name}: {verdict}");
    }
    daemon.write("a.csv", Rows::innocent(5).csv());
    daemon.ask(&["submit", "acme", "villains", "a.csv"], &[0]);
    // None of it hinders a start.
    daemon.kill();
    daemon.serve();
    daemon.write("b.csv", Rows::innocent(6).csv());
    daemon.ask(&["submit", "acme", "villains", "b.csv"], &[0]);
}

#[test]
fn a_verdict_is_never_written_through_a_link() {
    let daemon = Daemon::start("");
    let folder = daemon.staging("acme");
    fs::create_dir_all(&folder).unwrap();
    let precious = daemon.write("precious", "do not touch");
    symlink(&precious, folder.join("text.so.verdict.json")).unwrap();
    fs::write(folder.join("text.so"), "not an app").unwrap();
    let path = folder.join("text.so.verdict.json");
    daemon.until("a verdict in place of the link", || {
        fs::symlink_metadata(&path).ok().filter(|found| found.is_file()).map(|_| ())
    });
    assert_eq!(fs::read_to_string(precious).unwrap(), "do not touch");
}

#[test]
fn a_copy_that_takes_its_time_is_judged_when_it_is_complete() {
    let daemon = Daemon::start("");
    let folder = daemon.staging("acme");
    fs::create_dir_all(&folder).unwrap();
    let app = fs::read(artefacts::villains()).unwrap();
    let mut copy = fs::File::create(folder.join("slow.so")).unwrap();
    for part in app.chunks(app.len() / 5) {
        copy.write_all(part).unwrap();
        copy.flush().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(200));
        assert!(!folder.join("slow.so.verdict.json").exists(), "judged before it was complete");
    }
    drop(copy);
    let verdict = daemon.verdict(&folder.join("slow.so.verdict.json"), None);
    assert_eq!(verdict["verdict"], "live", "{verdict}");
}

#[test]
fn data_for_an_app_that_comes_later_waits_for_it() {
    let daemon = Daemon::start("");
    let inbox = daemon.staging("acme").join("inbox/villains");
    fs::create_dir_all(&inbox).unwrap();
    fs::write(inbox.join("early.csv"), Rows::innocent(10).csv()).unwrap();
    let verdict = daemon.verdict(&inbox.join("early.csv.verdict.json"), None);
    assert!(verdict["sentence"].as_str().unwrap().contains("no app villains is live"), "{verdict}");
    daemon.drop_app("acme", &artefacts::villains());
    daemon.until("a task", || {
        daemon.ask(&["tasks", "list"], &[0]).as_array().filter(|tasks| !tasks.is_empty()).map(|_| ())
    });
    assert_eq!(daemon.settled()[0]["state"], "done");
}

#[test]
fn a_directory_of_nobody_is_told_and_left_alone() {
    let daemon = Daemon::start("[tenants.acme]\n");
    fs::create_dir_all(daemon.staging("stranger")).unwrap();
    fs::copy(artefacts::villains(), daemon.staging("stranger").join("libvillains.so")).unwrap();
    daemon.drop_app("acme", &artefacts::villains());
    daemon.until("a sentence about it", || daemon.log().contains("stranger").then_some(()));
    assert!(!daemon.staging("stranger").join("libvillains.so.verdict.json").exists());
}
