//! The configuration as a file would say it: what `mysimbdp config check` prints.
//!
//! Everything is said that can differ, of tenants and apps only what does: reading it gives the same configuration, but for
//! passwords in URLs, which are not shown.

use super::read::{BROKERS, ISOLATION, ON_KNOWN, QUEUES, SINKS};
use super::{Config, limits, streams};
use crate::duration::exact as time;
use crate::size;
use crate::tenant::{Limits, Profile, Tenant};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::Display;

impl Config {
    /// The effective configuration as TOML, which is read as this very configuration.
    pub fn summary(&self) -> String {
        // Nothing stands in it that TOML has no word for.
        toml::to_string(self).unwrap_or_else(|error| format!("# the configuration has no form as TOML: {error}\n"))
    }
}

impl Serialize for Config {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.written().serialize(serializer)
    }
}

impl Config {
    fn written(&self) -> Value {
        let Config { staging_rules: rules, keep, .. } = self;
        json!({
            "data": self.data.display().to_string(),
            "staging": self.staging.display().to_string(),
            "slots": self.slots,
            "isolation": word(&ISOLATION, &self.isolation),
            "lease": time(self.lease),
            "retry_pause": time(self.retry_pause),
            "warm": time(self.warm),
            "workers_max": self.workers_max,
            "stream_threads": self.stream_threads,
            "adopt_tenants": self.adopt_tenants,
            "host": self.host,
            "api": self.api.written(),
            "queue": { "kind": word(&QUEUES, &self.queue) },
            "sink": { "kind": word(&SINKS, &self.sink) },
            "broker": { "kind": word(&BROKERS, &self.broker) },
            "depot": { "url": self.depot.as_deref().unwrap_or("") },
            "redis": self.redis.written(),
            "mongodb": self.mongodb.written(),
            "rabbitmq": self.rabbitmq.written(),
            "staging_rules": {
                "quiet": time(rules.quiet),
                "rescan": time(rules.rescan),
                "poll": time(rules.poll),
                "on_known": word(&ON_KNOWN, &rules.on_known),
            },
            "keep": {
                "tasks": time(keep.tasks),
                "journal_bytes": size::exact(keep.journal_bytes),
                "journal_files": keep.journal_files,
                "journal_age": time(keep.journal_age),
            },
            "profiles": named(self.profiles.iter().map(|(name, profile)| (name, self::profile(profile)))),
            "tenants": named(self.tenants.iter().map(|(name, it)| (name, tenant(it, &self.profiles)))),
        })
    }
}

/// A tenant as its table says it: of limits what differs.
pub(super) fn tenant(tenant: &Tenant, profiles: &BTreeMap<String, Profile>) -> Value {
    let base = profiles.get(&tenant.profile).map(|profile| profile.limits.clone()).unwrap_or_default();
    self::document(tenant, &|limits, above| limits::difference_written(limits, above.unwrap_or(&base)))
}

/// A tenant with all that holds for it, said by whomever.
pub(super) fn whole_tenant(tenant: &Tenant) -> Value {
    self::document(tenant, &|limits, _| limits::written(limits))
}

/// Writes limits that stand over others; over those of the tenant's profile, where none are named.
type WriteLimits<'w> = dyn Fn(&Limits, Option<&Limits>) -> Map<String, Value> + 'w;

fn document(tenant: &Tenant, limits: &WriteLimits<'_>) -> Value {
    let sinks = tenant.sinks.iter().map(|(name, sink)| (name, json!({ "collection": sink.collection })));
    let apps = tenant.apps.iter().map(|(name, settings)| {
        let mut app = Map::from_iter([("sink".to_owned(), json!(settings.sink))]);
        if let Some(config) = settings.config.as_deref().and_then(|config| serde_json::from_str(config).ok()) {
            app.insert("config".to_owned(), config);
        }
        app.insert("limits".to_owned(), limits(&settings.limits, Some(&tenant.limits)).into());
        (name, Value::Object(app))
    });
    let streams = tenant.streams.iter().map(|(name, stream)| {
        let own = limits(&stream.limits, Some(&tenant.app(&stream.app).limits));
        (name, streams::written(stream, own))
    });
    json!({
        "profile": tenant.profile,
        "weight": tenant.weight,
        "enabled": tenant.enabled,
        "default_sink": tenant.default_sink,
        "limits": limits(&tenant.limits, None),
        "sinks": named(sinks),
        "apps": named(apps),
        "streams": named(streams),
    })
}

/// A profile as its table says it.
pub(super) fn profile(profile: &Profile) -> Value {
    let mut written = Map::from_iter([("weight".to_owned(), json!(profile.weight))]);
    written.extend(limits::written(&profile.limits));
    written.into()
}

fn named<N: Display>(entries: impl Iterator<Item = (N, Value)>) -> Value {
    entries.map(|(name, value)| (name.to_string(), value)).collect::<Map<_, _>>().into()
}

fn word<T: PartialEq>(words: &[(&'static str, T)], choice: &T) -> &'static str {
    words.iter().find(|(_, known)| known == choice).map_or("", |(word, _)| word)
}
