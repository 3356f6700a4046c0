use super::*;
use crate::tenant::Change::{Part, Removed, Reset, Whole};
use serde_json::json;

const TEXT: &str = "[profiles.large]\nrows_per_task = 9\n[tenants.acme]\nprofile = \"large\"\n";

fn open_with(folder: &tempfile::TempDir, text: &str) -> Tenants {
    let file = folder.path().join("c.toml");
    std::fs::write(&file, text).unwrap();
    let config = Config::load(Some(&file), []).unwrap();
    Tenants::open(Arc::new(config), &folder.path().join("tenants.json")).unwrap()
}

fn open(folder: &tempfile::TempDir, adopt: bool) -> Tenants {
    open_with(folder, &format!("adopt_tenants = {adopt}\n{TEXT}"))
}

fn id(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

fn stream(name: &str) -> StreamName {
    StreamName::parse(name).unwrap()
}

impl Tenants {
    /// Whatever is there.
    fn change(&self, of: Of<'_>, change: Change) -> Result<u64, SettleError> {
        self.settle(of, change, Seen::ANY, &[])
    }
}

#[test]
fn what_is_settled_holds_at_once_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let tenants = open(&folder, false);
    let (acme, globex) = (id("acme"), id("globex"));
    assert_eq!(tenants.change(Of::Tenant(&globex), Whole(json!({ "weight": 5 }))).unwrap(), 1);
    let of = Of::Profile("large");
    assert_eq!(tenants.settle(of, Whole(json!({ "rows_per_task": 11 })), Seen::version(0), &[]).unwrap(), 2);
    tenants.change(Of::Tenant(&acme), Whole(json!({ "profile": "large", "enabled": false }))).unwrap();
    for tenants in [tenants, open(&folder, false)] {
        assert_eq!(tenants.get(&globex).unwrap().weight, 5);
        let rows = tenants.get(&acme).unwrap().limits.rows_per_task;
        assert_eq!(rows, 11, "whoever has a profile has it as it is now");
        assert!(tenants.active(&acme).is_none());
        assert_eq!(tenants.document(Of::Tenant(&globex)).unwrap().version, 1);
    }
}

#[test]
fn the_second_of_two_who_change_the_same_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let tenants = open(&folder, false);
    let acme = id("acme");
    let change =
        |weight: u64| tenants.settle(Of::Tenant(&acme), Whole(json!({ "weight": weight })), Seen::version(0), &[]);
    change(2).unwrap();
    let told = change(3).unwrap_err().to_string();
    assert!(told.starts_with("tenant acme has version 1 by now, and you have looked at 0"), "{told}");
    assert_eq!(tenants.get(&acme).unwrap().weight, 2);
}

#[test]
fn whether_one_is_to_be_there_is_heeded() {
    let folder = tempfile::tempdir().unwrap();
    let tenants = open(&folder, false);
    let (acme, nobody, clicks) = (id("acme"), id("nobody"), stream("clicks"));
    let (there, absent) = (Seen { there: Some(None), not: None }, Seen { there: None, not: Some(None) });
    for (is, isnt, settings) in [
        (Of::Tenant(&acme), Of::Tenant(&nobody), json!({})),
        (Of::Profile("large"), Of::Profile("none"), json!({})),
        (Of::Stream(&acme, &clicks), Of::Stream(&nobody, &clicks), json!({ "app": "a" })),
    ] {
        if let Of::Stream(..) = is {
            tenants.change(is, Whole(settings.clone())).unwrap();
            assert!(matches!(
                tenants.change(Of::Stream(&id("who"), &clicks), Whole(json!({}))),
                Err(SettleError::Missing(_))
            ));
        }
        let said = |of, seen| tenants.settle(of, Whole(settings.clone()), seen, &[]);
        assert!(matches!(said(isnt, there), Err(SettleError::Gone(_))), "{isnt}");
        assert!(matches!(said(isnt, Seen::version(0)), Err(SettleError::Gone(_))), "{isnt}");
        assert!(matches!(said(is, absent), Err(SettleError::There { .. })), "{is}");
        said(is, there).unwrap();
        said(isnt, absent).unwrap();
        let not = Seen { there: None, not: Some(Some(tenants.version(is))) };
        assert!(matches!(said(is, not), Err(SettleError::There { .. })), "{is}");
    }
}

#[test]
fn what_will_not_do_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let tenants = open(&folder, false);
    let acme = id("acme");
    let many = json!({ "limits": { "rows_per_task": "many" } });
    for (of, change, part) in [
        (Of::Tenant(&acme), Whole(json!({ "profile": "none" })), "no such profile"),
        (Of::Tenant(&acme), Whole(many.clone()), "tenants.acme.limits.rows_per_task"),
        (Of::Tenant(&acme), Part(many), "tenants.acme.limits.rows_per_task"),
        (Of::Tenant(&acme), Part(json!({ "streams": 3 })), "tenants.acme.streams"),
        (Of::Tenant(&acme), Part(json!({ "streams": { "a": 3 } })), "tenants.acme.streams.a"),
        (Of::Profile("large"), Removed, "no such profile"),
        (Of::Profile("normal"), Removed, "profile normal is always there"),
        (Of::Tenant(&id("nobody")), Reset, "the configuration file does not name it"),
    ] {
        let told = tenants.change(of, change).unwrap_err().to_string();
        assert!(told.contains(part), "{part}: {told}");
    }
    for change in [Removed, Part(json!({}))] {
        assert!(matches!(tenants.change(Of::Tenant(&id("nobody")), change), Err(SettleError::Missing(_))));
    }
    assert!(!folder.path().join("tenants.json").exists());
    assert_eq!(tenants.get(&acme).unwrap().limits.rows_per_task, 9);
}

#[test]
fn one_that_is_removed_stays_away_until_it_is_settled_anew() {
    let folder = tempfile::tempdir().unwrap();
    let tenants = open(&folder, true);
    let (acme, stray) = (id("acme"), id("stray"));
    assert!(tenants.of_directory("stray").unwrap().1);
    for gone in [&acme, &stray] {
        tenants.change(Of::Tenant(gone), Removed).unwrap();
    }
    for tenants in [tenants, open(&folder, true)] {
        assert!(tenants.get(&acme).is_none() && tenants.of_directory("stray").is_none());
    }
    let tenants = open(&folder, true);
    assert_eq!(tenants.removed(), [acme.clone(), stray]);
    assert_eq!(tenants.change(Of::Tenant(&acme), Removed).unwrap(), 1, "removed twice is as once");
    assert_eq!(tenants.change(Of::Tenant(&acme), Whole(json!({}))).unwrap(), 3);
    assert!(tenants.active(&acme).is_some());
}

#[test]
fn a_stream_that_is_settled_leaves_the_rest_of_its_tenant_to_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let tenants = open(&folder, true);
    tenants.of_directory("stray").unwrap();
    let (acme, stray, clicks) = (id("acme"), id("stray"), stream("clicks"));
    for tenant in [&acme, &stray] {
        let of = Of::Stream(tenant, &clicks);
        assert!(tenants.document(of).is_none());
        tenants.change(of, Whole(json!({ "app": "clicks" }))).unwrap();
        assert!(tenants.stream(tenant, &clicks).is_some());
    }
    // The file says something else of the tenant later; and the other's directory is gone.
    let text = "[profiles.large]\nrows_per_task = 5\n[tenants.acme]\nprofile = \"large\"\n";
    let tenants = open_with(&folder, text);
    let now = tenants.get(&acme).unwrap();
    assert_eq!((now.limits.rows_per_task, now.streams.len()), (5, 1));
    assert!(tenants.stream(&stray, &clicks).is_some());
    tenants.change(Of::Stream(&acme, &clicks), Removed).unwrap();
    assert!(tenants.stream(&acme, &clicks).is_none());
    assert!(matches!(tenants.change(Of::Stream(&acme, &clicks), Removed), Err(SettleError::Missing(_))));
}

#[test]
fn whoever_changes_a_tenant_sees_its_streams_change_and_keeps_those_that_it_does_not_name() {
    let folder = tempfile::tempdir().unwrap();
    let tenants = open_with(&folder, "[tenants.acme]\n[tenants.acme.streams.slow]\napp = \"slow\"\n");
    let (acme, late, slow) = (id("acme"), stream("late"), stream("slow"));
    let (of, of_late, of_slow) = (Of::Tenant(&acme), Of::Stream(&acme, &late), Of::Stream(&acme, &slow));
    let seen = tenants.document(of).unwrap();
    tenants.change(of_late, Whole(json!({ "app": "late" }))).unwrap();
    let told = tenants.settle(of, Whole(seen.settings), Seen::version(seen.version), &[]);
    assert!(matches!(told, Err(SettleError::Stale { .. })), "{told:?}");
    tenants.change(of, Part(json!({ "weight": 3 }))).unwrap();
    assert_eq!(tenants.get(&acme).unwrap().streams.keys().collect::<Vec<_>>(), [&late, &slow]);
    // A part names some of them; another has its version still.
    let before = tenants.version(of_slow);
    tenants.change(of, Part(json!({ "streams": { "late": { "enabled": false } } }))).unwrap();
    let now = tenants.get(&acme).unwrap();
    assert_eq!((now.streams[&late].enabled, now.streams[&slow].enabled, now.weight), (false, true, 3));
    assert!(tenants.version(of_late) > 0 && tenants.version(of_slow) == before);
    tenants.change(of, Part(json!({ "streams": { "slow": null } }))).unwrap();
    for tenants in [&tenants, &open_with(&folder, "[tenants.acme.streams.slow]\napp = \"slow\"\n")] {
        assert_eq!(tenants.get(&acme).unwrap().streams.keys().collect::<Vec<_>>(), [&late]);
    }
    // As a whole, they are what is named.
    tenants.change(of, Whole(json!({ "streams": { "slow": { "app": "slow" } } }))).unwrap();
    assert_eq!(tenants.get(&acme).unwrap().streams.keys().collect::<Vec<_>>(), [&slow]);
    tenants.change(of, Part(json!({ "streams": null }))).unwrap();
    assert!(tenants.get(&acme).unwrap().streams.is_empty());
}

#[test]
fn versions_rise_and_are_never_given_out_twice() {
    let folder = tempfile::tempdir().unwrap();
    let tenants = open(&folder, false);
    let (acme, clicks) = (id("acme"), stream("clicks"));
    let (of, of_stream) = (Of::Tenant(&acme), Of::Stream(&acme, &clicks));
    let mut last = 0;
    let app = || json!({ "app": "clicks" });
    for (what, change) in [
        (of_stream, Whole(app())),
        (of_stream, Removed),
        (of, Whole(json!({ "streams": { "clicks": app() } }))),
        (of_stream, Part(json!({ "enabled": false }))),
        (of, Whole(json!({}))),
        (of_stream, Whole(app())),
        (of, Reset),
        (of, Removed),
        (of, Whole(json!({}))),
        (of_stream, Whole(app())),
    ] {
        tenants.change(what, change.clone()).unwrap();
        let version = tenants.version(of);
        assert!(version > last, "{what} {change:?}: {version} after {last}");
        assert!([0, version].contains(&tenants.version(of_stream)) || matches!(what, Of::Tenant(_)));
        last = version;
    }
}

#[test]
fn parts_that_are_changed_at_once_are_all_there() {
    let folder = tempfile::tempdir().unwrap();
    let tenants = open(&folder, false);
    let acme = id("acme");
    std::thread::scope(|scope| {
        for key in ["attempts", "streams", "consumers", "files_per_batch"] {
            let (tenants, acme) = (&tenants, &acme);
            scope.spawn(move || tenants.change(Of::Tenant(acme), Part(json!({ "limits": { key: 5 } }))).unwrap());
        }
    });
    let limits = tenants.get(&acme).unwrap().limits.clone();
    assert_eq!((limits.attempts, limits.streams, limits.consumers, limits.files_per_batch), (5, 5, 5, 5));
}

#[test]
fn what_nobody_has_named_follows_its_profile_and_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let tenants = open_with(&folder, "[tenants.umbra.streams.slow]\napp = \"slow\"\n");
    let (umbra, slow) = (id("umbra"), stream("slow"));
    let change = json!({ "weight": 7, "consumers": 2, "attempts": 4 });
    tenants.change(Of::Profile("normal"), Part(change)).unwrap();
    let now = tenants.get(&umbra).unwrap();
    assert_eq!((now.weight, now.limits.attempts, now.streams[&slow].consumers_max), (7, 4, 2));
    tenants.change(Of::Tenant(&umbra), Part(json!({ "enabled": false }))).unwrap();
    tenants.change(Of::Tenant(&umbra), Part(json!({ "enabled": true }))).unwrap();
    // What the file says of other keys later holds, and that something of it does not is told.
    let text = "[tenants.umbra]\nweight = 3\nenabled = false\nlimits.attempts = 9\n";
    let tenants = open_with(&folder, text);
    let now = tenants.get(&umbra).unwrap();
    assert_eq!((now.weight, now.limits.attempts, now.enabled, now.streams.len()), (3, 9, true, 0));
    assert_eq!(
        tenants.overrides(),
        [
            "profile normal: weight, consumers, attempts as settled at run time, whatever its table says: `mysimbdp profiles \
             reset normal` goes back to what the file says",
            "tenant umbra: enabled as settled at run time, whatever its table says: `mysimbdp tenants reset umbra` goes back to \
             what the file says",
        ]
    );
    tenants.change(Of::Tenant(&umbra), Reset).unwrap();
    tenants.change(Of::Profile("normal"), Reset).unwrap();
    assert!(!tenants.get(&umbra).unwrap().enabled && tenants.overrides().is_empty());
    // One that the file names no more is gone, whatever was changed of it.
    tenants.change(Of::Tenant(&umbra), Part(json!({ "enabled": true }))).unwrap();
    let tenants = open_with(&folder, "");
    assert!(tenants.get(&umbra).is_none());
    assert!(
        tenants.overrides()[0].contains("does not hold, since the file does not name it"),
        "{:?}",
        tenants.overrides()
    );
}

#[test]
fn what_is_reset_is_as_the_file_says_and_leaves_streams_alone() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[tenants.acme]\nweight = 2\n[tenants.acme.streams.slow]\napp = \"slow\"\n";
    let tenants = open_with(&folder, text);
    let (acme, late, slow) = (id("acme"), stream("late"), stream("slow"));
    let of = Of::Tenant(&acme);
    tenants.change(Of::Stream(&acme, &late), Whole(json!({ "app": "late" }))).unwrap();
    tenants.change(Of::Stream(&acme, &slow), Removed).unwrap();
    assert!(tenants.overrides()[0].starts_with("stream acme/slow was removed at run time, and stays away"));
    tenants.change(of, Part(json!({ "weight": 5, "enabled": false }))).unwrap();
    tenants.change(of, Reset).unwrap();
    assert_eq!(tenants.get(&acme).unwrap().streams.keys().collect::<Vec<_>>(), [&late]);
    tenants.change(Of::Stream(&acme, &slow), Reset).unwrap();
    let now = tenants.get(&acme).unwrap();
    assert_eq!((now.weight, now.enabled, now.streams.len()), (2, true, 2));
    tenants.change(of, Removed).unwrap();
    assert!(tenants.overrides()[0].starts_with("tenant acme was removed at run time, and stays away"));
    tenants.change(of, Reset).unwrap();
    assert!(tenants.get(&acme).unwrap().streams.contains_key(&slow));
    // As a whole: what the file says of its streams does not hold, and nothing goes back to that.
    tenants.change(of, Whole(json!({ "streams": { "slow": { "app": "other" } } }))).unwrap();
    assert!(tenants.overrides()[0].starts_with("tenant acme was settled as a whole"));
    let told = tenants.change(Of::Stream(&acme, &slow), Reset).unwrap_err().to_string();
    assert!(told.contains("its tenant was settled as a whole"), "{told}");
    assert_eq!(tenants.stream(&acme, &slow).unwrap().app.as_str(), "other");
}

#[test]
fn what_an_earlier_version_has_kept_holds() {
    let folder = tempfile::tempdir().unwrap();
    let kept = json!({
        "profiles": { "normal": { "version": 4, "settings": null } },
        "tenants": { "acme": { "version": 2, "settings": { "weight": 3, "streams": { "a": { "app": "a" } } } } },
        "streams": { "acme": { "b": { "version": 1, "settings": { "app": "b" } } } },
    });
    std::fs::write(folder.path().join("tenants.json"), kept.to_string()).unwrap();
    let tenants = open(&folder, false);
    let acme = id("acme");
    let now = tenants.get(&acme).unwrap();
    assert_eq!((now.weight, now.streams.len(), now.profile.as_str()), (3, 2, "normal"));
    assert!(tenants.document(Of::Profile("normal")).is_some(), "it is always there");
    assert_eq!(tenants.change(Of::Tenant(&acme), Part(json!({ "weight": 4 }))).unwrap(), 5);
    assert_eq!(tenants.get(&acme).unwrap().streams.len(), 2);
}

#[test]
fn some_keys_stay_as_they_are_whatever_is_settled_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let tenants = open(&folder, false);
    let (acme, slow) = (id("acme"), stream("slow"));
    let of = Of::Stream(&acme, &slow);
    let limited = json!({ "app": "a", "limits": { "messages_per_window": 7 } });
    tenants.change(of, Whole(limited.clone())).unwrap();
    let raised = json!({ "app": "b", "limits": { "messages_per_window": 9 } });
    tenants.settle(of, Whole(raised), Seen::ANY, &["limits"]).unwrap();
    let now = tenants.document(of).unwrap().settings;
    assert_eq!((&now["app"], &now["limits"]), (&json!("b"), &limited["limits"]));
}
