//! How an app is entered (its door) and where it describes itself: what tells an app from any other library.

use object::elf;
use serde::Serialize;

use super::descriptor::Descriptor;
use super::dynamic::{Dynamic, Symbol};
use super::elf::Elf;
use super::finding::Finding;
use super::machine::HostMachine;
use super::words::shown;

/// The data symbol that `abi_stable` gives to the checked root module of a Rust app.
pub const RUST_SYMBOL: &str = "_1as_0lib_1header_0root_bmodule_bloader";
/// The data symbol that a C app exports.
pub const C_SYMBOL: &str = "mysimbdp_plugin_v1";
/// The data symbol of the descriptor.
pub const DESCRIPTOR_SYMBOL: &str = "mysimbdp_descriptor";
/// The ELF section of the descriptor, for libraries that do not export its symbol.
pub const DESCRIPTOR_SECTION: &str = ".mysimbdp";

const EXPORT: &str =
    "export the app with export_app! (Rust) or a MYSIMBDP_EXPORT_ macro (C); `mysimbdp new` makes an example";

/// Through what an app is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Door {
    /// `abi_stable`'s checked root module.
    Rust,
    /// The exported table of the C header.
    C,
}

/// The symbols that make a library an app. At least one of them is there.
#[derive(Debug)]
pub(super) struct Interface<'a> {
    door: Option<(Door, Symbol<'a>)>,
    descriptor: Option<&'a [u8]>,
}

/// Finds door and descriptor, and refuses a library that has neither.
pub(super) fn find<'a>(elf: &Elf<'a>, dynamic: &Dynamic<'a>) -> Result<Interface<'a>, Finding> {
    let door = [(Door::Rust, RUST_SYMBOL), (Door::C, C_SYMBOL)];
    let door = door.into_iter().find_map(|(door, name)| Some((door, dynamic.export(name)?)));
    let by_symbol = dynamic.export(DESCRIPTOR_SYMBOL).filter(|symbol| symbol.size > 0);
    let by_symbol = by_symbol.map(|symbol| elf.mapped_at(symbol.address, symbol.size).unwrap_or_default());
    let descriptor = by_symbol.or_else(|| elf.section_named(DESCRIPTOR_SECTION));
    if door.is_none() && descriptor.is_none() {
        let name = dynamic.soname.map(|name| format!(", called {}", shown(name))).unwrap_or_default();
        return Err(Finding::refusal(
            "no-descriptor",
            format!("this is a library{name}, without a mysimbdp descriptor: it was not built as an app"),
            EXPORT,
        ));
    }
    Ok(Interface { door, descriptor })
}

impl Interface<'_> {
    /// The door; a missing or unusable one becomes a finding.
    pub(super) fn door(&self, findings: &mut Vec<Finding>) -> Option<Door> {
        let Some((door, symbol)) = self.door else {
            findings.push(Finding::refusal(
                "no-door",
                format!(
                    "the library has a descriptor, but exports neither {RUST_SYMBOL} (Rust) nor {C_SYMBOL} (C), \
                     through which it could be entered"
                ),
                "use export_app! or a MYSIMBDP_EXPORT_ macro in the library itself, and check that no version script or \
                 -fvisibility hides the symbol",
            ));
            return None;
        };
        if matches!(elf::SymbolType(symbol.kind), elf::STT_FUNC | elf::STT_GNU_IFUNC | elf::STT_TLS) {
            let name = shown(symbol.name);
            findings.push(Finding::refusal(
                "door-not-data",
                format!("{name} is a function or a thread-local variable, it must be a constant: the table itself"),
                EXPORT,
            ));
        }
        Some(door)
    }

    /// The descriptor; what is wrong with it becomes findings.
    pub(super) fn descriptor(&self, machine: &HostMachine, findings: &mut Vec<Finding>) -> Option<Descriptor> {
        let Some(raw) = self.descriptor else {
            findings.push(Finding::refusal(
                "no-descriptor",
                format!(
                    "the library has a door, but neither a symbol {DESCRIPTOR_SYMBOL} nor a section \
                     {DESCRIPTOR_SECTION} that describes it"
                ),
                EXPORT,
            ));
            return None;
        };
        match Descriptor::parse(raw) {
            Ok(descriptor) => {
                descriptor.check(machine, findings);
                Some(descriptor)
            }
            Err(reason) => {
                let sentence = format!("the descriptor is malformed: {reason}");
                findings.push(Finding::refusal("bad-descriptor", sentence, EXPORT));
                None
            }
        }
    }
}
