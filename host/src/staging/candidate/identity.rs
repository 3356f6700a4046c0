//! What an ELF file is for: which kind of machine and system, and whether it is a library at all.

use object::elf;

use super::elf::Elf;
use super::finding::Finding;
use super::machine::HostMachine;

/// Refuses what a compiler leaves behind before linking, and core dumps. Programs are told apart later.
pub(super) fn must_be_linked(elf: &Elf<'_>) -> Result<(), Finding> {
    let what = match elf::FileType(elf.kind) {
        elf::ET_DYN => return Ok(()),
        elf::ET_EXEC => return Err(not_a_library("an executable program")),
        elf::ET_REL => "an object file (.o), not yet linked",
        elf::ET_CORE => "a core dump",
        _ => return Err(Finding::damaged(format!("its type is {}, which means nothing", elf.kind))),
    };
    Err(not_a_library(what))
}

/// It was built for another processor.
pub(super) fn wrong_machine(elf: &Elf<'_>, machine: &HostMachine) -> Finding {
    let (built, host) = (elf.architecture(), machine.architecture);
    Finding::refusal(
        "wrong-machine",
        format!("built for {built}, this host is {host}"),
        format!("build it for this host: `cargo build --release --target {host}-unknown-linux-gnu`"),
    )
}

/// An ELF file that is no shared library.
pub(super) fn not_a_library(what: &str) -> Finding {
    Finding::refusal(
        "not-a-library",
        format!("this is {what}, not a shared library"),
        "build the app as a shared library: crate-type = [\"cdylib\"] in Cargo.toml, or -shared -fPIC for C",
    )
}

/// Refuses what no 64-bit Linux loads. `header` is the whole ELF header.
pub(super) fn must_be_for_linux(header: &[u8]) -> Result<(), Finding> {
    let (class, data, os_abi) = (header[4], header[5], header[7]);
    let mend = "build it for this host's 64-bit Linux target";
    if class != elf::ELFCLASS64.0 || data != elf::ELFDATA2LSB.0 {
        let width = match elf::FileClass(class) {
            elf::ELFCLASS32 => "32-bit",
            elf::ELFCLASS64 => "64-bit",
            _ => return Err(Finding::damaged(format!("its class is {class}, which means nothing"))),
        };
        let order = match elf::DataEncoding(data) {
            elf::ELFDATA2LSB => "little-endian",
            elf::ELFDATA2MSB => "big-endian",
            _ => return Err(Finding::damaged(format!("its byte order is {data}, which means nothing"))),
        };
        let sentence = format!("this is a {width}, {order} ELF file, this host loads 64-bit, little-endian ones");
        return Err(Finding::refusal("not-elf64", sentence, mend));
    }
    if !matches!(elf::OsAbi(os_abi), elf::ELFOSABI_SYSV | elf::ELFOSABI_GNU) {
        let system = match elf::OsAbi(os_abi) {
            elf::ELFOSABI_FREEBSD => "FreeBSD".to_owned(),
            elf::ELFOSABI_NETBSD => "NetBSD".to_owned(),
            elf::ELFOSABI_OPENBSD => "OpenBSD".to_owned(),
            elf::ELFOSABI_SOLARIS => "Solaris".to_owned(),
            elf::OsAbi(number) => format!("operating system {number}"),
        };
        return Err(Finding::refusal("wrong-system", format!("built for {system}, this host is Linux"), mend));
    }
    Ok(())
}
