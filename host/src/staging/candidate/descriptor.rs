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

use core::fmt;

use serde::Serialize;

use super::finding::Finding;
use super::machine::{ApiVersion, HostMachine};
use super::words::{listed, prints, shown};

/// First line of a descriptor, without the version of its format.
const MAGIC: &str = "mysimbdp-descriptor ";
/// The version of the format that is read.
const FORMAT: &str = "1";
/// Longest descriptor.
const MAX_DESCRIPTOR: usize = 16 * 1024;
/// Longest value.
const MAX_VALUE: usize = 256;
/// Longest name of an app.
const MAX_APP_NAME: usize = 64;

/// What an app does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
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

impl Descriptor {
    /// Reads a descriptor. The error is a sentence that fits after "the descriptor is malformed: ".
    pub(super) fn parse(raw: &[u8]) -> Result<Descriptor, String> {
        let content = raw.split(|&byte| byte == 0).next().unwrap_or_default();
        if content.len() > MAX_DESCRIPTOR {
            return Err(format!("it has {} bytes, at most {MAX_DESCRIPTOR} are allowed", content.len()));
        }
        let text = core::str::from_utf8(content)
            .map_err(|error| format!("it is not UTF-8 from byte {} on", error.valid_up_to()))?;
        let mut lines = text.lines();
        let first = lines.next().unwrap_or_default();
        match first.strip_prefix(MAGIC) {
            Some(FORMAT) => Fields::read(lines)?.into_descriptor(),
            Some(other) => {
                Err(format!("its format is version «{}», this host reads version {FORMAT}", shown(other.as_bytes())))
            }
            None => Err(format!("it starts with «{}», not with «{MAGIC}{FORMAT}»", shown(first.as_bytes()))),
        }
    }

    /// Holds what was read against the rules and against this host.
    pub(super) fn check(&self, machine: &HostMachine, findings: &mut Vec<Finding>) {
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
        if is_app_name(&self.name) {
            return None;
        }
        Some(Finding::refusal(
            "invalid-app-name",
            format!(
                "the app's name «{}» is not valid: a name has 1 to {MAX_APP_NAME} of a-z, 0-9, - and _, \
                 and starts with a letter",
                shown(self.name.as_bytes())
            ),
            "change the name in export_app! (Rust) or MYSIMBDP_EXPORT (C)",
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

/// 1 to 64 of `a-z 0-9 - _`, the first a letter.
fn is_app_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    name.len() <= MAX_APP_NAME && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.bytes().all(is_allowed)
}

/// The values of the known keys.
#[derive(Default)]
struct Fields<'a> {
    api: Option<&'a str>,
    name: Option<&'a str>,
    version: Option<&'a str>,
    kinds: Option<&'a str>,
    compiler: Option<&'a str>,
    panic: Option<&'a str>,
}

impl<'a> Fields<'a> {
    fn read(lines: impl Iterator<Item = &'a str>) -> Result<Fields<'a>, String> {
        let mut fields = Fields::default();
        for (index, line) in lines.enumerate().filter(|(_, line)| !line.is_empty()) {
            let number = index + 2;
            let Some((key, value)) = line.split_once('=') else {
                return Err(format!("line {number}, «{}», is not key=value", shown(line.as_bytes())));
            };
            if value.len() > MAX_VALUE || !value.chars().all(prints) {
                let key = shown(key.as_bytes());
                return Err(format!("the value of «{key}» is longer than {MAX_VALUE} bytes or does not print"));
            }
            let slot = match key {
                "api" => &mut fields.api,
                "name" => &mut fields.name,
                "version" => &mut fields.version,
                "kinds" => &mut fields.kinds,
                "compiler" => &mut fields.compiler,
                "panic" => &mut fields.panic,
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return Err(format!("it says «{key}» twice"));
            }
        }
        Ok(fields)
    }

    fn into_descriptor(self) -> Result<Descriptor, String> {
        let missing = |key: &str| format!("it does not say «{key}»");
        let api = self.api.ok_or_else(|| missing("api"))?;
        let (mut kinds, mut unknown_kinds) = (Vec::new(), Vec::new());
        for name in self.kinds.ok_or_else(|| missing("kinds"))?.split(',').map(str::trim).filter(|k| !k.is_empty()) {
            match Kind::named(name) {
                Some(kind) if !kinds.contains(&kind) => kinds.push(kind),
                Some(_) => {}
                None => unknown_kinds.push(format!("«{}»", shown(name.as_bytes()))),
            }
        }
        Ok(Descriptor {
            api: parse_api(api).ok_or_else(|| format!("its api «{}» is not major.minor", shown(api.as_bytes())))?,
            name: self.name.ok_or_else(|| missing("name"))?.to_owned(),
            version: self.version.unwrap_or_default().to_owned(),
            kinds,
            compiler: self.compiler.map(ToOwned::to_owned),
            panic: match self.panic {
                Some("unwind") => Some(PanicStrategy::Unwind),
                Some("abort") => Some(PanicStrategy::Abort),
                _ => None,
            },
            unknown_kinds,
        })
    }
}

fn parse_api(text: &str) -> Option<ApiVersion> {
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    let (major, minor) = text.split_once('.')?;
    Some(ApiVersion { major: number(major)?, minor: number(minor)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "mysimbdp-descriptor 1\napi=1.0\nname=trips\nversion=0.1.0\nkinds=batch,check\n\
                        compiler=rustc 1.95.0 (59807616e 2026-04-14)\npanic=unwind\n";

    #[test]
    fn a_padded_descriptor_is_read() {
        let descriptor = Descriptor::parse(format!("{GOOD}\0\0\0").as_bytes()).unwrap();
        assert_eq!(descriptor.api, ApiVersion { major: 1, minor: 0 });
        assert_eq!(descriptor.name, "trips");
        assert_eq!(descriptor.version, "0.1.0");
        assert_eq!(descriptor.kinds, [Kind::Batch, Kind::Check]);
        assert_eq!(descriptor.compiler.as_deref(), Some("rustc 1.95.0 (59807616e 2026-04-14)"));
        assert_eq!(descriptor.panic, Some(PanicStrategy::Unwind));
    }

    #[test]
    fn keys_of_later_versions_are_passed_over() {
        let with_more = format!("{GOOD}colour=blue\n");
        assert_eq!(Descriptor::parse(with_more.as_bytes()), Descriptor::parse(GOOD.as_bytes()));
    }

    #[test]
    fn what_is_malformed_is_said() {
        let cases: &[(&[u8], &str)] = &[
            (b"", "it starts with «», not with «mysimbdp-descriptor 1»"),
            (b"hello\n", "it starts with «hello», not with «mysimbdp-descriptor 1»"),
            (b"mysimbdp-descriptor 2\n", "its format is version «2», this host reads version 1"),
            (b"mysimbdp-descriptor 1\n", "it does not say «api»"),
            (b"mysimbdp-descriptor 1\napi=1.0\nkinds=batch\n", "it does not say «name»"),
            (b"mysimbdp-descriptor 1\napi=1.0\nname=x\n", "it does not say «kinds»"),
            (b"mysimbdp-descriptor 1\napi=one\nname=x\nkinds=batch", "its api «one» is not major.minor"),
            (b"mysimbdp-descriptor 1\napi=1.+2\nname=x\nkinds=batch", "its api «1.+2» is not major.minor"),
            (b"mysimbdp-descriptor 1\napi=1.99999999999\nname=x\nkinds=a", "«1.99999999999» is not major.minor"),
            (b"mysimbdp-descriptor 1\nname=x\nname=y\n", "it says «name» twice"),
            (b"mysimbdp-descriptor 1\nno equals sign\n", "line 2, «no equals sign», is not key=value"),
            (
                b"mysimbdp-descriptor 1\nname=\x1b[2J\n",
                "the value of «name» is longer than 256 bytes or does not print",
            ),
            (b"mysimbdp-descriptor 1\nname=\xff\n", "it is not UTF-8 from byte 27 on"),
            (&[b'x'; 20_000], "it has 20000 bytes, at most 16384 are allowed"),
        ];
        for (raw, sentence) in cases {
            let error = Descriptor::parse(raw).unwrap_err();
            assert!(error.contains(sentence), "{error}\nlacks\n{sentence}");
        }
    }

    #[test]
    fn only_names_that_fit_a_path_and_a_url_are_valid() {
        for name in ["a", "clientbatchingestapp-csv", "a1_b-c", &"x".repeat(64)] {
            assert!(is_app_name(name), "{name}");
        }
        for name in ["", "1a", "-a", "_a", "A", "aB", "a.b", "a/b", "..", "ä", "a b", &"x".repeat(65)] {
            assert!(!is_app_name(name), "{name}");
        }
    }
}
