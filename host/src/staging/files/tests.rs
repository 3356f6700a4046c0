use super::*;
use crate::staging::open::{Links, regular, trusted_directory};
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, ReadBuf};

struct Bench {
    home: TempDir,
    store: Arc<FileStore>,
    tenant: TenantId,
}

impl Bench {
    fn new() -> Bench {
        let home = tempfile::tempdir().unwrap();
        let store = FileStore::new(home.path().join("tenants"));
        Bench { home, store, tenant: TenantId::parse("acme").unwrap() }
    }

    fn drop_file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.home.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn taken(&self, path: &Path, batch: BatchId) -> TakenFile {
        let directory = trusted_directory(path.parent().unwrap()).unwrap();
        let name = path.file_name().unwrap().to_owned();
        let opened = regular(&directory, &name, u64::MAX, Links::Any).unwrap();
        TakenFile {
            tenant: self.tenant.clone(),
            app: crate::tenant::AppName::parse("csv").unwrap(),
            batch,
            shown: crate::staging::name::shown(&name),
            name,
            bytes: opened.identity.size,
            file: opened.file,
            directory,
        }
    }

    async fn receive(&self, batch: BatchId, content: &[u8], limit: u64) -> Result<StoredFile, FileStoreError> {
        self.take(batch, content, Terms::most(limit)).await
    }

    async fn take(
        &self,
        batch: BatchId,
        content: impl AsyncRead + Unpin,
        terms: Terms<'_>,
    ) -> Result<StoredFile, FileStoreError> {
        self.store.receive(&self.tenant, batch, 0, OsStr::new("a\n.csv"), content, terms).await
    }

    /// Everything beneath `tenants`.
    fn left(&self) -> Vec<String> {
        fn walk(path: &Path, found: &mut Vec<String>) {
            for (name, path) in names(path) {
                if path.is_dir() { walk(&path, found) } else { found.push(name) }
            }
        }
        let mut found = Vec::new();
        walk(&self.home.path().join("tenants"), &mut found);
        found
    }
}

/// Gives some bytes, then an error, or nothing more for ever.
struct Broken(Option<io::Error>, bool);
impl AsyncRead for Broken {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !std::mem::replace(&mut self.1, true) {
            into.put_slice(b"some");
            return Poll::Ready(Ok(()));
        }
        self.0.take().map_or(Poll::Pending, |error| Poll::Ready(Err(error)))
    }
}

#[tokio::test]
async fn a_file_is_taken_over_without_a_copy_and_its_first_name_stays() {
    let bench = Bench::new();
    let path = bench.drop_file("a.csv", b"a,b\n");
    let batch = BatchId::new();
    let stored = bench.store.take_over(&bench.taken(&path, batch), 0).await.unwrap();
    assert_eq!(stored.key, format!("acme/{batch}/0"));
    assert_eq!((stored.bytes, stored.content), (4, blake3::hash(b"a,b\n").to_hex().to_string()));
    let kept = bench.store.open(&stored.key).unwrap().metadata().unwrap();
    assert_eq!(kept.ino(), fs::metadata(&path).unwrap().ino());
    assert_eq!(bench.store.bytes(&bench.tenant), 4);
}

#[tokio::test]
async fn taking_over_again_finds_the_same_file_also_when_the_claim_is_another_by_now() {
    let bench = Bench::new();
    let path = bench.drop_file("a.csv", b"a,b\n");
    let batch = BatchId::new();
    assert_eq!(bench.store.bytes(&bench.tenant), 0);
    let first = bench.store.take_over(&bench.taken(&path, batch), 0).await.unwrap();
    assert_eq!(bench.store.take_over(&bench.taken(&path, batch), 0).await.unwrap(), first);
    assert_eq!((bench.store.bytes(&bench.tenant), bench.left().len()), (4, 1));
}

#[tokio::test]
async fn a_file_with_a_link_of_somebody_elses_is_copied() {
    let bench = Bench::new();
    let path = bench.drop_file("a.csv", b"a,b\n");
    let taken = bench.taken(&path, BatchId::new());
    fs::hard_link(&path, bench.home.path().join("planted")).unwrap();
    // Half a copy of an earlier life is no obstacle.
    let directory = bench.store.make_batch(&bench.tenant, taken.batch).unwrap();
    fs::write(directory.path.join(".0.part"), "a").unwrap();
    let stored = bench.store.take_over(&taken, 0).await.unwrap();
    fs::write(bench.home.path().join("planted"), "changed").unwrap();
    assert_eq!(fs::read(bench.store.path(&stored.key).unwrap()).unwrap(), b"a,b\n");
    assert_eq!(bench.left(), ["0"]);
}

#[tokio::test]
async fn a_file_from_another_file_system_is_copied() {
    let bench = Bench::new();
    let Ok(elsewhere) = tempfile::tempdir_in("/dev/shm") else { return };
    let path = elsewhere.path().join("a.csv");
    fs::write(&path, "a,b\n").unwrap();
    let stored = bench.store.take_over(&bench.taken(&path, BatchId::new()), 0).await.unwrap();
    assert_eq!(fs::read(bench.store.path(&stored.key).unwrap()).unwrap(), b"a,b\n");
    assert_eq!(stored.content, blake3::hash(b"a,b\n").to_hex().to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_is_kept_whole_and_the_same_again_is_the_same() {
    let bench = Bench::new();
    // Several pieces, and more than is given to the disk before the end.
    let size = receive::WRITE_BACK + receive::PIECE + 1;
    let content: Vec<u8> = (0_u8..251).cycle().take(size).collect();
    let batch = BatchId::new();
    let stored = bench.receive(batch, &content, content.len() as u64).await.unwrap();
    assert_eq!(stored.name, "a\\n.csv");
    assert_eq!(stored.content, blake3::hash(&content).to_hex().to_string());
    assert_eq!(fs::read(bench.store.path(&stored.key).unwrap()).unwrap(), content);
    assert_eq!(bench.receive(batch, &content, u64::MAX).await.unwrap(), stored);
    let told = bench.receive(batch, b"other", u64::MAX).await.unwrap_err().to_string();
    assert!(told.contains("already has another file as number 0"), "{told}");
    assert_eq!(bench.left(), ["0"]);
}

#[tokio::test]
async fn an_upload_that_is_too_long_leaves_nothing() {
    let bench = Bench::new();
    let told = bench.receive(BatchId::new(), b"12345", 4).await.unwrap_err().to_string();
    assert!(told.contains("more than 4 bytes"), "{told}");
    assert!(bench.left().is_empty());
}

#[tokio::test]
async fn an_upload_that_is_cut_off_leaves_nothing() {
    let bench = Bench::new();
    let batch = BatchId::new();
    let name = OsStr::new("a");
    let broken = Broken(Some(io::ErrorKind::ConnectionReset.into()), false);
    let received = bench.store.receive(&bench.tenant, batch, 0, name, broken, Terms::most(u64::MAX)).await;
    assert!(received.unwrap_err().to_string().starts_with("a cannot be received"));
    assert!(bench.left().is_empty());

    let hanging = bench.store.receive(&bench.tenant, batch, 0, name, Broken(None, false), Terms::most(u64::MAX));
    let timeout = tokio::time::timeout(Duration::from_millis(50), hanging).await;
    assert!(timeout.is_err());
    assert!(bench.left().is_empty());
    assert!(!bench.store.batch(&bench.tenant, batch).exists());
    assert_eq!(bench.store.bytes(&bench.tenant), 0);
}

#[tokio::test]
async fn what_is_on_its_way_is_counted_piece_by_piece_and_given_back_when_it_is_dropped() {
    let bench = Bench::new();
    let piece = receive::PIECE as u64;
    let terms = Terms { room: 3 * piece, ..Terms::most(u64::MAX) };
    let hanging = tokio::io::repeat(7).take(2 * piece).chain(Broken(None, true));
    let mut first = Box::pin(bench.take(BatchId::new(), Box::pin(hanging), terms));
    let counted = async {
        while bench.store.bytes(&bench.tenant) < 2 * piece {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        ended = &mut first => panic!("{ended:?}"),
        () = counted => {}
    }
    assert_eq!(bench.store.bytes(&bench.tenant), 2 * piece);
    // Another one of the same tenant has what is left.
    let second = bench.take(BatchId::new(), Box::pin(tokio::io::repeat(7).take(2 * piece)), terms).await.unwrap_err();
    let FileStoreError::NoRoom { kept, more, room, .. } = second else { panic!("{second}") };
    assert_eq!((kept, more, room), (2 * piece, 2 * piece, 3 * piece));
    assert_eq!(bench.store.bytes(&bench.tenant), 2 * piece);
    bench.take(BatchId::new(), Box::pin(tokio::io::repeat(7).take(piece)), terms).await.unwrap();
    drop(first);
    assert_eq!(bench.store.bytes(&bench.tenant), piece);
    bench.take(BatchId::new(), Box::pin(tokio::io::repeat(7).take(2 * piece)), terms).await.unwrap();
    assert_eq!(bench.store.bytes(&bench.tenant), 3 * piece);
    let afresh = FileStore::new(bench.home.path().join("tenants"));
    assert_eq!(afresh.bytes(&bench.tenant), 3 * piece);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_have_no_more_together_than_there_is_room_for() {
    let bench = Bench::new();
    let piece = receive::PIECE as u64;
    let terms = Terms { room: 4 * piece + 10, ..Terms::most(u64::MAX) };
    let all = (0..8).map(|_| bench.take(BatchId::new(), Box::pin(tokio::io::repeat(7).take(piece + 1)), terms));
    let taken = futures_util::future::join_all(all).await.into_iter().filter(Result::is_ok).count() as u64;
    assert!((1..=4).contains(&taken), "{taken} files came in");
    assert_eq!(bench.store.bytes(&bench.tenant), taken * (piece + 1));
}

#[tokio::test]
async fn what_is_there_already_is_the_same_without_any_room() {
    let bench = Bench::new();
    let batch = BatchId::new();
    let full = Terms { room: 4, ..Terms::most(u64::MAX) };
    let stored = bench.take(batch, &b"1234"[..], full).await.unwrap();
    assert_eq!(bench.take(batch, &b"1234"[..], full).await.unwrap(), stored);
    assert!(matches!(bench.take(batch, &b"1235"[..], full).await, Err(FileStoreError::Different { .. })));
    assert!(matches!(bench.take(BatchId::new(), &b"1"[..], full).await, Err(FileStoreError::NoRoom { .. })));
    // An empty one always has room.
    bench.take(BatchId::new(), &b""[..], Terms { room: 0, ..full }).await.unwrap();
    assert_eq!((bench.store.bytes(&bench.tenant), bench.left().len()), (4, 2));
}

#[tokio::test]
async fn what_is_shorter_or_another_than_was_said_leaves_nothing() {
    let bench = Bench::new();
    let batch = BatchId::new();
    let short = bench.take(batch, &b"123"[..], Terms { least: 4, ..Terms::most(4) }).await.unwrap_err().to_string();
    assert!(short.starts_with("only 3 of the 4 bytes of a\\n.csv came"), "{short}");
    let said = blake3::hash(b"1234").to_hex().to_uppercase();
    let terms = Terms { blake3: Some(&said), ..Terms::most(4) };
    let other = bench.take(batch, &b"1235"[..], terms).await.unwrap_err().to_string();
    assert!(other.contains(&format!("where {said:?} was wanted")), "{other}");
    assert!(bench.left().is_empty());
    assert_eq!(bench.take(batch, &b"1234"[..], terms).await.unwrap().bytes, 4);
    assert_eq!(bench.store.bytes(&bench.tenant), 4);
}

#[tokio::test]
async fn a_sweep_removes_what_no_batch_knows_and_what_was_on_its_way() {
    let bench = Bench::new();
    let (known, unknown) = (BatchId::new(), BatchId::new());
    bench.receive(known, b"1234", u64::MAX).await.unwrap();
    bench.receive(unknown, b"12345", u64::MAX).await.unwrap();
    fs::write(bench.store.batch(&bench.tenant, known).join(".1.part"), "half").unwrap();
    assert_eq!(bench.store.bytes(&bench.tenant), 9, "what nobody receives any more is not counted");
    let afresh = FileStore::new(bench.home.path().join("tenants"));
    let swept = afresh.sweep(async |_, batch| Ok::<_, FileStoreError>(batch == known)).await.unwrap();
    assert_eq!(swept, Swept { batches: 1, bytes: 5 });
    assert_eq!(bench.left(), ["0"]);
    assert_eq!(afresh.bytes(&bench.tenant), 4);
}

#[tokio::test]
async fn what_is_known_no_more_is_removed_and_what_comes_in_is_not() {
    let bench = Bench::new();
    let (known, over, coming) = (BatchId::new(), BatchId::new(), BatchId::new());
    for batch in [known, over, coming] {
        bench.receive(batch, b"1234", u64::MAX).await.unwrap();
    }
    bench.store.settled(known);
    bench.store.settled(over);
    let mut settled = bench.store.all_settled();
    settled.sort_by_key(|(_, batch)| *batch != known);
    assert_eq!(settled, [(bench.tenant.clone(), known), (bench.tenant.clone(), over)]);
    assert_eq!(bench.store.remove_settled(&bench.tenant, over).await.unwrap(), 4);
    // It came in again while somebody asked whether it is known.
    bench.receive(known, b"1234", u64::MAX).await.unwrap();
    for batch in [known, coming] {
        assert_eq!(bench.store.remove_settled(&bench.tenant, batch).await.unwrap(), 0);
    }
    assert_eq!(bench.store.bytes(&bench.tenant), 8);
}

#[tokio::test]
async fn a_removed_batch_is_gone_and_no_longer_counted() {
    let bench = Bench::new();
    let batch = BatchId::new();
    assert_eq!(bench.store.bytes(&bench.tenant), 0);
    let stored = bench.receive(batch, b"1234", u64::MAX).await.unwrap();
    bench.store.remove(&bench.tenant, batch).await.unwrap();
    bench.store.remove(&bench.tenant, batch).await.unwrap();
    assert_eq!(bench.store.bytes(&bench.tenant), 0);
    assert!(bench.store.open(&stored.key).is_err());
}

#[test]
fn only_what_the_store_gave_out_is_a_key() {
    let bench = Bench::new();
    for key in ["", "a", "../x/0", "acme/x/0", "acme/../0", &format!("acme/{}/..", BatchId::new())] {
        assert!(matches!(bench.store.path(key), Err(FileStoreError::NoKey(_))), "{key}");
    }
}

#[test]
fn a_file_that_is_written_to_while_it_is_hashed_is_not_kept() {
    let bench = Bench::new();
    let path = bench.drop_file("a.csv", b"a,b\n");
    let file = File::open(&path).unwrap();
    let place = bench.home.path().join("0");
    let mut writer = fs::OpenOptions::new().append(true).open(&path).unwrap();
    std::thread::scope(|scope| {
        let writing = scope.spawn(move || {
            for _ in 0..2_000 {
                writer.write_all(&[b'x'; 4096]).unwrap();
            }
        });
        while !writing.is_finished() {
            if let Ok(Change::None(hashed)) = copy::keep(&file, &place, &bench.home.path().join("part")) {
                // Whatever was kept between two writes is what was hashed, as long as nobody writes on.
                assert!(hashed.bytes <= fs::metadata(&place).unwrap().len());
                fs::remove_file(&place).unwrap();
            }
        }
    });
    assert!(!place.exists());
}
