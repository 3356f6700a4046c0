//! The golden file of ABI v1: sizes, alignments and offsets of every struct, every constant, and what `abi_stable` sees.
//!
//! `golden/v1.txt` is the promise; these tests hold the Rust crate and the C header against it. Before the first release a
//! deliberate change is written down with `MYSIMBDP_BLESS=1 cargo test -p mysimbdp-abi`, and the diff is reviewed; after it
//! there are no such changes (see `docs/plugin-abi.md`).
#![cfg(target_pointer_width = "64")]

use abi_stable::StableAbi;
use abi_stable::library::{AbiHeader, RootModule};
use abi_stable::type_layout::{TLData, TypeLayout};
use mysimbdp_abi as abi;
use std::fmt::Write;
use std::fs;
use std::mem::{align_of, offset_of, size_of};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A struct as the golden file has it.
struct Struct {
    name: &'static str,
    size: usize,
    align: usize,
    /// Name, offset and size of each field.
    fields: Vec<(&'static str, usize, usize)>,
    layout: &'static TypeLayout,
}

macro_rules! structs {
    ($($name:ident { $($field:ident),* $(,)? })*) => {
        vec![$({
            // Does not compile when a field is missing from the list.
            let _all_fields_are_listed = |value: abi::$name| { let abi::$name { $($field: _),* } = value; };
            fn size_of_field<T, F>(_: impl Fn(&T) -> &F) -> usize { size_of::<F>() }
            Struct {
                name: stringify!($name),
                size: size_of::<abi::$name>(),
                align: align_of::<abi::$name>(),
                fields: vec![$((
                    stringify!($field),
                    offset_of!(abi::$name, $field),
                    size_of_field(|value: &abi::$name| &value.$field),
                )),*],
                layout: <abi::$name as StableAbi>::LAYOUT,
            }
        }),*]
    };
}

fn structs() -> Vec<Struct> {
    structs! {
        Bytes { ptr, len }
        RowV1 { number, start, end, line }
        StartV1 { number, offset, line }
        InputV1 { name, size, fd }
        ChannelV1 { stream, consumer_tag, number }
        DeliveryV1 { delivery_tag, redelivered, exchange, routing_key }
        PropertiesV1 {
            present, delivery_mode, priority, timestamp, content_type, content_encoding, headers, correlation_id, reply_to,
            expiration, message_id, kind, user_id, app_id,
        }
        MessageV1 { channel, delivery, properties, body }
        HostV1 {
            size, ctx, emit, row_begin, row_end, row_reject, next_start, log, progress, fail, last_error,
        }
        BatchV1 { create, ingest, destroy }
        StreamV1 { create, on_message, destroy }
        CheckV1 { create, input, message, document, destroy }
        MetadataV1 { create, begin, observe, finish, destroy }
        PluginV1 { major, minor, size, name, version, flags, batch, stream, check, metadata }
    }
}

/// Each constant: its name here, its name in the C header, its value.
fn constants() -> Vec<(&'static str, &'static str, u64)> {
    use abi::{flags, level, property, status};
    let status = |name, c, value: i32| (name, c, u64::try_from(value).expect("no status is negative"));
    vec![
        ("MAJOR", "MYSIMBDP_MAJOR", u64::from(abi::MAJOR)),
        ("MINOR", "MYSIMBDP_MINOR", u64::from(abi::MINOR)),
        status("status::OK", "MYSIMBDP_OK", status::OK),
        status("status::ERROR", "MYSIMBDP_ERROR", status::ERROR),
        status("status::REJECT", "MYSIMBDP_REJECT", status::REJECT),
        status("status::PANIC", "MYSIMBDP_PANIC", status::PANIC),
        status("status::SKIP", "MYSIMBDP_SKIP", status::SKIP),
        status("status::STOP", "MYSIMBDP_STOP", status::STOP),
        status("status::REFUSED", "MYSIMBDP_REFUSED", status::REFUSED),
        status("status::JUMP", "MYSIMBDP_JUMP", status::JUMP),
        ("level::ERROR", "MYSIMBDP_LOG_ERROR", u64::from(level::ERROR)),
        ("level::WARN", "MYSIMBDP_LOG_WARN", u64::from(level::WARN)),
        ("level::INFO", "MYSIMBDP_LOG_INFO", u64::from(level::INFO)),
        ("level::DEBUG", "MYSIMBDP_LOG_DEBUG", u64::from(level::DEBUG)),
        ("flags::ROWS_INDEPENDENT", "MYSIMBDP_FLAG_ROWS_INDEPENDENT", flags::ROWS_INDEPENDENT),
        ("property::DELIVERY_MODE", "MYSIMBDP_HAS_DELIVERY_MODE", u64::from(property::DELIVERY_MODE)),
        ("property::PRIORITY", "MYSIMBDP_HAS_PRIORITY", u64::from(property::PRIORITY)),
        ("property::TIMESTAMP", "MYSIMBDP_HAS_TIMESTAMP", u64::from(property::TIMESTAMP)),
    ]
}

fn layout_text(structs: &[Struct]) -> String {
    let mut text = String::new();
    for it in structs {
        writeln!(text, "struct {} size {} align {}", it.name, it.size, it.align).expect("a String takes every write");
        for (field, offset, size) in &it.fields {
            writeln!(text, "  {field} at {offset} size {size}").expect("a String takes every write");
        }
    }
    text
}

fn constants_text() -> String {
    constants().iter().map(|(name, _, value)| format!("const {name} {value}\n")).collect()
}

fn symbols_text() -> String {
    [
        ("C_SYMBOL", abi::C_SYMBOL),
        ("RUST_SYMBOL", abi::RUST_SYMBOL),
        ("DESCRIPTOR_SYMBOL", abi::DESCRIPTOR_SYMBOL),
        ("DESCRIPTOR_SECTION", abi::DESCRIPTOR_SECTION),
        ("DESCRIPTOR_MAGIC", abi::DESCRIPTOR_MAGIC),
    ]
    .iter()
    .map(|(name, value)| format!("text {name} {value}\n"))
    .collect()
}

/// What `abi_stable` compares when it loads an app: its own version, each type's crate, each field's type.
fn checked_text(structs: &[Struct]) -> String {
    let header = AbiHeader::VALUE;
    let magic = String::from_utf8_lossy(&header.magic_string).into_owned();
    let mut text =
        format!("abi_stable header {:?} {}.{}\n", magic.trim_end_matches('\0'), header.abi_major, header.abi_minor);
    writeln!(
        text,
        "root module RootV1 base {} name {:?} version {}",
        <abi::RootV1Ref as RootModule>::BASE_NAME,
        <abi::RootV1Ref as RootModule>::NAME,
        <abi::RootV1Ref as RootModule>::VERSION_STRINGS.version,
    )
    .expect("a String takes every write");
    // A prefix reference has no field of its own: what it points to is kept as its first phantom field.
    let root = <abi::RootV1Ref as StableAbi>::LAYOUT.phantom_fields().get(0).expect("what it points to").layout();
    for (name, layout) in structs.iter().map(|it| (it.name, it.layout)).chain([("RootV1", root)]) {
        let (package, version) = layout.package_and_version();
        writeln!(text, "type {name} of {package} {}", version.version).expect("a String takes every write");
        let fields = match layout.data() {
            TLData::Struct { fields } => fields,
            TLData::PrefixType(prefix) => prefix.fields,
            other => panic!("{name} is neither a struct nor a prefix type: {other:?}"),
        };
        for field in fields {
            write!(text, "  {}: {}", field.name(), type_name(field.layout())).expect("a String takes every write");
            for function in field.function_range() {
                let names = function.param_names.as_str().split(',');
                let params: Vec<String> = names
                    .zip(function.param_type_layouts.iter())
                    .map(|(name, layout)| format!("{name}: {}", type_name(layout())))
                    .collect();
                let returns = function.return_type_layout().map_or("()".to_owned(), |layout| type_name(layout()));
                write!(text, " ({}) -> {returns}", params.join(", ")).expect("a String takes every write");
            }
            text.push('\n');
        }
    }
    text
}

/// The type as `abi_stable` shows it, without its stray blanks.
fn type_name(layout: &TypeLayout) -> String {
    let name = layout.full_type().to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    name.replace(" >", ">")
}

fn golden_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/v1.txt")
}

#[test]
fn the_layout_is_the_one_that_was_promised() {
    let structs = structs();
    let now = format!(
        "# ABI v1 of mysimbdp on 64-bit targets. Frozen with the first release: see docs/plugin-abi.md.\n\n{}\n{}\n{}\n{}",
        layout_text(&structs),
        constants_text(),
        symbols_text(),
        checked_text(&structs),
    );
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
