//! What things are called in the broker. Pure.
//!
//! ```text
//!   <prefix>.<tenant>            the tenant's exchange; with a management API its virtual host and its user too
//!   <prefix>.<tenant>.<stream>   a stream's queue
//! ```
//! No name has a dot in it, so no two things share one.

use crate::broker::StreamKey;
use crate::tenant::{TenantId, is_name};

/// Names of one platform's things.
#[derive(Clone, Debug)]
pub(super) struct Names {
    prefix: String,
    /// The virtual host that all tenants share, where they do.
    shared: Option<String>,
}

impl Names {
    /// # Errors
    /// The prefix will not do; the sentence says what would.
    pub(super) fn new(prefix: &str, shared: Option<String>) -> Result<Names, String> {
        if !is_name(prefix) {
            let rule = "1 to 64 of a-z, 0-9, - and _, the first a letter";
            return Err(format!("the prefix {prefix:?} will not do: it needs {rule}; it is set under [rabbitmq]"));
        }
        Ok(Names { prefix: prefix.to_owned(), shared })
    }

    pub(super) fn vhost(&self, tenant: &TenantId) -> String {
        self.shared.clone().unwrap_or_else(|| self.exchange(tenant))
    }

    pub(super) fn user(&self, tenant: &TenantId) -> String {
        self.exchange(tenant)
    }

    pub(super) fn exchange(&self, tenant: &TenantId) -> String {
        format!("{}.{tenant}", self.prefix)
    }

    pub(super) fn queue(&self, key: &StreamKey) -> String {
        format!("{}.{}.{}", self.prefix, key.tenant, key.stream)
    }
}

/// A pattern that fits this name and nothing else.
pub(super) fn exactly(name: &str) -> String {
    format!("^{}$", name.replace('.', "\\."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenant::StreamName;

    #[test]
    fn names_are_told_apart_by_their_dots() {
        let names = Names::new("mysimbdp", None).unwrap();
        let key =
            StreamKey { tenant: TenantId::parse("acme-1").unwrap(), stream: StreamName::parse("clicks").unwrap() };
        assert_eq!(names.queue(&key), "mysimbdp.acme-1.clicks");
        assert_eq!(names.vhost(&key.tenant), "mysimbdp.acme-1");
        assert_eq!(Names::new("p", Some("/".into())).unwrap().vhost(&key.tenant), "/");
        assert_eq!(exactly("mysimbdp.acme-1"), "^mysimbdp\\.acme-1$");
        assert!(Names::new("a.b", None).unwrap_err().contains("a.b"));
    }
}
