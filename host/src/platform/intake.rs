//! What staging hands on: candidates to the registry of apps, data files into the queue.

use super::Platform;
use super::error::Kind;
use crate::apps::{AppState, Candidate, Decision, Verdict};
use crate::batch::submit::Submission;
use crate::journal::{Event, Happening};
use crate::sink::BoxFuture;
use crate::staging::ports::{AppCandidate, AppIntake, AppVerdict, FileIdentity, Inbox, Ports, Taken, TakenFile};
use crate::task::Origin;
use crate::tenant::{AppName, TenantId};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::sync::Arc;

/// See the module.
pub struct Intake {
    platform: Platform,
}

impl Intake {
    /// What staging is given to talk to a platform.
    pub fn ports(platform: &Platform) -> Ports {
        let intake = Arc::new(Intake { platform: platform.clone() });
        let (tenants, journal) = (platform.clone(), platform.batches.parts.journal.clone());
        Ports {
            apps: Arc::clone(&intake) as _,
            inbox: intake,
            tenants: Arc::new(move |name| tenants.tenant_of_directory(name)),
            tell: Arc::new(move |tenant, what| journal.record_blocking(Event::now(tenant, what))),
        }
    }

    async fn accept(&self, taken: TakenFile) -> Taken {
        let batches = &self.platform.batches;
        let (tenant, app, batch, shown) = (taken.tenant.clone(), taken.app.clone(), taken.batch, taken.shown.clone());
        let accepted = |tasks: Vec<u64>| {
            let numbers: Vec<String> = tasks.iter().map(u64::to_string).collect();
            let sentence = format!("{shown} is in the queue as task {}", numbers.join(", "));
            Taken::Accepted { tasks, sentence }
        };
        match batches.parts.queue.batch(batch).await {
            Ok(tasks) if tasks.is_empty() => {}
            Ok(tasks) => return accepted(tasks),
            Err(error) => return Taken::Later { sentence: error.to_string() },
        }
        let sizes = [(shown.clone(), taken.bytes)];
        if let Err(error) = batches.check(&tenant, &app, &sizes).await {
            return match error.kind {
                Kind::Unavailable | Kind::Internal => Taken::Later { sentence: error.sentence },
                _ => {
                    batches.refused(&tenant, app.as_str(), vec![shown], &error).await;
                    Taken::Refused { sentence: error.sentence }
                }
            };
        }
        let stored = match batches.parts.files.take_over(&taken, 0).await {
            Ok(stored) => stored,
            Err(error) => return Taken::Later { sentence: error.to_string() },
        };
        let submission = Submission { id: batch, tenant, app, origin: Origin::Inbox, files: vec![stored] };
        match batches.submit(submission).await {
            Ok(tasks) => accepted(tasks),
            Err(error) if matches!(error.kind, Kind::Unavailable | Kind::Internal) => {
                Taken::Later { sentence: error.sentence }
            }
            Err(error) => Taken::Refused { sentence: error.sentence },
        }
    }
}

impl Inbox for Intake {
    fn holds_back(&self, tenant: &TenantId, app: &AppName) -> Option<String> {
        if self.platform.batches.parts.tenants.active(tenant).is_none() {
            return Some(format!("waiting: tenant {tenant} is not registered, or disabled"));
        }
        match self.platform.batches.parts.apps.live(tenant, app) {
            Some(_) => None,
            None => Some(format!(
                "waiting: no app {app} is live for tenant {tenant}; drop its .so into the staging directory"
            )),
        }
    }

    fn take(&self, taken: TakenFile) -> BoxFuture<'_, Taken> {
        Box::pin(self.accept(taken))
    }
}

impl Intake {
    async fn judge(&self, candidate: AppCandidate) -> AppVerdict {
        let AppCandidate { tenant, file, identity, snapshot, last_change, .. } = candidate;
        let candidate = Candidate { tenant, file: known_as(&file), identity, snapshot, last_change };
        let verdict = match self.platform.consider(candidate).await {
            Ok(verdict) => verdict,
            Err(error) => return AppVerdict::Later { sentence: error.to_string() },
        };
        let Verdict { verdict, sentence, app, generation, findings, .. } = verdict;
        if verdict == Decision::Refused {
            return AppVerdict::Refused { sentence, findings };
        }
        let generation = generation.unwrap_or_default();
        AppVerdict::Live { apps: app.into_iter().collect(), generation, sentence, findings }
    }

    async fn retire(&self, tenant: &TenantId, file: &str) -> Option<String> {
        let retired = match self.platform.batches.parts.apps.removed(tenant, file).await {
            Ok(retired) => retired,
            Err(error) => {
                tracing::error!(%error, %tenant, file, "a removed app could not be retired");
                return None;
            }
        };
        let mut sentences = Vec::new();
        for generation in retired {
            let reason = format!("{file} was removed");
            sentences.push(format!("app {} of tenant {tenant} is retired: {reason}", generation.label()));
            let (app, hash) = (generation.app().clone(), generation.hash().to_owned());
            self.platform.announce(tenant, &app).await;
            self.tell(tenant, Happening::AppRetired { app, generation: hash, reason }).await;
        }
        (!sentences.is_empty()).then(|| sentences.join("; "))
    }

    async fn tell(&self, tenant: &TenantId, what: Happening) {
        self.platform.batches.parts.journal.record(Event::now(Some(tenant), what)).await;
    }
}

/// Before the hexadecimal digits of a name that is no UTF-8.
const RAW: &str = "\0raw:";

/// The registry knows files by text; a name that is none is its bytes in hexadecimal digits.
fn known_as(file: &OsStr) -> String {
    match file.to_str() {
        Some(text) => text.to_owned(),
        None => file.as_bytes().iter().fold(RAW.to_owned(), |text, byte| text + &format!("{byte:02x}")),
    }
}

/// The way back.
fn known_of(text: &str) -> OsString {
    let Some(digits) = text.strip_prefix(RAW) else { return OsString::from(text) };
    let byte = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    OsString::from_vec((0..digits.len()).step_by(2).filter_map(byte).collect())
}

impl AppIntake for Intake {
    fn consider(&self, candidate: AppCandidate) -> BoxFuture<'_, AppVerdict> {
        Box::pin(self.judge(candidate))
    }

    fn removed<'a>(&'a self, tenant: &'a TenantId, file: &'a OsStr) -> BoxFuture<'a, Option<String>> {
        Box::pin(async move { self.retire(tenant, &known_as(file)).await })
    }

    fn is_known(&self, tenant: &TenantId, file: &OsStr, identity: &FileIdentity) -> bool {
        self.platform.batches.parts.apps.is_judged(tenant, &known_as(file), identity)
    }

    fn files(&self, tenant: &TenantId) -> Vec<OsString> {
        self.platform.batches.parts.apps.judged_files(tenant).iter().map(|file| known_of(file)).collect()
    }

    fn live(&self, tenant: &TenantId) -> Vec<AppName> {
        let apps = self.platform.batches.parts.apps.list(Some(tenant));
        apps.into_iter().filter(|app| app.state == AppState::Live).map(|app| app.app).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_is_known_by_a_text_that_leads_back_to_it() {
        for name in [&b"app.so"[..], b"apps/\xff\xfe\n.so", "Zo\u{eb}.so".as_bytes(), b"a\nb"] {
            let name = OsStr::from_bytes(name);
            assert_eq!(known_of(&known_as(name)), name);
        }
    }
}
