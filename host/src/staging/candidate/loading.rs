//! What loading the library would do to its process: memory that is writable and executable at once, directories that
//! it wants searched, code that runs before anybody calls it.

use object::elf;

use super::dynamic::Dynamic;
use super::elf::Elf;
use super::finding::Finding;
use super::interface::Door;
use super::machine::Architecture;
use super::words::listed;

/// Constructors that a C compiler puts into each library.
const USUAL_IN_C: u64 = 1;
/// Constructors that a Rust compiler does: the one of C, and std's that keeps the arguments.
const USUAL_IN_RUST: u64 = 2;

/// Finds what the sandbox will refuse while loading, and what is worth knowing.
pub(super) fn check(elf: &Elf<'_>, dynamic: &Dynamic<'_>, door: Option<Door>, findings: &mut Vec<Finding>) {
    findings.extend(executable_stack(elf));
    findings.extend(writable_code(elf));
    findings.extend(text_relocations(dynamic));
    findings.extend(search_paths(dynamic));
    findings.extend(constructors(dynamic, door));
}

/// A library that asks for an executable stack makes the whole process's stack executable, which the sandbox refuses.
fn executable_stack(elf: &Elf<'_>) -> Option<Finding> {
    let stack = elf.segments().find(|segment| segment.kind == elf::PT_GNU_STACK.0);
    let why = match stack {
        Some(stack) if stack.flags & elf::PF_X.0 == 0 => return None,
        Some(_) => "asks for an executable stack",
        None if elf.architecture() == Architecture::X86_64 => {
            "does not say that its stack need not be executable (no PT_GNU_STACK), which counts as asking for it"
        }
        None => return None,
    };
    Some(Finding::refusal(
        "executable-stack",
        format!("the library {why}: the sandbox never allows that"),
        "link with -z noexecstack; in assembler files add `.section .note.GNU-stack,\"\",@progbits`",
    ))
}

fn writable_code(elf: &Elf<'_>) -> Option<Finding> {
    let both = elf::PF_W.0 | elf::PF_X.0;
    elf.segments().find(|segment| segment.kind == elf::PT_LOAD.0 && segment.flags & both == both)?;
    Some(Finding::refusal(
        "writable-code",
        "the library has a segment that is writable and executable at once: the sandbox never allows that",
        "link with the linker's defaults: without -z rwx, -N, --omagic or a linker script that merges .text and .data",
    ))
}

fn text_relocations(dynamic: &Dynamic<'_>) -> Option<Finding> {
    dynamic.has_text_relocations.then(|| {
        Finding::refusal(
            "text-relocations",
            "the library's code must be changed while it is loaded (text relocations): the sandbox never allows that",
            "compile everything in it, static libraries included, with -fPIC",
        )
    })
}

fn search_paths(dynamic: &Dynamic<'_>) -> Option<Finding> {
    if dynamic.search_paths.is_empty() {
        return None;
    }
    Some(Finding::warning(
        "search-path",
        format!(
            "the library wants its libraries searched in {} (RPATH or RUNPATH): in the sandbox only the system's \
             directories can be read, and the app is loaded from memory, so $ORIGIN is nowhere",
            listed(&dynamic.search_paths, 3)
        ),
        "link those libraries statically and remove the path: without -Wl,-rpath, or with patchelf --remove-rpath",
    ))
}

fn constructors(dynamic: &Dynamic<'_>, door: Option<Door>) -> Option<Finding> {
    let usual = if door == Some(Door::Rust) { USUAL_IN_RUST } else { USUAL_IN_C };
    let more = dynamic.constructors.checked_sub(usual).filter(|&more| more > 0)?;
    let functions = if more == 1 { "1 function".to_owned() } else { format!("{more} functions") };
    Some(Finding::note(
        "constructors",
        format!("{functions} of its own will run while the library is loaded (constructors), inside the sandbox"),
        "",
    ))
}
