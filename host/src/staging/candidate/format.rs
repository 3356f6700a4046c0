//! What a file is that is no ELF file: the wrong file is a more common mistake than a broken one.

use super::finding::Finding;
use super::words::shown;

/// How ELF files start.
const ELF_MAGIC: &[u8] = b"\x7fELF";
/// How much of a file is looked at to tell whether it is text.
const TEXT_SAMPLE: usize = 4096;
/// How much of a text is shown.
const TEXT_SHOWN: usize = 40;

const BUILD: &str = "drop the shared library that the build made: `cargo build --release` puts it at \
                     target/release/lib<app>.so";
const UNPACK: &str = "unpack it and drop the .so inside";
const TARGET: &str = "build the app for this host's Linux target, as a crate of type cdylib";

/// Formats known by their first bytes: the bytes, what the file is, how to mend it.
const FORMATS: &[(&[u8], &str, &str)] = &[
    (b"\x1f\x8b", "a gzip archive", UNPACK),
    (b"PK\x03\x04", "a zip archive", UNPACK),
    (b"\xfd7zXZ\0", "an xz archive", UNPACK),
    (b"BZh", "a bzip2 archive", UNPACK),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", UNPACK),
    (b"\0asm", "a WebAssembly module", TARGET),
    (b"\xcf\xfa\xed\xfe", "a Mach-O file, built for macOS", TARGET),
    (b"\xce\xfa\xed\xfe", "a Mach-O file, built for macOS", TARGET),
    (b"\xfe\xed\xfa\xcf", "a Mach-O file, built for macOS", TARGET),
    (b"\xfe\xed\xfa\xce", "a Mach-O file, built for macOS", TARGET),
    (b"\xca\xfe\xba\xbe", "a universal Mach-O file (macOS) or a Java class", TARGET),
    (b"MZ", "a PE file, built for Windows", TARGET),
    (b"!<arch>\n", "a static library (.a or .rlib)", "build it as a shared library: crate-type = [\"cdylib\"]"),
    (b"BC\xc0\xde", "LLVM bitcode", "build it as a shared library: crate-type = [\"cdylib\"]"),
    (b"version https://git-lfs", "a git-lfs pointer, not the file it stands for", "fetch it with `git lfs pull`"),
    (b"#!", "a script", BUILD),
    (b"<!DOCTYPE", "an HTML page, as a failed download leaves behind", "download it again and look at what comes"),
    (b"<html", "an HTML page, as a failed download leaves behind", "download it again and look at what comes"),
];

/// Refuses everything that does not start like an ELF file, and says what it is instead.
pub(super) fn must_be_elf(bytes: &[u8]) -> Result<(), Finding> {
    if bytes.is_empty() {
        return Err(Finding::refusal(
            "empty-file",
            "the file is empty: the copy has not begun, or the disk was full",
            "copy it again, under another name, and rename it when it is complete",
        ));
    }
    if bytes.starts_with(ELF_MAGIC) {
        return Ok(());
    }
    if ELF_MAGIC.starts_with(bytes) {
        return Err(super::extent::cut_in_header(bytes.len()));
    }
    let (what, mend) = name(bytes);
    Err(Finding::refusal("not-elf", format!("this is {what}, not a shared library (ELF)"), mend))
}

fn name(bytes: &[u8]) -> (String, &'static str) {
    if let Some((_, what, mend)) = FORMATS.iter().find(|(magic, ..)| bytes.starts_with(magic)) {
        return ((*what).to_owned(), mend);
    }
    if bytes.get(257..262) == Some(b"ustar") {
        return ("a tar archive".to_owned(), UNPACK);
    }
    if bytes.iter().take(TEXT_SAMPLE).all(|&byte| byte == 0) {
        let mend = "wait until the copy is complete, or copy it again";
        return (
            "a file that starts with zeros only (space was reserved, the content has not arrived)".to_owned(),
            mend,
        );
    }
    if let Some(start) = text_start(bytes) {
        return (format!("a text file (it starts with «{}»)", shown(start.as_bytes())), BUILD);
    }
    let head: Vec<String> = bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    (format!("a file of unknown format (it starts with the bytes {})", head.join(" ")), BUILD)
}

/// The beginning of the first line, where the beginning of the file is text.
fn text_start(bytes: &[u8]) -> Option<&str> {
    let sample = bytes.get(..TEXT_SAMPLE).unwrap_or(bytes);
    let text = match core::str::from_utf8(sample) {
        Ok(text) => text,
        // A sample may end inside a character; anything else is no text.
        Err(error) if error.error_len().is_none() => core::str::from_utf8(sample.get(..error.valid_up_to())?).ok()?,
        Err(_) => return None,
    };
    if text.is_empty() || text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\x0c')) {
        return None;
    }
    let line = text.trim_start().lines().next().unwrap_or_default();
    let end = line.char_indices().nth(TEXT_SHOWN).map_or(line.len(), |(at, _)| at);
    line.get(..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wrong_kind_of_file_is_named() {
        let mut tar = vec![b'x'; 512];
        tar[257..262].copy_from_slice(b"ustar");
        tar[0] = 0x80;
        let cases: &[(&[u8], &str, &str)] = &[
            (b"", "empty-file", "the file is empty: the copy has not begun, or the disk was full"),
            (b"\x7fEL", "truncated", "the file ends at byte 3, inside the ELF header of 64 bytes"),
            (b"\x1f\x8b\x08\0", "not-elf", "this is a gzip archive, not a shared library (ELF)"),
            (b"PK\x03\x04rest", "not-elf", "this is a zip archive, not a shared library (ELF)"),
            (b"\0asm\x01\0\0\0", "not-elf", "this is a WebAssembly module, not a shared library (ELF)"),
            (b"\xcf\xfa\xed\xfe\x07", "not-elf", "this is a Mach-O file, built for macOS, not a shared library (ELF)"),
            (b"MZ\x90\0", "not-elf", "this is a PE file, built for Windows, not a shared library (ELF)"),
            (b"!<arch>\nx", "not-elf", "this is a static library (.a or .rlib), not a shared library (ELF)"),
            (b"#!/bin/sh\n", "not-elf", "this is a script, not a shared library (ELF)"),
            (&tar, "not-elf", "this is a tar archive, not a shared library (ELF)"),
            (
                b"id,fare\n1,2\n",
                "not-elf",
                "this is a text file (it starts with «id,fare»), not a shared library (ELF)",
            ),
            (
                "größe\n".as_bytes(),
                "not-elf",
                "this is a text file (it starts with «größe»), not a shared library (ELF)",
            ),
            (&[0; 100], "not-elf", "starts with zeros only (space was reserved, the content has not arrived)"),
            (b"\x01\x02\xff\xfe", "not-elf", "a file of unknown format (it starts with the bytes 01 02 ff fe)"),
        ];
        for (bytes, code, sentence) in cases {
            let finding = must_be_elf(bytes).unwrap_err();
            assert_eq!(finding.code, *code, "{finding}");
            assert!(finding.sentence.contains(sentence), "{finding}\nlacks\n{sentence}");
            assert!(!finding.mend.is_empty(), "{finding}");
        }
    }

    #[test]
    fn a_text_whose_sample_ends_inside_a_character_is_text() {
        let text = format!("x{}", "ä".repeat(TEXT_SAMPLE));
        assert!(must_be_elf(text.as_bytes()).unwrap_err().sentence.contains("a text file"));
    }
}
