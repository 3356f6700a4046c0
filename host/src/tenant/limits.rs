//! What a tenant may use: a profile's limits, and what is different for one tenant or one of its apps.
//!
//! Every limit is a number that is compared with what the host itself has counted. [`Limits`] is complete; an
//! [`Overrides`] holds only what differs, and laying it over a profile's limits gives the limits of a tenant, laying another
//! over those gives the limits of an app.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

const GB: u64 = 1_000_000_000;
const MB: u64 = 1_000_000;

/// A number that no count reaches.
pub const UNLIMITED: u64 = u64::MAX;
/// Name of the profile that is always there.
pub const NORMAL: &str = "normal";

/// What happens to a tenant's streams that want more than its limits allow. Nothing is lost but by the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnBreach {
    /// They go on, no faster than the limits allow; what is above that waits in their queues.
    #[default]
    Throttle,
    /// They stop until somebody starts them; what comes meanwhile waits in their queues.
    Pause,
    /// They go, with their queues and what waits in them.
    Delete,
}

impl OnBreach {
    /// The word for it in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            OnBreach::Throttle => "throttle",
            OnBreach::Pause => "pause",
            OnBreach::Delete => "delete",
        }
    }
}

impl fmt::Display for OnBreach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A named set of limits, assigned to tenants.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// Share of the slots beside other tenants that want them: one with 2 gets twice the time of one with 1.
    pub weight: u32,
    /// Its limits.
    pub limits: Limits,
}

impl Profile {
    /// The profile `normal`, unless the configuration says otherwise.
    pub fn normal() -> Profile {
        Profile { name: NORMAL.to_owned(), weight: 1, limits: Limits::default() }
    }
}

macro_rules! limits {
    ($($(#[$doc:meta])* $field:ident: $type:ty = $normal:expr,)*) => {
        /// Limits on every axis. The default is the profile `normal`.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub struct Limits {
            $($(#[$doc])* pub $field: $type,)*
        }

        impl Default for Limits {
            fn default() -> Limits {
                Limits { $($field: $normal,)* }
            }
        }

        /// Limits that differ from those they are laid over; `None` where they do not.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        pub struct Overrides {
            $($(#[$doc])* #[serde(skip_serializing_if = "Option::is_none")] pub $field: Option<$type>,)*
        }

        impl Limits {
            /// These limits, with what `overrides` says instead.
            pub fn with(&self, overrides: &Overrides) -> Limits {
                Limits { $($field: overrides.$field.clone().unwrap_or_else(|| self.$field.clone()),)* }
            }

            /// All of these limits: laid over any others, it gives these.
            pub fn all(&self) -> Overrides {
                Overrides { $($field: Some(self.$field.clone()),)* }
            }

            /// What differs in these limits from `base`: laid over it, it gives these.
            pub fn beside(&self, base: &Limits) -> Overrides {
                Overrides { $($field: (self.$field != base.$field).then(|| self.$field.clone()),)* }
            }
        }
    };
}

limits! {
    /// Files in one batch.
    files_per_batch: u64 = 10,
    /// Bytes of one file.
    file_bytes: u64 = 4 * GB,
    /// Bytes of all files of one batch.
    batch_bytes: u64 = 40 * GB,
    /// Extensions that a file may have, lower case, without the dot; empty for any.
    formats: Vec<String> = Vec::new(),
    /// Tasks of a tenant that wait or run.
    waiting_tasks: u64 = 10_000,
    /// Tasks of a tenant that run at the same time.
    concurrent_tasks: u64 = 3,
    /// Bytes that a tenant keeps here: files and sink together.
    storage_bytes: u64 = 100 * GB,
    /// Rows of one file.
    rows_per_task: u64 = UNLIMITED,
    /// Documents of one file.
    documents_per_task: u64 = UNLIMITED,
    /// CPU seconds of a task's workers.
    cpu_seconds: u64 = 3_600,
    /// Bytes of memory of a worker.
    memory_bytes: u64 = 512 << 20,
    /// Seconds that a task may take in all, less what the sink held it back.
    wall_seconds: u64 = 3_600,
    /// Seconds without a finished row after which a worker is stopped.
    stall_seconds: u64 = 30,
    /// Rows and documents of one task that may become dead letters.
    dead_letters: u64 = 100_000,
    /// Percent of a task's rows that may become dead letters.
    dead_letter_percent: f64 = 100.0,
    /// Rows of one task that may kill the app.
    killing_rows: u32 = 100,
    /// Attempts at a task before it is parked.
    attempts: u32 = 3,
    /// Streams of a tenant that are started.
    streams: u64 = 10,
    /// Consumers of a tenant, on all its streams and all hosts together.
    consumers: u64 = 8,
    /// Messages of a tenant's streams together in one window; set for a stream, its own in one window besides.
    messages_per_window: u64 = 500,
    /// Bytes of their bodies, in the same way.
    bytes_per_window: u64 = 400 * MB,
    /// Seconds of a window.
    window_seconds: u64 = 5,
    /// Bytes of one message's body; a larger one becomes a dead letter.
    message_bytes: u64 = 16 << 20,
    /// What happens to streams that want more than that.
    on_breach: OnBreach = OnBreach::Throttle,
}

impl Limits {
    /// [`Limits::wall_seconds`].
    pub fn wall(&self) -> Duration {
        Duration::from_secs(self.wall_seconds)
    }

    /// [`Limits::stall_seconds`].
    pub fn stall(&self) -> Duration {
        Duration::from_secs(self.stall_seconds)
    }

    /// [`Limits::window_seconds`].
    pub fn window(&self) -> Duration {
        Duration::from_secs(self.window_seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_override_changes_what_it_names_and_nothing_else() {
        let few = Overrides { files_per_batch: Some(2), ..Overrides::default() };
        let limits = Limits::default().with(&few);
        assert_eq!(limits, Limits { files_per_batch: 2, ..Limits::default() });
        assert_eq!(limits.beside(&Limits::default()), few);
        assert_eq!(Limits::default().with(&limits.all()), limits);
    }
}
