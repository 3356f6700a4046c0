//! Data files.

use super::*;
use std::os::unix::ffi::OsStrExt;

#[tokio::test(flavor = "multi_thread")]
async fn a_data_file_goes_into_the_queue_and_leaves_its_verdict_in_the_inbox() {
    let bench = Bench::new(&["acme"]);
    bench.there("acme/apps").await;
    bench.live("acme/x.so", "csv").await;
    bench.write("acme/inbox/csv/a.csv", "a,b\n");
    let verdict = bench.verdict("acme/inbox/csv/a.csv", "accepted").await;
    let batches = bench.queue.batches.lock().unwrap().clone();
    let (batch, (_, file)) = batches.iter().next().unwrap();
    assert_eq!((&verdict["batch"], &verdict["tasks"][0]), (&batch.to_string().into(), &0.into()));
    assert_eq!(fs::read(bench.queue.store.path(&file.key).unwrap()).unwrap(), b"a,b\n");
    bench.until("nothing is left behind", || bench.names("acme/.taken").is_empty()).await;
    assert!(bench.names("acme/inbox/csv").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_dropped_before_its_app_waits_and_is_told_so_once() {
    let bench = Bench::new(&["acme"]);
    bench.there("acme/inbox").await;
    fs::create_dir(bench.path("acme/inbox/csv")).unwrap();
    bench.write("acme/inbox/csv/a.csv", "a");
    let verdict = bench.verdict("acme/inbox/csv/a.csv", "waiting").await;
    assert_eq!(verdict["sentence"], "waiting: no app csv is live for this tenant");
    bench.knock().look_again(&TenantId::parse("acme").unwrap());
    bench.live("acme/y.so", "other").await;
    assert_eq!(bench.verdict("acme/inbox/csv/a.csv", "waiting").await["at"], verdict["at"]);
    bench.live("acme/x.so", "csv").await;
    bench.verdict("acme/inbox/csv/a.csv", "accepted").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_file_is_put_aside_with_its_verdict() {
    let bench = Bench::new(&["acme"]);
    bench.there("acme/apps").await;
    bench.live("acme/x.so", "csv").await;
    for number in ["", ".1"] {
        bench.write("acme/inbox/csv/a.csv", "refuse me");
        let place = format!("acme/refused/csv/a.csv{number}");
        let verdict = bench.verdict(&place, "refused").await;
        assert_eq!(verdict["sentence"], "it says that it is to be refused");
        bench.until(&place, || bench.path(&place).exists()).await;
        bench.until("nothing is left behind", || bench.names("acme/.taken").is_empty()).await;
    }
    assert!(bench.names("acme/inbox/csv").is_empty() && bench.queued().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_taken_now_is_taken_later_under_the_same_id() {
    let mut bench = Bench::new(&["acme"]);
    bench.there("acme/apps").await;
    bench.live("acme/x.so", "csv").await;
    bench.queue.is_shut.store(true, Ordering::SeqCst);
    bench.write("acme/inbox/csv/a.csv", "later");
    bench.verdict("acme/inbox/csv/a.csv", "waiting").await;
    bench.knock().look_again(&TenantId::parse("acme").unwrap());
    bench.until("twice", || bench.queue.handed.lock().unwrap().len() > 1).await;
    bench.stop().await;
    bench.queue.is_shut.store(false, Ordering::SeqCst);
    bench.start();
    bench.verdict("acme/inbox/csv/a.csv", "accepted").await;
    let handed = bench.queue.handed.lock().unwrap().clone();
    assert!(handed.len() >= 3 && handed.iter().all(|batch| *batch == handed[0]));
    assert_eq!(bench.queued(), ["acme/csv: a.csv"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_with_names_of_any_bytes_arrive() {
    let bench = Bench::new(&["acme"]);
    bench.there("acme/apps").await;
    bench.live("acme/x.so", "csv").await;
    let mut names: Vec<Vec<u8>> =
        [b"a\nb".as_slice(), b"-rf", b"--", b"\"'`$(x)", b" ", b"a b", b"\\", b"*?[", b"x.so"]
            .into_iter()
            .chain([&[b'x'; 255][..], &[0xff; 255], "käse".as_bytes(), "\u{202e}".as_bytes()])
            .map(<[u8]>::to_vec)
            .collect();
    let is_fit = |byte: &u8| ![0, b'/', b'.', b'~'].contains(byte);
    names.extend((0..=255_u8).filter(is_fit).map(|byte| vec![byte, b'1']));
    for name in &names {
        fs::write(bench.path("acme/inbox/csv").join(OsStr::from_bytes(name)), name).unwrap();
    }
    bench.until("all are queued", || bench.queued().len() == names.len()).await;
    for name in &names {
        let path = Path::new("acme/inbox/csv").join(OsStr::from_bytes(name));
        let verdict = bench.verdict(path, "accepted").await;
        assert_eq!(verdict["file"], crate::staging::name::shown(OsStr::from_bytes(name)).as_str());
    }
    let batches = bench.queue.batches.lock().unwrap().clone();
    for (_, file) in batches.values() {
        let content = fs::read(bench.queue.store.path(&file.key).unwrap()).unwrap();
        assert_eq!(file.name, crate::staging::name::shown(OsStr::from_bytes(&content)));
        assert!(!file.name.contains(char::is_control));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_names_no_app_is_told_where_it_belongs() {
    let bench = Bench::new(&["acme"]);
    bench.there("acme/inbox").await;
    bench.live("acme/x.so", "csv").await;
    bench.write("acme/inbox/a.csv", "a");
    let verdict = bench.verdict("acme/inbox/a.csv", "waiting").await;
    let sentence = verdict["sentence"].as_str().unwrap();
    assert!(sentence.contains("inbox/<app>/") && sentence.contains("csv"), "{sentence}");
    fs::create_dir(bench.path("acme/inbox/No App")).unwrap();
    bench.write("acme/inbox/No App/a.csv", "a");
    let verdict = bench.verdict("acme/inbox/No App/a.csv", "waiting").await;
    assert!(verdict["sentence"].as_str().unwrap().contains("\"No App\" is not the name of an app"));
    fs::rename(bench.path("acme/inbox/a.csv"), bench.path("acme/inbox/csv/a.csv")).unwrap();
    bench.verdict("acme/inbox/csv/a.csv", "accepted").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_files_at_once_all_arrive_once_and_hold_up_no_other_tenant() {
    const FILES: usize = 10_000;
    // In memory, where that can be: how long a disk takes to sync is not the matter.
    let home = tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap());
    let mut bench = Bench::at(home, &["acme", "beta"]);
    bench.start();
    bench.there("beta/apps").await;
    bench.live("acme/x.so", "csv").await;
    bench.live("beta/x.so", "other").await;
    for number in 0..FILES {
        bench.write(format!("acme/inbox/csv/{number}.csv"), &number.to_string());
    }
    bench.write("beta/inbox/other/a.csv", "a");
    bench.verdict("beta/inbox/other/a.csv", "accepted").await;
    assert!(bench.queued().len() < FILES, "one of another tenant need not wait for all of them");
    // Nor need an app of their own tenant.
    bench.live("acme/y.so", "more").await;
    bench.until("all are queued", || bench.queue.batches.lock().unwrap().len() == FILES + 1).await;
    let queued: BTreeSet<String> = bench.queued().into_iter().collect();
    assert_eq!(queued.len(), FILES + 1, "each once");
    bench.until("nothing is left behind", || bench.names("acme/.taken").is_empty()).await;
    assert!(bench.names("acme/inbox/csv").is_empty());
}
