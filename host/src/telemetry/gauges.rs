//! Gauges: set from a snapshot whenever somebody scrapes. What the snapshot does not know has no series then.

use super::labels::{Label, OfState, OfTenant, Tenants};
use super::snapshot::{Disk, OfOne, Snapshot};
use crate::identity::tokens::TokenEnd;
use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;

type Number = Gauge<f64, AtomicU64>;

/// Nothing is said of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Bare {}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfServer {
    dependency: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfDirectory {
    directory: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfTokens {
    scope: &'static str,
    access: &'static str,
}

#[derive(Default)]
pub(super) struct Gauges {
    slots: Gauge,
    busy: Gauge,
    draining: Gauge,
    ready: Gauge,
    hosts: Family<Bare, Gauge>,
    servers: Family<OfServer, Gauge>,
    tenants: Gauge,
    tasks: Family<OfState, Gauge>,
    oldest_task: Family<OfTenant, Number>,
    stored: Family<OfTenant, Gauge>,
    apps: Family<OfTenant, Gauge>,
    streams: Family<OfTenant, Gauge>,
    consumers: Family<OfTenant, Gauge>,
    waiting: Family<OfTenant, Gauge>,
    oldest: Family<OfTenant, Number>,
    free: Family<OfDirectory, Gauge>,
    size: Family<OfDirectory, Gauge>,
    tokens: Family<OfTokens, Number>,
    own_token: Family<Bare, Number>,
    certificate: Family<Bare, Number>,
    pub(super) connections: Gauge,
    pub(super) most_connections: Gauge,
}

impl Gauges {
    pub(super) fn register(registry: &mut Registry) -> Gauges {
        let of = Gauges::default();
        for (name, help, gauge) in [
            ("slots", "Tasks that this host runs at the same time", &of.slots),
            ("slots_busy", "Slots of this host that have a task", &of.busy),
            ("draining", "1 where this host is drained: it takes nothing more", &of.draining),
            ("ready", "1 where this host can work", &of.ready),
            ("tenants", "Tenants that are registered", &of.tenants),
            ("http_connections", "Connections over HTTP that are open", &of.connections),
            ("http_connections_max", "Connections that may be open", &of.most_connections),
        ] {
            registry.register(name, help, gauge.clone());
        }
        registry.register("hosts", "Hosts on the same queue that give signs of life", of.hosts.clone());
        registry.register("dependency_up", "1 where what this host stands on answers", of.servers.clone());
        registry.register("tasks", "Tasks in the queue, by state: waiting, running, parked", of.tasks.clone());
        for (name, help, family) in [
            ("apps", "Apps that are live", &of.apps),
            ("streams", "Streams that are started", &of.streams),
            ("stream_consumers", "Consumers of streams, on all hosts", &of.consumers),
            ("stream_waiting_messages", "Messages that wait in the queues of streams", &of.waiting),
        ] {
            registry.register(name, help, family.clone());
        }
        registry.register_with_unit("stored", "Files and documents that are kept", Unit::Bytes, of.stored.clone());
        for (name, help, family) in [
            ("task_oldest_waiting", "Since the first task that could run was put into the queue", &of.oldest_task),
            ("stream_oldest", "Age of the oldest message that waits in a queue of a stream", &of.oldest),
        ] {
            registry.register_with_unit(name, help, Unit::Seconds, family.clone());
        }
        for (name, help, family) in [
            ("filesystem_free", "Room on the file system of a directory", &of.free),
            ("filesystem_size", "Size of that file system", &of.size),
        ] {
            registry.register_with_unit(name, help, Unit::Bytes, family.clone());
        }
        let (tokens, own) = ("First end of a good token, since 1970", "End of the token of this scrape, since 1970");
        let certificate = "End of the certificate of HTTPS, since 1970";
        registry.register_with_unit("token_expires_timestamp", tokens, Unit::Seconds, of.tokens.clone());
        registry.register_with_unit("scrape_token_expires_timestamp", own, Unit::Seconds, of.own_token.clone());
        registry.register_with_unit(
            "certificate_expires_timestamp",
            certificate,
            Unit::Seconds,
            of.certificate.clone(),
        );
        of
    }

    pub(super) fn certificate_ends(&self, at: Timestamp) {
        self.certificate.get_or_create(&Bare {}).set(seconds(at));
    }

    pub(super) fn set(&self, now: &Snapshot, tenants: &Tenants) {
        let [slots, busy] = now.slots;
        for (gauge, value) in [(&self.slots, slots), (&self.busy, busy), (&self.tenants, now.tenants.len())] {
            gauge.set(whole(value));
        }
        self.draining.set(i64::from(now.draining));
        self.ready.set(i64::from(now.ready));
        self.hosts.clear();
        if let Some(hosts) = now.hosts {
            self.hosts.get_or_create(&Bare {}).set(whole(hosts));
        }
        self.servers.clear();
        for (dependency, answers) in &now.servers {
            self.servers.get_or_create(&OfServer { dependency }).set(i64::from(*answers));
        }
        for Disk { directory, free, size } in &now.disks {
            self.free.get_or_create(&OfDirectory { directory }).set(large(*free));
            self.size.get_or_create(&OfDirectory { directory }).set(large(*size));
        }
        self.tokens.clear();
        for TokenEnd { scope, access, at } in &now.tokens {
            self.tokens.get_or_create(&OfTokens { scope, access }).set(seconds(*at));
        }
        self.own_token.clear();
        if let Some(at) = now.own_token {
            self.own_token.get_or_create(&Bare {}).set(seconds(at));
        }
        self.set_tenants(now, tenants);
    }

    fn set_tenants(&self, now: &Snapshot, tenants: &Tenants) {
        // Of a tenant that is gone there shall be nothing.
        for family in [&self.stored, &self.apps, &self.streams, &self.consumers, &self.waiting] {
            family.clear();
        }
        self.tasks.clear();
        self.oldest.clear();
        self.oldest_task.clear();
        let mut all: BTreeMap<Label, OfOne> = BTreeMap::new();
        for (id, of) in &now.tenants {
            all.entry(tenants.label(id)).and_modify(|all| *all = together(all, of)).or_insert(*of);
        }
        for (tenant, of) in all {
            for (state, count) in ["waiting", "running", "parked"].into_iter().zip(of.tasks.into_iter().flatten()) {
                self.tasks.get_or_create(&OfState { tenant: tenant.clone(), state: state.into() }).set(large(count));
            }
            let labels = OfTenant { tenant };
            self.stored.get_or_create(&labels).set(large(of.stored_bytes));
            self.apps.get_or_create(&labels).set(whole(of.apps));
            self.streams.get_or_create(&labels).set(whole(of.streams));
            self.consumers.get_or_create(&labels).set(whole(of.consumers));
            if let Some(waiting) = of.waiting {
                self.waiting.get_or_create(&labels).set(large(waiting));
            }
            for (family, age) in [(&self.oldest, of.oldest_seconds), (&self.oldest_task, of.oldest_task_seconds)] {
                if let Some(age) = age {
                    family.get_or_create(&labels).set(age);
                }
            }
        }
    }
}

/// Of two tenants that share a label. Where something of one is unknown, it is of both.
fn together(one: &OfOne, other: &OfOne) -> OfOne {
    let oldest = |one: Option<f64>, other: Option<f64>| Some(one?.max(other?));
    OfOne {
        tasks: one.tasks.zip(other.tasks).map(|(one, other)| [one[0] + other[0], one[1] + other[1], one[2] + other[2]]),
        oldest_task_seconds: oldest(one.oldest_task_seconds, other.oldest_task_seconds),
        stored_bytes: one.stored_bytes + other.stored_bytes,
        apps: one.apps + other.apps,
        streams: one.streams + other.streams,
        consumers: one.consumers + other.consumers,
        waiting: one.waiting.zip(other.waiting).map(|(one, other)| one + other),
        oldest_seconds: oldest(one.oldest_seconds, other.oldest_seconds),
    }
}

fn whole(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn large(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "seconds since 1970 have less than 52 bits")]
fn seconds(at: Timestamp) -> f64 {
    at.as_second() as f64
}
