//! What is read, what is shown and what is documented are the same.

use super::super::table::Known;
use super::super::written::{self, Entries, Value};
use super::super::{Config, read};
use super::{config, workspace};
use crate::tenant::{AppName, Limits, OnBreach, Stream, StreamName, TenantId};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

#[test]
fn every_key_that_is_read_stands_in_the_example_and_no_other() {
    let text = fs::read_to_string(workspace("config/mysimbdp.toml")).unwrap();
    let (entries, mistakes) = written::read(&Arc::from("f"), &text);
    assert!(mistakes.is_empty(), "{mistakes:?}");
    let mut shown = BTreeSet::new();
    paths(&entries, &mut Vec::new(), &mut shown);
    assert_eq!(shown, known_keys(), "left: config/mysimbdp.toml; right: the reader");
}

#[test]
fn every_key_that_is_read_is_documented_and_no_other() {
    let documented: BTreeSet<String> = documented().into_keys().collect();
    assert_eq!(documented, known_keys(), "left: docs/configuration.md; right: the reader");
}

#[test]
fn the_limits_are_the_same_in_profiles_tenants_apps_and_streams() {
    let known = read::every_key();
    let limits = &known["tenants.<tenant>.limits"];
    assert_eq!(limits, &known["tenants.<tenant>.apps.<app>.limits"]);
    assert_eq!(limits, &known["tenants.<tenant>.streams.<stream>.limits"]);
    let of_a_profile: Vec<&str> = known["profiles.<profile>"].iter().copied().filter(|key| *key != "weight").collect();
    assert_eq!(limits, &of_a_profile);
}

#[test]
fn the_documented_defaults_are_the_defaults() {
    let mut text = String::new();
    for (key, default) in documented() {
        if !key.starts_with("tenants.") {
            text += &format!("{} = {default}\n", key.replace("<profile>", "normal"));
        }
    }
    let stated = config(&text);
    assert_eq!(stated, Config { adopt_tenants: false, ..Config::default() });
    assert_eq!(stated, config(""), "what is left out is the same");
}

#[test]
fn the_example_shows_the_defaults_and_is_read_as_it_says() {
    let example = load("config/mysimbdp.toml");
    let platform = Config { profiles: config("").profiles, tenants: BTreeMap::new(), ..example.clone() };
    assert_eq!(platform, config(""));
    assert_eq!(example.profiles["normal"], config("").profiles["normal"]);
    assert_eq!(example.profiles.keys().collect::<Vec<_>>(), ["large", "normal", "small"]);
    let normal = &example.profiles["normal"].limits;
    assert_eq!((normal.files_per_batch, normal.file_bytes), (10, 4_000_000_000));
    assert_eq!((normal.messages_per_window, normal.bytes_per_window, normal.window_seconds), (500, 400_000_000, 5));

    let acme = &example.tenants[&TenantId::parse("acme").unwrap()];
    assert_eq!((acme.weight, acme.enabled, acme.default_sink.as_str()), (2, true, "orders"));
    let limits = Limits { file_bytes: 8_000_000_000, stall_seconds: 60, ..Limits::default() };
    assert_eq!(acme.limits, limits);
    let sinks: Vec<(&str, &str)> = acme.sinks.iter().map(|(n, sink)| (n.as_str(), sink.collection.as_str())).collect();
    assert_eq!(sinks, [("orders", "Orders"), ("trips", "trips")]);
    let app = acme.app(&AppName::parse("trips-csv").unwrap());
    assert_eq!(app.sink.as_str(), "trips");
    let told = r#"{"delimiter":";","since":"2024-01-01","skip":["comment","note"]}"#;
    assert_eq!(app.config.as_deref(), Some(told));
    assert_eq!(app.limits, Limits { memory_bytes: 1 << 30, formats: vec!["csv".to_owned()], ..limits });

    let stream = |name| acme.streams[&StreamName::parse(name).unwrap()].clone();
    let json = AppName::parse("clientstreamingestapp-json").unwrap();
    let unsaid = |name| Stream::of(&StreamName::parse(name).unwrap(), json.clone(), &acme.app(&json));
    let limits = Limits { memory_bytes: 256 << 20, ..acme.limits.clone() };
    assert_eq!(stream("orders"), Stream { limits, ..unsaid("orders") }, "every key is shown with its default");
    let audit = stream("audit");
    assert_eq!((audit.sink.as_str(), audit.ordered, audit.consumers_max, audit.enabled), ("trips", true, 1, false));
    assert_eq!(audit.routing_keys, ["orders", "payments"]);

    let globex = &example.tenants[&TenantId::parse("globex").unwrap()];
    assert_eq!(globex.limits, example.profiles["small"].limits);
    assert_eq!(globex.default_sink.as_str(), "documents");
    assert_eq!((globex.limits.consumers, globex.limits.on_breach), (2, OnBreach::Pause));
}

pub(super) fn load(path: &str) -> Config {
    let nobody = std::iter::empty::<(String, String)>();
    Config::load(Some(Path::new(&workspace(path))), nobody).unwrap_or_else(|errors| panic!("\n{errors}"))
}

/// Keys that are read, with names stood for. Limits are the same everywhere and count once, as keys of a profile; below
/// tenants and apps their table stands for them.
fn known_keys() -> BTreeSet<String> {
    let known: Known = read::every_key();
    let tables: Vec<&String> = known.keys().collect();
    let is_table = |path: &str| tables.iter().any(|table| *table == path || table.starts_with(&format!("{path}.")));
    let mut keys = BTreeSet::new();
    for (table, asked) in &known {
        if table.ends_with(".limits") {
            keys.insert(table.clone());
            continue;
        }
        let paths = asked.iter().map(|key| if table.is_empty() { (*key).to_owned() } else { format!("{table}.{key}") });
        keys.extend(paths.filter(|path| !is_table(path)));
    }
    keys
}

/// Keys that are written, in the same manner.
fn paths(entries: &Entries, above: &mut Vec<String>, found: &mut BTreeSet<String>) {
    for (key, written) in entries {
        let stands_for = match above.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["profiles"] => "<profile>",
            ["tenants"] => "<tenant>",
            ["tenants", _, "sinks"] => "<sink>",
            ["tenants", _, "apps"] => "<app>",
            ["tenants", _, "streams"] => "<stream>",
            _ => key,
        };
        above.push(stands_for.to_owned());
        match &written.value {
            Value::Table(entries) if !["limits", "config"].contains(&key.as_str()) => paths(entries, above, found),
            _ => drop(found.insert(above.join("."))),
        }
        above.pop();
    }
}

/// Key and default of each row of the documentation's tables of keys.
fn documented() -> BTreeMap<String, String> {
    let text = fs::read_to_string(workspace("docs/configuration.md")).unwrap();
    let mut rows = BTreeMap::new();
    let mut is_keys = false;
    for line in text.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        match cells[..] {
            ["", "key", "type", "default", "meaning", ""] => is_keys = true,
            ["", key, kind, default, meaning, ""] if is_keys => {
                if key.starts_with('`') {
                    assert!(!kind.is_empty() && !meaning.is_empty(), "{line}");
                    let key = key.trim_matches('`').to_owned();
                    assert!(rows.insert(key, default.trim_matches('`').to_owned()).is_none(), "{line}");
                }
            }
            _ => is_keys = false,
        }
    }
    rows
}
