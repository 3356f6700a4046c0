//! Judges a `.so` by its bytes alone: nothing of it runs, nothing is mapped as code, no file is opened.
//!
//! Whoever wrote the bytes may be hostile, so nothing here panics or takes more than a second, whatever they say: each
//! read is bounds-checked ([`reader`]), each table has a cap, names are cut and escaped before they are shown.
//! Nor is anything believed that matters for safety: an accepted candidate is still probed in the sandbox, and what it
//! may do there does not depend on what was found here. The checks exist so that mistakes get a clear sentence early.
//!
//! ```text
//!   bytes ─ format ─ elf header ─ extent ─ shared object? ─ dynamic ─ door + descriptor?     each ends the examination
//!                                                                          │
//!              descriptor's content · machine · loading · imports · debug information         all are told together
//! ```
//!
//! A finding's code is stable: scripts and documentation rely on it.

mod debug_info;
mod descriptor;
mod dynamic;
mod elf;
mod extent;
mod finding;
mod format;
mod identity;
mod imports;
mod interface;
mod loading;
mod machine;
mod needs;
mod reader;
#[cfg(test)]
mod tests;
mod words;

use serde::Serialize;

pub use descriptor::{DESCRIPTOR_MAGIC, Descriptor, Kind, PanicStrategy};
pub(super) use extent::too_large;
pub use finding::{Finding, Severity};
pub use interface::{C_SYMBOL, DESCRIPTOR_SECTION, DESCRIPTOR_SYMBOL, Door, RUST_SYMBOL};
pub use machine::{ApiVersion, Architecture, DEFAULT_MAX_SIZE, HostMachine};

use dynamic::Dynamic;
use elf::Elf;

/// Hex digits of a generation that people get to see.
const SHORT_GENERATION: usize = 12;

/// What the bytes of a candidate say.
#[derive(Clone, Debug, Serialize)]
pub struct Examination {
    /// The descriptor, where there is a readable one.
    pub descriptor: Option<Descriptor>,
    /// Through which door the app is entered, where there is one.
    pub door: Option<Door>,
    /// The generation: BLAKE3 of all the bytes, as 64 hex digits.
    pub generation: String,
    /// The app converts character sets with iconv, whose tables must be loaded before the sandbox closes.
    pub uses_iconv: bool,
    /// Everything that was found, the gravest first.
    pub findings: Vec<Finding>,
}

impl Examination {
    /// Whether nothing forbids to probe the candidate in the sandbox.
    pub fn is_accepted(&self) -> bool {
        self.refusals().next().is_none()
    }

    /// The findings that forbid it.
    pub fn refusals(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.severity == Severity::Refusal)
    }

    /// The generation as people get to see it.
    pub fn short_generation(&self) -> &str {
        short_generation(&self.generation)
    }
}

/// A generation as people get to see it.
pub fn short_generation(generation: &str) -> &str {
    generation.get(..SHORT_GENERATION).unwrap_or(generation)
}

/// Name and generation, as every sentence about an app says them.
pub fn app_label(name: &str, generation: &str) -> String {
    format!("{name} (generation {})", short_generation(generation))
}

/// Examines the bytes of a candidate for `machine`. Never panics, whatever the bytes are.
pub fn examine(bytes: &[u8], machine: &HostMachine) -> Examination {
    let mut examination = Examination {
        descriptor: None,
        door: None,
        generation: blake3::hash(bytes).to_hex().to_string(),
        uses_iconv: false,
        findings: Vec::new(),
    };
    if let Err(last) = look(bytes, machine, &mut examination) {
        examination.findings.push(last);
    }
    examination.findings.sort_by_key(|finding| finding.severity);
    examination
}

/// Fills `examination`; an error is the finding after which there is nothing more to look at.
fn look(bytes: &[u8], machine: &HostMachine, examination: &mut Examination) -> Result<(), Finding> {
    extent::within_cap(bytes, machine.max_size)?;
    format::must_be_elf(bytes)?;
    let elf = Elf::read(bytes)?;
    extent::must_be_complete(&elf)?;
    elf.must_be_sound()?;
    identity::must_be_linked(&elf)?;
    let dynamic = Dynamic::read(&elf)?;
    let interface = interface::find(&elf, &dynamic)?;

    let findings = &mut examination.findings;
    examination.door = interface.door(findings);
    examination.descriptor = interface.descriptor(machine, findings);
    examination.uses_iconv = imports::uses_iconv(&dynamic);

    if elf.architecture() == machine.architecture {
        needs::check(&dynamic, machine, findings);
    } else {
        findings.push(identity::wrong_machine(&elf, machine));
    }
    loading::check(&elf, &dynamic, examination.door, findings);
    imports::check(&elf, &dynamic, examination.door, findings);
    findings.push(debug_info::note(&elf, examination.door));
    Ok(())
}
