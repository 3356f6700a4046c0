//! Profiles and tenants that are settled while the host runs: JSON objects of the form that the tables of the file have, read
//! by the same reader, so that the same is allowed and the same sentences say what is not.

use super::show;
use super::table::Reading;
use super::written::{Entries, Value, Written};
use super::{Config, Place, tenants};
use crate::tenant::{Profile, Tenant, TenantId};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Profiles and tenants, as they are meant.
#[derive(Clone, Debug, PartialEq)]
pub struct Roster {
    /// By name; `normal` is always among them.
    pub profiles: BTreeMap<String, Profile>,
    /// By name.
    pub tenants: BTreeMap<TenantId, Tenant>,
}

/// The same, as they are written: each a JSON object by its name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Documents {
    /// As the tables `[profiles.…]`.
    pub profiles: Map<String, Json>,
    /// As the tables `[tenants.…]`.
    pub tenants: Map<String, Json>,
}

impl Documents {
    /// Those of a configuration: profiles with all their limits, tenants with what somebody has written of them.
    pub fn of(config: &Config) -> Documents {
        let profiles = config.profiles.iter().map(|(name, profile)| (name.clone(), show::profile(profile)));
        let written = |name: &str| config.written.below("tenants")?.below(name);
        let tenants = config.tenants.iter().map(|(name, tenant)| {
            let document = match written(name.as_str()) {
                Some(written) => written.of_document(show::whole_tenant(tenant)),
                None => show::tenant(tenant, &config.profiles),
            };
            (name.to_string(), document)
        });
        Documents { profiles: profiles.collect(), tenants: tenants.collect() }
    }

    /// Reads them.
    ///
    /// # Errors
    /// A sentence for each mistake.
    pub fn read(&self) -> Result<Roster, Vec<String>> {
        let entries = [("profiles", &self.profiles), ("tenants", &self.tenants)];
        let entries: Entries = entries
            .into_iter()
            .filter_map(|(name, all)| Some((name.to_owned(), written(&Json::Object(all.clone()))?)))
            .collect();
        let reading = Reading::default();
        let mut root = reading.root(entries);
        let profiles = tenants::profiles(&mut root);
        let tenants = tenants::tenants(&mut root, &profiles);
        root.finish();
        let found = reading.end(super::read::every_key);
        let mistakes: Vec<String> = found.mistakes.into_iter().chain(found.dangling).map(|it| it.sentence).collect();
        if mistakes.is_empty() { Ok(Roster { profiles, tenants }) } else { Err(mistakes) }
    }
}

/// JSON as a value of the file; `null` is nothing that is written.
fn written(json: &Json) -> Option<Written> {
    let value = match json {
        Json::Null => return None,
        Json::Bool(flag) => Value::Flag(*flag),
        Json::String(text) => Value::Text(text.clone()),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Value::Whole { number: whole.into(), text: number.to_string() },
            (None, Some(whole)) => Value::Whole { number: whole.into(), text: number.to_string() },
            (None, None) => Value::Fraction { number: number.as_f64().unwrap_or(f64::NAN), text: number.to_string() },
        },
        Json::Array(items) => Value::List(items.iter().filter_map(written).collect()),
        Json::Object(fields) => {
            Value::Table(fields.iter().filter_map(|(name, it)| Some((name.clone(), written(it)?))).collect())
        }
    };
    Some(Written { place: Place::File(Arc::from("request")), value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_configuration_says_is_read_from_its_documents() {
        let text = "[profiles.large]\nweight = 3\nfile_bytes = \"8GiB\"\n[tenants.acme]\nprofile = \"large\"\n\
                    [tenants.acme.limits]\nrows_per_task = 7\n[tenants.acme.streams.clicks]\napp = \"clicks\"\n";
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.toml");
        std::fs::write(&file, text).unwrap();
        let config = Config::load(Some(&file), []).unwrap();
        let roster = Documents::of(&config).read().unwrap();
        assert_eq!((roster.profiles, roster.tenants), (config.profiles, config.tenants));
    }

    #[test]
    fn all_mistakes_are_told() {
        let Json::Object(tenants) = json!({
            "acme": { "profile": "lagre", "limits": { "file_bytes": -1 }, "colour": "red", "weight": null },
        }) else {
            panic!("no object");
        };
        let told = Documents { tenants, ..Documents::default() }.read().unwrap_err().join("\n");
        for part in ["tenants.acme.profile", "tenants.acme.limits.file_bytes", "tenants.acme.colour: no such key"] {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert!(!told.contains("weight ="), "{told}");
    }
}
