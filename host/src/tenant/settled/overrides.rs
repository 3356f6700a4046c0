//! What of the file does nothing any more, because something else was settled since: for whoever changes the file.

use super::super::patch::keys;
use super::{Said, Settled, streams_in};
use crate::config::Documents;
use serde_json::Value;

impl Settled {
    /// A sentence for each profile, tenant and stream of the file of which something else was settled since, and for each change
    /// of what the file does not have any more.
    pub(in super::super) fn overrides(&self, written: &Documents) -> Vec<String> {
        let mut told = Vec::new();
        for (name, said) in &self.profiles {
            told.extend(sentence("profile", name, said, written.profiles.get(name), "profiles reset"));
        }
        for (name, said) in &self.tenants {
            told.extend(sentence("tenant", name, said, written.tenants.get(name), "tenants reset"));
        }
        for (tenant, streams) in &self.streams {
            let under = streams_in(written.tenants.get(tenant));
            let is_whole = self.tenants.get(tenant).is_some_and(|said| !said.is_patch);
            for (stream, said) in streams.iter().filter(|_| !is_whole) {
                let name = format!("{tenant}/{stream}");
                told.extend(sentence("stream", &name, said, under.get(stream), "streams reset"));
            }
        }
        told
    }
}

fn sentence(what: &str, name: &str, said: &Said, under: Option<&Value>, reset: &str) -> Option<String> {
    let back = format!("`mysimbdp {reset} {name}` goes back to what the file says");
    match (&said.settings, under) {
        (None, Some(_)) => Some(format!("{what} {name} was removed at run time, and stays away: {back}")),
        (Some(_), Some(_)) if !said.is_patch => {
            Some(format!("{what} {name} was settled as a whole at run time, which holds instead of its table: {back}"))
        }
        (Some(patch), under) if said.is_patch => {
            let keys = keys(patch);
            match under {
                _ if keys.is_empty() => None,
                Some(_) => {
                    let keys = keys.join(", ");
                    Some(format!("{what} {name}: {keys} as settled at run time, whatever its table says: {back}"))
                }
                None => Some(format!(
                    "{what} {name}: what was changed of it at run time ({}) does not hold, since the file does not name it",
                    keys.join(", ")
                )),
            }
        }
        _ => None,
    }
}
