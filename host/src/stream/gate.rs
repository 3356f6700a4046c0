//! How much a stream may take just now: its tenant's messages and bytes per window, and its own where they are less.
//!
//! All consumers of a tenant's streams on this host take from one bucket. What a message weighs is known only once it is there,
//! and several consumers may take at the same moment: that is a debt of the bucket, and the next wait is longer for it. Where
//! several hosts work for the tenant, each has an equal part.

use crate::quota::bucket::{Amount, Bucket, Consumption};
use crate::tenant::Limits;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A bucket that is shared, and since when its time counts.
#[derive(Debug)]
pub struct Allowance {
    since: Instant,
    limit: (Amount, Duration),
    bucket: Mutex<Bucket>,
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
        let limit = (amount(limits), Duration::from_secs(limits.window_seconds.max(1)));
        Allowance { since: Instant::now(), limit, bucket: Mutex::new(Bucket::new(limit.0, limit.1)) }
    }

    /// So many hosts work for the tenant now.
    pub fn share(&self, hosts: u64) {
        let now = self.since.elapsed();
        self.bucket().resize(now, self.limit.0.share(hosts), self.limit.1);
    }

    /// Ends a window.
    pub fn close(&self) -> Consumption {
        let now = self.since.elapsed();
        self.bucket().close(now)
    }

    fn allowed(&self) -> Result<Amount, Duration> {
        let now = self.since.elapsed();
        let mut bucket = self.bucket();
        let allowed = bucket.allowed(now);
        if allowed.is_none() { Err(bucket.next(now).saturating_sub(now)) } else { Ok(allowed) }
    }

    fn take(&self, amount: Amount) {
        let now = self.since.elapsed();
        self.bucket().take(now, amount);
    }

    fn bucket(&self) -> MutexGuard<'_, Bucket> {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gate {
    /// That of a stream with these limits, whose tenant's are those of the other.
    pub fn new(tenant: &Arc<Allowance>, limits: &Limits) -> Gate {
        let own = amount(limits);
        let is_less = own.messages < tenant.limit.0.messages || own.bytes < tenant.limit.0.bytes;
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
    pub(super) fn own(&self) -> Option<&Allowance> {
        self.own.as_deref()
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
    fn hosts_have_equal_parts() {
        let tenant = Arc::new(Allowance::new(&limits(10, 1_000)));
        let gate = Gate::new(&tenant, &limits(10, 1_000));
        tenant.share(2);
        assert_eq!(gate.allowed(), Ok(Amount { messages: 5, bytes: 500 }));
        tenant.share(1);
        assert_eq!(gate.allowed(), Ok(Amount { messages: 10, bytes: 1_000 }));
    }
}
