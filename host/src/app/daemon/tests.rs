//! Limits of streams that are lowered while the daemon runs: nothing that is started was above them when it was.

use super::*;
use crate::broker::StreamKey;
use crate::journal::{Filter, Order, Scope};
use crate::stream::monitor::{Limit, Notification};
use crate::tenant::{Limits, OnBreach, StreamState, Tenant, TenantId};
use std::fmt::Write as _;

const POLICIES: [OnBreach; 3] = [OnBreach::Throttle, OnBreach::Pause, OnBreach::Delete];

/// Two streams of each of three tenants, one of each policy. No app is there: consumers wait for it.
fn config(folder: &Path) -> Config {
    let mut text = String::new();
    for policy in POLICIES.map(OnBreach::word) {
        let _ = writeln!(text, "[profiles.{policy}]\nwindow_seconds = 1\non_breach = \"{policy}\"");
        let _ = writeln!(text, "[tenants.{policy}]\nprofile = \"{policy}\"");
        for stream in ["one", "other"] {
            let _ = writeln!(text, "[tenants.{policy}.streams.{stream}]\napp = \"none\"");
        }
    }
    let file = folder.join("mysimbdp.toml");
    std::fs::write(&file, text).unwrap();
    let config = Config::load(Some(&file), []).unwrap();
    Config { data: folder.join("data"), staging: folder.join("staging"), ..config }
}

async fn events(daemon: &Daemon, tenant: &TenantId, kind: &str) -> Vec<Happening> {
    let journal = &daemon.platform.batches.parts.journal;
    journal.flush().await.unwrap();
    let scope = Scope::Tenant(tenant.clone());
    let page = journal.read(&scope, &Filter::kind(kind), Order::OldestFirst, 1_000, None).await.unwrap();
    page.events.into_iter().map(|event| event.what).collect()
}

/// Waits for the first event of a kind that is wanted.
async fn first<T>(daemon: &Daemon, tenant: &TenantId, kind: &str, wanted: impl Fn(Happening) -> Option<T>) -> T {
    loop {
        if let Some(found) = events(daemon, tenant, kind).await.into_iter().find_map(&wanted) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The first notification about a limit.
async fn breach(daemon: &Daemon, tenant: &TenantId, limit: Limit) -> (String, Notification) {
    let wanted = |event| match event {
        Happening::StreamBreach { sentence, notification } if notification.limit == limit => {
            Some((sentence, notification))
        }
        _ => None,
    };
    first(daemon, tenant, "stream_breach", wanted).await
}

#[tokio::test(flavor = "multi_thread")]
async fn fewer_consumers_and_streams_are_allowed_than_there_are_under_each_policy() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(config(folder.path())).await.unwrap();
    let streams = &daemon.platform.streams;
    for policy in POLICIES {
        let id: TenantId = policy.word().parse().unwrap();
        let key = |stream: &str| StreamKey { tenant: id.clone(), stream: stream.parse().unwrap() };
        let tenants = &daemon.platform.batches.parts.tenants;
        let known = tenants.get(&id).unwrap();
        assert_eq!(streams.scale(&key("one"), 4).await.unwrap(), Some((1, 4)));
        let limits = Limits { consumers: 3, streams: 1, ..known.limits.clone() };
        tenants.replace(Tenant { limits, ..Tenant::clone(&known) });

        let (sentence, notification) = breach(&daemon, &id, Limit::Consumers).await;
        assert_eq!((notification.measured, notification.allowed, notification.policy), (5, 3, policy));
        let expected = format!(
            "the streams of tenant {id} have 5 consumers, where 3 are allowed (consumers): \
             give its streams fewer consumers, or raise the limit"
        );
        assert_eq!(sentence, expected);
        // From the one that has most, and journalled with the reason.
        let scaled = |event| match event {
            Happening::StreamScaled { stream, from, to, reason } => Some((stream.to_string(), from, to, reason)),
            _ => None,
        };
        let (stream, from, to, reason) = first(&daemon, &id, "stream_scaled", scaled).await;
        assert_eq!((stream.as_str(), from, to), ("one", 4, 2), "{policy:?}: {reason}");
        assert_eq!(reason, format!("{expected}. consumers were taken away"));

        let (sentence, notification) = breach(&daemon, &id, Limit::Streams).await;
        assert_eq!((notification.measured, notification.allowed), (2, 1));
        assert!(
            sentence.contains("are 2 that are started, where 1 is allowed (streams): stop one of them"),
            "{sentence}"
        );
        // Neither was the tenant's own deed: no policy stops a stream for it.
        let all = streams.list();
        let own = all.iter().filter(|told| told.key.tenant == id);
        assert!(own.clone().all(|told| told.said.state == StreamState::Started && told.consumers >= 1), "{policy:?}");
        assert!(own.map(|told| told.consumers).sum::<usize>() <= 3, "{policy:?}");
        // No other is started above the limit, and a stream that is stopped stays so.
        streams.stop(&key("other"), StreamState::Stopped, "by hand").await.unwrap();
        let refused = streams.start(&key("other"), "by hand").await.unwrap_err().to_string();
        assert!(refused.contains("would have 2 streams, where 1 are allowed (streams)"), "{refused}");
    }
    daemon.stop().await;
}
