//! How much a stream may take just now: its tenant's messages and bytes per window, and its own where they are less.
//!
//! All consumers of a tenant's streams on this host take from one bucket. What a message weighs is known only once it is there,
//! and several consumers may take at the same moment: that is a debt of the bucket, and the next wait is longer for it. Where
//! several hosts work for the tenant, the bucket is this host's part ([`share`]), which changes with what all of them want.

use super::share;
use crate::quota::bucket::{Amount, Bucket, Consumption, Standing};
use crate::tenant::Limits;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Longest wait of a consumer that is held back before it asks again: its host may have a larger part by then.
const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// A bucket that is shared, and since when its time counts.
#[derive(Debug)]
pub struct Allowance {
    since: Instant,
    /// What it allows to all hosts together.
    limit: Amount,
    window: Duration,
    inside: Mutex<Inside>,
}

#[derive(Debug)]
struct Inside {
    bucket: Bucket,
    /// When a consumer was held back last because no message, or no byte, was left.
    no_messages: Option<Duration>,
    no_bytes: Option<Duration>,
}

/// What this host has of an allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Holding {
    /// What is allowed to all hosts together.
    pub(super) limit: Amount,
    /// The part of this host.
    pub(super) part: Amount,
    /// What was taken in the last window.
    pub(super) taken: Amount,
    /// What this host wants of it.
    pub(super) wanted: Amount,
}

/// What one stream takes from.
#[derive(Clone, Debug)]
pub struct Gate {
    /// Its tenant's.
    tenant: Arc<Allowance>,
    /// Its own, where that is less.
    own: Option<Arc<Allowance>>,
}

impl Allowance {
    /// A full one.
    pub fn new(limits: &Limits) -> Allowance {
        let (limit, window) = (amount(limits), Duration::from_secs(limits.window_seconds.max(1)));
        let inside = Inside { bucket: Bucket::new(limit, window), no_messages: None, no_bytes: None };
        Allowance { since: Instant::now(), limit, window, inside: Mutex::new(inside) }
    }

    /// It is what these limits allow.
    pub(super) fn is_of(&self, limits: &Limits) -> bool {
        self.limit == amount(limits) && self.window == limits.window()
    }

    /// What this host has of it and wants.
    pub(super) fn holding(&self, has_consumers: bool) -> Holding {
        let now = self.since.elapsed();
        let mut inside = self.inside();
        let Standing { limit: part, taken, .. } = inside.bucket.standing(now);
        let wanted = |limit, taken, held_back: Option<Duration>| {
            let is_held_back = held_back.is_some_and(|at| now.saturating_sub(at) < share::memory(self.window));
            share::wanted(limit, taken, has_consumers, is_held_back)
        };
        let wanted = Amount {
            messages: wanted(self.limit.messages, taken.messages, inside.no_messages),
            bytes: wanted(self.limit.bytes, taken.bytes, inside.no_bytes),
        };
        Holding { limit: self.limit, part, taken, wanted }
    }

    /// This is the part of this host from now on.
    pub(super) fn grant(&self, part: Amount) {
        let now = self.since.elapsed();
        self.inside().bucket.resize(now, part);
    }

    /// Ends a window.
    pub fn close(&self) -> Consumption {
        let now = self.since.elapsed();
        self.inside().bucket.close(now)
    }

    fn allowed(&self) -> Result<Amount, Duration> {
        let now = self.since.elapsed();
        let mut inside = self.inside();
        let allowed = inside.bucket.allowed(now);
        if !allowed.is_none() {
            return Ok(allowed);
        }
        let left = inside.bucket.standing(now).left;
        if left.messages == 0 {
            inside.no_messages = Some(now);
        }
        if left.bytes == 0 {
            inside.no_bytes = Some(now);
        }
        Err(inside.bucket.next(now).saturating_sub(now).min(LONGEST_WAIT))
    }

    fn take(&self, amount: Amount) {
        let now = self.since.elapsed();
        self.inside().bucket.take(now, amount);
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gate {
    /// This is the allowance of its tenant.
    pub(super) fn takes_from(&self, tenant: &Arc<Allowance>) -> bool {
        Arc::ptr_eq(&self.tenant, tenant)
    }

    /// That of a stream with these limits, whose tenant's are those of the other.
    pub fn new(tenant: &Arc<Allowance>, limits: &Limits) -> Gate {
        let own = amount(limits);
        let is_less = own.messages < tenant.limit.messages || own.bytes < tenant.limit.bytes;
        let own = is_less.then(|| Arc::new(Allowance::new(limits)));
        Gate { tenant: Arc::clone(tenant), own }
    }

    /// What may be taken now, or how long nothing may.
    pub(super) fn allowed(&self) -> Result<Amount, Duration> {
        let tenant = self.tenant.allowed()?;
        match &self.own {
            Some(own) => own.allowed().map(|own| own.and(tenant)),
            None => Ok(tenant),
        }
    }

    /// So much was taken.
    pub(super) fn take(&self, amount: Amount) {
        self.tenant.take(amount);
        if let Some(own) = &self.own {
            own.take(amount);
        }
    }

    /// Its own, where it has one.
    pub(super) fn own(&self) -> Option<&Arc<Allowance>> {
        self.own.as_ref()
    }
}

fn amount(limits: &Limits) -> Amount {
    Amount { messages: limits.messages_per_window, bytes: limits.bytes_per_window }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(messages: u64, bytes: u64) -> Limits {
        Limits { messages_per_window: messages, bytes_per_window: bytes, window_seconds: 3_600, ..Limits::default() }
    }

    #[test]
    fn streams_of_a_tenant_take_from_one_bucket_and_each_has_its_own_where_that_is_less() {
        let tenant = Arc::new(Allowance::new(&limits(10, 1_000)));
        let wide = Gate::new(&tenant, &limits(10, 1_000));
        let narrow = Gate::new(&tenant, &limits(3, 1_000));
        assert_eq!(narrow.allowed(), Ok(Amount { messages: 3, bytes: 1_000 }));
        narrow.take(Amount { messages: 3, bytes: 30 });
        assert!(narrow.allowed().is_err());
        assert_eq!(wide.allowed(), Ok(Amount { messages: 7, bytes: 970 }));
        wide.take(Amount { messages: 7, bytes: 70 });
        assert!(wide.allowed().is_err());
        assert!(wide.own().is_none() && narrow.own().is_some());
        assert_eq!(tenant.close().taken, Amount { messages: 10, bytes: 100 });
    }

    #[test]
    fn a_host_has_the_part_that_it_is_granted_and_says_what_it_wants() {
        let tenant = Arc::new(Allowance::new(&limits(10, 1_000)));
        let gate = Gate::new(&tenant, &limits(10, 1_000));
        let amount = |messages, bytes| Amount { messages, bytes };
        tenant.grant(amount(5, 500));
        assert_eq!(gate.allowed(), Ok(amount(5, 500)));
        gate.take(amount(5, 80));
        let mut holding =
            Holding { limit: amount(10, 1_000), part: amount(5, 500), taken: amount(5, 80), wanted: amount(6, 91) };
        assert_eq!(tenant.holding(true), holding, "nobody has asked for more");
        assert!(gate.allowed().is_err_and(|wait| wait <= LONGEST_WAIT));
        holding.wanted = amount(10, 91);
        assert_eq!(tenant.holding(true), holding);
        holding.wanted = amount(0, 0);
        assert_eq!(tenant.holding(false), holding, "nobody is there who could take it");
        tenant.grant(amount(10, 1_000));
        assert_eq!(gate.allowed(), Ok(amount(5, 920)));
    }
}
