//! Who asks, and what that one may do.
//!
//! ```text
//!   Authorization: Bearer msb_k3v9…_4fJc…  ──▶ tokens: by its id, the secret's hash compared ──▶ Caller ──▶ may it?
//!   the control socket (mode 0600), or loopback where there is no token ─────────────────────▶ an operator
//! ```
//!
//! - A token is `msb_<id>_<secret>`: the id is public and names it in lists and in the audit log, the secret has 256 bits of
//!   the kernel's randomness. Only the secret's BLAKE3 hash is kept, in `tokens.json` of the data directory (mode 0600): a
//!   secret of 256 bits cannot be guessed, so nothing slower is needed. It is shown once, when it is issued.
//! - A token is of an operator or of one tenant, may only read where that is said, and expires. One that is revoked or
//!   expired stays listed for [`tokens::KEPT`], so that it can be told what became of it.
//! - What a caller may not name is for it as if it were not there: the sentence is the same, letter by letter.

pub mod token;
pub mod tokens;

use crate::tenant::TenantId;
use serde::{Deserialize, Serialize};

/// Whose things somebody may reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case", tag = "scope", content = "tenant")]
pub enum Scope {
    /// All of the platform.
    Operator,
    /// Those of one tenant.
    Tenant(TenantId),
}

/// Somebody who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Name of the token, or how else it came: `control socket`, `loopback`.
    pub name: String,
    /// Id of the token; `None` where none was needed.
    pub token: Option<String>,
    /// Whose things it may reach.
    pub scope: Scope,
    /// It may look, and change nothing.
    pub read_only: bool,
}

impl Caller {
    /// An operator that needs no token: whoever opens a socket that only the operator can open.
    pub fn local(name: &str) -> Caller {
        Caller { name: name.to_owned(), token: None, scope: Scope::Operator, read_only: false }
    }

    /// Whether it may reach all of the platform.
    pub fn is_operator(&self) -> bool {
        self.scope == Scope::Operator
    }

    /// Whether it may reach what a tenant has.
    pub fn may_reach(&self, tenant: &TenantId) -> bool {
        match &self.scope {
            Scope::Operator => true,
            Scope::Tenant(own) => own == tenant,
        }
    }

    /// The tenant whose things it is confined to.
    pub fn tenant(&self) -> Option<&TenantId> {
        match &self.scope {
            Scope::Operator => None,
            Scope::Tenant(tenant) => Some(tenant),
        }
    }
}
