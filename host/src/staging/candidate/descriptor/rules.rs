//! What a descriptor must say to be of use on a host.

use super::{Descriptor, Kind, PanicStrategy};
use crate::staging::candidate::finding::Finding;
use crate::staging::candidate::machine::HostMachine;
use crate::staging::candidate::words::{listed, shown};
use crate::tenant::{MAX_NAME, is_name};

impl Descriptor {
    /// Holds what was read against the rules and against this host.
    pub(in crate::staging::candidate) fn check(&self, machine: &HostMachine, findings: &mut Vec<Finding>) {
        findings.extend(self.check_api(machine));
        findings.extend(self.check_name());
        findings.extend(self.check_kinds());
        if self.panic == Some(PanicStrategy::Abort) {
            findings.push(Finding::warning(
                "panic-abort",
                "built with panic=abort: a panic kills its worker and counts as a crash of the row, \
                 where it could be caught and reported with its message",
                "remove `panic = \"abort\"` from the profile in Cargo.toml",
            ));
        }
    }

    fn check_api(&self, machine: &HostMachine) -> Option<Finding> {
        let same_major = machine.apis.iter().find(|known| known.major == self.api.major);
        if same_major.is_some_and(|known| self.api.minor <= known.minor) {
            return None;
        }
        let is_newer = machine.apis.iter().all(|known| *known < self.api) || same_major.is_some();
        let spoken: Vec<String> = machine.apis.iter().map(ToString::to_string).collect();
        let sentence = format!("built for plugin API {}, this host speaks {}", self.api, listed(&spoken, 8));
        Some(if is_newer {
            let mend = "upgrade mysimbdp on this host, or build the app with an older mysimbdp-plugin-api";
            Finding::refusal("newer-api", sentence, mend)
        } else {
            Finding::refusal("older-api", sentence, "build the app with the current mysimbdp-plugin-api")
        })
    }

    fn check_name(&self) -> Option<Finding> {
        if is_name(&self.name) {
            return None;
        }
        Some(Finding::refusal(
            "invalid-app-name",
            format!(
                "the app's name «{}» is not valid: a name has 1 to {MAX_NAME} of a-z, 0-9, - and _, \
                 and starts with a letter",
                shown(self.name.as_bytes())
            ),
            "change the name in export_app! (Rust) or a MYSIMBDP_EXPORT_ macro (C)",
        ))
    }

    fn check_kinds(&self) -> Option<Finding> {
        let known = listed(&Kind::ALL.map(Kind::name), 4);
        if !self.unknown_kinds.is_empty() {
            let unknown = listed(&self.unknown_kinds, 4);
            return Some(Finding::refusal(
                "unknown-kind",
                format!("the app is of kind {unknown}, which this host does not know: known are {known}"),
                "correct the kind, or upgrade mysimbdp on this host",
            ));
        }
        if self.kinds.is_empty() {
            return Some(Finding::refusal(
                "no-kind",
                format!("the app names no kind, so there is nothing it could be used for: known are {known}"),
                "name at least one, for example `batch: App`, in export_app!",
            ));
        }
        None
    }
}
