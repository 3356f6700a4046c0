//! The descriptor: what the host reads in a library without running any of its code.
//!
//! ```text
//!   mysimbdp-descriptor 1
//!   api=1.0
//!   name=clientbatchingestapp-csv
//!   version=0.1.0
//!   kinds=batch,stream
//!   compiler=rustc 1.95.0 (59807616e 2026-04-14)
//!   panic=unwind
//! ```
//!
//! Each line ends with `\n`, and a NUL follows the last. All of it is put together while the app is compiled.

use super::AppTable;
use mysimbdp_abi::DESCRIPTOR_MAGIC;

/// Version of the table, as `major.minor`.
const API: &str = "1.0";
const _: () = assert!(mysimbdp_abi::MAJOR == 1 && mysimbdp_abi::MINOR == 0);

/// The compiler that builds this crate, which is the one that builds the app.
pub const COMPILER: &str = env!("MYSIMBDP_RUSTC_VERSION");

/// 1 to 64 of `a-z 0-9 - _`, the first a letter.
pub const fn is_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    if bytes.is_empty() || bytes.len() > 64 || !bytes[0].is_ascii_lowercase() {
        return false;
    }
    let mut at = 0;
    while at < bytes.len() {
        if !matches!(bytes[at], b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_') {
            return false;
        }
        at += 1;
    }
    true
}

/// 1 to 64 visible ASCII characters.
pub const fn is_version(version: &str) -> bool {
    let bytes = version.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_graphic() {
            return false;
        }
        at += 1;
    }
    !bytes.is_empty() && bytes.len() <= 64
}

/// Length of the descriptor of this app, its NUL included.
pub const fn length(app: &AppTable, panic: &str) -> usize {
    write::<0>(app, panic).len
}

/// The descriptor of this app.
pub const fn text<const N: usize>(app: &AppTable, panic: &str) -> [u8; N] {
    write::<N>(app, panic).bytes
}

/// Text that is put together at compile time. What does not fit is counted, not kept.
struct Text<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Text<N> {
    const fn push(mut self, text: &str) -> Text<N> {
        let text = text.as_bytes();
        let mut at = 0;
        while at < text.len() {
            if self.len < N {
                self.bytes[self.len] = text[at];
            }
            self.len += 1;
            at += 1;
        }
        self
    }

    const fn line(self, key: &str, value: &str) -> Text<N> {
        self.push(key).push("=").push(value).push("\n")
    }

    const fn kind(self, name: &str, provided: bool, first: bool) -> Text<N> {
        if !provided {
            return self;
        }
        let text = if first { self } else { self.push(",") };
        text.push(name)
    }
}

const fn write<const N: usize>(app: &AppTable, panic: &str) -> Text<N> {
    let kinds = &app.kinds;
    let (batch, stream) = (kinds.batch.is_some(), kinds.stream.is_some());
    let (check, metadata) = (kinds.check.is_some(), kinds.metadata.is_some());
    Text { bytes: [0; N], len: 0 }
        .push(DESCRIPTOR_MAGIC)
        .push("\n")
        .line("api", API)
        .line("name", app.name)
        .line("version", app.version)
        .push("kinds=")
        .kind("batch", batch, true)
        .kind("stream", stream, !batch)
        .kind("check", check, !batch && !stream)
        .kind("metadata", metadata, !batch && !stream && !check)
        .push("\n")
        .line("compiler", COMPILER)
        .line("panic", panic)
        .push("\0")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::Kinds;
    use crate::export::entry;
    use crate::{AppError, BatchIngest, BatchInput, Metadata, Sink};

    #[derive(Default)]
    struct App;

    impl BatchIngest for App {
        fn ingest(&mut self, _: &mut BatchInput, _: &mut Sink) -> Result<(), AppError> {
            Ok(())
        }
    }

    impl Metadata for App {
        fn begin(&mut self, _: &str, _: u64) -> Result<(), AppError> {
            Ok(())
        }

        fn finish(&mut self, _: &mut Sink) -> Result<(), AppError> {
            Ok(())
        }
    }

    #[test]
    fn the_descriptor_says_what_the_host_wants_to_know() {
        const APP: AppTable = AppTable {
            name: "my-app",
            version: "1.2.3",
            kinds: Kinds {
                batch: Some(entry::batch::<App>()),
                stream: None,
                check: None,
                metadata: Some(entry::metadata::<App>()),
            },
            rows_independent: false,
        };
        const LEN: usize = length(&APP, "unwind");
        let text: [u8; LEN] = text(&APP, "unwind");
        let text = std::str::from_utf8(&text).unwrap();
        let expected =
            "mysimbdp-descriptor 1\napi=1.0\nname=my-app\nversion=1.2.3\nkinds=batch,metadata\ncompiler=rustc ";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.ends_with("\npanic=unwind\n\0"), "{text}");
        assert_eq!(text.lines().count(), 8);
    }

    #[test]
    fn names_are_those_that_the_host_takes() {
        for name in ["a", "clientbatchingestapp-csv", "a_1-b", &"a".repeat(64)] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "1a", "-a", "A", "a b", "ä", "a.b", "a/b", &"a".repeat(65)] {
            assert!(!is_name(name), "{name}");
        }
        assert!(is_version("0.1.0-rc.1+build") && !is_version("1 2") && !is_version("1\n") && !is_version(""));
    }
}
