//! Files that are dropped on the page.

use crate::driver::Browser;
use crate::scene::Scene;
use mysimbdp_tests::artefacts;

/// Drops files with these names and texts on the page, and answers what lay over it meanwhile.
fn drop_files(browser: &Browser, files: &[(String, String)]) -> String {
    let script = "const files = new DataTransfer();
        for (const [name, text] of arguments[0]) files.items.add(new File([text], name));
        for (const kind of ['dragenter', 'dragover', 'drop']) {
            document.body.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: files }));
            if (kind === 'dragover') window.veil = document.getElementById('veil').innerText;
        }
        return window.veil";
    let files: Vec<_> = files.iter().map(|(name, text)| serde_json::json!([name, text])).collect();
    browser.run(script, &[files.into()]).as_str().unwrap().to_owned()
}

/// Drops a file with this name and text on the page, as a mouse would.
fn drop_file(browser: &Browser, name: &str, text: &str) {
    let veil = drop_files(browser, &[(name.to_owned(), text.to_owned())]);
    assert!(veil.contains("Drop it for acme"), "{veil}");
}

#[test]
fn a_data_file_that_is_dropped_goes_to_the_app_or_to_the_one_that_is_chosen() {
    let scene = Scene::open();
    let browser = scene.signed_in(&scene.token(Some("acme"), &[]));
    drop_file(&browser, "one.csv", "n,deed\n1,none\n");
    browser.reads("one.csv is in the queue of villains as task 1");

    scene.daemon.drop_app("acme", &artefacts::csv_app());
    drop_file(&browser, "two.csv", "n,deed\n1,none\n2,none\n");
    browser.reads("Which app reads it?");
    browser.click("None of them");
    browser.until("the end of the question", "return !document.querySelector('dialog')", &[]);
    drop_file(&browser, "three.csv", "n,deed\n1,none\n2,none\n3,none\n");
    browser.click("villains");
    browser.reads("three.csv is in the queue of villains as task 2");
    let tasks = scene.daemon.settled();
    assert_eq!(tasks.len(), 2, "{tasks:?}");
    assert_eq!(tasks[1]["checkpoint"]["counts"]["documents"]["stored"], 3);
}

#[test]
fn an_app_that_is_uploaded_is_live_and_one_that_is_none_is_refused_with_the_reason() {
    let scene = Scene::open();
    let browser = scene.signed_in(&scene.token(Some("acme"), &[]));
    drop_file(&browser, "notes.so", "these are only notes");
    browser.reads("The app is refused");
    browser.reads("refusal:");
    browser.click("Close");

    browser.type_into("input[type=file][accept='.so']", artefacts::csv_app().to_str().unwrap());
    browser.reads("The app is live");
    browser.click("Close");
    browser.click("Apps");
    browser.reads("clientbatchingestapp-csv");
}

#[test]
fn a_file_that_is_refused_is_told_in_the_words_of_the_host() {
    let scene = Scene::open();
    let browser = scene.signed_in(&scene.token(Some("acme"), &[]));
    drop_file(&browser, "same.csv", "n,deed\n1,none\n");
    browser.reads("same.csv is in the queue");
    drop_file(&browser, "same.csv", "n,deed\n1,none\n");
    browser.reads("has the content of task 1");
}

#[test]
fn one_drop_of_many_files_is_one_word_that_has_every_refusal_and_stays() {
    let scene = Scene::open();
    let browser = scene.signed_in(&scene.token(Some("acme"), &[]));
    let file = |n: usize| (format!("file-{n}.csv"), format!("n,deed\n{n},none\n"));
    // Five are the same as one before them, and one has nothing in it.
    let mut files: Vec<_> = (0..7).map(file).collect();
    files.extend((0..5).map(|n| (format!("again-{n}.csv"), file(n).1)));
    files.push(("nothing.csv".to_owned(), String::new()));
    drop_files(&browser, &files);
    browser.reads("7 submitted, 6 refused");
    browser.click("Why");
    for n in 0..5 {
        browser.reads(&format!("again-{n}.csv"));
    }
    browser.reads("nothing.csv is empty");
    assert_eq!(browser.run("return document.querySelectorAll('.toast').length", &[]), 1);
    // What goes well afterwards does not push it out.
    for n in 20..26 {
        let (name, text) = file(n);
        drop_file(&browser, &name, &text);
        browser.reads(&format!("{name} is in the queue"));
    }
    browser.reads("7 submitted, 6 refused");
    assert_eq!(scene.daemon.settled().len(), 13);
}

#[test]
fn a_folder_is_the_files_in_it() {
    let scene = Scene::open();
    let browser = scene.signed_in(&scene.token(Some("acme"), &[]));
    browser.reads("Newest files");
    let folder = scene.daemon.path("month");
    std::fs::create_dir_all(folder.join("second")).unwrap();
    std::fs::write(folder.join("one.csv"), "n,deed\n1,none\n").unwrap();
    std::fs::write(folder.join("second/two.csv"), "n,deed\n1,none\n2,none\n").unwrap();
    browser.drop_path(&folder);
    browser.reads("2 files are in the queue of villains");
    let mut names: Vec<_> =
        scene.daemon.settled().iter().map(|task| task["file"]["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    assert_eq!(names, ["one.csv", "two.csv"]);
}

#[test]
fn where_nothing_can_be_dropped_it_is_said_why() {
    let scene = Scene::open();
    let file = [("one.csv".to_owned(), "n,deed\n1,none\n".to_owned())];
    let operator = scene.signed_in(&scene.token(None, &[]));
    operator.reads("Overview");
    assert!(drop_files(&operator, &file).contains("open the page of the tenant"));
    operator.reads("Nothing was submitted: open the page of the tenant that it is for");
    let reader = scene.signed_in(&scene.token(Some("acme"), &["--read-only"]));
    reader.reads("Newest files");
    assert!(drop_files(&reader, &file).contains("may only read"));
    reader.reads("Nothing was submitted: this token may only read");
    assert_eq!(scene.daemon.settled().len(), 0);
}
