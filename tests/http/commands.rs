//! The command line's commands that change something: what they do, say and end with.

use crate::scene::Scene;
use mysimbdp_tests::artefacts;
use serde_json::{Value, json};

#[test]
fn nothing_but_a_name_becomes_a_part_of_an_address() {
    let scene = Scene::set();
    for name in ["globex#nope", "globex?x=1", "../profiles/normal", "..", ".", "globex/../acme", "%67lobex", ""] {
        for (kind, what) in [("tenants", "remove"), ("tenants", "show"), ("profiles", "show"), ("tenants", "reset")] {
            let told = scene.daemon.command([kind, what, name]);
            assert_eq!((told.code, told.stdout.as_str()), (2, ""), "{kind} {what} {name}: {}", told.stderr);
            assert!(told.stderr.contains("a name has 1 to 64 of a-z"), "{}", told.stderr);
        }
        let stream = format!("acme/{name}");
        let others: [&[&str]; 3] =
            [&["streams", "delete", &stream], &["apps", "retire", "acme", name], &["tokens", "revoke", name]];
        for arguments in others {
            assert_eq!(scene.daemon.command(arguments).code, 2, "{arguments:?}");
        }
    }
    assert_eq!(scene.daemon.ask(&["tenants", "list"], &[0]).as_array().unwrap().len(), 2);
}

#[test]
fn apps_are_uploaded_and_retired() {
    let scene = Scene::set();
    let obeys = artefacts::obeys_messages(0);
    let obeys = obeys.to_str().unwrap();
    let told = scene.daemon.command(["apps", "upload", "acme", obeys]);
    assert_eq!(told.code, 0, "{}", told.stderr);
    assert!(told.stdout.contains("obeys-messages") && told.stdout.contains("live"), "{}", told.stdout);
    assert_eq!(scene.daemon.ask(&["apps", "upload", "acme", obeys], &[0])["verdict"], "live");
    let junk = scene.daemon.write("junk.so", "no library");
    let refused = scene.daemon.command(["apps", "upload", "acme", junk.to_str().unwrap(), "--json"]);
    assert_eq!((refused.code, &refused.json()["verdict"]), (1, &json!("refused")));
    assert!(refused.stderr.contains("refused"), "{}", refused.stderr);
    let missing = scene.daemon.command(["apps", "upload", "acme", "nothing.so"]);
    assert!(missing.code == 1 && missing.stderr.contains("nothing.so cannot be read"), "{}", missing.stderr);
    let told = scene.daemon.command(["apps", "retire", "acme", "obeys-messages"]);
    assert_eq!((told.code, told.stdout.trim()), (0, "app obeys-messages of tenant acme is retired"), "{}", told.stderr);
    let apps = scene.daemon.ask(&["apps", "list", "--tenant", "acme"], &[0]);
    let state = apps.as_array().unwrap().iter().find(|app| app["app"] == "obeys-messages").map(|app| &app["state"]);
    assert_eq!(state, Some(&json!("retired")), "{apps}");
}

#[test]
fn streams_are_created_shown_changed_published_to_and_deleted() {
    let scene = Scene::set();
    scene.daemon.drop_app_as("acme", &artefacts::obeys_messages(0), "obeys.so");
    let ask = |arguments: &[&str]| scene.daemon.ask(arguments, &[0]);
    let made = ask(&["streams", "set", "acme/clicks", "app=obeys-messages", "routing_keys=[\"a\",\"b\"]"]);
    assert_eq!((&made["state"], &made["routing_keys"]), (&json!("started"), &json!(["a", "b"])));
    let changed = ask(&["streams", "set", "acme/clicks", "consumers_max=2", "routing_keys=[\"a\"]"]);
    assert!(changed["version"].as_u64() > made["version"].as_u64(), "{made} {changed}");
    let shown = scene.daemon.command(["streams", "show", "acme/clicks"]).stdout;
    for line in
        [&format!("# acme/clicks, version {}", changed["version"]), "consumers_max = 2", "app = \"obeys-messages\""]
    {
        assert!(shown.lines().any(|shown| shown == line), "{line}: {shown}");
    }
    let wrong = scene.daemon.command(["streams", "set", "acme/clicks", "consumers_max=lots"]);
    assert!(wrong.code == 1 && wrong.stderr.contains("tenants.acme.streams.clicks.consumers_max"), "{}", wrong.stderr);
    // One message, lines and all, twice under one id.
    scene.daemon.write("message", "n 7\n");
    for _ in 0..2 {
        let sent = ["publish", "acme/clicks", "message", "--message", "--id", "m-7", "--routing-key", "a"];
        assert_eq!(ask(&sent)["accepted"], 1);
    }
    let other = scene.daemon.command(["publish", "acme/clicks", "message", "--message", "--routing-key", "z"]);
    assert!(other.code != 0 && other.stderr.contains('z'), "{}{}", other.stdout, other.stderr);
    assert_eq!(scene.daemon.command(["publish", "acme/clicks", "message", "--id", "m"]).code, 2);
    scene.daemon.until("both deliveries", || {
        let line = ask(&["streams", "show", "acme/clicks"]);
        (line["messages"] == 2 && line["waiting"] == 0 && line["held"] == 0).then_some(())
    });
    assert_eq!(scene.daemon.documents("acme", "documents").len(), 1);
    let windows = scene.daemon.until("a window", || {
        let windows = ask(&["streams", "windows", "acme/clicks", "--limit", "5"]);
        windows.as_array().filter(|all| all.iter().any(|window| window["messages"] != 0)).cloned()
    });
    assert!(windows.iter().filter_map(|window| window["messages"].as_u64()).sum::<u64>() > 0);
    let table = scene.daemon.command(["streams", "windows", "acme/clicks"]).stdout;
    assert!(table.starts_with("closed") && table.lines().count() > 1, "{table}");
    let gone = scene.daemon.command(["streams", "delete", "acme/clicks"]);
    assert_eq!((gone.code, gone.stdout.trim()), (0, "stream acme/clicks is deleted, with its queue"));
    assert_eq!(scene.daemon.command(["streams", "show", "acme/clicks"]).code, 1);
    // One of the file comes back.
    ask(&["streams", "delete", "acme/trips"]);
    assert_eq!(ask(&["streams", "list"]).as_array().map(Vec::len), Some(0));
    assert_eq!(ask(&["streams", "reset", "acme/trips"])["settings"]["app"], Value::from("villains"));
}

#[test]
fn of_several_commands_that_create_one_tenant_at_once_none_is_overwritten() {
    let scene = Scene::set();
    for round in 0..10 {
        let name = format!("fresh{round}");
        std::thread::scope(|scope| {
            for key in ["attempts", "streams", "consumers", "files_per_batch"] {
                let (daemon, name, setting) = (&scene.daemon, &name, format!("limits.{key}=5"));
                scope.spawn(move || daemon.ask(&["tenants", "set", name, &setting], &[0]));
            }
        });
        let settled = scene.daemon.ask(&["tenants", "show", &name], &[0]);
        let all = json!({ "attempts": 5, "streams": 5, "consumers": 5, "files_per_batch": 5 });
        assert_eq!(settled["settings"]["limits"], all, "{settled}");
    }
}
