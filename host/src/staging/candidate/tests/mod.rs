//! The checks against real libraries, made by the system's C compiler (which the build of SQLite needs anyway).
//!
//! `accepted` holds what passes, `refused` one test for each sentence of a refusal, `hostile` what must not panic.

mod accepted;
mod hostile;
mod refused;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::*;

/// A C app that is all right: nothing of it is ever run, so its table may hold anything.
const CLEAN: &str = "mysimbdp-descriptor 1\napi=1.0\nname=clean\nversion=0.1.0\nkinds=batch\ncompiler=cc\n";

/// A C source with this descriptor, a C door, and more.
fn app(descriptor: &str, more: &str) -> String {
    let text = descriptor.escape_default();
    format!(
        "__attribute__((section(\".mysimbdp\"), used)) const char mysimbdp_descriptor[] = \"{text}\";\n\
         const unsigned mysimbdp_plugin_v1[24] = {{1, 0, 96}};\n{more}\n"
    )
}

/// `CLEAN` with one of its lines exchanged.
fn descriptor_with(key: &str, value: &str) -> String {
    let start = format!("{key}=");
    let lines =
        CLEAN.lines().map(|line| if line.starts_with(&start) { format!("{start}{value}") } else { line.into() });
    lines.collect::<Vec<_>>().join("\n")
}

/// Compiles `source` as C with these further arguments, and gives the path of what comes out.
fn compile_to(directory: &Path, name: &str, source: &str, arguments: &[&str]) -> PathBuf {
    let (input, output) = (directory.join(format!("{name}.c")), directory.join(name));
    std::fs::write(&input, source).unwrap();
    let mut cc = Command::new("cc");
    cc.args(["-O1", "-w"]).arg(&input).arg("-o").arg(&output).args(arguments).current_dir(directory);
    let made = cc.output().expect("the C compiler `cc` is needed, as it is for the bundled SQLite");
    assert!(made.status.success(), "cc {arguments:?}: {}", String::from_utf8_lossy(&made.stderr));
    output
}

/// The bytes of a shared library made from `source`.
fn library(source: &str, arguments: &[&str]) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let arguments = [&["-shared", "-fPIC"], arguments].concat();
    std::fs::read(compile_to(directory.path(), "made", source, &arguments)).unwrap()
}

/// The bytes of the app that is all right.
fn clean() -> &'static [u8] {
    static CLEAN_APP: OnceLock<Vec<u8>> = OnceLock::new();
    CLEAN_APP.get_or_init(|| library(&app(CLEAN, "int used(void) { return 1; }"), &[]))
}

/// A host on this processor, with a glibc that is older than some.
fn host() -> HostMachine {
    let libraries = ["libc.so.6", "libm.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"];
    HostMachine {
        architecture: if cfg!(target_arch = "aarch64") { Architecture::AARCH64 } else { Architecture::X86_64 },
        glibc: Some((2, 36)),
        apis: vec![ApiVersion { major: 1, minor: 0 }],
        libraries: BTreeSet::from(libraries.map(str::to_owned)),
        max_size: DEFAULT_MAX_SIZE,
    }
}

/// The only refusal in an examination.
#[track_caller]
fn only_refusal(examination: &Examination) -> Finding {
    let refusals: Vec<&Finding> = examination.refusals().collect();
    assert_eq!(refusals.len(), 1, "{:#?}", examination.findings);
    refusals[0].clone()
}

/// The finding with this code.
#[track_caller]
fn finding(examination: &Examination, code: &str) -> Finding {
    let found = examination.findings.iter().find(|finding| finding.code == code);
    found.unwrap_or_else(|| panic!("no {code} in {:#?}", examination.findings)).clone()
}
