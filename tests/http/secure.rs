//! HTTPS and tokens as the operator's guide tells of them: an authority of one's own, a certificate that is renewed, commands.

use mysimbdp_tests::artefacts;
use mysimbdp_tests::daemon::Daemon;
use mysimbdp_tests::expect::exit;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// The recipe of the guide, done in `folder` by whoever runs the test.
fn certify(folder: &Path) {
    let guide = fs::read_to_string(artefacts::root().join("docs/operator-guide.md")).unwrap();
    let (_, section) = guide.split_once("\n### HTTPS\n").expect("a section about HTTPS");
    let recipe = section.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    let recipe = recipe.replace("/etc/mysimbdp/tls", folder.to_str().unwrap());
    let recipe = recipe.replace("-g mysimbdp", "-g $(id -g)").replace("chgrp mysimbdp", "chgrp $(id -g)");
    let done = Command::new("sh").args(["-euc", &recipe]).stdin(Stdio::null()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// A daemon that serves HTTPS with what the recipe has made, its address and a token.
fn secure() -> (Daemon, String, String) {
    let mut daemon = Daemon::prepare(
        "[api]\nlisten = \"127.0.0.1:0\"\ncertificate = \"tls/host.pem\"\nkey = \"tls/host.key\"\n[tenants.acme]\n",
    );
    certify(&daemon.path("tls"));
    daemon.serve();
    let address = daemon.ask(&["status"], &[0])["http"].as_str().unwrap().to_owned();
    assert!(address.starts_with("https://127.0.0.1:"), "{address}");
    let issued = daemon.command(["tokens", "issue", "ops"]);
    assert!(
        issued.stderr.contains("it is the first") && issued.stderr.contains("start the host again"),
        "{}",
        issued.stderr
    );
    (daemon, address, issued.stdout.trim().to_owned())
}

fn serial(daemon: &Daemon, address: &str) -> String {
    let host = address.strip_prefix("https://").unwrap();
    let shown = format!("openssl s_client -connect {host} </dev/null 2>/dev/null | openssl x509 -noout -serial");
    let output = Command::new("sh").args(["-c", &shown]).current_dir(daemon.path("")).output().unwrap();
    let serial = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(serial.starts_with("serial="), "{}", String::from_utf8_lossy(&output.stderr));
    serial
}

#[test]
fn a_certificate_made_as_the_guide_says_is_trusted_with_ca_and_without_it_the_sentence_names_that() {
    let (daemon, address, token) = secure();
    let asked = |server: &str, ca: Option<&str>| {
        let ca = ca.map(|ca| ["--ca", ca]).into_iter().flatten();
        daemon.command(["status", "--server", server, "--token", &token].into_iter().chain(ca))
    };
    let good = asked(&address, Some("tls/ca.pem"));
    assert_eq!(good.code, exit::DONE, "{}", good.stderr);
    let told = asked(&address, None);
    assert_eq!(told.code, exit::FAILED);
    let sentence = format!("{address} answers, but its certificate is not trusted");
    assert!(told.stderr.contains(&sentence) && told.stderr.contains("with --ca (MYSIMBDP_CA)"), "{}", told.stderr);
    // The host's own certificate is no authority.
    let told = asked(&address, Some("tls/host.pem"));
    assert!(told.stderr.contains(&sentence), "{}", told.stderr);
    let told = asked(&address.replace("https://127.0.0.1", "https://127.0.0.2"), Some("tls/ca.pem"));
    assert_eq!(told.code, exit::FAILED, "nobody is there");
    let told = asked(&address.replace("https:", "http:"), None);
    assert!(told.stderr.contains("serves HTTPS, name it with https:// in --server"), "{}", told.stderr);
    assert!(![&told.stderr, &good.stderr].iter().any(|words| words.contains("mysimbdp serve`")), "{}", told.stderr);
}

#[test]
fn plain_http_that_is_asked_with_tls_is_told_so() {
    let daemon = Daemon::start("[api]\nlisten = \"127.0.0.1:0\"\n");
    let address = daemon.ask(&["status"], &[0])["http"].as_str().unwrap().replace("http:", "https:");
    let told = daemon.command(["status", "--server", &address]);
    assert!(told.stderr.contains("answers, but not with TLS: name it with http:// in --server"), "{}", told.stderr);
}

#[test]
fn a_certificate_that_was_renewed_is_taken_up_at_sighup_and_one_that_will_not_do_is_not() {
    let (mut daemon, address, token) = secure();
    let first = serial(&daemon, &address);
    certify(&daemon.path("tls"));
    assert_eq!(serial(&daemon, &address), first);
    daemon.signal("HUP");
    daemon.until("the new one", || (serial(&daemon, &address) != first).then_some(()));
    assert!(daemon.log().contains("api.certificate and api.key were read again"), "{}", daemon.log());
    let second = serial(&daemon, &address);
    daemon.write("tls/host.pem", "half of a certif");
    daemon.signal("HUP");
    daemon.until("a word of it", || {
        daemon.log().contains("going on with the certificate that was read before").then_some(())
    });
    assert_eq!(serial(&daemon, &address), second);
    let status = ["status", "--server", &address, "--token", &token, "--ca", "tls/ca.pem"];
    assert_eq!(daemon.command(status).code, exit::DONE);
    assert_eq!(daemon.stop(), exit::DONE);
}

#[test]
fn a_token_is_revoked_by_as_much_of_its_id_as_no_other_has() {
    let daemon = Daemon::start("[api]\nlisten = \"127.0.0.1:0\"\n");
    let id = |name: &str| daemon.ask(&["tokens", "issue", name], &[0])["id"].as_str().unwrap().to_owned();
    let (one, _other) = (id("one"), id("other"));
    let short = daemon.command(["tokens", "revoke", &one[..3]]);
    assert!(short.code == exit::FAILED && short.stderr.contains("there is no token"), "{}", short.stderr);
    let revoked = daemon.command(["tokens", "revoke", &one[..4]]);
    assert!(revoked.stdout.contains(&format!("token {one} (one) lets nobody in any more")), "{}", revoked.stderr);
    let second = daemon.command(["tokens", "issue", "third"]);
    assert!(!second.stderr.contains("it is the first"), "{}", second.stderr);
    for days in ["0", "100000", "many"] {
        let told = daemon.command(["tokens", "issue", "x", "--days", days]);
        assert_eq!(told.code, exit::USAGE);
        assert!(told.stderr.contains("a token lives for 1 to 3650 days: ask for so many"), "{}", told.stderr);
    }
}
