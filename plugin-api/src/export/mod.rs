//! From an app's types to the symbols that the host looks for.
//!
//! ```text
//!   .so ─┬─ mysimbdp_descriptor          text in the section .mysimbdp: read without running code   (descriptor)
//!        └─ abi_stable's root module ──▶ RootV1 ──▶ PluginV1 ─┬─ BatchV1 { create, ingest, destroy } (entry)
//!                                                             └─ …, each entry behind a guard        (guard)
//! ```
//!
//! The root module is exported by hand, in the words that `abi_stable::export_root_module` would use, so that an app
//! need not depend on `abi_stable` itself.

pub mod descriptor;
pub mod entry;
mod guard;

use mysimbdp_abi::abi_stable::library::{CheckTypeLayout, LibHeader, RootModuleResult};
use mysimbdp_abi::abi_stable::prefix_type::PrefixTypeTrait;
use mysimbdp_abi::{Bytes, MAJOR, MINOR, PluginV1, RootV1, RootV1Ref, flags};

/// Builds an app's table while it is compiled. The export macro sets the fields.
#[derive(Debug)]
pub struct AppTable {
    /// The app's name.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The four kinds.
    pub kinds: Kinds,
    /// `mysimbdp_abi::flags::ROWS_INDEPENDENT`.
    pub rows_independent: bool,
}

/// What an app provides.
#[derive(Debug)]
pub struct Kinds {
    /// A batch app.
    pub batch: Option<&'static mysimbdp_abi::BatchV1>,
    /// A stream app.
    pub stream: Option<&'static mysimbdp_abi::StreamV1>,
    /// A check.
    pub check: Option<&'static mysimbdp_abi::CheckV1>,
    /// A producer of metadata.
    pub metadata: Option<&'static mysimbdp_abi::MetadataV1>,
}

impl AppTable {
    /// An app without a name that can do nothing yet.
    pub const fn new(version: &'static str) -> AppTable {
        let kinds = Kinds { batch: None, stream: None, check: None, metadata: None };
        AppTable { name: "", version, kinds, rows_independent: false }
    }

    /// Refuses, at compile time, what the host would refuse.
    pub const fn checked(self) -> AppTable {
        assert!(!self.name.is_empty(), "export_app! needs a name: `name: \"my-app\",`");
        assert!(
            descriptor::is_name(self.name),
            "the name of an app is 1 to 64 characters of a-z, 0-9, - and _, and starts with a letter"
        );
        assert!(
            descriptor::is_version(self.version),
            "the version of an app is 1 to 64 visible ASCII characters without spaces"
        );
        let Kinds { batch, stream, check, metadata } = &self.kinds;
        assert!(
            batch.is_some() || stream.is_some() || check.is_some() || metadata.is_some(),
            "export_app! needs at least one of batch, stream, check and metadata, such as `batch: App`"
        );
        self
    }

    /// The table that crosses the boundary.
    pub const fn plugin(&self) -> PluginV1 {
        PluginV1 {
            major: MAJOR,
            minor: MINOR,
            size: size_of::<PluginV1>(),
            name: Bytes::new(self.name.as_bytes()),
            version: Bytes::new(self.version.as_bytes()),
            flags: if self.rows_independent { flags::ROWS_INDEPENDENT } else { 0 },
            batch: self.kinds.batch,
            stream: self.kinds.stream,
            check: self.kinds.check,
            metadata: self.kinds.metadata,
        }
    }
}

/// The root module around an app's table.
pub fn root_module(plugin: &'static PluginV1) -> RootV1Ref {
    RootV1 { plugin }.leak_into_prefix()
}

/// What `abi_stable` looks for in the library: `constructor` makes the root module.
///
/// # Safety
/// `constructor` returns what `__call_root_module_loader` made of a function that returns a [`RootV1Ref`].
pub const unsafe fn library_header(constructor: extern "C" fn() -> RootModuleResult) -> LibHeader {
    // SAFETY: the caller vouches for the type behind the erased pointer.
    unsafe { LibHeader::from_constructor::<RootV1Ref>(constructor, CheckTypeLayout::Yes) }
}

/// Makes a library out of an app: exports its table and its descriptor under the names that the host looks for.
///
/// ```standalone_crate
/// use mysimbdp_plugin_api::prelude::*;
///
/// #[derive(Default)]
/// struct App;
///
/// impl BatchIngest for App {
///     fn ingest(&mut self, input: &mut BatchInput, sink: &mut Sink) -> Result<(), AppError> {
///         input.csv()?.each(sink, |row, sink| Ok(sink.emit(&row.infer())?))
///     }
/// }
///
/// export_app! { name: "clientbatchingestapp-csv", batch: App, rows_independent: true }
/// # fn main() {}
/// ```
///
/// | key | value |
/// |---|---|
/// | `name` | required: 1 to 64 characters of `a-z 0-9 - _`, the first a letter |
/// | `version` | for people; the crate's own version unless given |
/// | `batch` | a type that implements [`BatchIngest`](crate::BatchIngest) |
/// | `stream` | a type that implements [`StreamIngest`](crate::StreamIngest) |
/// | `check` | a type that implements [`Check`](crate::Check) |
/// | `metadata` | a type that implements [`Metadata`](crate::Metadata) |
/// | `rows_independent` | `true`: the app keeps nothing from one row to the next, so a rerun may start in the middle of a file |
///
/// At least one kind is needed; one library may provide several. A panic in any of them is caught inside the library and
/// told to the host with its place, `panicked at src/lib.rs:42:9: …`, unless it is built with `panic = "abort"`.
///
/// A wrong name does not compile:
///
/// ```compile_fail
/// # use mysimbdp_plugin_api::prelude::*;
/// # #[derive(Default)] struct App;
/// # impl BatchIngest for App {
/// #     fn ingest(&mut self, _: &mut BatchInput, _: &mut Sink) -> Result<(), AppError> { Ok(()) }
/// # }
/// export_app! { name: "My App", batch: App }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! export_app {
    (@set $app:ident;) => {};
    (@set $app:ident; name: $name:expr $(, $($rest:tt)*)?) => {
        $app.name = $name;
        $crate::export_app!(@set $app; $($($rest)*)?);
    };
    (@set $app:ident; version: $version:expr $(, $($rest:tt)*)?) => {
        $app.version = $version;
        $crate::export_app!(@set $app; $($($rest)*)?);
    };
    (@set $app:ident; rows_independent: $independent:expr $(, $($rest:tt)*)?) => {
        $app.rows_independent = $independent;
        $crate::export_app!(@set $app; $($($rest)*)?);
    };
    (@set $app:ident; batch: $type:ty $(, $($rest:tt)*)?) => {
        $app.kinds.batch = ::core::option::Option::Some($crate::__private::entry::batch::<$type>());
        $crate::export_app!(@set $app; $($($rest)*)?);
    };
    (@set $app:ident; stream: $type:ty $(, $($rest:tt)*)?) => {
        $app.kinds.stream = ::core::option::Option::Some($crate::__private::entry::stream::<$type>());
        $crate::export_app!(@set $app; $($($rest)*)?);
    };
    (@set $app:ident; check: $type:ty $(, $($rest:tt)*)?) => {
        $app.kinds.check = ::core::option::Option::Some($crate::__private::entry::check::<$type>());
        $crate::export_app!(@set $app; $($($rest)*)?);
    };
    (@set $app:ident; metadata: $type:ty $(, $($rest:tt)*)?) => {
        $app.kinds.metadata = ::core::option::Option::Some($crate::__private::entry::metadata::<$type>());
        $crate::export_app!(@set $app; $($($rest)*)?);
    };
    (@set $app:ident; $key:ident $($rest:tt)*) => {
        ::core::compile_error!(::core::concat!(
            "export_app! does not know `",
            ::core::stringify!($key),
            "`; it knows name, version, batch, stream, check, metadata and rows_independent, each as `key: value,`"
        ));
    };
    ($($key:ident : $value:tt $($rest:tt)*)?) => {
        const _: () = {
            const APP: $crate::__private::AppTable = {
                #[allow(unused_mut, reason = "an app may set nothing but its name")]
                let mut app = $crate::__private::AppTable::new(::core::env!("CARGO_PKG_VERSION"));
                $($crate::export_app!(@set app; $key: $value $($rest)*);)?
                app.checked()
            };

            static PLUGIN: $crate::__private::PluginV1 = APP.plugin();

            // The panic strategy is that of the crate this macro stands in.
            const PANIC: &str = if ::core::cfg!(panic = "abort") { "abort" } else { "unwind" };
            const DESCRIPTOR_LEN: usize = $crate::__private::descriptor::length(&APP, PANIC);

            #[used]
            #[unsafe(export_name = "mysimbdp_descriptor")]
            #[unsafe(link_section = ".mysimbdp")]
            static DESCRIPTOR: [u8; DESCRIPTOR_LEN] = $crate::__private::descriptor::text(&APP, PANIC);

            fn root() -> $crate::__private::RootV1Ref {
                $crate::__private::root_module(&PLUGIN)
            }

            extern "C" fn constructor() -> $crate::__private::RootModuleResult {
                $crate::__private::__call_root_module_loader(root)
            }

            #[used]
            #[unsafe(export_name = "_1as_0lib_1header_0root_bmodule_bloader")]
            // SAFETY: `constructor` passes a function that returns a `RootV1Ref` through `__call_root_module_loader`.
            static ROOT: $crate::__private::LibHeader = unsafe { $crate::__private::library_header(constructor) };
        };
    };
}
