//! Each mistake has its sentence.

use super::super::{Config, ConfigErrors};
use super::{mistakes, mistakes_with};
use std::path::Path;

/// Each text has one mistake: this one.
fn each(cases: &[(&str, &str)]) {
    for (text, sentence) in cases {
        assert_eq!(mistakes(text), [*sentence], "{text}");
    }
}

#[test]
fn numbers_out_of_bounds_or_of_another_type() {
    each(&[
        ("slots = 0", "f:1: slots = 0: at least 1, such as 3"),
        ("slots = -3", "f:1: slots = -3: at least 1, such as 3"),
        ("slots = 1025", "f:1: slots = 1025: at most 1024, such as 3"),
        ("slots = 3.5", "f:1: slots = 3.5: not a whole number: from 1 to 1024, such as 3"),
        ("slots = 'three'", "f:1: slots = \"three\": not a whole number: from 1 to 1024, such as 3"),
        ("slots = 'unlimited'", "f:1: slots = \"unlimited\": not a whole number: from 1 to 1024, such as 3"),
        ("slots = true", "f:1: slots = true: not a whole number: from 1 to 1024, such as 3"),
        ("slots = [3]", "f:1: slots = […]: not a whole number: from 1 to 1024, such as 3"),
        ("slots = { n = 3 }", "f:1: slots = {…}: not a whole number: from 1 to 1024, such as 3"),
        ("\n[profiles.p]\nweight = 0", "f:3: profiles.p.weight = 0: at least 1, such as 1"),
        (
            "[profiles.p]\nwaiting_tasks = 'many'",
            "f:2: profiles.p.waiting_tasks = \"many\": not a whole number: at least 1, such as 10000, or \"unlimited\"",
        ),
        (
            "[profiles.p]\nrows_per_task = 99999999999999999999",
            "f:2: profiles.p.rows_per_task = 99999999999999999999: no number of this size is counted: \"unlimited\" is for \
             no limit",
        ),
        (
            "[profiles.p]\nwall_seconds = '1h'",
            "f:2: profiles.p.wall_seconds = \"1h\": not a number of seconds: from 1 to 31536000, such as 3600",
        ),
        ("[profiles.p]\nattempts = 0", "f:2: profiles.p.attempts = 0: at least 1, such as 3"),
        ("[profiles.p]\nconcurrent_tasks = 0", "f:2: profiles.p.concurrent_tasks = 0: at least 1, such as 3"),
    ]);
}

#[test]
fn sizes_that_are_none() {
    each(&[
        (
            "[profiles.p]\nfile_bytes = 'lots'",
            "f:2: profiles.p.file_bytes = \"lots\": not a size: at least \"1\", such as \"4GB\", or \"unlimited\"",
        ),
        (
            "[profiles.p]\nfile_bytes = 1.5",
            "f:2: profiles.p.file_bytes = 1.5: not a size: at least \"1\", such as \"4GB\", or \"unlimited\"",
        ),
        ("[profiles.p]\nstorage_bytes = 0", "f:2: profiles.p.storage_bytes = 0: at least \"1\", such as \"100GB\""),
        (
            "[profiles.p]\nmemory_bytes = '1MB'",
            "f:2: profiles.p.memory_bytes = \"1MB\": at least \"4MiB\", such as \"512MiB\"",
        ),
        (
            "[profiles.p]\nmemory_bytes = 'unlimited'",
            "f:2: profiles.p.memory_bytes = \"unlimited\": not a size: from \"4MiB\" to \"1TiB\", such as \"512MiB\"",
        ),
        ("[keep]\njournal_bytes = -1", "f:2: keep.journal_bytes = -1: at least \"64KiB\", such as \"64MiB\""),
        ("[keep]\njournal_bytes = '2TiB'", "f:2: keep.journal_bytes = \"2TiB\": at most \"1TiB\", such as \"64MiB\""),
        (
            "[profiles.p]\nfile_bytes = '50GB'",
            "f:2: profiles.p.file_bytes = \"50GB\": a batch may have 40GB, so no such file would be taken: set batch_bytes, \
             too",
        ),
        (
            "[profiles.p]\nfile_bytes = '10GB'\nbatch_bytes = '1GB'",
            "f:2: profiles.p.file_bytes = \"10GB\": a batch may have 1GB, so no such file would be taken: raise batch_bytes, \
             or lower this",
        ),
        (
            "[profiles.p]\nfile_bytes = '4 Gb'",
            "f:2: profiles.p.file_bytes = \"4 Gb\": not a size: write it without a space, \"4GB\"",
        ),
    ]);
}

#[test]
fn durations_that_are_none() {
    each(&[
        ("lease = '999ms'", "f:1: lease = \"999ms\": at least \"1s\", such as \"30s\""),
        ("lease = '2h'", "f:1: lease = \"2h\": at most \"1h\", such as \"30s\""),
        ("lease = 5", "f:1: lease = 5: not a duration: from \"1s\" to \"1h\", such as \"30s\""),
        ("lease = '-5s'", "f:1: lease = \"-5s\": not a duration: from \"1s\" to \"1h\", such as \"30s\""),
        ("[staging_rules]\nquiet = '0s'", "f:2: staging_rules.quiet = \"0s\": at least \"10ms\", such as \"100ms\""),
    ]);
}

#[test]
fn percents_flags_choices_and_paths_that_are_none() {
    each(&[
        (
            "[profiles.p]\ndead_letter_percent = 101",
            "f:2: profiles.p.dead_letter_percent = 101: not a percentage: from 0 to 100, such as 2.5",
        ),
        (
            "[profiles.p]\ndead_letter_percent = -0.1",
            "f:2: profiles.p.dead_letter_percent = -0.1: not a percentage: from 0 to 100, such as 2.5",
        ),
        (
            "[profiles.p]\ndead_letter_percent = nan",
            "f:2: profiles.p.dead_letter_percent = nan: not a number: from 0 to 100, such as 2.5",
        ),
        (
            "[profiles.p]\ndead_letter_percent = '5%'",
            "f:2: profiles.p.dead_letter_percent = \"5%\": not a number: from 0 to 100, such as 2.5",
        ),
        ("adopt_tenants = 'true'", "f:1: adopt_tenants = \"true\": neither yes nor no: true or false, without quotes"),
        ("isolation = 'ful'", "f:1: isolation = \"ful\": no such choice; did you mean \"full\"?"),
        ("isolation = 1", "f:1: isolation = 1: no such choice; there is \"full\", \"reduced\", \"insecure\""),
        ("[queue]\nkind = 'kafka'", "f:2: queue.kind = \"kafka\": no such choice; there is \"embedded\", \"redis\""),
        (
            "[broker]\nkind = 'kafka'",
            "f:2: broker.kind = \"kafka\": no such choice; there is \"embedded\", \"rabbitmq\"",
        ),
        (
            "[rabbitmq]\nqueue_type = 'clasic'",
            "f:2: rabbitmq.queue_type = \"clasic\": no such choice; did you mean \"classic\"?",
        ),
        (
            "[profiles.p]\non_breach = 'stop'",
            "f:2: profiles.p.on_breach = \"stop\": no such choice; there is \"throttle\", \"pause\", \"delete\"",
        ),
        ("[sink]\nkind = 'mysql'", "f:2: sink.kind = \"mysql\": no such choice; there is \"embedded\", \"mongodb\""),
        (
            "[staging_rules]\non_known = 'ignore'",
            "f:2: staging_rules.on_known = \"ignore\": no such choice; there is \"refuse\", \"new-batch\"",
        ),
        ("data = ''", "f:1: data = \"\": not the path of a directory, such as \"./data\""),
        ("staging = \"a\\u0000\"", "f:1: staging = \"a\\0\": not the path of a directory, such as \"./staging\""),
        ("data = 7", "f:1: data = 7: not the path of a directory, such as \"./data\""),
    ]);
}

#[test]
fn data_and_staging_in_each_other() {
    each(&[
        (
            "data = '/a'\nstaging = '/a/s'",
            "f:2: staging = \"/a/s\": staging lies inside data (data is /a, staging is /a/s): name two directories beside \
             each other",
        ),
        (
            "data = './staging/d'",
            "f:1: data = \"./staging/d\": data lies inside staging (data is ./staging/d, staging is ./staging): name two \
             directories beside each other",
        ),
        (
            "staging = './data/'",
            "f:1: staging = \"./data/\": data and staging are one directory (data is ./data, staging is ./data/): name two \
             directories beside each other",
        ),
    ]);
}

#[test]
fn unknown_keys() {
    each(&[
        ("slot = 3", "f:1: slot: no such key; did you mean slots?"),
        ("[tenant.acme]", "f:1: tenant: no such key; did you mean tenants?"),
        ("[tenants.acme]\nprofil = 'normal'", "f:2: tenants.acme.profil: no such key; did you mean profile?"),
        ("[profiles.p]\nfile_byts = 1", "f:2: profiles.p.file_byts: no such key; did you mean file_bytes?"),
        ("quiet = '1s'", "f:1: quiet: no such key here: it stands in [staging_rules]"),
        ("[keep]\nlease = '5s'", "f:2: keep.lease: no such key here: it stands above all tables"),
        (
            "[tenants.acme]\nfile_bytes = '1GB'",
            "f:2: tenants.acme.file_bytes: no such key here: it stands in [profiles.<profile>], in \
             [tenants.<tenant>.apps.<app>.limits], in [tenants.<tenant>.limits], in \
             [tenants.<tenant>.streams.<stream>.limits]",
        ),
        (
            "[tenants.acme.limits]\nweight = 2",
            "f:2: tenants.acme.limits.weight: no such key here: it stands in \
             [profiles.<profile>], in [tenants.<tenant>]",
        ),
        ("[queue]\n'é x' = 1", "f:2: queue.\"é x\": no such key; there are kind"),
        (
            "[tenants.t.sinks.s]\ncolection = 'x'",
            "f:2: tenants.t.sinks.s.colection: no such key; did you mean collection?",
        ),
        ("[tenants.t.apps.a]\nconfg = {}", "f:2: tenants.t.apps.a.confg: no such key; did you mean config?"),
        (
            "[tenants.t.apps.a.limits]\nmemory = '1GB'",
            "f:2: tenants.t.apps.a.limits.memory: no such key; there are attempts, batch_bytes, bytes_per_window, \
             concurrent_tasks, consumers, cpu_seconds, dead_letter_percent, dead_letters, documents_per_task, file_bytes, \
             files_per_batch, formats, killing_rows, memory_bytes, message_bytes, messages_per_window, on_breach, \
             rows_per_task, stall_seconds, storage_bytes, streams, waiting_tasks, wall_seconds, window_seconds",
        ),
    ]);
}

#[test]
fn tables_that_are_none() {
    each(&[
        ("queue = 'embedded'", "f:1: queue = \"embedded\": not a table: write its keys below [queue]"),
        ("[[tenants]]\nname = 'acme'", "f:1: tenants = […]: not a table: write its keys below [tenants]"),
        ("[tenants]\nacme = 1", "f:2: tenants.acme = 1: not a table: write its keys below [tenants.acme]"),
        (
            "[tenants.t.sinks]\norders = 'Orders'",
            "f:2: tenants.t.sinks.orders = \"Orders\": not a table: write its keys below [tenants.t.sinks.orders]",
        ),
        (
            "[tenants.t.apps.a]\nconfig = 'x'",
            "f:2: tenants.t.apps.a.config = \"x\": not a table: such as { delimiter = \";\" }",
        ),
    ]);
}

#[test]
fn names_that_are_none() {
    let rule = "a name has 1 to 64 of a-z, 0-9, - and _, and starts with a letter";
    for (text, sentence) in [
        ("[tenants.ACME]", "f:1: tenants.ACME: not the name of a tenant"),
        ("[tenants.'../etc']", "f:1: tenants.\"../etc\": not the name of a tenant"),
        ("[profiles.'']", "f:1: profiles.\"\": not the name of a profile"),
        ("[tenants.t.apps.1]", "f:1: tenants.t.apps.1: not the name of an app"),
        ("[tenants.t.streams.A]\napp = 'a'", "f:1: tenants.t.streams.A: not the name of a stream"),
        ("[tenants.t.streams.s]\napp = 'A'", "f:2: tenants.t.streams.s.app = \"A\": not the name of an app"),
        ("[tenants.t.sinks.A]", "f:1: tenants.t.sinks.A: not the name of a sink"),
        ("[tenants.t.apps.a]\nsink = 'A'", "f:2: tenants.t.apps.a.sink = \"A\": not the name of a sink"),
        ("[tenants.t]\ndefault_sink = 1", "f:2: tenants.t.default_sink = 1: not the name of a sink"),
    ] {
        assert_eq!(mistakes(text), [format!("{sentence}: {rule}")]);
    }
    each(&[("[tenants.t]\nprofile = 1", "f:2: tenants.t.profile = 1: not the name of a profile, such as \"normal\"")]);
}

#[test]
fn names_of_what_is_not_there() {
    each(&[
        (
            "[tenants.t]\nprofile = 'smal'\n[profiles.small]",
            "f:2: tenants.t.profile = \"smal\": no such profile; did you mean \"small\"?",
        ),
        (
            "[tenants.t]\nprofile = 'huge'\n[profiles.small]",
            "f:2: tenants.t.profile = \"huge\": no such profile; there is \"normal\", \"small\"",
        ),
        (
            "[tenants.t]\ndefault_sink = 'orders'",
            "f:2: tenants.t.default_sink = \"orders\": no such sink; there is \"documents\"",
        ),
        (
            "[tenants.t.apps.a]\nsink = 'trip'\n[tenants.t.sinks.trips]",
            "f:2: tenants.t.apps.a.sink = \"trip\": no such sink; did you mean \"trips\"?",
        ),
        (
            "[tenants.t.sinks.b]\n[tenants.t.sinks.a]\n[tenants.t]",
            "f:3: tenants.t.default_sink: not set, and none of the sinks is called documents: set it to one of a, b",
        ),
    ]);
}

#[test]
fn streams_that_will_not_do() {
    each(&[
        (
            "[tenants.t.streams.s]",
            "f:1: tenants.t.streams.s.app: not set: name the app that is given its messages, such as \
             \"clientstreamingestapp-json\"",
        ),
        (
            "[tenants.t.streams.s]\napp = 'a'\nsink = 'document'",
            "f:3: tenants.t.streams.s.sink = \"document\": no such sink; did you mean \"documents\"?",
        ),
        (
            "[tenants.t.streams.s]\napp = 'a'\nconsumers_min = 0",
            "f:3: tenants.t.streams.s.consumers_min = 0: at least 1, such as 1",
        ),
        (
            "[tenants.t.streams.s]\napp = 'a'\nconsumers_min = 3\nconsumers_max = 2",
            "f:3: tenants.t.streams.s.consumers_min = 3: more than consumers_max, which is 2: set one of them otherwise",
        ),
        (
            "[tenants.t.streams.s]\napp = 'a'\nordered = true\nconsumers_max = 2",
            "f:4: tenants.t.streams.s.consumers_max = 2: messages in order are given to one consumer at a time: set it to 1, \
             or ordered to false",
        ),
        (
            "[tenants.t.limits]\nconsumers = 2\n[tenants.t.streams.s]\napp = 'a'\nconsumers_max = 3",
            "f:5: tenants.t.streams.s.consumers_max = 3: the tenant may have 2 consumers in all: set less, or consumers in \
             the limits of the tenant",
        ),
        (
            "[tenants.t.streams.s]\napp = 'a'\nbatch_bytes = '64MiB'",
            "f:3: tenants.t.streams.s.batch_bytes = \"64MiB\": at most \"32MiB\", such as \"1MiB\"",
        ),
        (
            "[tenants.t.streams.s]\napp = 'a'\n[tenants.t.streams.s.limits]\nwindow_seconds = 9",
            "f:4: tenants.t.streams.s.limits.window_seconds = 9: holds for all streams of a tenant together: set it in the \
             limits of the tenant",
        ),
        (
            "[tenants.t.apps.a.limits]\non_breach = 'delete'",
            "f:2: tenants.t.apps.a.limits.on_breach = \"delete\": holds for all streams of a tenant together: set it in the \
             limits of the tenant",
        ),
        ("[tenants.t.streams.s]\nap = 'a'\napp = 'a'", "f:2: tenants.t.streams.s.ap: no such key; did you mean app?"),
        (
            "[profiles.p]\nmessage_bytes = '33MiB'",
            "f:2: profiles.p.message_bytes = \"33MiB\": at most \"32MiB\", such as \"16MiB\"",
        ),
    ]);
    let bad_app = "[tenants.T.streams.s]\napp = 1\nx = 1";
    assert_eq!(mistakes(bad_app).len(), 3, "whatever its tenant is called, a stream is read");
}

#[test]
fn routing_keys_that_are_none() {
    let of = |keys: &str| mistakes(&format!("[tenants.t.streams.s]\napp = 'a'\nrouting_keys = {keys}"));
    let told = |sentence: &str| [format!("f:3: tenants.t.streams.s.routing_keys = […]: {sentence}")];
    assert_eq!(of("[]"), told("not a list of 1 to 100 routing keys, such as [\"orders\"]"));
    assert_eq!(of("[1]"), told("not a list of 1 to 100 routing keys, such as [\"orders\"]"));
    assert_eq!(of("['a', '']"), told("\"\" is not a routing key: 1 to 255 bytes without control characters"));
    assert_eq!(of("[\"\\n\"]"), told("\"\\n\" is not a routing key: 1 to 255 bytes without control characters"));
    assert_eq!(of("['a', 'b', 'a']"), told("\"a\" stands in it twice: once is enough"));
    assert_eq!(of(&format!("['{}']", "x".repeat(256))).len(), 1);
}

#[test]
fn collections_that_will_not_do() {
    let rule = "not the name of a collection: 1 to 120 letters, digits, _, - and . that begin with a letter or digit, and \
                not with sqlite_ or system., which are the databases' own";
    for name in ["", "_a", "a b", "ä", "SQLite_x", "system.users", &"a".repeat(121)] {
        let told = mistakes(&format!("[tenants.t.sinks.s]\ncollection = '{name}'"));
        assert!(matches!(&told[..], [told] if told.ends_with(&format!(": {rule}"))), "{told:?}");
    }
    let unset = format!("f:1: tenants.t.sinks.sqlite_x.collection: not set, and sqlite_x is {rule}");
    assert_eq!(mistakes("[tenants.t.sinks.sqlite_x]"), [unset]);
    each(&[
        (
            "[tenants.t]\ndefault_sink = 'a'\n[tenants.t.sinks.a]\ncollection = 'Orders'\n[tenants.t.sinks.b]\n\
             collection = 'orders'",
            "f:6: tenants.t.sinks.b.collection = \"orders\": the sink a has the collection Orders already, and capitals make \
             no difference: give each its own",
        ),
        (
            "[tenants.t]\ndefault_sink = 'a'\n[tenants.t.sinks.a]\ncollection = 'b'\n[tenants.t.sinks.b]",
            "f:5: tenants.t.sinks.b.collection: the sink a has the collection b already, and capitals make no difference: \
             give each its own",
        ),
    ]);
}

#[test]
fn formats_that_are_none() {
    let sentence = |shown: &str| {
        format!(
            "f:2: profiles.p.formats = […]: {shown} is not an extension: 1 to 32 of a-z, 0-9, - and _, without the dot, such \
             as \"csv\""
        )
    };
    for word in [".csv", "CSV", "", "tar.gz"] {
        assert_eq!(mistakes(&format!("[profiles.p]\nformats = ['csv', '{word}']")), [sentence(&format!("{word:?}"))]);
    }
    for value in ["'csv'", "[1]"] {
        let told = mistakes(&format!("[profiles.p]\nformats = {value}"));
        assert!(told[0].ends_with(": not a list of extensions, such as [\"csv\", \"jsonl\"]; [] for any"), "{told:?}");
    }
}

#[test]
fn an_apps_table_that_has_no_form_in_json() {
    each(&[
        (
            "[tenants.t.apps.a.config]\nx = [nan]",
            "f:1: tenants.t.apps.a.config = {…}: x = nan has no form in JSON: write it as text",
        ),
        (
            "[tenants.t.apps.a.config.y]\nx = 9999999999999999999",
            "f:1: tenants.t.apps.a.config = {…}: x = 9999999999999999999 fits no 64 bits: write it as text",
        ),
    ]);
    let told = mistakes(&format!("[tenants.t.apps.a]\nconfig = {{ x = '{}' }}", "y".repeat(1 << 20)));
    assert_eq!(
        told,
        ["f:2: tenants.t.apps.a.config = {…}: 1048584 bytes of JSON: at most 1048576 are handed to an app"]
    );
}

#[test]
fn all_are_told_at_once_in_the_order_of_the_file() {
    let text = "[tenants.Acme]\nprofile = 'none'\n[tenants.Acme.apps.a.limits]\nattempts = 0\nslots = 1\n\
                [profiles.p]\nweight = 'x'\nfile_bytes = 0\n";
    let told = mistakes_with(text, &[("MYSIMBDP_LEASE", "x")]);
    let places: Vec<&str> = told.iter().map(|told| told.split(": ").next().unwrap()).collect();
    assert_eq!(places, ["f:1", "f:2", "f:4", "f:5", "f:7", "f:8", "MYSIMBDP_LEASE"], "{told:#?}");
}

#[test]
fn syntax_is_told_with_what_can_be_read_and_nothing_is_guessed_about_the_rest() {
    let text = "slots = 0\nlease = 5s\nisolation 'full'\n[tenants.t]\nprofile = 'p'\n[profiles.p\nweight = 3\n";
    assert_eq!(
        mistakes(text),
        [
            "f:1: slots = 0: at least 1, such as 3",
            "f:2: not TOML: string values must be quoted, expected literal string",
            "f:3: not TOML: key with no value, expected `=`",
            "f:6: not TOML: unclosed table, expected `]`",
        ]
    );
    each(&[("slots = 1\nslots = 2", "f:2: not TOML: duplicate key")]);
}

#[test]
fn a_file_that_cannot_be_had() {
    let folder = tempfile::tempdir().unwrap();
    let load = |path: &Path| -> ConfigErrors { Config::load(Some(path), std::iter::empty()).unwrap_err() };
    let missing = folder.path().join("none.toml");
    let sentence = format!(
        "{}: cannot be read: No such file or directory (os error 2): name a file that can, or none",
        missing.display()
    );
    assert_eq!(load(&missing).to_string(), sentence);
    let told = load(folder.path()).to_string();
    assert!(told.contains(": cannot be read: Is a directory"), "{told}");
    let latin = folder.path().join("latin.toml");
    std::fs::write(&latin, b"slots = 3\ndata = 'd\xe4ta'\n").unwrap();
    assert_eq!(load(&latin).to_string(), format!("{}: line 2 is not UTF-8: save the file as UTF-8", latin.display()));
    let told = load(Path::new("/dev/zero")).to_string();
    assert_eq!(told, "/dev/zero: larger than 64 MiB: this is no configuration");
}
