//! Messages that are none, for real apps under a daemon: not JSON, wrongly typed, and a document with somebody else's `_id`.

use super::streams::{drained, publish, stream};
use mysimbdp_tests::artefacts::{json_app, villains};
use mysimbdp_tests::daemon::Daemon;
use serde_json::Value;
use std::collections::BTreeSet;
use xtask::data::{Options, Size};

fn config(app: &str) -> String {
    format!(
        "[profiles.generous]\nmessages_per_window = \"unlimited\"\n[tenants.acme]\nprofile = \"generous\"\n\
         [tenants.acme.streams.trips]\napp = \"{app}\"\n"
    )
}

fn documents(daemon: &Daemon) -> Vec<Value> {
    daemon.documents("acme", "documents").iter().map(|text| serde_json::from_str(text).unwrap()).collect()
}

#[test]
fn messages_that_are_not_json_or_wrongly_typed_are_dead_letters_with_the_field_and_all_others_are_stored() {
    let daemon = Daemon::start(&config("clientstreamingestapp-json"));
    daemon.drop_app("acme", &json_app());
    let (data, written) = xtask::json::bytes(&Options { size: Size::Rows(1_000), seed: 7, bad_rows: 8 });
    publish(&daemon, "acme/trips", &String::from_utf8(data).unwrap(), "trip");
    drained(&daemon, "trips");
    let letters = daemon.letters("acme");
    let dead: BTreeSet<&str> = letters.iter().map(|letter| letter["message_id"].as_str().unwrap()).collect();
    let bad: BTreeSet<String> = written.bad_lines.iter().map(|line| format!("trip-{line}")).collect();
    assert!(dead.iter().eq(&bad), "{dead:?}");
    for wrong in ["field `price.fare`: ", "field `distance_km`: invalid type: string", "EOF while parsing an object"] {
        let named = letters.iter().any(|letter| letter["reason"].as_str().unwrap().starts_with(wrong));
        assert!(named, "{wrong}: {letters:?}");
    }
    let number =
        |trip: &Value| trip["trip_id"].as_u64().or_else(|| trip["trip_id"]["$numberLong"].as_str()?.parse().ok());
    let stored: BTreeSet<u64> = documents(&daemon).iter().filter_map(number).collect();
    assert!(stored.into_iter().eq((1..=1_000).filter(|id| !written.bad_lines.contains(id))));
    assert_eq!(documents(&daemon).len(), 992);
}

#[test]
fn a_document_with_the_id_of_another_replaces_nothing() {
    let daemon = Daemon::start(&config("villains"));
    daemon.drop_app("acme", &villains());
    publish(&daemon, "acme/trips", "1,none\n", "first");
    drained(&daemon, "trips");
    let before = documents(&daemon);
    let id = before[0]["_id"]["$oid"].as_str().unwrap_or_else(|| panic!("{before:?}"));
    publish(&daemon, "acme/trips", &format!("2,own_id_forged={id}\n3,none\n"), "forged");
    drained(&daemon, "trips");
    let after = documents(&daemon);
    assert!(after.len() == 2 && after.contains(&before[0]), "{after:?}");
    let letters = daemon.letters("acme");
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(letters[0]["message_id"], "forged-1");
    let line = stream(&daemon, "trips");
    assert_eq!((&line["stored"], &line["refused"]), (&2.into(), &1.into()), "{line}");
}
