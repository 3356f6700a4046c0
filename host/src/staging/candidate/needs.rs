//! What the library needs of the host: its libraries, and a C library that is new enough.

use super::dynamic::{Dynamic, VersionNeed};
use super::finding::Finding;
use super::machine::HostMachine;
use super::words::{listed, shown};

/// Most names in one sentence.
const MOST: usize = 3;

/// Versions of glibc that stand for a feature of its loader, with the release that brought it.
const FEATURES: &[(&str, (u32, u32))] =
    &[("GLIBC_ABI_DT_RELR", (2, 36)), ("GLIBC_ABI_GNU_TLS", (2, 42)), ("GLIBC_ABI_GNU2_TLS", (2, 42))];

/// Finds what is missing on `machine`.
pub(super) fn check(dynamic: &Dynamic<'_>, machine: &HostMachine, findings: &mut Vec<Finding>) {
    findings.extend(other_libc(dynamic).or_else(|| libraries(dynamic, machine)));
    findings.extend(paths(dynamic));
    findings.extend(glibc(dynamic, machine));
}

/// A library for musl has `libc.so` where one for glibc has `libc.so.6`; the two cannot share a process.
fn other_libc(dynamic: &Dynamic<'_>) -> Option<Finding> {
    let musl = dynamic.needed.iter().find(|&&name| name == b"libc.so" || name.starts_with(b"libc.musl-"))?;
    Some(Finding::refusal(
        "other-libc",
        format!("built for musl (it needs {}), this host's workers run on glibc", shown(musl)),
        "build it for a -linux-gnu target",
    ))
}

fn libraries(dynamic: &Dynamic<'_>, machine: &HostMachine) -> Option<Finding> {
    let is_missing = |name: &&&[u8]| !core::str::from_utf8(name).is_ok_and(|name| machine.libraries.contains(name));
    let by_name = dynamic.needed.iter().filter(|name| !name.contains(&b'/'));
    let missing: Vec<&&[u8]> = by_name.filter(is_missing).collect();
    if missing.is_empty() {
        return None;
    }
    Some(Finding::refusal(
        "missing-library",
        format!("needs {}, not found in this host's library directories", listed(&missing, MOST)),
        "link it statically into the app, or have the operator install it on the host",
    ))
}

fn paths(dynamic: &Dynamic<'_>) -> Option<Finding> {
    let by_path: Vec<&&[u8]> = dynamic.needed.iter().filter(|name| name.contains(&b'/')).collect();
    if by_path.is_empty() {
        return None;
    }
    Some(Finding::refusal(
        "library-by-path",
        format!(
            "needs {} by path: a worker reads libraries from the system's directories only, \
             and the path is the build machine's",
            listed(&by_path, MOST)
        ),
        "link it statically, or give it a soname (-Wl,-soname,…) and link with -l",
    ))
}

fn glibc(dynamic: &Dynamic<'_>, machine: &HostMachine) -> Option<Finding> {
    let host = machine.glibc?;
    let strong = dynamic.version_needs.iter().filter(|need| !need.is_weak);
    let versions = strong.filter_map(|need| Some((glibc_version(need)?, need)));
    let (newest, need) = versions.max_by_key(|(version, _)| *version)?;
    if newest <= host {
        return None;
    }
    let symbols = dynamic.imports().filter(|import| import.version == need.index);
    let symbols: Vec<&[u8]> = symbols.map(|import| import.name).collect();
    let users = match symbols.len() {
        0 => String::new(),
        1 => format!(" (symbol {})", listed(&symbols, MOST)),
        _ => format!(" (symbols {})", listed(&symbols, MOST)),
    };
    let (major, minor) = newest;
    let (host_major, host_minor) = host;
    Some(Finding::refusal(
        "newer-glibc",
        format!("needs glibc {major}.{minor}{users}, this host has {host_major}.{host_minor}"),
        "build it on the oldest system it is to run on (a container of this host's release does), \
         or with cargo-zigbuild for an older glibc",
    ))
}

/// `GLIBC_2.34` as numbers; private and foreign versions have none.
fn glibc_version(need: &VersionNeed<'_>) -> Option<(u32, u32)> {
    let name = core::str::from_utf8(need.name).ok()?;
    if let Some((_, version)) = FEATURES.iter().find(|(feature, _)| *feature == name) {
        return Some(*version);
    }
    let mut numbers = name.strip_prefix("GLIBC_")?.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_glibc_are_compared_as_numbers() {
        let version = |name: &str| glibc_version(&VersionNeed { name: name.as_bytes(), index: 2, is_weak: false });
        assert_eq!(version("GLIBC_2.2.5"), Some((2, 2)));
        assert_eq!(version("GLIBC_2.34"), Some((2, 34)));
        assert!(version("GLIBC_2.9") < version("GLIBC_2.10"));
        assert_eq!(version("GLIBC_ABI_DT_RELR"), Some((2, 36)));
        for other in ["GLIBC_PRIVATE", "GLIBC_", "GLIBC_2", "GCC_3.0", "GLIBCXX_3.4.30", ""] {
            assert_eq!(version(other), None, "{other}");
        }
    }
}
