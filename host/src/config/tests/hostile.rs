//! No text makes the reader panic, and whatever it takes it can write.

use super::{config, read_with};
use crate::config::kind::{Collection, Kind};
use crate::config::written::Value;
use crate::sink::embedded::CollectionName;
use proptest::prelude::*;

/// Lines of a configuration, good and bad, so that more than the parser is reached.
fn line() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec![
        "data",
        "staging",
        "slots",
        "lease",
        "weight",
        "file_bytes",
        "batch_bytes",
        "formats",
        "dead_letter_percent",
        "profile",
        "enabled",
        "default_sink",
        "sink",
        "collection",
        "config",
        "kind",
        "rows_per_task",
        "attempts",
        "'é'",
    ]);
    let value = prop::sample::select(vec![
        "0",
        "3",
        "-1",
        "99999999999999999999999",
        "2.5",
        "nan",
        "true",
        "'documents'",
        "'a'",
        "'/a/b'",
        "'5s'",
        "'1GB'",
        "'unlimited'",
        "['csv']",
        "[[], {}]",
        "{ a = 1 }",
        "2024-01-01",
        "\"\\u0000\"",
        "",
    ]);
    let table = prop::sample::select(vec![
        "[tenants.a]",
        "[tenants.a.limits]",
        "[tenants.a.sinks.a]",
        "[tenants.a.sinks.b]",
        "[tenants.a.apps.a]",
        "[tenants.a.apps.a.config]",
        "[profiles.normal]",
        "[profiles.a]",
        "[queue]",
        "[keep]",
        "[[tenants]]",
        "[tenants.'']",
        "[staging_rules",
        "[x.y]",
    ]);
    prop_oneof![(key, value).prop_map(|(key, value)| format!("{key} = {value}")), table.prop_map(str::to_owned)]
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in any::<String>(), name in "MYSIMBDP_[A-Z_]{0,20}", value in any::<String>()) {
        let _ = read_with(&text, &[(&name, &value)]);
    }

    #[test]
    fn no_lines_make_it_panic_and_what_is_taken_can_be_written(
        lines in prop::collection::vec(line(), 0..12),
        variable in prop::sample::select(vec!["SLOTS", "TENANTS", "TENANTS__A__PROFILE", "TENANTS__A__APPS__A__CONFIG"]),
        value in prop::sample::select(vec!["", "1", "normal", "{}", "{\"a\":[1.5]}"]),
    ) {
        let variable = format!("MYSIMBDP_{variable}");
        if let Ok(taken) = read_with(&lines.join("\n"), &[(&variable, value)]) {
            prop_assert_eq!(config(&taken.summary()), taken);
        }
    }

    #[test]
    fn whatever_is_taken_as_a_collection_the_embedded_sink_takes(name in "[a-zA-Z0-9_.-]{0,12}|(?i:sqlite_|system\\.)[a-z]*") {
        if Collection.read(&Value::Text(name.clone())).is_ok() {
            prop_assert!(CollectionName::parse(&name).is_ok());
        }
    }
}

#[test]
fn a_deep_key_is_refused_and_overflows_nothing() {
    for text in
        [vec!["a"; 100_000].join(".") + " = 1", "[".repeat(100_000), "a = ".to_owned() + &"{a = ".repeat(100_000)]
    {
        assert!(read_with(&text, &[]).is_err());
    }
    let name = format!("MYSIMBDP_{}", vec!["A"; 100_000].join("__"));
    assert!(read_with("", &[(&name, "1")]).is_err());
}
