//! What a host can load, as a plain value: the checks ask this and nothing else about the machine.
//!
//! `HostMachine::current`, beside the checks in `staging/machine.rs`, fills it for the machine it runs on; a test
//! fills it by hand.

use core::fmt;
use std::collections::BTreeSet;

use object::elf;
use serde::{Serialize, Serializer};

/// Largest file that is looked at unless somebody configured otherwise: 256 MiB.
pub const DEFAULT_MAX_SIZE: u64 = 256 * 1024 * 1024;

/// A processor architecture, by its ELF machine number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Architecture(pub u16);

impl Architecture {
    /// 64-bit Intel and AMD.
    pub const X86_64: Architecture = Architecture(elf::EM_X86_64.0);
    /// 64-bit Arm.
    pub const AARCH64: Architecture = Architecture(elf::EM_AARCH64.0);
}

impl fmt::Display for Architecture {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match elf::Machine(self.0) {
            elf::EM_X86_64 => "x86_64",
            elf::EM_AARCH64 => "aarch64",
            elf::EM_386 => "x86",
            elf::EM_ARM => "arm",
            elf::EM_RISCV => "riscv",
            elf::EM_S390 => "s390x",
            elf::EM_PPC64 => "powerpc64",
            elf::EM_MIPS => "mips",
            elf::EM_LOONGARCH => "loongarch",
            elf::EM_BPF => "bpf",
            elf::Machine(number) => return write!(formatter, "machine {number}"),
        };
        formatter.write_str(name)
    }
}

/// A version of the function table between host and app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiVersion {
    /// Another major version is another table.
    pub major: u32,
    /// A newer minor version gives meaning to what had none.
    pub minor: u32,
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

impl Serialize for ApiVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What a host can load.
#[derive(Clone, Debug)]
pub struct HostMachine {
    /// Its architecture.
    pub architecture: Architecture,
    /// Major and minor version of its glibc; `None` where its C library is another one.
    pub glibc: Option<(u32, u32)>,
    /// The API versions it speaks: the newest minor version of each major one.
    pub apis: Vec<ApiVersion>,
    /// File names of the libraries that its dynamic linker finds by itself.
    pub libraries: BTreeSet<String>,
    /// Largest candidate that is looked at, in bytes.
    pub max_size: u64,
}
