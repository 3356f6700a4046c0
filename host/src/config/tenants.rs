//! Reads profiles and tenants: what stands for one is laid over what stands above it, and what is named is looked up.

use super::app_table::AppTable;
use super::kind::{Collection, Count, Flag, Kind, Name, Text};
use super::limits;
use super::nearest::nearest;
use super::streams::{self, Around};
use super::table::Table;
use super::written::Value;
use crate::tenant::{AppName, AppSettings, Limits, NORMAL, Profile, Sink, SinkName, Tenant, TenantId, is_name};
use std::collections::BTreeMap;
use std::fmt::Display;

const WEIGHT: Count = Count { of: "whole number", least: 1, most: 1_000, such_as: 1 };

/// Reads the profiles. The one that is called normal is always there.
pub(super) fn profiles(root: &mut Table<'_>) -> BTreeMap<String, Profile> {
    let mut profiles = BTreeMap::from([(NORMAL.to_owned(), Profile::normal())]);
    for (name, mut table) in root.tables("profiles", "<profile>") {
        if !is_name(&name) {
            table.wrong_at_all(
                "not the name of a profile: a name has 1 to 64 of a-z, 0-9, - and _, and starts with a letter",
            );
        }
        let weight = table.number("weight", &WEIGHT).unwrap_or(1);
        let limits = Limits::default();
        let limits = limits.with(&limits::read(&mut table, &limits));
        table.finish();
        profiles.insert(name.clone(), Profile { name, weight, limits });
    }
    profiles
}

/// Reads the tenants.
pub(super) fn tenants(root: &mut Table<'_>, profiles: &BTreeMap<String, Profile>) -> BTreeMap<TenantId, Tenant> {
    let tenants = root.tables("tenants", "<tenant>").into_iter();
    tenants
        .filter_map(|(name, table)| tenant(&name, table, profiles))
        .map(|tenant| (tenant.id.clone(), tenant))
        .collect()
}

fn tenant(name: &str, mut table: Table<'_>, profiles: &BTreeMap<String, Profile>) -> Option<Tenant> {
    let id = table.named(TenantId::parse(name).map_err(|error| error.rule()));
    let profile = profile(&mut table, profiles);
    let weight = table.number("weight", &WEIGHT).unwrap_or(profile.weight);
    let enabled = table.take("enabled", &Flag).unwrap_or(true);
    let mut own = table.table("limits");
    let limits = profile.limits.with(&limits::read(&mut own, &profile.limits));
    own.finish();
    let sinks = sinks(&mut table);
    let default_sink = default_sink(&mut table, &sinks);
    let mut apps = BTreeMap::new();
    for (name, app) in table.tables("apps", "<app>") {
        if let Some((name, settings)) = self::app(&name, app, &limits, &sinks, &default_sink) {
            apps.insert(name, settings);
        }
    }
    let unnamed = AppSettings { sink: default_sink.clone(), config: None, limits: limits.clone() };
    let streams = streams::streams(&mut table, &Around { apps: &apps, unnamed, sinks: &sinks });
    table.finish();
    let profile = profile.name;
    Some(Tenant { id: id?, profile, weight, limits, sinks, default_sink, apps, streams, enabled })
}

fn profile(table: &mut Table<'_>, profiles: &BTreeMap<String, Profile>) -> Profile {
    let what = Text { what: "the name of a profile", such_as: NORMAL };
    let name = table.take("profile", &what).unwrap_or_else(|| NORMAL.to_owned());
    profiles.get(&name).cloned().unwrap_or_else(|| {
        table.dangles("profile", no_such("profile", &name, profiles.keys().map(String::as_str)));
        Profile::normal()
    })
}

/// Sinks that are written, or the one that there is where none is.
fn sinks(table: &mut Table<'_>) -> BTreeMap<SinkName, Sink> {
    let mut sinks: BTreeMap<SinkName, Sink> = BTreeMap::new();
    for (name, mut sink) in table.tables("sinks", "<sink>") {
        let id = sink.named(SinkName::parse(&name).map_err(|error| error.rule()));
        let collection = collection(&mut sink, &name, id.is_some());
        let same = |(_, other): &(&SinkName, &Sink)| other.collection.eq_ignore_ascii_case(&collection);
        if let Some((other, Sink { collection: theirs })) = sinks.iter().find(same) {
            let sentence = format_args!(
                "the sink {other} has the collection {theirs} already, and capitals make no difference: give each its own"
            );
            sink.dangles("collection", sentence);
        }
        sink.finish();
        if let Some(id) = id {
            sinks.insert(id, Sink { collection });
        }
    }
    if sinks.is_empty() {
        let name = SinkName::default();
        let collection = name.to_string();
        sinks.insert(name, Sink { collection });
    }
    sinks
}

/// The collection that is written, else one with the name of its sink, if that will do.
fn collection(sink: &mut Table<'_>, name: &str, is_name: bool) -> String {
    let written = sink.take("collection", &Collection);
    if is_name
        && !sink.has("collection")
        && let Err(rule) = Collection.read(&Value::Text(name.to_owned()))
    {
        sink.wrong("collection", format_args!("not set, and {name} is {rule}"));
    }
    written.unwrap_or_else(|| name.to_owned())
}

/// The one that is written; else the one with the usual name; else the only one.
fn default_sink(table: &mut Table<'_>, sinks: &BTreeMap<SinkName, Sink>) -> SinkName {
    let written = table.take("default_sink", &Name::<SinkName>::new());
    let usual = SinkName::default();
    if let Some(name) = written {
        if !sinks.contains_key(&name) {
            table.dangles("default_sink", no_such("sink", name.as_str(), sinks.keys().map(SinkName::as_str)));
        }
        return name;
    }
    let mut names = sinks.keys();
    match (names.next(), names.next()) {
        _ if sinks.contains_key(&usual) => usual,
        (Some(only), None) => only.clone(),
        _ => {
            if !table.has("default_sink") {
                let names: Vec<&str> = sinks.keys().map(SinkName::as_str).collect();
                table.dangles(
                    "default_sink",
                    format_args!(
                        "not set, and none of the sinks is called {usual}: set it to one of {}",
                        names.join(", ")
                    ),
                );
            }
            usual
        }
    }
}

fn app(
    name: &str,
    mut table: Table<'_>,
    limits: &Limits,
    sinks: &BTreeMap<SinkName, Sink>,
    default_sink: &SinkName,
) -> Option<(AppName, AppSettings)> {
    let id = table.named(AppName::parse(name).map_err(|error| error.rule()));
    let sink = table.take("sink", &Name::<SinkName>::new());
    if let Some(sink) = sink.as_ref().filter(|sink| !sinks.contains_key(*sink)) {
        table.dangles("sink", no_such("sink", sink.as_str(), sinks.keys().map(SinkName::as_str)));
    }
    let sink = sink.unwrap_or_else(|| default_sink.clone());
    let config = table.take("config", &AppTable);
    let mut own = table.table("limits");
    let limits = limits.with(&limits::read_of_a_part(&mut own, limits));
    own.finish();
    table.finish();
    Some((id?, AppSettings { sink, config, limits }))
}

pub(super) fn no_such<'k>(what: &str, name: &str, known: impl Iterator<Item = &'k str> + Clone) -> impl Display {
    match nearest(name, known.clone()) {
        Some(near) => format!("no such {what}; did you mean \"{near}\"?"),
        None => {
            let known: Vec<String> = known.map(|name| format!("\"{name}\"")).collect();
            format!("no such {what}; there is {}", known.join(", "))
        }
    }
}
