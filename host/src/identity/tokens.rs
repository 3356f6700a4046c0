//! The tokens there are: `tokens.json` in the data directory, written anew with each change and renamed into place.

use super::token::{Issued, read};
use super::{Caller, Scope};
use crate::durable;
use crate::part::Part;
use crate::tenant::TenantId;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::sync::watch;

/// How long a token that is revoked or expired is still listed.
pub const KEPT: SignedDuration = SignedDuration::from_hours(24 * 90);
/// How long a token lives where nobody says how long.
pub const LIFE: SignedDuration = SignedDuration::from_hours(24 * 90);
/// Longest life of a token.
pub const MAX_LIFE: SignedDuration = SignedDuration::from_hours(24 * 3_650);
/// Longest name of a token, in characters.
pub const MAX_NAME: usize = 100;
/// Most tokens that are kept.
const MAX_TOKENS: usize = 100_000;

/// A token as it is kept: everything but the secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Token {
    /// What it is for, in somebody's words.
    pub name: String,
    /// Whose things it reaches.
    #[serde(flatten)]
    pub scope: Scope,
    /// It may only look.
    pub read_only: bool,
    /// When it was issued.
    pub issued: Timestamp,
    /// By whom.
    pub issued_by: String,
    /// When it ends.
    pub expires: Timestamp,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Timestamp>,
}

/// When the first good token of a kind ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenEnd {
    /// `operator` or `tenant`.
    pub scope: &'static str,
    /// `read` or `write`.
    pub access: &'static str,
    /// When.
    pub at: Timestamp,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    #[serde(flatten)]
    token: Token,
    /// BLAKE3 of the secret, in hexadecimal digits.
    hash: String,
}

/// Why somebody is not let in. All of them sound alike but for the two that the owner of the right secret may know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stranger {
    /// No such token.
    #[error("this token is not known: ask the operator for one (`mysimbdp tokens issue`), and send the whole of it")]
    Unknown,
    /// Its time is over.
    #[error("this token has expired: ask the operator for a new one (`mysimbdp tokens issue`)")]
    Expired,
    /// It was taken back.
    #[error("this token was revoked: ask the operator for a new one (`mysimbdp tokens issue`)")]
    Revoked,
}

/// A token was not issued or revoked.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// There is none of this id.
    #[error("there is no token {0}: `mysimbdp tokens list` shows all")]
    NoToken(String),
    /// There are too many.
    #[error("{MAX_TOKENS} tokens are kept already: revoke some; they go {} days later", KEPT.as_hours() / 24)]
    TooMany,
    /// They cannot be kept.
    #[error("the tokens cannot be written: {0}")]
    Io(#[from] io::Error),
}

/// All tokens. Clones share them.
#[derive(Clone, Debug)]
pub struct Tokens {
    path: Arc<PathBuf>,
    kept: Arc<RwLock<BTreeMap<String, Kept>>>,
    /// Whoever changes them. They are read meanwhile.
    changing: Arc<Mutex<()>>,
    changed: Arc<watch::Sender<()>>,
}

impl Tokens {
    /// Reads the file, if there is one.
    ///
    /// # Errors
    /// It is there and cannot be read.
    pub fn open(path: &Path) -> io::Result<Tokens> {
        let kept = durable::read_json(path)?.unwrap_or_default();
        let (path, kept, changing) = (Arc::new(path.to_owned()), Arc::new(RwLock::new(kept)), Arc::default());
        Ok(Tokens { path, kept, changing, changed: Arc::new(watch::Sender::new(())) })
    }

    /// Whether there is none, and never was one that is still remembered. One that was issued keeps the doors shut, even when
    /// it is over.
    pub fn none_was_issued(&self) -> bool {
        self.read().is_empty()
    }

    /// Whose token this is.
    ///
    /// # Errors
    /// Nobody's that is let in.
    pub fn who(&self, text: &str, now: Timestamp) -> Result<Caller, Stranger> {
        let (id, hash) = read(text).ok_or(Stranger::Unknown)?;
        let kept = self.read();
        let kept = kept.get(id).ok_or(Stranger::Unknown)?;
        let known = blake3::Hash::from_hex(&kept.hash).map_err(|_| Stranger::Unknown)?;
        // In constant time, as blake3 promises of this comparison.
        if known != hash {
            return Err(Stranger::Unknown);
        }
        let Token { name, scope, read_only, revoked, expires, .. } = kept.token.clone();
        if revoked.is_some() {
            return Err(Stranger::Revoked);
        }
        if expires <= now {
            return Err(Stranger::Expired);
        }
        Ok(Caller { name, token: Some(id.to_owned()), scope, read_only })
    }

    /// Whether the token of this id lets somebody in.
    pub fn is_good(&self, id: &str, now: Timestamp) -> bool {
        self.read().get(id).is_some_and(|kept| kept.token.is_good(now))
    }

    /// When the token of this id ends.
    pub fn end(&self, id: &str) -> Option<Timestamp> {
        self.read().get(id).map(|kept| kept.token.expires)
    }

    /// When the first good one ends, of each kind that there is.
    pub fn first_ends(&self, now: Timestamp) -> Vec<TokenEnd> {
        let mut first: BTreeMap<(&str, &str), Timestamp> = BTreeMap::new();
        let kept = self.read();
        for Token { scope, read_only, expires, .. } in
            kept.values().map(|kept| &kept.token).filter(|token| token.is_good(now))
        {
            let scope = if *scope == Scope::Operator { "operator" } else { "tenant" };
            let end = first.entry((scope, if *read_only { "read" } else { "write" })).or_insert(*expires);
            *end = (*end).min(*expires);
        }
        first.into_iter().map(|((scope, access), at)| TokenEnd { scope, access, at }).collect()
    }

    /// Hears of each change.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Some of them with their ids, by which they are in order; and behind which id the rest of them begins.
    pub fn list(&self, part: &Part<String>) -> (Vec<(String, Token)>, Option<String>) {
        let kept = self.read();
        let (found, next) = part.of(kept.iter(), |(id, _)| (*id).clone());
        (found.into_iter().map(|(id, kept)| (id.clone(), kept.token.clone())).collect(), next)
    }

    /// Issues one; it is durable when this answers. The only moment at which its text is known.
    ///
    /// # Errors
    /// There are too many, or it cannot be kept.
    pub fn issue(&self, token: Token) -> Result<Issued, TokenError> {
        let issued = Issued::new()?;
        let now = token.issued;
        self.change(|all| {
            all.retain(|_, kept| now.duration_since(kept.token.over_since()) < KEPT);
            if all.len() >= MAX_TOKENS {
                return Err(TokenError::TooMany);
            }
            all.insert(issued.id.clone(), Kept { token, hash: issued.hash.to_hex().to_string() });
            Ok(())
        })?;
        Ok(issued)
    }

    /// Takes one back. Twice is as once.
    ///
    /// # Errors
    /// There is none of this id, or that cannot be kept.
    pub fn revoke(&self, id: &str, now: Timestamp) -> Result<Token, TokenError> {
        self.change(|all| {
            let kept = all.get_mut(id).ok_or_else(|| TokenError::NoToken(id.to_owned()))?;
            kept.token.revoked.get_or_insert(now);
            Ok(kept.token.clone())
        })
    }

    /// Takes all of a tenant's back that were issued until then: whoever is given its name later shall not be reached with them.
    ///
    /// # Errors
    /// That cannot be kept.
    pub fn revoke_all_of(&self, tenant: &TenantId, until: Timestamp) -> Result<(), TokenError> {
        let scope = Scope::Tenant(tenant.clone());
        let is_its = |kept: &Kept| kept.token.scope == scope && kept.token.issued <= until;
        if !self.read().values().any(is_its) {
            return Ok(());
        }
        self.change(|all| {
            for kept in all.values_mut().filter(|kept| is_its(kept)) {
                kept.token.revoked.get_or_insert(until);
            }
            Ok(())
        })
    }

    fn change<T>(
        &self,
        change: impl FnOnce(&mut BTreeMap<String, Kept>) -> Result<T, TokenError>,
    ) -> Result<T, TokenError> {
        let _turn = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = self.read().clone();
        let done = change(&mut all)?;
        durable::write_json(&self.path, &all)?;
        *self.kept.write().unwrap_or_else(PoisonError::into_inner) = all;
        self.changed.send_replace(());
        Ok(done)
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<String, Kept>> {
        self.kept.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Token {
    /// Whether it lets somebody in.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && self.expires > now
    }

    fn over_since(&self) -> Timestamp {
        self.revoked.map_or(self.expires, |revoked| revoked.min(self.expires))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(scope: Scope) -> Token {
        Token {
            name: "billing".into(),
            scope,
            read_only: true,
            issued: Timestamp::UNIX_EPOCH,
            issued_by: "control socket".into(),
            expires: Timestamp::UNIX_EPOCH + LIFE,
            revoked: None,
        }
    }

    #[test]
    fn a_token_lets_in_until_it_is_revoked_or_expires_and_survives_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.json");
        let (now, later) = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH + LIFE);
        let tokens = Tokens::open(&path).unwrap();
        assert!(tokens.none_was_issued());
        let acme = Scope::Tenant("acme".parse().unwrap());
        let (one, two) = (tokens.issue(token(acme.clone())).unwrap(), tokens.issue(token(Scope::Operator)).unwrap());
        let written = std::fs::read_to_string(&path).unwrap();
        assert!(!written.contains(one.text.rsplit('_').next().unwrap()), "a secret is on disk: {written}");
        for tokens in [tokens.clone(), Tokens::open(&path).unwrap()] {
            let caller = tokens.who(&one.text, now).unwrap();
            assert_eq!((caller.scope, caller.read_only, caller.token), (acme.clone(), true, Some(one.id.clone())));
            assert_eq!(tokens.who(&one.text, later), Err(Stranger::Expired));
            let mixed = one.text.replace(&one.id, &two.id);
            assert_eq!(tokens.who(&mixed, now), Err(Stranger::Unknown), "the secret of another token");
        }
        tokens.revoke(&two.id, now).unwrap();
        assert_eq!(tokens.who(&two.text, now), Err(Stranger::Revoked));
        assert_eq!(Tokens::open(&path).unwrap().who(&two.text, now), Err(Stranger::Revoked));
        assert!(!tokens.none_was_issued());
        assert!(matches!(tokens.revoke("nobody", now), Err(TokenError::NoToken(_))));
        tokens.revoke_all_of(&"globex".parse().unwrap(), now).unwrap();
        assert!(tokens.who(&one.text, now).is_ok());
        let issued = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1);
        let next = tokens.issue(Token { issued, ..token(acme) }).unwrap();
        tokens.revoke_all_of(&"acme".parse().unwrap(), now).unwrap();
        assert_eq!(tokens.who(&one.text, now), Err(Stranger::Revoked));
        assert!(tokens.who(&next.text, now).is_ok(), "it was issued to whoever has the name since");
    }

    #[test]
    fn those_that_are_long_over_go_when_another_is_issued() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::open(&folder.path().join("tokens.json")).unwrap();
        let old = tokens.issue(token(Scope::Operator)).unwrap();
        let much_later = Timestamp::UNIX_EPOCH + LIFE + KEPT;
        tokens.issue(Token { issued: much_later, expires: much_later + LIFE, ..token(Scope::Operator) }).unwrap();
        assert_eq!(tokens.list(&Part { after: None, limit: 10 }).0.len(), 1);
        assert_eq!(tokens.who(&old.text, much_later), Err(Stranger::Unknown));
    }

    #[test]
    fn the_first_end_of_each_kind_is_that_of_a_good_one() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::open(&folder.path().join("tokens.json")).unwrap();
        let at = |days: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * days);
        let tenant = Scope::Tenant("acme".parse().unwrap());
        let issue = |scope: &Scope, read_only, days| {
            tokens.issue(Token { read_only, expires: at(days), ..token(scope.clone()) }).unwrap()
        };
        let revoked = issue(&Scope::Operator, true, 3);
        tokens.revoke(&revoked.id, at(0)).unwrap();
        issue(&Scope::Operator, true, 1);
        let own = issue(&Scope::Operator, true, 40);
        issue(&Scope::Operator, true, 50);
        issue(&tenant, false, 20);
        let end = |scope, access, days| TokenEnd { scope, access, at: at(days) };
        assert_eq!(tokens.first_ends(at(2)), [end("operator", "read", 40), end("tenant", "write", 20)]);
        assert_eq!((tokens.end(&own.id), tokens.end("nobody")), (Some(at(40)), None));
    }
}
