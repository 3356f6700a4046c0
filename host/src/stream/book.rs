//! What there is of streams on this host: which are started, with which consumers, what they have counted, and what the other
//! hosts have told.

use super::crew::Crew;
use super::others::{Others, TenantWindow};
use super::window::{Counts, WindowReport};
use crate::batch::stop::Stopper;
use crate::broker::StreamKey;
use crate::tenant::{Said, Stream, StreamState, TenantId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::task::JoinHandle;

pub(super) struct Book {
    pub(super) entries: BTreeMap<StreamKey, Entry>,
    /// What was said of streams last, on whichever host.
    pub(super) said: BTreeMap<StreamKey, Said>,
    pub(super) others: Others,
    /// The last window of each tenant that is closed.
    pub(super) windows: BTreeMap<TenantId, TenantWindow>,
    /// Streams that are deleted, and whose queues are not known to be gone.
    pub(super) going: BTreeSet<StreamKey>,
    pub(super) is_closed: bool,
}

pub(super) struct Entry {
    pub(super) crew: Arc<Crew>,
    pub(super) is_started: bool,
    /// What had been said of it when something was done about it last.
    pub(super) heeded: Option<Said>,
    /// Consumers that it shall have in all.
    pub(super) all_consumers: usize,
    /// Those on this host.
    pub(super) consumers: Vec<Running>,
    /// For the next consumer's tag.
    pub(super) next: u64,
    /// Of all windows that are closed.
    pub(super) total: Counts,
    /// The last one.
    pub(super) last: Option<WindowReport>,
}

pub(super) struct Running {
    pub(super) stopper: Stopper,
    pub(super) task: JoinHandle<()>,
}

/// A stream as it is told.
#[derive(Clone, Debug)]
pub struct Told {
    /// Which.
    pub key: StreamKey,
    /// What is settled for it.
    pub settings: Stream,
    /// What it shall be, and why.
    pub said: Said,
    /// Consumers on all hosts.
    pub consumers: usize,
    /// What was counted since the hosts are up.
    pub total: Counts,
    /// The last window.
    pub last: Option<WindowReport>,
    /// What holds it up just now.
    pub trouble: Option<String>,
    /// What of it is on which host, where there are several.
    pub hosts: Vec<OnHost>,
}

/// What there is of a stream on one host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OnHost {
    /// Its name.
    pub host: String,
    /// Consumers there.
    pub consumers: usize,
    /// Messages that came to their end there since it is up.
    pub messages: u64,
    /// Documents that it has stored since.
    pub stored: u64,
}

impl Entry {
    pub(super) fn new(crew: Crew) -> Entry {
        Entry {
            all_consumers: crew.settings.consumers_min,
            crew: Arc::new(crew),
            is_started: false,
            heeded: None,
            consumers: Vec::new(),
            next: 1,
            total: Counts::default(),
            last: None,
        }
    }

    /// What was counted since this host is up.
    pub(super) fn counted(&self) -> Counts {
        let mut total = self.total.clone();
        total.add(&self.crew.meter.counts());
        total
    }
}

impl Book {
    /// What shall become of a stream: what was said of it, or what the configuration says.
    pub(super) fn said_of(&self, key: &StreamKey, entry: &Entry) -> Said {
        let by_configuration = || {
            let state = if entry.crew.settings.enabled { StreamState::Started } else { StreamState::Stopped };
            Said { state, reason: "as configured".into(), since: Timestamp::UNIX_EPOCH }
        };
        self.said.get(key).cloned().unwrap_or_else(by_configuration)
    }

    /// What was said of a stream, where nothing was done about it yet.
    pub(super) fn unheeded(&self, key: &StreamKey) -> Option<Said> {
        let entry = self.entries.get(key)?;
        let said = self.said_of(key, entry);
        (!self.is_closed && entry.heeded.as_ref() != Some(&said)).then_some(said)
    }

    /// How many consumers of a stream this host shall have now.
    pub(super) fn part(&self, key: &StreamKey) -> usize {
        match self.entries.get(key).filter(|entry| entry.is_started && !self.is_closed) {
            Some(entry) => self.others.consumers(key, entry.consumers.len(), entry.all_consumers),
            None => 0,
        }
    }

    /// A stream as it is told: what this host knows, and what others have told.
    pub(super) fn told(&self, host: &str, key: &StreamKey, entry: &Entry) -> Told {
        let counted = entry.counted();
        let own = OnHost {
            host: host.to_owned(),
            consumers: entry.consumers.len(),
            messages: counted.messages,
            stored: counted.stored,
        };
        let mut told = Told {
            key: key.clone(),
            said: self.said_of(key, entry),
            settings: entry.crew.settings.clone(),
            consumers: own.consumers,
            total: counted,
            last: entry.last.clone(),
            trouble: entry.crew.trouble(),
            hosts: vec![own],
        };
        for (host, other) in self.others.of_stream(key) {
            told.consumers += other.consumers;
            told.total.add(&other.total);
            told.last = match (told.last, &other.last) {
                (Some(own), Some(other)) => Some(own.with_host(other)),
                (own, other) => own.or_else(|| other.clone()),
            };
            told.trouble = told.trouble.or_else(|| other.trouble.as_ref().map(|trouble| format!("{host}: {trouble}")));
            told.hosts.push(OnHost {
                host: host.to_owned(),
                consumers: other.consumers,
                messages: other.total.messages,
                stored: other.total.stored,
            });
        }
        told.hosts.sort_by(|one, other| one.host.cmp(&other.host));
        if told.hosts.len() == 1 {
            told.hosts.clear();
        }
        told
    }
}
