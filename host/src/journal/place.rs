//! Where journals are: one directory each, the file that is written, and `.1`, `.2`, … behind it, the newest first. Pure.

use crate::tenant::TenantId;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Whose journal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The platform's: everything but what apps log.
    General,
    /// What operators asked for: no tenant can make it grow, so none can push out of it what others did.
    Audit,
    /// A tenant's: everything that concerns it, and what its apps log.
    Tenant(TenantId),
}

impl Scope {
    /// The tenant, where it is one's.
    pub fn tenant(&self) -> Option<&TenantId> {
        match self {
            Scope::General | Scope::Audit => None,
            Scope::Tenant(tenant) => Some(tenant),
        }
    }
}

/// The files of one journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) directory: PathBuf,
    name: &'static str,
}

impl Place {
    pub(super) fn of(data: &Path, scope: &Scope) -> Place {
        match scope {
            Scope::General => Place { directory: data.join("journal"), name: "general.jsonl" },
            Scope::Audit => Place { directory: data.join("journal"), name: "audit.jsonl" },
            Scope::Tenant(tenant) => {
                Place { directory: tenants(data).join(tenant.as_str()).join("journal"), name: "journal.jsonl" }
            }
        }
    }

    /// The file with this suffix; 0 is the one that is written.
    pub(super) fn file(&self, suffix: u32) -> PathBuf {
        match suffix {
            0 => self.directory.join(self.name),
            _ => self.directory.join(format!("{}.{suffix}", self.name)),
        }
    }

    /// The suffix that a file name has, where it is one of this journal's.
    pub(super) fn suffix(&self, file_name: &str) -> Option<u32> {
        match file_name.strip_prefix(self.name)? {
            "" => Some(0),
            rest => {
                let digits = rest.strip_prefix('.')?;
                let suffix = digits.parse::<u32>().ok()?;
                (suffix > 0 && suffix.to_string() == digits).then_some(suffix)
            }
        }
    }
}

/// The directory that has one for each tenant.
pub(super) fn tenants(data: &Path) -> PathBuf {
    data.join("tenants")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_their_names_and_names_their_suffixes() {
        let data = Path::new("/data");
        let general = Place::of(data, &Scope::General);
        assert_eq!(general.file(0), Path::new("/data/journal/general.jsonl"));
        let acme = Place::of(data, &Scope::Tenant(TenantId::parse("acme").unwrap()));
        assert_eq!(acme.file(12), Path::new("/data/tenants/acme/journal/journal.jsonl.12"));
        for (name, suffix) in [("journal.jsonl", Some(0)), ("journal.jsonl.12", Some(12))] {
            assert_eq!(acme.suffix(name), suffix, "{name}");
        }
        for name in
            ["journal.jsonl.0", "journal.jsonl.01", "journal.jsonl.+1", "journal.jsonl.gz", "journal.jsonl1", "x"]
        {
            assert_eq!(acme.suffix(name), None, "{name}");
        }
    }
}
