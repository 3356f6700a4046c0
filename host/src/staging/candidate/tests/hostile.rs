//! Bytes that want the host to panic, to read outside of them, or to think for ever.

use super::*;

/// Holds what is true of every examination, whatever it was given.
fn examine_anything(bytes: &[u8]) {
    let examination = examine(bytes, &host());
    for finding in &examination.findings {
        let text = finding.to_string();
        assert!(text.chars().all(words::prints), "{text:?} does not print");
        assert!(text.len() < 4096, "{} bytes of sentence", text.len());
    }
}

#[test]
fn no_truncation_panics_and_each_is_refused() {
    for percent in 0..100 {
        let cut = &clean()[..clean().len() * percent / 100];
        examine_anything(cut);
        assert!(!examine(cut, &host()).is_accepted(), "{percent} %");
    }
    for end in 0..200 {
        examine_anything(&clean()[..end]);
    }
}

#[test]
fn no_mutation_panics() {
    let mut random = fastrand::Rng::with_seed(0x5eed);
    let more = "int socket(); int f(void) { return socket(1, 1, 1); }";
    let subject = library(&app(CLEAN, more), &["-g", "-Wl,--hash-style=both", "-Wl,-rpath,/opt"]);
    for _ in 0..4000 {
        let mut bytes = subject.clone();
        for _ in 0..random.usize(1..12) {
            let near = [64, 1024, bytes.len()][random.usize(0..3)].min(bytes.len());
            let at = random.usize(0..near);
            bytes[at] = [0, 1, 0x7f, 0x80, 0xff, random.u8(..)][random.usize(0..6)];
        }
        examine_anything(&bytes);
    }
}

#[test]
fn no_number_in_any_table_is_added_without_a_check() {
    // Each aligned word of header, segment table, section table and dynamic table becomes each of these in turn.
    let words = [0, 1, u64::MAX, u64::MAX - 7, 1 << 63, 1 << 32, 0xffff_ffff, 0x7fff_ffff_ffff_ffff];
    let subject = library(&app(CLEAN, ""), &["-Wl,--hash-style=both"]);
    let field = |at: usize| usize::try_from(u64::from_le_bytes(subject[at..at + 8].try_into().unwrap())).unwrap();
    let sections = field(40);
    let dynamic = (0..20).map(|index| 64 + index * 56).find(|&at| subject[at] == 2).map(|at| field(at + 8)).unwrap();
    let head = (0..1536).chain(dynamic..dynamic + 512).chain(sections..subject.len() - 8);
    for at in head.step_by(8) {
        for word in words {
            let mut bytes = subject.clone();
            bytes[at..at + 8].copy_from_slice(&u64::to_le_bytes(word));
            examine_anything(&bytes);
        }
    }
}

#[test]
fn names_without_an_end_are_cut() {
    let long = "x".repeat(200);
    let mut bytes = library(&app(CLEAN, ""), &[&format!("-Wl,-rpath,/{long}")]);
    let at = bytes.windows(long.len()).position(|window| window == long.as_bytes()).unwrap();
    bytes[at..at + 4].copy_from_slice(b"\x1b[2J");
    let examination = examine(&bytes, &host());
    let path = finding(&examination, "search-path");
    assert!(path.sentence.contains("searched in /\\u{1b}[2Jxxx"), "{path}");
    assert!(path.sentence.contains("xxx… (RPATH"), "{path}");
}
