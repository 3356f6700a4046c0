//! Text to [`Descriptor`]: strict about what it knows, patient with keys that it does not.

use super::{DESCRIPTOR_MAGIC, Descriptor, Kind, PanicStrategy};
use crate::staging::candidate::machine::ApiVersion;
use crate::staging::candidate::words::{prints, shown};

/// First line of a descriptor in any format.
const ANY_MAGIC: &str = "mysimbdp-descriptor ";
/// Longest descriptor.
const MAX_DESCRIPTOR: usize = 16 * 1024;
/// Longest value.
const MAX_VALUE: usize = 256;

impl Descriptor {
    /// Reads a descriptor. The error is a sentence that fits after "the descriptor is malformed: ".
    pub(in crate::staging::candidate) fn parse(raw: &[u8]) -> Result<Descriptor, String> {
        let content = raw.split(|&byte| byte == 0).next().unwrap_or_default();
        if content.len() > MAX_DESCRIPTOR {
            return Err(format!("it has {} bytes, at most {MAX_DESCRIPTOR} are allowed", content.len()));
        }
        let text = core::str::from_utf8(content)
            .map_err(|error| format!("it is not UTF-8 from byte {} on", error.valid_up_to()))?;
        let mut lines = text.lines();
        let first = lines.next().unwrap_or_default();
        if first == DESCRIPTOR_MAGIC {
            return Fields::read(lines)?.into_descriptor();
        }
        let shown = |text: &str| shown(text.as_bytes());
        Err(match first.strip_prefix(ANY_MAGIC) {
            Some(other) => format!("its format is version «{}», this host reads «{DESCRIPTOR_MAGIC}»", shown(other)),
            None => format!("it starts with «{}», not with «{DESCRIPTOR_MAGIC}»", shown(first)),
        })
    }
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
            (b"mysimbdp-descriptor 2\n", "its format is version «2», this host reads «mysimbdp-descriptor 1»"),
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
}
