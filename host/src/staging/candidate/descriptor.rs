//! The descriptor: what an app says about itself, as text that is read without running it.
//!
//! ```text
//!   mysimbdp-descriptor 1
//!   api=1.0
//!   name=clientbatchingestapp-csv
//!   version=0.1.0
//!   kinds=batch,check
//!   compiler=rustc 1.95.0 (59807616e 2026-04-14)
//!   panic=unwind
//! ```
//!
//! `api`, `name` and `kinds` must be there; keys that are not known are passed over, so later versions can add some.
//! NUL bytes after the text are padding. Everything here is a claim of the app's; its table is asked again when it is
//! probed, and must say the same.

mod parse;
mod rules;

use core::fmt;

use serde::Serialize;

use super::machine::ApiVersion;

/// First line of a descriptor.
pub const DESCRIPTOR_MAGIC: &str = "mysimbdp-descriptor 1";

/// What an app does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = AppKind)]
pub enum Kind {
    /// Ingests files.
    Batch,
    /// Ingests messages.
    Stream,
    /// Decides what may be ingested.
    Check,
    /// Tells what was ingested.
    Metadata,
}

impl Kind {
    /// All there are.
    pub const ALL: [Kind; 4] = [Kind::Batch, Kind::Stream, Kind::Check, Kind::Metadata];

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Its name, as descriptors and worker frames have it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Batch => "batch",
            Kind::Stream => "stream",
            Kind::Check => "check",
            Kind::Metadata => "metadata",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// What a panic in the app does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PanicStrategy {
    /// It is caught inside the app and reported.
    Unwind,
    /// It ends the worker.
    Abort,
}

/// What an app says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Descriptor {
    /// Version of the function table it was built against.
    pub api: ApiVersion,
    /// Its name. Any text that prints, until [`examine`](super::examine) found no `invalid-app-name`.
    pub name: String,
    /// Its version, for people; empty where it says none.
    pub version: String,
    /// What it does, without repetitions; kinds that are not known are left out.
    pub kinds: Vec<Kind>,
    /// What built it.
    pub compiler: Option<String>,
    /// What a panic does, where it says so.
    pub panic: Option<PanicStrategy>,
    /// Kinds that this host does not know.
    #[serde(skip)]
    unknown_kinds: Vec<String>,
}
