//! `mysimbdp tenants` and `mysimbdp profiles`: settled while the host runs.

use super::super::exit::Exit;
use super::super::out;
use super::Remote;
use crate::api::client::ClientError;
use crate::platform::Settlement;
use serde_json::{Map, Value, json};

/// What is to be done with one.
#[derive(clap::Subcommand, Debug)]
pub(crate) enum Settle {
    /// Show what is settled for it
    Show {
        /// Its name
        #[arg(value_parser = super::name)]
        name: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// Create it, or change what is settled for it: key=value, with the keys of its table in the configuration
    Set {
        /// Its name
        #[arg(value_parser = super::name)]
        name: String,
        /// Such as limits.file_bytes=1GB, profile=large or weight=2; without a value, what is settled goes
        #[arg(value_name = "KEY=VALUE")]
        settings: Vec<String>,
        #[command(flatten)]
        remote: Remote,
    },
    /// Have what the configuration file says of it hold again, whatever was settled since
    Reset {
        /// Its name
        #[arg(value_parser = super::name)]
        name: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// Remove it
    Remove {
        /// Its name
        #[arg(value_parser = super::name)]
        name: String,
        #[command(flatten)]
        remote: Remote,
    },
}

impl Settle {
    fn remote(&self) -> &Remote {
        match self {
            Settle::Show { remote, .. }
            | Settle::Set { remote, .. }
            | Settle::Reset { remote, .. }
            | Settle::Remove { remote, .. } => remote,
        }
    }

    /// Does it; `kind` is `tenants` or `profiles`.
    pub(crate) async fn run(&self, kind: &str) -> Exit {
        self.remote().end(self.done(kind).await)
    }

    async fn done(&self, kind: &str) -> Result<Exit, ClientError> {
        let (remote, client) = (self.remote(), self.remote().client()?);
        match self {
            Settle::Show { name, .. } => {
                let settled: Settlement = client.get(&format!("/v1/{kind}/{name}"), &()).await?;
                remote.tell(&settled, tell);
            }
            Settle::Set { name, settings, .. } => {
                let patch = patch(settings).map_err(ClientError::Wrong)?;
                let settled: Settlement = client.settle(&format!("/v1/{kind}/{name}"), &patch).await?;
                remote.tell(&settled, tell);
            }
            Settle::Reset { name, .. } => {
                let settled: Settlement = client.post(&format!("/v1/{kind}/{name}/reset"), &json!({})).await?;
                remote.tell(&settled, tell);
            }
            Settle::Remove { name, .. } => {
                client.remove(&format!("/v1/{kind}/{name}")).await?;
                remote.tell(&json!({ "removed": name }), |_| out::line(format_args!("{name} is removed")));
            }
        }
        Ok(Exit::Done)
    }
}

fn tell(settled: &Settlement) {
    tell_settings(&settled.name, settled.version, &settled.settings);
}

/// What is settled for something, as its table in the configuration says it.
pub(super) fn tell_settings(name: &str, version: u64, settings: &Value) {
    out::line(format_args!("# {name}, version {version}"));
    out::line(toml::to_string(settings).unwrap_or_default().trim_end());
}

/// A merge patch of `key=value`: numbers, `true` and `false` are what they are, everything else is text.
pub(super) fn patch(settings: &[String]) -> Result<Value, String> {
    let mut patch = Map::new();
    for setting in settings {
        let (key, value) = setting
            .split_once('=')
            .ok_or_else(|| format!("{setting:?} is not of the form key=value, such as limits.file_bytes=1GB"))?;
        let value = match value {
            "" => Value::Null,
            text => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())),
        };
        let mut here = &mut patch;
        let mut parts = key.split('.').peekable();
        while let Some(part) = parts.next() {
            if part.is_empty() {
                return Err(format!("{key:?} is no key: its parts have dots between them, such as limits.file_bytes"));
            }
            if parts.peek().is_none() {
                here.insert(part.to_owned(), value);
                break;
            }
            let below = here.entry(part).or_insert_with(|| json!({}));
            here = below.as_object_mut().ok_or_else(|| format!("{key:?} stands below a key that has a value"))?;
        }
    }
    Ok(patch.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_with_dots_are_tables() {
        let given = ["weight=2", "limits.file_bytes=1GB", "limits.formats=[\"csv\"]", "enabled=false", "default_sink="];
        let expected = json!({
            "weight": 2, "limits": { "file_bytes": "1GB", "formats": ["csv"] }, "enabled": false, "default_sink": null,
        });
        assert_eq!(patch(&given.map(str::to_owned)).unwrap(), expected);
        for wrong in ["weight", "=1", "a..b=1", "weight=1,weight.x=2"] {
            let given: Vec<String> = wrong.split(',').map(str::to_owned).collect();
            assert!(patch(&given).is_err(), "{wrong}");
        }
    }
}
