//! One test for each refusal, with the sentence it must produce.

use std::fs;

use super::*;

#[test]
fn an_empty_file_and_a_text_are_refused() {
    let empty = only_refusal(&examine(b"", &host()));
    assert_eq!(empty.sentence, "the file is empty: the copy has not begun, or the disk was full");
    let text = only_refusal(&examine(b"id,fare\n1,2.50\n", &host()));
    assert_eq!(text.sentence, "this is a text file (it starts with «id,fare»), not a shared library (ELF)");
}

#[test]
fn a_truncated_app_is_told_how_many_bytes_are_missing() {
    let size = clean().len();
    for percent in [1, 10, 50, 90, 99] {
        let end = size * percent / 100;
        let refusal = only_refusal(&examine(&clean()[..end], &host()));
        let missing = size - end;
        assert_eq!(refusal.code, "truncated", "{percent} %");
        assert_eq!(
            refusal.sentence,
            format!(
                "the file ends at byte {end}, its section table needs byte {size}: {missing} bytes are missing, \
                 it is still being copied or was cut"
            ),
            "{percent} %"
        );
    }
    let refusal = only_refusal(&examine(&clean()[..size - 1], &host()));
    assert!(refusal.sentence.contains(": 1 byte is missing, it is still"), "{refusal}");
    let refusal = only_refusal(&examine(&clean()[..40], &host()));
    assert_eq!(
        refusal.sentence,
        "the file ends at byte 40, inside the ELF header of 64 bytes: it is still being copied or was cut"
    );
}

#[test]
fn a_system_library_is_told_from_an_app() {
    let machine = HostMachine::current(host().apis);
    let places = ["/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/usr/lib64", "/lib64", "/usr/lib"];
    let found = |name: &str| places.iter().find_map(|place| fs::read(Path::new(place).join(name)).ok());
    let libc = found("libc.so.6").expect("every glibc system has its libc in one of these places");
    let refusal = only_refusal(&examine(&libc, &machine));
    assert_eq!(
        refusal.to_string(),
        "refusal[no-descriptor]: this is a library, called libc.so.6, without a mysimbdp descriptor: it was not built \
         as an app; export the app with export_app! (Rust) or a MYSIMBDP_EXPORT_ macro (C); `mysimbdp new` makes an example"
    );
    if let Some(libz) = found("libz.so.1") {
        let refusal = only_refusal(&examine(&libz, &machine));
        assert!(refusal.sentence.starts_with("this is a library, called libz.so.1, without a mysimbdp descriptor"));
    }
}

#[test]
fn a_library_without_descriptor_is_told_so() {
    let refusal = only_refusal(&examine(&library("int f(void) { return 1; }", &[]), &host()));
    assert_eq!(refusal.code, "no-descriptor");
    assert_eq!(refusal.sentence, "this is a library, without a mysimbdp descriptor: it was not built as an app");
    let door_only = library("const unsigned mysimbdp_plugin_v1[24] = {1};", &[]);
    let refusal = only_refusal(&examine(&door_only, &host()));
    assert_eq!(
        refusal.sentence,
        "the library has a door, but neither a symbol mysimbdp_descriptor nor a section .mysimbdp that describes it"
    );
}

#[test]
fn a_file_for_another_machine_is_told_which() {
    let mut bytes = clean().to_vec();
    for (number, name) in [(243, "riscv"), (40, "arm"), (9999, "machine 9999")] {
        bytes[18..20].copy_from_slice(&u16::to_le_bytes(number));
        let refusal = only_refusal(&examine(&bytes, &host()));
        assert_eq!(refusal.code, "wrong-machine");
        assert_eq!(refusal.sentence, format!("built for {name}, this host is {}", host().architecture));
    }
    let machine = HostMachine { architecture: Architecture::AARCH64, ..host() };
    let refusal = only_refusal(&examine(&library(&app(CLEAN, ""), &[]), &machine).clone());
    if host().architecture == Architecture::X86_64 {
        assert_eq!(refusal.sentence, "built for x86_64, this host is aarch64");
    }
}

#[test]
fn another_kind_of_elf_file_is_named() {
    let patched = |at: usize, value: u8| {
        let mut bytes = clean().to_vec();
        bytes[at] = value;
        only_refusal(&examine(&bytes, &host()))
    };
    assert_eq!(
        patched(4, 1).sentence,
        "this is a 32-bit, little-endian ELF file, this host loads 64-bit, little-endian ones"
    );
    assert_eq!(
        patched(5, 2).sentence,
        "this is a 64-bit, big-endian ELF file, this host loads 64-bit, little-endian ones"
    );
    assert_eq!(patched(4, 7).sentence, "the ELF file is damaged: its class is 7, which means nothing");
    assert_eq!(patched(7, 9).sentence, "built for FreeBSD, this host is Linux");
    assert_eq!(patched(16, 2).sentence, "this is an executable program, not a shared library");
    assert_eq!(patched(16, 4).sentence, "this is a core dump, not a shared library");

    let directory = tempfile::tempdir().unwrap();
    let made = |name: &str, arguments: &[&str]| {
        let source = app(CLEAN, "int main(void) { return 0; }");
        let bytes = fs::read(compile_to(directory.path(), name, &source, arguments)).unwrap();
        only_refusal(&examine(&bytes, &host())).sentence
    };
    assert_eq!(made("object", &["-c"]), "this is an object file (.o), not yet linked, not a shared library");
    assert_eq!(
        made("pie", &["-pie", "-fPIE"]),
        "this is an executable program (position-independent), not a shared library"
    );
    assert_eq!(made("exec", &["-no-pie"]), "this is an executable program, not a shared library");
}

#[test]
fn descriptors_that_do_not_fit_this_host_are_refused() {
    let cases = [
        ("api", "1.99", "newer-api", "built for plugin API 1.99, this host speaks 1.0"),
        ("api", "2.0", "newer-api", "built for plugin API 2.0, this host speaks 1.0"),
        ("api", "0.9", "older-api", "built for plugin API 0.9, this host speaks 1.0"),
        ("api", "x", "bad-descriptor", "the descriptor is malformed: its api «x» is not major.minor"),
        (
            "name",
            "My App",
            "invalid-app-name",
            "the app's name «My App» is not valid: a name has 1 to 64 of a-z, 0-9, - and _, and starts with a letter",
        ),
        (
            "kinds",
            "batch,cron",
            "unknown-kind",
            "the app is of kind «cron», which this host does not know: known are batch, stream, check and metadata",
        ),
        (
            "kinds",
            "",
            "no-kind",
            "the app names no kind, so there is nothing it could be used for: \
             known are batch, stream, check and metadata",
        ),
    ];
    for (key, value, code, sentence) in cases {
        let bytes = library(&app(&descriptor_with(key, value), ""), &[]);
        let refusal = only_refusal(&examine(&bytes, &host()));
        assert_eq!((refusal.code, refusal.sentence.as_str()), (code, sentence), "{key}={value}");
        assert!(!refusal.mend.is_empty());
    }
}

#[test]
fn an_app_without_a_usable_door_is_refused() {
    let no_door = app(CLEAN, "").replace("mysimbdp_plugin_v1", "mysimbdp_plugin_v9");
    let refusal = only_refusal(&examine(&library(&no_door, &[]), &host()));
    assert_eq!(
        refusal.sentence,
        "the library has a descriptor, but exports neither _1as_0lib_1header_0root_bmodule_bloader (Rust) nor \
         mysimbdp_plugin_v1 (C), through which it could be entered"
    );
    let function = app(CLEAN, "int mysimbdp_plugin_v1(void) { return 1; }").replace("const unsigned", "// ");
    let refusal = only_refusal(&examine(&library(&function, &[]), &host()));
    assert_eq!(
        refusal.sentence,
        "mysimbdp_plugin_v1 is a function or a thread-local variable, it must be a constant: the table itself"
    );
}

#[test]
fn a_glibc_that_is_too_new_is_named_with_its_symbol() {
    let directory = tempfile::tempdir().unwrap();
    // A libc of the future: it has a function that today's has not.
    fs::write(directory.path().join("future.map"), "GLIBC_2.99 { global: from_the_future; local: *; };").unwrap();
    let arguments = ["-shared", "-fPIC", "-nostdlib", "-Wl,-soname,libc.so.6", "-Wl,--version-script,future.map"];
    compile_to(directory.path(), "libfuture.so", "int from_the_future(void) { return 1; }", &arguments);
    let source = app(CLEAN, "int from_the_future(void); int f(void) { return from_the_future(); }");
    let made = compile_to(directory.path(), "app", &source, &["-shared", "-fPIC", "libfuture.so"]);
    let refusal = only_refusal(&examine(&fs::read(made).unwrap(), &host()));
    assert_eq!(refusal.code, "newer-glibc");
    assert_eq!(refusal.sentence, "needs glibc 2.99 (symbol from_the_future), this host has 2.36");
}

#[test]
fn libraries_that_are_not_there_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let needing = |soname: &[&str], name: &str| {
        let arguments = [&["-shared", "-fPIC"], soname].concat();
        compile_to(directory.path(), name, "int other(void) { return 1; }", &arguments);
        let source = app(CLEAN, "int other(void); int f(void) { return other(); }");
        let other = directory.path().join(name);
        let made = compile_to(directory.path(), "app", &source, &["-shared", "-fPIC", other.to_str().unwrap()]);
        only_refusal(&examine(&fs::read(made).unwrap(), &host()))
    };
    let missing = needing(&["-Wl,-soname,libother.so.3"], "libother.so");
    assert_eq!(missing.sentence, "needs libother.so.3, not found in this host's library directories");
    let musl = needing(&["-Wl,-soname,libc.musl-x86_64.so.1"], "libmusl.so");
    assert_eq!(musl.sentence, "built for musl (it needs libc.musl-x86_64.so.1), this host's workers run on glibc");
    let by_path = needing(&[], "libnosoname.so");
    assert_eq!(by_path.code, "library-by-path");
    assert!(by_path.sentence.contains("libnosoname.so by path: a worker reads libraries from"), "{by_path}");
}

#[test]
fn memory_that_is_writable_and_executable_is_refused() {
    let stack = only_refusal(&examine(&library(&app(CLEAN, ""), &["-z", "execstack"]), &host()));
    assert_eq!(stack.sentence, "the library asks for an executable stack: the sandbox never allows that");
    let mut bytes = clean().to_vec();
    let executable = (0..u16::from_le_bytes([bytes[56], bytes[57]])).map(|index| 64 + usize::from(index) * 56);
    let at = executable.into_iter().find(|&at| bytes[at] == 1 && bytes[at + 4] == 5).unwrap();
    bytes[at + 4] = 7;
    let writable = only_refusal(&examine(&bytes, &host()));
    assert_eq!(
        writable.sentence,
        "the library has a segment that is writable and executable at once: the sandbox never allows that"
    );
}

#[test]
fn code_that_must_be_changed_while_loading_is_refused() {
    // A tag that the linker leaves as padding at the end of the table becomes DT_TEXTREL.
    let mut bytes = clean().to_vec();
    let count = usize::from(u16::from_le_bytes([bytes[56], bytes[57]]));
    let at = (0..count).map(|index| 64 + index * 56).find(|&at| bytes[at] == 2).unwrap();
    let table = usize::try_from(u64::from_le_bytes(bytes[at + 8..at + 16].try_into().unwrap())).unwrap();
    let end = (table..).step_by(16).find(|&entry| bytes[entry..entry + 8] == [0; 8]).unwrap();
    bytes[end] = 22;
    let refusal = only_refusal(&examine(&bytes, &host()));
    assert_eq!(
        refusal.sentence,
        "the library's code must be changed while it is loaded (text relocations): the sandbox never allows that"
    );
}

#[test]
fn a_file_over_the_cap_is_refused_without_a_look() {
    let machine = HostMachine { max_size: 1000, ..host() };
    let refusal = only_refusal(&examine(clean(), &machine));
    assert_eq!(refusal.sentence, format!("the file has {} bytes, this host takes at most 1000", clean().len()));
}

#[test]
fn several_mistakes_are_told_together_the_gravest_first() {
    let descriptor = descriptor_with("api", "7.1").replace("name=clean", "name=Clean");
    let more = "int socket(); int f(void) { return socket(1, 1, 1); }";
    let examination = examine(&library(&app(&descriptor, more), &["-z", "execstack"]), &host());
    let codes: Vec<&str> = examination.findings.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, ["newer-api", "invalid-app-name", "executable-stack", "network", "symbols-only"]);
}
