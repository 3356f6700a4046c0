//! The files of the page against what is promised of them.

use super::*;
use std::collections::BTreeSet;
use std::path::{Component, Path as FilePath, PathBuf};

/// Words that make markup or code out of strings, or that the browser would refuse.
const FORBIDDEN: &[&str] = &[
    "innerHTML",
    "outerHTML",
    "insertAdjacentHTML",
    "document.write",
    "DOMParser",
    "createContextualFragment",
    "eval(",
    "new Function",
    "javascript:",
    "setAttribute('style'",
    "style: '",
    "@import",
];

/// A file of a page does one thing.
const LONGEST: usize = 200;

fn texts() -> impl Iterator<Item = (&'static str, &'static str)> {
    FILES.iter().map(|(path, file)| (*path, std::str::from_utf8(file.content).unwrap()))
}

fn count(folder: &Dir<'static>) -> usize {
    folder.files().count() + folder.dirs().map(count).sum::<usize>()
}

#[test]
fn every_file_of_the_page_is_served_with_its_type_and_the_rules_for_the_browser() {
    assert_eq!(FILES.len(), count(&PAGE), "a file has an extension without a media type: add it to TYPES");
    for (path, file) in FILES.iter() {
        let response = answer(path, &HeaderMap::new());
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[header::CONTENT_TYPE], file.media_type);
        for (name, value) in HEADERS {
            assert_eq!(response.headers()[&name], value, "{path}");
        }
    }
    assert_eq!(answer("js/../index.html", &HeaderMap::new()).status(), StatusCode::NOT_FOUND);
    assert_eq!(answer("mod.rs", &HeaderMap::new()).status(), StatusCode::NOT_FOUND);
}

#[test]
fn a_browser_that_has_a_file_is_told_so_until_it_changes() {
    let first = answer("index.html", &HeaderMap::new());
    let mut asked = HeaderMap::new();
    asked.insert(header::IF_NONE_MATCH, first.headers()[header::ETAG].clone());
    assert_eq!(answer("index.html", &asked).status(), StatusCode::NOT_MODIFIED);
    assert_eq!(answer("icon.svg", &asked).status(), StatusCode::OK);
}

#[test]
fn whatever_a_file_of_the_page_names_is_there_and_nothing_comes_from_elsewhere() {
    for (path, text) in texts() {
        for quote in ['"', '\''] {
            for name in text.split(quote).skip(1).step_by(2).filter(|name| is_file(name)) {
                let named = match name.strip_prefix("/dashboard/") {
                    Some(absolute) => PathBuf::from(absolute),
                    None => resolved(&FilePath::new(path).parent().unwrap().join(name)),
                };
                assert!(FILES.contains_key(named.to_str().unwrap()), "{path} names {name}, which is not in page/");
            }
        }
        let elsewhere = text.replace("http://www.w3.org/2000/svg", "");
        assert!(!elsewhere.contains("http:") && !elsewhere.contains("https:"), "{path} names another server");
    }
}

/// A string that names a file of the page.
fn is_file(name: &str) -> bool {
    let begins = ["./", "../", "/dashboard/"].iter().any(|begin| name.starts_with(begin));
    begins && TYPES.iter().any(|(extension, _)| name.ends_with(&format!(".{extension}")))
}

fn resolved(path: &FilePath) -> PathBuf {
    let mut resolved = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(resolved.pop()),
            Component::CurDir => {}
            part => resolved.push(part),
        }
    }
    resolved
}

#[test]
fn every_kind_of_event_is_told_in_words() {
    let (_, words) = texts().find(|(path, _)| *path == "js/events.js").unwrap();
    for kind in crate::journal::Happening::KINDS.iter().filter(|kind| **kind != "file_began") {
        assert!(words.contains(&format!("\n  {kind}: (e")), "page/js/events.js has no words for {kind}");
    }
}

/// A browser that finds them one in the other waits for each in turn.
#[test]
fn every_module_that_the_page_starts_with_is_named_in_its_head_and_no_other() {
    let html = texts().find(|(path, _)| *path == "index.html").unwrap().1;
    let (mut wanted, mut open) = (BTreeSet::new(), vec!["js/main.js".to_owned()]);
    while let Some(path) = open.pop() {
        let text = texts().find(|(named, _)| *named == path).unwrap().1;
        for named in text.split(" from '").skip(1).filter_map(|rest| rest.split('\'').next()) {
            let named = resolved(&FilePath::new(&path).parent().unwrap().join(named)).to_str().unwrap().to_owned();
            if wanted.insert(named.clone()) {
                open.push(named);
            }
        }
    }
    let told: BTreeSet<String> = html
        .split("<link rel=\"modulepreload\" href=\"/dashboard/")
        .skip(1)
        .filter_map(|rest| rest.split('"').next().map(str::to_owned))
        .collect();
    assert_eq!(told, wanted, "name them in page/index.html, as those there are named");
}

#[test]
fn no_file_of_the_page_makes_markup_or_code_out_of_strings() {
    for (path, text) in texts() {
        for word in FORBIDDEN {
            assert!(!text.contains(word), "{path} has {word:?}: put text in as text (see page/js/dom.js)");
        }
        assert!(text.lines().count() <= LONGEST, "{path} has more than {LONGEST} lines: split it");
    }
    let html = texts().find(|(path, _)| *path == "index.html").unwrap().1;
    assert_eq!(html.matches("<script").count(), html.matches("<script type=\"module\" src=").count(), "inline script");
    assert!(!html.contains("<style") && !html.contains("style="), "inline style");
    assert!(!html.split_whitespace().any(|word| word.starts_with("on") && word.contains('=')), "inline handler");
}
