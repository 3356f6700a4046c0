//! Describes the ABI as text: sizes, alignments and offsets of every struct, every constant, and what `abi_stable` sees.

use abi_stable::StableAbi;
use abi_stable::library::{AbiHeader, RootModule};
use abi_stable::type_layout::{TLData, TypeLayout};
use mysimbdp_abi as abi;
use std::fmt::Write;
use std::mem::{align_of, offset_of, size_of};

/// A struct as the golden file has it.
pub struct Struct {
    pub name: &'static str,
    pub size: usize,
    pub align: usize,
    /// Name, offset and size of each field.
    pub fields: Vec<(&'static str, usize, usize)>,
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

pub fn structs() -> Vec<Struct> {
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
pub fn constants() -> Vec<(&'static str, &'static str, u64)> {
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

pub fn layout_text(structs: &[Struct]) -> String {
    let mut text = String::new();
    for it in structs {
        writeln!(text, "struct {} size {} align {}", it.name, it.size, it.align).expect("a String takes every write");
        for (field, offset, size) in &it.fields {
            writeln!(text, "  {field} at {offset} size {size}").expect("a String takes every write");
        }
    }
    text
}

pub fn constants_text() -> String {
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

/// All of the golden file.
pub fn golden_text() -> String {
    let structs = structs();
    format!(
        "# ABI v1 of mysimbdp on 64-bit targets. Frozen with the first release: see docs/plugin-abi.md.\n\n{}\n{}\n{}\n{}",
        layout_text(&structs),
        constants_text(),
        symbols_text(),
        checked_text(&structs),
    )
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
