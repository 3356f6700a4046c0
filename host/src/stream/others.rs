//! What hosts that share a queue tell each other of their streams, and what one of them makes of it. Pure.
//!
//! ```text
//!   host ── Tidings, every beat ──▶ queue ──▶ the other hosts: Others
//!             of each tenant: what it wants of the allowance, its last window
//!             of each stream: its consumers, what it has in hand, what it has counted
//! ```
//!
//! - *One host speaks for a tenant*: the first by name of those that know it. It holds what all have told against the limits,
//!   acts on that, and says how many consumers each stream shall have in all. Where it is gone, the next one does.
//! - What a host told last stands until it tells anew, or falls silent for so long that the queue does not name it any more.
//! - Where every host has a broker of its own they have no queue of messages in common: then each counts, and speaks for,
//!   itself, and the allowances are all that they share.

use super::share;
use super::window::{Counts, WindowReport};
use crate::broker::StreamKey;
use crate::quota::bucket::{Amount, Consumption};
use crate::tenant::{StreamName, TenantId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a host tells.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tidings {
    /// Of each tenant that has streams.
    pub tenants: BTreeMap<TenantId, TenantTidings>,
}

/// What a host tells of a tenant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TenantTidings {
    /// What it wants of the tenant's allowance.
    #[serde(skip_serializing_if = "is_default")]
    pub wanted: Amount,
    /// Its last window that is closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<TenantWindow>,
    /// Of each stream in its configuration.
    pub streams: BTreeMap<StreamName, StreamTidings>,
}

/// A window of a tenant that is closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantWindow {
    /// Which: windows are counted since 1970, by the clock of the host.
    pub number: u64,
    /// What went through the tenant's bucket.
    pub through: Consumption,
}

/// What a host tells of a stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamTidings {
    /// What it wants of the stream's own allowance, where it has one.
    #[serde(skip_serializing_if = "is_default")]
    pub wanted: Amount,
    /// Its consumers.
    #[serde(skip_serializing_if = "is_default")]
    pub consumers: usize,
    /// How many there shall be in all, as far as it knows: counts where it speaks for the tenant.
    #[serde(skip_serializing_if = "is_default")]
    pub all_consumers: usize,
    /// Messages that its consumers have taken and not brought to their end.
    #[serde(skip_serializing_if = "is_default")]
    pub in_hand: u64,
    /// What it has counted since it is up.
    #[serde(skip_serializing_if = "is_default")]
    pub total: Counts,
    /// The report of its last window, where there is something in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<WindowReport>,
    /// What holds it up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What the other hosts have told last.
#[derive(Clone, Debug, Default)]
pub struct Others {
    own: String,
    has_common_broker: bool,
    told: BTreeMap<String, Tidings>,
}

impl Others {
    /// None yet. `own` is the name of this host.
    pub fn new(own: String, has_common_broker: bool) -> Others {
        Others { own, has_common_broker, told: BTreeMap::new() }
    }

    /// They have told this since. What cannot be read, of another version, says that a host is there and no more.
    pub fn hear(&mut self, told: Vec<(String, String)>) {
        let read = |text: &str| serde_json::from_str(text).unwrap_or_default();
        self.told = told.into_iter().map(|(host, text)| (host, read(&text))).collect();
    }

    /// Whether there are any.
    pub fn are_any(&self) -> bool {
        !self.told.is_empty()
    }

    /// What each has told of a tenant.
    fn of(&self, tenant: &TenantId) -> impl Iterator<Item = (&str, &TenantTidings)> {
        self.told.iter().filter_map(|(host, told)| Some((host.as_str(), told.tenants.get(tenant)?)))
    }

    /// What each has told of a stream whose messages it shares with this host.
    pub fn of_stream<'a>(&'a self, key: &'a StreamKey) -> impl Iterator<Item = (&'a str, &'a StreamTidings)> {
        let of = self.of(&key.tenant).filter(|_| self.has_common_broker);
        of.filter_map(move |(host, told)| Some((host, told.streams.get(&key.stream)?)))
    }

    /// Part of this host of what a tenant may take, or one of its streams, of which it wants so much.
    pub fn part(&self, tenant: &TenantId, stream: Option<&StreamName>, limit: Amount, wanted: Amount) -> Amount {
        let told = self.of(tenant).filter_map(|(host, told)| match stream {
            None => Some((host, told.wanted)),
            Some(stream) => Some((host, told.streams.get(stream)?.wanted)),
        });
        let mut all: Vec<(&str, Amount)> = told.chain([(self.own.as_str(), wanted)]).collect();
        all.sort_unstable_by_key(|(host, _)| *host);
        let own = all.iter().position(|(host, _)| *host == self.own).unwrap_or_default();
        let of = |limit, each: fn(Amount) -> u64| {
            share::parts(limit, &all.iter().map(|(_, wanted)| each(*wanted)).collect::<Vec<u64>>())[own]
        };
        Amount { messages: of(limit.messages, |wanted| wanted.messages), bytes: of(limit.bytes, |wanted| wanted.bytes) }
    }

    /// Who speaks for a tenant where it is not this host.
    fn speaker(&self, tenant: &TenantId) -> Option<&TenantTidings> {
        let (host, told) = self.of(tenant).find(|_| self.has_common_broker)?;
        (host < self.own.as_str()).then_some(told)
    }

    /// This host speaks for a tenant.
    pub fn is_mine(&self, tenant: &TenantId) -> bool {
        self.speaker(tenant).is_none()
    }

    /// The most consumers that any other host knows a stream shall have in all: what one that starts begins with.
    pub fn known_consumers(&self, key: &StreamKey) -> Option<usize> {
        self.of_stream(key).map(|(_, told)| told.all_consumers).max()
    }

    /// How many consumers a stream shall have in all, where another host says so.
    pub fn all_consumers(&self, key: &StreamKey) -> Option<usize> {
        let told = self.speaker(&key.tenant)?.streams.get(&key.stream)?;
        Some(told.all_consumers).filter(|all| *all > 0)
    }

    /// How many consumers of a stream that shall have so many this host has now, where it has had `own`.
    pub fn consumers(&self, key: &StreamKey, own: usize, all: usize) -> usize {
        let (mut hosts, mut others) = (vec![self.own.as_str()], 0);
        for (host, told) in self.of_stream(key) {
            hosts.push(host);
            others += told.consumers;
        }
        let place = share::place(key, &self.own, &hosts).unwrap_or_default();
        share::now(own, share::consumers(all, place, hosts.len()), all, others)
    }

    /// With what went through the tenant's buckets elsewhere in the window of this number.
    pub fn through(&self, tenant: &TenantId, number: u64, own: Consumption) -> Consumption {
        let windows = self.windows(tenant, number);
        windows.fold(own, |sum, (_, window)| sum.with(window.through))
    }

    /// With what others counted of the stream in the window of this number, and the consumers that they have.
    pub fn report(&self, key: &StreamKey, number: u64, own: WindowReport) -> WindowReport {
        let consumers = own.consumers + self.of_stream(key).map(|(_, told)| told.consumers as u64).sum::<u64>();
        let windows = self.windows(&key.tenant, number);
        let reports = windows.filter_map(|(told, _)| told.streams.get(&key.stream)?.last.as_ref());
        WindowReport { consumers, ..reports.fold(own, WindowReport::with_host) }
    }

    /// Whoever has closed the window of this number; where it has closed the one after that already, that one stands for it.
    fn windows(&self, tenant: &TenantId, number: u64) -> impl Iterator<Item = (&TenantTidings, TenantWindow)> {
        let told = self.of(tenant).filter(|_| self.has_common_broker);
        told.filter_map(move |(_, told)| Some((told, told.window?))).filter(move |(_, window)| window.number >= number)
    }
}

#[cfg(test)]
mod tests {
    use super::super::window::{Closing, Lag, Window};
    use super::*;
    use jiff::Timestamp;

    fn key() -> StreamKey {
        StreamKey { tenant: "acme".parse().unwrap(), stream: "clicks".parse().unwrap() }
    }

    fn amount(messages: u64, bytes: u64) -> Amount {
        Amount { messages, bytes }
    }

    fn report(messages: u64, consumers: u64) -> WindowReport {
        let mut window = Window::default();
        window.counts.messages = messages;
        let (at, lag) = (Timestamp::UNIX_EPOCH, Lag { waiting: 7, ..Lag::default() });
        window.close(Closing { at, seconds: 5.0, consumers, lag, own: None })
    }

    fn told(wanted: Amount, consumers: usize, number: u64) -> Tidings {
        let taken = Consumption { taken: amount(40, 400), ..Consumption::default() };
        let last = Some(report(40, consumers as u64));
        let stream = StreamTidings { consumers, all_consumers: 3, last, ..StreamTidings::default() };
        let tenant = TenantTidings {
            wanted,
            window: Some(TenantWindow { number, through: taken }),
            streams: [(key().stream, stream)].into(),
        };
        Tidings { tenants: [(key().tenant, tenant)].into() }
    }

    fn others(own: &str, told: &[(&str, Tidings)], has_common_broker: bool) -> Others {
        let mut others = Others::new(own.into(), has_common_broker);
        others
            .hear(told.iter().map(|(host, told)| ((*host).to_owned(), serde_json::to_string(told).unwrap())).collect());
        others
    }

    #[test]
    fn a_lone_host_has_all_and_speaks_for_itself() {
        let alone = Others::new("one".into(), true);
        assert!(!alone.are_any() && alone.is_mine(&key().tenant));
        assert_eq!(alone.part(&key().tenant, None, amount(100, 1_000), Amount::default()), amount(100, 1_000));
        assert_eq!((alone.consumers(&key(), 0, 4), alone.all_consumers(&key())), (4, None));
        assert_eq!(alone.report(&key(), 1, report(2, 1)), report(2, 1));
    }

    #[test]
    fn what_two_want_is_shared_out_and_the_first_by_name_speaks() {
        let (small, large) = (amount(10, 100), amount(100, 1_000));
        let (one, two) = (told(small, 1, 9), told(large, 2, 9));
        let seen = [others("one", &[("two", two)], true), others("two", &[("one", one)], true)];
        let part = |others: &Others, wanted| others.part(&key().tenant, None, amount(100, 1_000), wanted);
        assert_eq!((part(&seen[0], small), part(&seen[1], large)), (amount(10, 100), amount(90, 900)));
        let no_own = |others: &Others| others.part(&key().tenant, Some(&key().stream), amount(9, 9), Amount::default());
        assert_eq!(no_own(&seen[0]).messages + no_own(&seen[1]).messages, 9);
        assert_eq!(seen.each_ref().map(|others| others.is_mine(&key().tenant)), [true, false]);
        assert_eq!(seen.each_ref().map(|others| others.all_consumers(&key())), [None, Some(3)]);
        assert_eq!(seen[0].known_consumers(&key()), Some(3));
        let consumers = [seen[0].consumers(&key(), 1, 3), seen[1].consumers(&key(), 2, 3)];
        assert!((2..=3).contains(&consumers.iter().sum::<usize>()), "{consumers:?}");
    }

    #[test]
    fn a_window_is_what_all_have_counted_in_it() {
        let seen = others("one", &[("three", told(amount(1, 1), 1, 8)), ("two", told(amount(1, 1), 2, 9))], true);
        let own = Consumption { taken: amount(10, 10), ..Consumption::default() };
        assert_eq!(seen.through(&key().tenant, 9, own).taken, amount(50, 410), "one has not closed it");
        let report = seen.report(&key(), 9, report(5, 1));
        assert_eq!((report.counts.messages, report.consumers, report.lag.waiting), (45, 4, 7));
    }

    #[test]
    fn hosts_with_brokers_of_their_own_share_allowances_alone() {
        let seen = others("two", &[("one", told(amount(60, 60), 2, 9))], false);
        assert!(seen.is_mine(&key().tenant));
        assert_eq!(seen.consumers(&key(), 0, 4), 4);
        assert_eq!(seen.report(&key(), 9, report(5, 1)), report(5, 1));
        assert_eq!(seen.part(&key().tenant, None, amount(100, 100), amount(100, 100)), amount(50, 50));
    }

    #[test]
    fn what_a_host_of_another_version_tells_is_read_as_far_as_it_is_known() {
        let mut others = Others::new("two".into(), true);
        let strange = r#"{"tenants": {"acme": {"streams": {"clicks": {"consumers": 2, "mood": "fine"}}}}}"#;
        others.hear(vec![("one".into(), strange.into()), ("six".into(), "what?".into())]);
        assert_eq!(
            others.of_stream(&key()).map(|(host, told)| (host, told.consumers)).collect::<Vec<_>>(),
            [("one", 2)]
        );
        assert!(!others.is_mine(&key().tenant));
    }
}
