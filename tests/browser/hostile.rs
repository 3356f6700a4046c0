//! What tenants write is hostile: names, rows, log lines and sentences that would be markup are text, wherever they are shown.

use crate::scene::Scene;

/// Runs, where a page makes markup of it.
const ATTACK: &str = "<img src=x onerror=document.title='taken'>";
const TABS: [&str; 6] = ["Now", "Apps", "Batches", "Streams", "Dead letters", "Log"];

#[test]
fn markup_in_rows_names_and_messages_is_shown_as_text_and_runs_nowhere() {
    let scene = Scene::open();
    // As the row, as the reason (the app quotes what it does not know), and as the name of the file.
    let rows = format!("n,deed\n1,none\n2,{ATTACK}\n3,<script>document.title=`taken`</script>\n");
    scene.submit("acme", "<img src=x onerror=alert()>.csv", &rows);
    scene.publish("acme/orders", &format!("{ATTACK}\n1,{ATTACK}\n"));
    let bytes = scene.daemon.write("bytes.csv", b"n,deed\n1,\xff\xfe\n2,right\xe2\x80\xaeleft\n");
    scene.daemon.ask(&["submit", "acme", "villains", bytes.to_str().unwrap()], &(0..=20).collect::<Vec<_>>());
    let browser = scene.signed_in(&scene.token(None, &[]));
    browser.reads("Overview");
    browser.click("acme");
    for tab in TABS {
        browser.click(tab);
        browser.until(
            "the tab",
            "return document.querySelector('.tabs a[aria-current]')?.innerText.startsWith(arguments[0])",
            &[tab.into()],
        );
        let made =
            browser.run("return document.querySelectorAll('img:not(.brand img), main script, [onerror]').length", &[]);
        assert_eq!(made, 0, "{tab} made markup of what a tenant wrote");
    }
    browser.click("Dead letters");
    browser.reads(ATTACK);
    browser.reads("<script>document.title=`taken`</script>");
    // Bytes that are no text, and a character that would turn round what follows.
    browser.reads("31 2c ff fe 0a");
    browser.reads("2,right⟨U+202E⟩left");
    browser.click("Batches");
    browser.reads("<img src=x onerror=alert()>.csv");
    assert_ne!(browser.run("return document.title", &[]), "taken");
    let complaints = browser.complaints();
    assert!(complaints.is_empty(), "the browser complains: {complaints:?}");
}

/// The net below the views: were one of them wrong, the browser would still run nothing.
#[test]
fn the_browser_is_told_to_make_no_markup_of_strings_and_to_run_nothing_from_the_page() {
    let scene = Scene::open();
    let browser = scene.signed_in(&scene.token(None, &[]));
    let markup = "try { document.body.innerHTML = arguments[0]; return 'made' } catch (error) { return error.name }";
    assert_eq!(browser.run(markup, &[ATTACK.into()]), "TypeError");
    // A handler that somebody got into the page all the same.
    let handler = "const image = document.createElement('img');
        try { image.setAttribute('onerror', \"document.title = 'taken'\") } catch { return 'refused' }
        document.body.append(image);
        image.src = '/dashboard/none.svg';
        window.handled = new Promise((done) => image.addEventListener('error', () => setTimeout(done, 0)));
        return 'there'";
    browser.run(handler, &[]);
    browser.run("return window.handled", &[]);
    assert_ne!(browser.run("return document.title", &[]), "taken");
}
