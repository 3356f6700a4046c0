//! Judging a candidate: from its bytes to a generation that is live, or to the sentence that refuses it.

use super::change::{entry, retirement};
use super::generation::{Facts, Generation};
use super::index::Kept;
use super::probe::{self, ProbeError};
use super::records::{Write, isolation_name};
use super::store::StoredCopy;
use super::verdict::{Candidate, Change, Decision, FileIdentity, HistoryEntry, Judgement, Occurrence, Verdict};
use super::{AppsError, Inner, blocking};
use crate::staging::candidate::{self, Descriptor, Examination, Finding, Kind, app_label};
use crate::staging::snapshot::Snapshot;
use crate::tenant::{AppName, TenantId};
use crate::worker::process::WorkerSpec;
use crate::worker::words::{one_line, short_line};
use jiff::Timestamp;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Longest version that is kept.
const MAX_VERSION: usize = 256;

/// What is known of a candidate while it is judged.
pub(super) struct Case {
    tenant: TenantId,
    file: String,
    identity: FileIdentity,
    last_change: Option<Timestamp>,
    examination: Examination,
}

impl Inner {
    pub(super) async fn consider(&self, candidate: Candidate) -> Result<Verdict, AppsError> {
        let Candidate { tenant, file, identity, snapshot, last_change } = candidate;
        let _turn = self.turns.of(&tenant).await;
        let (snapshot, examination) = blocking(move || {
            let examination = candidate::examine(snapshot.bytes(), &probe::this_machine());
            (snapshot, examination)
        })
        .await?;
        let case = Case { tenant, file, identity, last_change: Some(last_change), examination };
        if let Some(verdict) = self.judged_before(&case) {
            return Ok(verdict);
        }
        if let Some(reasons) = case.reasons() {
            return self.refuse(case, reasons).await;
        }
        let descriptor = case.descriptor();
        let Some((descriptor, app)) =
            descriptor.and_then(|found| AppName::parse(&found.name).ok().map(|app| (found, app)))
        else {
            // An accepted examination has a descriptor with a name that will do.
            return self.refuse(case, "its descriptor names no app".into()).await;
        };
        // Asked before the file is kept, which mends a lost one.
        let was_live = self.read().live(&case.tenant, &app).cloned();
        match self.keep_and_probe(&case, snapshot, &descriptor).await? {
            Err(reason) => self.refuse(case, reason).await,
            Ok((copy, facts)) => self.go_live(case, app, copy, facts, was_live).await,
        }
    }

    /// Refuses a file that could not be read.
    pub(super) async fn refuse_unread(
        &self,
        tenant: TenantId,
        file: String,
        identity: FileIdentity,
        finding: Finding,
    ) -> Result<Verdict, AppsError> {
        let _turn = self.turns.of(&tenant).await;
        let reason = reasons([&finding].into_iter()).unwrap_or_default();
        let examination = Examination {
            descriptor: None,
            door: None,
            generation: String::new(),
            uses_iconv: false,
            findings: vec![finding],
        };
        self.refuse(Case { tenant, file, identity, last_change: None, examination }, reason).await
    }

    fn judged_before(&self, case: &Case) -> Option<Verdict> {
        let index = self.read();
        let judgement = index.judgement(&case.tenant, &case.file, &case.identity)?;
        // The state of a file tells its content apart but for a write within one tick of the file system's clock.
        if judgement.generation.as_deref() != Some(&case.examination.generation) {
            return None;
        }
        Some(case.verdict(Decision::Unchanged, judgement.app.clone(), judgement.sentence.clone()))
    }

    /// Keeps the bytes and has them probed, unless that was done before. `Err` is the reason of a refusal.
    pub(super) async fn keep_and_probe(
        &self,
        case: &Case,
        snapshot: Snapshot,
        descriptor: &Descriptor,
    ) -> Result<Result<(Arc<StoredCopy>, Arc<Facts>), String>, AppsError> {
        let hash = case.examination.generation.clone();
        let _alone_with_this_content = self.contents.of(&hash).await;
        let store = Arc::clone(&self.store);
        let copy = blocking(move || store.keep(&hash, snapshot.bytes())).await??;
        if let Some(facts) = copy.probed() {
            let facts = Arc::clone(facts);
            return Ok(Ok((copy, facts)));
        }
        let refused = match self.probe(case, &copy, descriptor).await {
            Ok(Ok(facts)) => {
                let facts = Arc::clone(copy.note_probed(Arc::new(facts)));
                return Ok(Ok((copy, facts)));
            }
            Ok(Err(reason)) => Ok(Err(reason)),
            Err(error) => Err(error),
        };
        let store = Arc::clone(&self.store);
        if let Err(error) = blocking(move || store.discard(copy)).await? {
            tracing::warn!(%error, "what a refused app left in the store is removed later");
        }
        refused
    }

    /// Loads the file of the store once. `Err` is the reason of a refusal.
    async fn probe(
        &self,
        case: &Case,
        copy: &Arc<StoredCopy>,
        descriptor: &Descriptor,
    ) -> Result<Result<Facts, String>, AppsError> {
        let Ok(_place) = self.probes.acquire().await else { return Err(AppsError::ShuttingDown) };
        let label = app_label(&descriptor.name, copy.hash());
        let uses_iconv = case.examination.uses_iconv;
        let spec = WorkerSpec {
            app: copy.open()?,
            label: label.clone(),
            isolation: self.prober.isolation,
            limits: self.prober.limits,
            config: None,
            preload_iconv: uses_iconv,
            start_deadline: self.prober.deadline,
        };
        match probe::probe(&self.prober.spawner, &spec, Some(descriptor)).await {
            Ok(ready) => {
                let kinds = ready.kinds.iter().filter_map(|kind| Kind::named(kind)).collect();
                let (version, rows_independent) =
                    (short_line(&ready.version, MAX_VERSION).into_owned(), ready.rows_independent);
                Ok(Ok(Facts { version, kinds, rows_independent, uses_iconv }))
            }
            Err(source) if source.is_the_hosts() => Err(AppsError::Probe { file: case.file.clone(), source }),
            Err(ProbeError::Start(error)) => Ok(Err(format!("app {label} cannot be started: {error}"))),
            Err(ProbeError::Disagrees { reason, .. }) => Ok(Err(reason)),
        }
    }

    /// Makes it durable, then live. `was_live` is what was live before its file was kept.
    async fn go_live(
        &self,
        case: Case,
        app: AppName,
        copy: Arc<StoredCopy>,
        facts: Arc<Facts>,
        was_live: Option<Arc<Generation>>,
    ) -> Result<Verdict, AppsError> {
        let now = Timestamp::now();
        let (tenant, file, hash) = (&case.tenant, &case.file, copy.hash().to_owned());
        let known = self.read().generation(tenant, &app, &hash).filter(|known| known.facts() == &facts).cloned();
        let stays = was_live.as_ref().is_some_and(|live| live.hash() == hash);
        let again = if known.is_some() { " again" } else { "" };
        let generation = known.unwrap_or_else(|| {
            Arc::new(Generation::new(tenant.clone(), app.clone(), Arc::clone(&copy), Arc::clone(&facts)))
        });
        let sentence = match stays {
            true => format!("{file} is app {}, which is live already", generation.label()),
            false => format!("{file} is live{again}: app {}{}", generation.label(), generation.traits()),
        };
        let dropped = self.next_drop.fetch_add(1, Ordering::Relaxed);
        let judgement = case.judgement(true, Some(app.clone()), sentence.clone());
        let mut writes = vec![
            Write::Content {
                hash: hash.clone(),
                size: copy.size(),
                facts,
                build: self.prober.build.clone(),
                isolation: isolation_name(self.prober.isolation),
            },
            Write::Generation { app: app.clone(), hash: hash.clone(), file: file.clone(), dropped },
            Write::Judged { file: file.clone(), judgement: judgement.clone() },
        ];
        if !stays {
            writes.push(Write::App { app: app.clone(), hash: hash.clone(), live: true, since: now });
            writes.push(Write::History(entry(now, Occurrence::Live, &generation, Some(file), sentence.clone())));
        }
        // What this file was before.
        let mut ousted = self.read().live_from(tenant, file);
        ousted.retain(|other| other.app() != &app);
        let reason = format!("its file {file} is app {app} now");
        for other in &ousted {
            writes.extend(retirement(other, Occurrence::Removed, Some(file), &reason, now));
        }
        self.record(tenant, writes).await?;

        let mut index = self.write();
        index.note_judged(tenant, file.clone(), judgement);
        index.keep(Kept { generation: Arc::clone(&generation), file: file.clone(), dropped }, now);
        if !stays {
            index.set(tenant, &app, &hash, true, now);
        }
        for other in &ousted {
            index.set(tenant, other.app(), other.hash(), false, now);
        }
        drop(index);
        let after_ms = case.age_ms(now);
        if !stays {
            let reason = format!("{file} was dropped");
            self.tell(Change::Live { generation: Arc::clone(&generation), replaced: was_live, after_ms, reason });
        }
        for generation in ousted {
            self.tell(Change::Retired { generation, reason: reason.clone() });
        }
        let (version, kinds) = (generation.version().to_owned(), generation.kinds().to_vec());
        Ok(Verdict { version, kinds, after_ms, ..case.verdict(Decision::Live, Some(app), sentence) })
    }

    async fn refuse(&self, case: Case, reason: String) -> Result<Verdict, AppsError> {
        let sentence = format!("{} is refused: {}", case.file, one_line(&reason));
        let descriptor = case.examination.descriptor.as_ref();
        let app = descriptor.and_then(|found| AppName::parse(&found.name).ok());
        let judgement = case.judgement(false, app.clone(), sentence.clone());
        let verdict = case.verdict(Decision::Refused, app, sentence);
        let history = HistoryEntry {
            at: Timestamp::now(),
            what: Occurrence::Refused,
            app: verdict.app.clone(),
            generation: verdict.generation.clone(),
            version: verdict.version.clone(),
            kinds: verdict.kinds.clone(),
            file: Some(case.file.clone()),
            sentence: verdict.sentence.clone(),
        };
        let judged = Write::Judged { file: case.file.clone(), judgement: judgement.clone() };
        self.record(&case.tenant, vec![judged, Write::History(history)]).await?;
        self.write().note_judged(&case.tenant, case.file, judgement);
        Ok(verdict)
    }
}

impl Case {
    /// Of bytes that are in no staging directory.
    pub(super) fn elsewhere(tenant: TenantId, file: &str, examination: Examination) -> Case {
        let identity = FileIdentity { dev: 0, ino: 0, size: 0, mtime_ns: 0 };
        Case { tenant, file: file.to_owned(), identity, last_change: None, examination }
    }

    /// Why it is refused, if it is.
    pub(super) fn reasons(&self) -> Option<String> {
        reasons(self.examination.refusals())
    }

    /// What it says of itself.
    pub(super) fn descriptor(&self) -> Option<Descriptor> {
        self.examination.descriptor.clone()
    }

    /// `None` where the bytes could not be read.
    fn generation(&self) -> Option<String> {
        Some(self.examination.generation.clone()).filter(|generation| !generation.is_empty())
    }

    fn judgement(&self, accepted: bool, app: Option<AppName>, sentence: String) -> Judgement {
        Judgement { identity: self.identity, accepted, generation: self.generation(), app, sentence }
    }

    fn verdict(&self, verdict: Decision, app: Option<AppName>, sentence: String) -> Verdict {
        let descriptor = self.examination.descriptor.as_ref();
        Verdict {
            verdict,
            sentence,
            file: self.file.clone(),
            app,
            generation: self.generation(),
            version: descriptor.map(|found| found.version.clone()).unwrap_or_default(),
            kinds: descriptor.map(|found| found.kinds.clone()).unwrap_or_default(),
            after_ms: None,
            findings: self.examination.findings.clone(),
        }
    }

    /// How long ago the file was changed; 0 where a clock was set back since.
    fn age_ms(&self, now: Timestamp) -> Option<u64> {
        self.last_change.map(|then| u64::try_from(now.duration_since(then).as_millis()).unwrap_or(0))
    }
}

/// All refusals in one sentence; `None` where there are none.
fn reasons<'f>(refusals: impl Iterator<Item = &'f Finding>) -> Option<String> {
    let told = |finding: &Finding| match finding.mend.is_empty() {
        true => finding.sentence.clone(),
        false => format!("{}; {}", finding.sentence, finding.mend),
    };
    let refusals: Vec<String> = refusals.map(told).collect();
    match refusals.as_slice() {
        [] => None,
        [only] => Some(only.clone()),
        several => {
            let numbered: Vec<String> =
                several.iter().enumerate().map(|(index, reason)| format!("({}) {reason}", index + 1)).collect();
            Some(format!("for {} reasons: {}", several.len(), numbered.join("; ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_refusals_are_told_in_one_sentence() {
        let one = Finding::refusal("a", "it is text", "drop the .so");
        let other = Finding::refusal("b", "it needs libx.so", "");
        assert_eq!(reasons([].into_iter()), None);
        assert_eq!(reasons([&one].into_iter()).as_deref(), Some("it is text; drop the .so"));
        let both = "for 2 reasons: (1) it is text; drop the .so; (2) it needs libx.so";
        assert_eq!(reasons([&one, &other].into_iter()).as_deref(), Some(both));
    }
}
