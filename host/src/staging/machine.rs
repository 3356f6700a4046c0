//! This machine as a [`HostMachine`]: the one place that asks it.
//!
//! Libraries are those in the directories that the dynamic linker searches: the built-in ones, and those that
//! `/etc/ld.so.conf` and the files it includes name. The linker's own cache (`/etc/ld.so.cache`) is made from the same
//! files; reading them instead of the cache needs no parser for its format and sees a library before `ldconfig` did.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::candidate::{ApiVersion, Architecture, DEFAULT_MAX_SIZE, HostMachine};

/// Directories that the dynamic linker searches without being told.
const BUILT_IN: &[&str] = &["/lib64", "/usr/lib64", "/lib", "/usr/lib"];
/// Files that name further ones.
const CONFIGURATION: &str = "/etc/ld.so.conf";
/// How deep configuration files may include each other.
const MAX_INCLUDES: u8 = 4;

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: Architecture = Architecture::X86_64;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: Architecture = Architecture::AARCH64;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("workers are confined by system call number, so mysimbdp knows x86_64 and aarch64 only");

impl HostMachine {
    /// The machine this process runs on, speaking `apis` to apps. What cannot be read counts as not there.
    pub fn current(apis: Vec<ApiVersion>) -> HostMachine {
        HostMachine {
            architecture: ARCHITECTURE,
            glibc: glibc(),
            apis,
            libraries: libraries(&library_directories()),
            max_size: DEFAULT_MAX_SIZE,
        }
    }
}

#[cfg(target_env = "gnu")]
fn glibc() -> Option<(u32, u32)> {
    // SAFETY: the function takes nothing and answers a pointer to a constant, NUL-terminated text that lives as long as
    // the process does.
    let version = unsafe { core::ffi::CStr::from_ptr(libc::gnu_get_libc_version()) };
    let mut numbers = version.to_str().ok()?.split(['.', '-']).map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

#[cfg(not(target_env = "gnu"))]
fn glibc() -> Option<(u32, u32)> {
    None
}

fn library_directories() -> Vec<PathBuf> {
    let mut directories: Vec<PathBuf> = BUILT_IN.iter().map(PathBuf::from).collect();
    let multiarch = format!("{}-linux-gnu", std::env::consts::ARCH);
    directories.extend(["/lib", "/usr/lib"].map(|directory| Path::new(directory).join(&multiarch)));
    read_configuration(Path::new(CONFIGURATION), MAX_INCLUDES, &mut directories);
    directories
}

/// A configuration file has one directory a line, or `include <pattern>`; `#` starts a comment.
fn read_configuration(file: &Path, depth: u8, directories: &mut Vec<PathBuf>) {
    let Ok(text) = fs::read_to_string(file) else { return };
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if let Some(patterns) = line.strip_prefix("include").filter(|rest| rest.starts_with([' ', '\t'])) {
            let Some(depth) = depth.checked_sub(1) else { continue };
            for included in patterns.split_whitespace().flat_map(|pattern| matching(file, pattern)) {
                read_configuration(&included, depth, directories);
            }
        } else if line.starts_with('/') {
            directories.push(PathBuf::from(line));
        }
    }
}

/// The files that an include pattern means, in order. Only the last part of it may have a `*`, as is the custom.
fn matching(including: &Path, pattern: &str) -> Vec<PathBuf> {
    let pattern = including.parent().unwrap_or(Path::new("/")).join(pattern);
    let (Some(directory), Some(name)) = (pattern.parent(), pattern.file_name().and_then(OsStr::to_str)) else {
        return Vec::new();
    };
    let Some((start, end)) = name.split_once('*') else { return vec![pattern] };
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let is_meant = |path: &PathBuf| {
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
    };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_meant).collect();
    files.sort();
    files
}

fn libraries(directories: &[PathBuf]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for directory in directories {
        let Ok(entries) = fs::read_dir(directory) else { continue };
        let entries = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        names.extend(entries.filter(|name| name.contains(".so")));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_finds_its_own_c_library() {
        let machine = HostMachine::current(vec![ApiVersion { major: 1, minor: 0 }]);
        assert!(machine.libraries.contains("libc.so.6"), "{:?}", machine.libraries);
        assert!(machine.glibc.is_some_and(|version| version >= (2, 17)), "{:?}", machine.glibc);
    }

    #[test]
    fn configuration_files_include_each_other_by_pattern_but_not_for_ever() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::create_dir(at("conf.d")).unwrap();
        fs::write(at("ld.so.conf"), "# first\ninclude conf.d/*.conf\n/opt/one # why\nnot a directory\n").unwrap();
        fs::write(at("conf.d/a.conf"), "/opt/two\ninclude ../ld.so.conf\n").unwrap();
        fs::write(at("conf.d/b.txt"), "/opt/never\n").unwrap();
        let mut directories = Vec::new();
        read_configuration(&at("ld.so.conf"), 2, &mut directories);
        assert_eq!(directories, ["/opt/two", "/opt/one", "/opt/one"].map(PathBuf::from));
    }
}
