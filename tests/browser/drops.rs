//! Files that are dropped on the page.

use crate::driver::Browser;
use crate::scene::Scene;
use mysimbdp_tests::artefacts;

/// Drops a file with this name and text on the page, as a mouse would.
fn drop_file(browser: &Browser, name: &str, text: &str) {
    let script = "const files = new DataTransfer();
        files.items.add(new File([arguments[1]], arguments[0]));
        for (const kind of ['dragenter', 'dragover', 'drop']) {
            document.body.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: files }));
            if (kind === 'dragover') window.veil = document.getElementById('veil').innerText;
        }
        return window.veil";
    let veil = browser.run(script, &[name.into(), text.into()]);
    assert!(veil.as_str().unwrap().contains("Drop it for acme"), "{veil}");
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
