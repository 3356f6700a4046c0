//! Write apps for mysimbdp in safe Rust.
//!
//! An app is a `cdylib` that turns a tenant's files or messages into documents. It is compiled against this crate,
//! dropped into the tenant's staging directory, and from then on the host runs it in a sandboxed process: timed, logged,
//! metered, and unable to hurt anybody.
//!
//! ```standalone_crate
//! use mysimbdp_plugin_api::prelude::*;
//!
//! #[derive(Deserialize)]
//! struct Trip { id: u32, fare: f64 }
//!
//! #[derive(Serialize)]
//! struct Doc { id: u32, fare_cents: i64 }
//!
//! #[derive(Default)]
//! struct App;
//!
//! impl BatchIngest for App {
//!     fn ingest(&mut self, input: &mut BatchInput, sink: &mut Sink) -> Result<(), AppError> {
//!         input.csv()?.each(sink, |row, sink| {
//!             let trip: Trip = row.parse()?; // what does not fit rejects the row, with the reason
//!             if trip.fare < 0.0 {
//!                 return Err(reject!("fare {} is negative", trip.fare));
//!             }
//!             sink.emit(&Doc { id: trip.id, fare_cents: (trip.fare * 100.0).round() as i64 })?;
//!             Ok(())
//!         })
//!     }
//! }
//!
//! export_app! { name: "trips", batch: App }
//!
//! # #[cfg(feature = "testing")]
//! # fn main() {
//! // In a unit test, with the feature `testing`:
//! let report = mysimbdp_plugin_api::testing::run::<App>("trips.csv", b"id,fare\n1,2.50\n2,-1\n3,x\n");
//! assert_eq!(report.documents[0].get_i64("fare_cents").unwrap(), 250);
//! assert_eq!(report.rejects[0].reason, "fare -1 is negative");
//! assert_eq!(report.rejects[1].line, 4);
//! # }
//! # #[cfg(not(feature = "testing"))]
//! # fn main() {}
//! ```
//!
//! # Where to look
//! | you want to | see |
//! |---|---|
//! | ingest files | [`BatchIngest`], [`BatchInput`] |
//! | … row by row | [`CsvRows`], [`JsonRows`], [`RangeRows`] |
//! | ingest messages | [`StreamIngest`] |
//! | keep bad data out | [`reject!`], [`Check`] |
//! | say something about what was ingested | [`Metadata`] |
//! | emit dates, decimals, ObjectIds | [`bson`] |
//! | read the app's configuration | [`Create`] |
//! | make a library of it | [`export_app!`] |
//! | test it without a server | `mysimbdp_plugin_api::testing` (feature `testing`) |
//!
//! # What an app can rely on, and what it cannot do
//! - One process, one thread: entries of an app are called one after another, and starting a thread fails.
//! - It sees its input and its configuration, nothing else: no files, no network, no environment but `TZ=UTC`.
//! - A panic, a crash or an endless loop costs the row in work (which is tried again before it is given up), never
//!   another row, another app or the host.
//! - What it emits is stored once, however often a run is repeated, as long as the same input makes the same documents.
//!   So do not let clocks or random numbers into a document, nor the order of a `HashMap`.

mod batch;
mod check;
mod create;
mod error;
mod host;
mod metadata;
mod reader;
mod rows;
mod ser;
mod sink;
mod stream;

pub mod bson;
#[doc(hidden)]
pub mod export;
#[cfg(feature = "testing")]
pub mod testing;

pub use batch::{BatchIngest, BatchInput};
pub use check::Check;
pub use create::{Config, Create};
pub use error::{AppError, Reject, SinkError};
pub use metadata::Metadata;
pub use reader::Reader;
pub use rows::{CsvRow, CsvRows, Inferred, JsonRow, JsonRows, ParseError, RangeRows, RangeStart};
pub use sink::{Level, Sink};
pub use stream::{Channel, Delivery, Properties, StreamIngest};

#[doc(no_inline)]
pub use serde_json;

/// All that an ordinary app needs: `use mysimbdp_plugin_api::prelude::*;`
///
/// `Serialize` and `Deserialize` are those of `serde`, which the app must depend on itself: the code that they derive
/// names it.
pub mod prelude {
    pub use crate::bson::{Binary, DateTime, Decimal128, DocumentRef, ObjectId};
    pub use crate::{
        AppError, BatchIngest, BatchInput, Channel, Check, Config, Create, CsvRow, Delivery, JsonRow, Level, Metadata,
        Properties, Reject, Sink, SinkError, StreamIngest, export_app, reject,
    };
    pub use serde::{Deserialize, Serialize};
}

/// For [`export_app!`], the host's benchmarks and tests. No part of the API: changes without notice.
#[doc(hidden)]
pub mod __private {
    pub use crate::export::entry::drive;
    pub use crate::export::{AppTable, descriptor, entry, library_header, root_module};
    pub use mysimbdp_abi::abi_stable::library::{__call_root_module_loader, LibHeader, RootModuleResult};
    pub use mysimbdp_abi::{self as abi, PluginV1, RootV1Ref};
}

const _: () = {
    /// The attribute in `export_app!` needs a literal: this holds it against the name that abi_stable has.
    const fn same(a: &str, b: &str) -> bool {
        let (a, b) = (a.as_bytes(), b.as_bytes());
        let mut at = 0;
        while at < a.len() && at < b.len() {
            if a[at] != b[at] {
                return false;
            }
            at += 1;
        }
        a.len() == b.len()
    }
    assert!(same(mysimbdp_abi::RUST_SYMBOL, "_1as_0lib_1header_0root_bmodule_bloader"));
    assert!(same(mysimbdp_abi::DESCRIPTOR_SYMBOL, "mysimbdp_descriptor"));
    assert!(same(mysimbdp_abi::DESCRIPTOR_SECTION, ".mysimbdp"));
};
