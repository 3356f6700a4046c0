//! Who the platform works for: names of tenants, apps and sinks, and what each may use.

mod limits;
mod name;

pub use limits::{Limits, Overrides, Profile};
pub use name::{AppName, MAX_NAME, NameError, SinkName, TenantId, is_name};
