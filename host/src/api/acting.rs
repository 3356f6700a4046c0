//! Somebody who acts: the facade, and what this caller may name of it.
//!
//! What a caller may not reach is for it as if it were not there; the sentences are those that it would hear of what never
//! was. So each route asks here first for whatever it is named.

use super::asks::reader;
use super::changed::changed;
use super::noted::Noted;
use super::served::Served;
use crate::broker::StreamKey;
use crate::identity::Caller;
use crate::identity::tokens::Tokens;
use crate::journal::Scope;
use crate::platform::Platform;
use crate::platform::error::{ActionError, Kind};
use crate::task::{BatchId, TaskRecord};
use crate::tenant::{Of, StreamName, TenantId};
use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use jiff::Timestamp;
use tokio::io::AsyncRead;

/// See the module.
#[derive(Clone)]
pub(super) struct Acting {
    pub(super) platform: Platform,
    pub(super) caller: Caller,
    /// For the audit log.
    pub(super) noted: Noted,
    tokens: Tokens,
}

impl FromRequestParts<Served> for Acting {
    type Rejection = ActionError;

    async fn from_request_parts(parts: &mut Parts, served: &Served) -> Result<Acting, ActionError> {
        let caller = parts.extensions.get::<Caller>().cloned();
        let caller = caller.ok_or_else(|| ActionError::internal("a route was reached that nobody guards"))?;
        let noted = parts.extensions.get::<Noted>().cloned().unwrap_or_default();
        Ok(Acting { platform: served.platform.clone(), caller, noted, tokens: served.tokens.clone() })
    }
}

impl Acting {
    /// Only an operator may.
    pub(super) fn operator(&self) -> Result<(), ActionError> {
        match self.caller.is_operator() {
            true => Ok(()),
            false => Err(ActionError::forbidden(
                "operators_only",
                "this is the operator's to do, and your token is a tenant's: ask the operator",
            )),
        }
    }

    /// Whether the caller still may: a request that takes long is asked again before it counts.
    ///
    /// # Errors
    /// Its token is over by now, or its tenant suspended.
    pub(super) fn still(&self) -> Result<(), ActionError> {
        if self.caller.token.as_ref().is_some_and(|id| !self.tokens.is_good(id, Timestamp::now())) {
            let sentence = "this token was revoked or has expired while the request was under way, of which nothing is kept: ask \
                            the operator for a new one (`mysimbdp tokens issue`), and send it again";
            return Err(ActionError { kind: Kind::Stranger, code: "unauthorized", sentence: sentence.to_owned() });
        }
        self.platform.lets_in(self.caller.tenant())
    }

    /// A body as it comes. It ends with an error where its sender says nothing for too long, and where it may send no more.
    pub(super) fn reader(&self, body: Body) -> impl AsyncRead + Unpin + Send + use<> {
        let acting = self.clone();
        reader(body, move || acting.still())
    }

    /// Why something failed: whoever was let go meanwhile hears that.
    pub(super) fn told(&self, error: ActionError) -> ActionError {
        self.still().err().unwrap_or(error)
    }

    /// Makes a change of what is settled, and notes what it has changed.
    pub(super) async fn settling<T>(
        &self,
        of: Of<'_>,
        change: impl Future<Output = Result<T, ActionError>>,
    ) -> Result<T, ActionError> {
        let settings = || self.platform.settlement(of).ok().map(|settlement| settlement.settings);
        let before = settings();
        let done = change.await?;
        self.noted.what(changed(before.as_ref(), settings().as_ref()));
        Ok(done)
    }

    /// A tenant that was named.
    pub(super) fn tenant(&self, tenant: TenantId) -> Result<TenantId, ActionError> {
        match self.caller.may_reach(&tenant) {
            true => {
                self.noted.tenant(&tenant);
                Ok(tenant)
            }
            false => Err(crate::batch::submit::unknown_tenant(&tenant)),
        }
    }

    /// Whose things are asked for: of the tenant that is named, else of all that the caller may reach.
    pub(super) fn whose(&self, asked: Option<TenantId>) -> Result<Option<TenantId>, ActionError> {
        match asked {
            Some(tenant) => self.tenant(tenant).map(Some),
            None => Ok(self.caller.tenant().cloned()),
        }
    }

    /// Which journal is asked for.
    pub(super) fn scope(&self, asked: Option<TenantId>) -> Result<Scope, ActionError> {
        Ok(self.whose(asked)?.map_or(Scope::General, Scope::Tenant))
    }

    /// The audit log, which is of no tenant.
    pub(super) fn audit(&self, asked: Option<TenantId>) -> Result<Scope, ActionError> {
        self.operator()?;
        match asked {
            None => Ok(Scope::Audit),
            Some(tenant) => {
                let sentence =
                    format!("the audit log is of no tenant: leave audit out, and ask for the requests of {tenant}");
                Err(ActionError::invalid("bad_query", sentence))
            }
        }
    }

    /// A stream that was named.
    pub(super) fn stream(&self, (tenant, stream): (TenantId, StreamName)) -> Result<StreamKey, ActionError> {
        Ok(StreamKey { tenant: self.tenant(tenant)?, stream })
    }

    /// A task that was named.
    pub(super) async fn task(&self, number: u64) -> Result<TaskRecord, ActionError> {
        let task = self.platform.task(number).await?;
        match self.caller.may_reach(&task.tenant) {
            true => {
                self.noted.tenant(&task.tenant);
                Ok(task)
            }
            false => Err(crate::platform::unknown_task(number)),
        }
    }

    /// A batch that was named: open, or in the queue.
    pub(super) async fn batch(&self, batch: BatchId) -> Result<(), ActionError> {
        match self.platform.owner(batch).await? {
            Some(tenant) if !self.caller.may_reach(&tenant) => Err(crate::platform::unknown_batch(batch)),
            Some(tenant) => {
                self.noted.tenant(&tenant);
                Ok(())
            }
            // Where it is nobody's, whatever is asked next says so.
            _ => Ok(()),
        }
    }
}
