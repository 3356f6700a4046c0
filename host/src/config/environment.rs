//! What the environment says: which file is read, and which keys are set by variables.
//!
//! `MYSIMBDP_<PATH>` sets a key, with two underscores between levels: `MYSIMBDP_TENANTS__ACME__PROFILE=small`. Letters may be
//! small or capital. Where no key has a name, but one with `-` for `_` is written in the file, that is the one: a shell knows
//! no variables with `-`. What is laid into the tree is text that is read as whatever its key wants.

use super::mistake::{Mistake, Place};
use super::written::{Entries, Value, Written};
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const PREFIX: &str = "MYSIMBDP_";
/// Names the file of the configuration.
const CONFIG: &str = "MYSIMBDP_CONFIG";
/// The file that is read where none is named, if it is there.
const USUAL: &str = "mysimbdp.toml";
/// Variables that are meant for something else, without the prefix.
const OTHERS: [&str; 10] =
    ["CONFIG", "SERVER", "TOKEN", "CA", "SOCKET", "FAILPOINT", "PREBUILT", "BLESS", "LOG", "PORT"];
/// Beginnings of such: what Kubernetes sets for a service with this name, and what tests set for their own processes.
const OTHERS_BEGIN: [&str; 4] = ["SERVICE_HOST", "SERVICE_PORT", "PORT_", "TEST_"];

/// The environment of this process, as far as it is ours. What is no UTF-8 has a mark where that is.
pub fn variables() -> Vec<(String, String)> {
    let text = |word: std::ffi::OsString| word.to_string_lossy().into_owned();
    std::env::vars_os()
        .map(|(name, value)| (text(name), text(value)))
        .filter(|(name, _)| name.starts_with(PREFIX))
        .collect()
}

/// Which file holds the configuration: the one that was named, else the one that `MYSIMBDP_CONFIG` names, else
/// `mysimbdp.toml` in `folder` if it is there. A file that is named is not looked for: that it is not there is a mistake.
pub(super) fn find(
    explicit: Option<&Path>,
    env: impl IntoIterator<Item = (String, String)>,
    folder: &Path,
) -> Option<PathBuf> {
    if let Some(explicit) = explicit {
        return Some(explicit.to_owned());
    }
    let variable = env.into_iter().find(|(name, value)| name == CONFIG && !value.is_empty());
    if let Some((_, path)) = variable {
        return Some(path.into());
    }
    let usual = folder.join(USUAL);
    // One that cannot be looked at must not be passed over in silence.
    usual.try_exists().unwrap_or(true).then_some(usual)
}

/// Lays what variables say over a tree.
pub(super) fn lay_over(root: &mut Entries, env: impl IntoIterator<Item = (String, String)>) -> Vec<Mistake> {
    let ours = |(name, _): &(String, String)| name.strip_prefix(PREFIX).is_some_and(is_a_key);
    let mut variables: Vec<(String, String)> = env.into_iter().filter(ours).collect();
    variables.sort();
    let lay = |(name, value): (String, String)| {
        let place = Place::Variable(Arc::from(name.as_str()));
        let path = name.get(PREFIX.len()..).unwrap_or_default().to_lowercase();
        let levels: Vec<&str> = path.split("__").collect();
        let written = Written { place: place.clone(), value: Value::Variable(value) };
        put(root, &levels, written).err().map(|sentence| Mistake { place, sentence })
    };
    variables.into_iter().filter_map(lay).collect()
}

fn is_a_key(name: &str) -> bool {
    let is_other = OTHERS.contains(&name) || OTHERS_BEGIN.iter().any(|begin| name.starts_with(begin));
    !is_other
}

/// Deepest table there is: `tenants.<tenant>.apps.<app>.limits`, and a key in it.
const DEEPEST: usize = 6;

fn put(root: &mut Entries, levels: &[&str], written: Written) -> Result<(), String> {
    if levels.len() > DEEPEST {
        return Err(format!("no such key: no key has more than {DEEPEST} levels"));
    }
    let Some((last, above)) = levels.split_last() else { return Ok(()) };
    let mut entries = root;
    for (depth, level) in above.iter().enumerate() {
        let own = Written { place: written.place.clone(), value: Value::Table(Entries::new()) };
        let table = entries.entry(meant(entries, level)).or_insert(own);
        let path = levels[..=depth].join(".");
        let is_config = matches!(levels[..=depth], ["tenants", _, "apps", _, "config"]);
        entries = match &mut table.value {
            Value::Table(_) if is_config => {
                return Err(format!("{path} is the app's own: set it as a whole, to a JSON object"));
            }
            Value::Table(entries) => entries,
            _ => return Err(format!("{path} is set to a value: no key can stand below it")),
        };
    }
    match entries.entry(meant(entries, last)) {
        Entry::Occupied(there) if matches!(there.get().place, Place::Variable(_)) => {
            Err(format!("{} is set by {} as well: leave one out", levels.join("."), there.get().place))
        }
        Entry::Occupied(mut there) => {
            there.insert(written);
            Ok(())
        }
        Entry::Vacant(free) => {
            free.insert(written);
            Ok(())
        }
    }
}

/// The key that a level of a variable's name means.
fn meant(entries: &Entries, level: &str) -> String {
    if entries.contains_key(level) {
        return level.to_owned();
    }
    let same = |key: &&String| key.replace('-', "_") == level;
    entries.keys().find(same).cloned().unwrap_or_else(|| level.to_owned())
}
