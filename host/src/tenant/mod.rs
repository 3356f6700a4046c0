//! Who the platform works for: names of tenants, apps and sinks, what each may use, and what is settled for each.

mod limits;
mod name;
mod patch;
mod registry;
mod said;
mod seen;
mod settings;
mod settled;

pub use limits::{Limits, NORMAL, OnBreach, Overrides, Profile, UNLIMITED};
pub use name::{AppName, MAX_NAME, NameError, SinkName, StreamName, TenantId, is_name};
pub use registry::{Document, Of, SettleError, Tenants};
pub use said::{Said, StreamState};
pub use seen::Seen;
pub use settings::{AppSettings, Sink, Stream, Tenant};
pub use settled::Change;
