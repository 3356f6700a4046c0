//! The golden file of ABI v1: sizes, alignments and offsets of every struct, every constant, and what `abi_stable` sees.
//!
//! `golden/v1.txt` is the promise; these tests hold the Rust crate and the C header against it. Before the first release a
//! deliberate change is written down with `MYSIMBDP_BLESS=1 cargo test -p mysimbdp-abi`, and the diff is reviewed; after it
//! there are no such changes (see `docs/plugin-abi.md`).
#![cfg(target_pointer_width = "64")]

mod describe;

use describe::{Struct, constants, constants_text, golden_text, layout_text, structs};
use mysimbdp_abi as abi;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn golden_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/v1.txt")
}

#[test]
fn the_layout_is_the_one_that_was_promised() {
    let now = golden_text();
    if std::env::var_os("MYSIMBDP_BLESS").is_some() {
        fs::write(golden_path(), &now).expect("the golden file can be written");
    }
    let golden = fs::read_to_string(golden_path()).expect("golden/v1.txt stands beside Cargo.toml");
    assert!(
        now == golden,
        "ABI v1 is not what golden/v1.txt promises. Undo the change; or, only before the first release, write it down with \
         `MYSIMBDP_BLESS=1 cargo test -p mysimbdp-abi` and review the diff. First difference: {:?}",
        now.lines().zip(golden.lines()).find(|(now, golden)| now != golden),
    );
}

#[test]
fn the_frozen_copy_promises_the_same() {
    let frozen = Path::new(env!("CARGO_MANIFEST_DIR")).join("frozen/v1/golden.txt");
    assert!(
        fs::read_to_string(frozen).expect("the frozen copy stands in frozen/v1")
            == fs::read_to_string(golden_path()).expect("golden/v1.txt stands beside Cargo.toml"),
        "golden/v1.txt is not that of frozen/v1. Apps in the field have the frozen layout: undo the change; or, only before \
         the first release, freeze anew by copying src/lib.rs, golden/v1.txt and tests/describe into frozen/v1",
    );
}

/// The name of a struct in the C header: `RowV1` is `mysimbdp_row_v1_t`.
fn c_name(name: &str) -> String {
    match name.strip_suffix("V1") {
        Some(stem) => format!("mysimbdp_{}_v1_t", stem.to_lowercase()),
        None => format!("mysimbdp_{}_t", name.to_lowercase()),
    }
}

/// A C program that prints [`layout_text`] and [`constants_text`] from the header alone.
fn c_program(structs: &[Struct]) -> String {
    let mut program = String::from("#include \"mysimbdp_plugin.h\"\n#include <stdio.h>\n\nint main(void) {\n");
    for it in structs {
        let c = c_name(it.name);
        writeln!(
            program,
            "    {{ struct probe {{ char c; {c} it; }};\n    printf(\"struct {} size %lu align %lu\\n\", \
             (unsigned long)sizeof({c}), (unsigned long)offsetof(struct probe, it)); }}",
            it.name
        )
        .expect("a String takes every write");
        for (field, _, _) in &it.fields {
            writeln!(
                program,
                "    printf(\"  {field} at %lu size %lu\\n\", (unsigned long)offsetof({c}, {field}), \
                 (unsigned long)sizeof((({c} *)NULL)->{field}));"
            )
            .expect("a String takes every write");
        }
    }
    for (name, c, _) in constants() {
        writeln!(program, "    printf(\"const {name} %lu\\n\", (unsigned long){c});")
            .expect("a String takes every write");
    }
    program.push_str("    return 0;\n}\n");
    program
}

#[test]
fn the_c_header_has_the_same_layout() {
    let structs = structs();
    let folder = tempfile::tempdir().expect("a temporary directory can be made");
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("../include");
    for (language, compiler, standard) in [("c", "cc", "-std=c99"), ("cpp", "c++", "-std=c++17")] {
        let source = folder.path().join(format!("layout.{language}"));
        let program = folder.path().join(format!("layout-{language}"));
        fs::write(&source, c_program(&structs)).expect("the program can be written");
        let compiled = Command::new(compiler)
            .args([standard, "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", "-I"])
            .args([&include, Path::new("-o"), &program, &source])
            .output()
            .unwrap_or_else(|error| panic!("`{compiler}` cannot be started ({error}); install a C and C++ compiler"));
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        let printed = Command::new(&program).output().expect("the program runs");
        let printed = String::from_utf8(printed.stdout).expect("it prints text");
        assert_eq!(printed, layout_text(&structs) + &constants_text(), "by {compiler}");
    }
}

#[test]
fn the_c_header_names_the_same_symbols() {
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("../include/mysimbdp_plugin.h");
    let header = fs::read_to_string(include).expect("the header stands in plugin-api/include");
    let exported = header.split("#define MYSIMBDP_EXPORT_APP(").nth(1).expect("the macro exists");
    assert!(exported.contains(&format!("const mysimbdp_plugin_v1_t {} =", abi::C_SYMBOL)));
    assert!(exported.contains(&format!("const char {}[] =", abi::DESCRIPTOR_SYMBOL)));
    assert!(exported.contains(&format!("\"{}\\n", abi::DESCRIPTOR_MAGIC)));
    assert!(header.contains(&format!("section(\"{}\")", abi::DESCRIPTOR_SECTION)));
    assert!(header.contains(&format!("#define MYSIMBDP_API \"{}.{}\"", abi::MAJOR, abi::MINOR)));
}

/// FNV-1a, 64 bits.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[test]
fn the_page_about_the_abi_carries_the_golden_files_hash() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/plugin-abi.md");
    let page = fs::read_to_string(page).expect("docs/plugin-abi.md exists");
    let hash = format!("FNV-1a 64 `{:016x}`", fnv1a(&fs::read(golden_path()).expect("the golden file exists")));
    assert!(
        page.contains(&hash),
        "golden/v1.txt has changed: read docs/plugin-abi.md, mend what it says, and put the new {hash} there"
    );
}
