//! What is on record: journal, statistics, the bill.

use super::Platform;
use super::error::ActionError;
use crate::journal::stats::Stats;
use crate::journal::{Cursor, Event, Filter, JournalError, Order, Page, Scope};
use crate::part::Part;
use crate::quota::{UsageKey, UsageLine};
use crate::tenant::TenantId;
use jiff::Timestamp;
use jiff::civil::Date;
use std::sync::Arc;
use tokio_stream::Stream;

/// Most events that one answer lists.
const MAX_PAGE: usize = 10_000;

impl Platform {
    /// Statistics of a tenant, or of the platform, drawn from what ended since then.
    ///
    /// # Errors
    /// There is no such tenant, or its journal cannot be read.
    pub async fn stats(&self, tenant: Option<&TenantId>, since: Option<Timestamp>) -> Result<Stats, ActionError> {
        let scope = self.scope(tenant)?;
        Ok(self.batches.parts.journal.stats(&scope, since).await?)
    }

    /// What tenants have used, by tenant and day; and behind which the rest of it begins.
    ///
    /// # Errors
    /// There is no such tenant, or the usage cannot be read.
    pub async fn usage(
        &self,
        tenant: Option<&TenantId>,
        days: (Option<Date>, Option<Date>),
        part: Part<UsageKey>,
    ) -> Result<(Vec<UsageLine>, Option<UsageKey>), ActionError> {
        self.scope(tenant)?;
        let report = self.usage.report(tenant, days, part).await;
        report.map_err(|error| ActionError::internal(error.to_string()))
    }

    /// The last events that pass the filter, oldest first; those before the ones of an earlier page, where `after` is its
    /// [`Page::next`].
    ///
    /// # Errors
    /// There is no such tenant, or its journal cannot be read.
    pub async fn logs(
        &self,
        scope: Scope,
        filter: Filter,
        limit: usize,
        after: Option<Cursor>,
    ) -> Result<Page, ActionError> {
        self.is_on_record(&scope)?;
        let limit = limit.min(MAX_PAGE);
        let mut page = self.batches.parts.journal.read(&scope, &filter, Order::NewestFirst, limit, after).await?;
        page.events.reverse();
        Ok(page)
    }

    /// The last events that pass the filter, and then every one that happens.
    ///
    /// # Errors
    /// There is no such tenant, or its journal cannot be read.
    pub async fn follow(
        &self,
        scope: Scope,
        filter: Filter,
        last: usize,
    ) -> Result<impl Stream<Item = Arc<Event>> + Send + use<>, ActionError> {
        self.is_on_record(&scope)?;
        Ok(self.batches.parts.journal.follow(&scope, filter, last.min(MAX_PAGE)).await?)
    }

    /// Puts what each tenant keeps just now on the bill.
    pub(super) async fn sample_storage(&self) {
        for tenant in self.batches.parts.tenants.all() {
            let bytes = self.sinks().stored_bytes(&tenant.id) + self.batches.parts.files.bytes(&tenant.id);
            if bytes > 0
                && let Err(error) = self.usage.sample_storage(&tenant.id, bytes, Timestamp::now()).await
            {
                tracing::warn!(%error, tenant = %tenant.id, "a sample of storage is missing from the usage");
            }
        }
    }

    fn scope(&self, tenant: Option<&TenantId>) -> Result<Scope, ActionError> {
        let scope = tenant.cloned().map_or(Scope::General, Scope::Tenant);
        self.is_on_record(&scope)?;
        Ok(scope)
    }

    /// Of a tenant that was removed everything stays on record.
    fn is_on_record(&self, scope: &Scope) -> Result<(), ActionError> {
        match scope {
            Scope::Tenant(tenant) if !self.batches.parts.journal.has(scope) => self.known(tenant).map(|_| ()),
            _ => Ok(()),
        }
    }
}

impl From<JournalError> for ActionError {
    fn from(error: JournalError) -> ActionError {
        let sentence = error.to_string();
        match error {
            JournalError::Kind { .. } => ActionError::invalid("unknown_event", sentence),
            _ => ActionError::unavailable("journal_unavailable", sentence),
        }
    }
}
