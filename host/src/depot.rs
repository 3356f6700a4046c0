//! What hosts share: data files and apps, in an object store that all of them reach.
//!
//! ```text
//!   <url>/apps/<hash>.so                      an app, by its content
//!   <url>/files/<tenant>/<batch>/<index>      a data file, as it came in
//! ```
//!
//! A host puts there what it has *before* anything that others may act on says that it exists: an app before it is announced, a
//! file before its batch is in the queue. Whoever works on a task gets what it lacks, checks it against the hash that the queue
//! has, and keeps its own copy. Objects are written whole or not at all, so every step can be done again.
//!
//! The store is a directory that is mounted everywhere (`file:///mnt/shared`), or S3 or what speaks like it
//! (`s3://bucket/folder`, with its credentials in the usual `AWS_…` variables of the environment).

use futures_util::TryStreamExt;
use object_store::buffered::BufWriter;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncRead;
use tokio_util::io::StreamReader;

use crate::task::BatchId;
use crate::tenant::TenantId;

/// The store could not do it. The sentence says what was tried and where.
#[derive(Debug, thiserror::Error)]
pub enum DepotError {
    /// The URL will not do.
    #[error(
        "{url} is no place for what hosts share: {reason}; name one such as \"file:///mnt/shared\" or \"s3://bucket/folder\" in depot.url"
    )]
    Url {
        /// As it was given.
        url: String,
        /// Why not.
        reason: String,
    },
    /// Nothing can be written there.
    #[error(
        "depot.url = {url:?}: nothing can be written there ({reason}), so other hosts would get neither apps nor files: let the \
         user of mysimbdp write there (under systemd by ReadWritePaths=), or name another place"
    )]
    Unwritable {
        /// As it was given.
        url: String,
        /// Why not.
        reason: String,
    },
    /// It is not there.
    #[error("{0} is not in the depot: the host that had it has not put it there, or somebody removed it")]
    Missing(String),
    /// The store said no, or nothing.
    #[error("{key} cannot be {doing} the depot: {reason}")]
    Failed {
        /// Which object.
        key: String,
        /// What was tried: `put into`, `got from`, `removed from`.
        doing: &'static str,
        /// Its words.
        reason: String,
    },
}

/// An open depot. Clones share it.
#[derive(Clone, Debug)]
pub struct Depot {
    store: Arc<dyn ObjectStore>,
    folder: Key,
}

impl Depot {
    /// Opens the store that a URL names; asks nothing of it yet. `environment` has the credentials of an S3.
    ///
    /// # Errors
    /// The URL names no store that is known.
    pub fn open(url: &str, environment: impl IntoIterator<Item = (String, String)>) -> Result<Depot, DepotError> {
        crate::tls::ready();
        let unfit = |reason: String| DepotError::Url { url: url.to_owned(), reason };
        let parsed = url::Url::parse(url).map_err(|error| unfit(error.to_string()))?;
        if parsed.scheme() == "file" {
            let folder = parsed.to_file_path().map_err(|()| unfit("it is no path of this machine".to_owned()))?;
            let made = std::fs::create_dir_all(&folder);
            made.map_err(|error| DepotError::Unwritable { url: url.to_owned(), reason: error.to_string() })?;
            let store = LocalFileSystem::new_with_prefix(&folder).map_err(|error| unfit(error.to_string()))?;
            return Ok(Depot { store: Arc::new(store.with_fsync(true)), folder: Key::default() });
        }
        let credentials = environment.into_iter().filter(|(name, _)| name.starts_with("AWS_"));
        let credentials = credentials.map(|(name, value)| (name.to_ascii_lowercase(), value));
        let (store, folder) =
            object_store::parse_url_opts(&parsed, credentials).map_err(|error| unfit(error.to_string()))?;
        Ok(Depot { store: Arc::from(store), folder })
    }

    /// Opens it as [`Depot::open`] does, and writes something there, which is removed at once.
    ///
    /// # Errors
    /// The URL names no store that is known; or nothing can be written there, or not within `patience`.
    pub async fn open_to_write(
        url: &str,
        environment: impl IntoIterator<Item = (String, String)>,
        patience: Duration,
    ) -> Result<Depot, DepotError> {
        let depot = Depot::open(url, environment)?;
        let key = depot.folder.clone().join(format!("written-by-{}", uuid::Uuid::now_v7()));
        let tried = async {
            depot.store.put(&key, b"a host was started".as_slice().into()).await?;
            depot.store.delete(&key).await
        };
        let reason = match tokio::time::timeout(patience, tried).await {
            Ok(Ok(())) => return Ok(depot),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {patience:?}"),
        };
        Err(DepotError::Unwritable { url: url.to_owned(), reason })
    }

    /// Whether the store answers.
    ///
    /// # Errors
    /// It does not.
    pub async fn answers(&self) -> Result<(), DepotError> {
        let key = self.app("is it there");
        match self.store.head(&key).await {
            Ok(_) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(told(&key, "got from", error)),
        }
    }

    /// Puts an app there, unless it is there.
    ///
    /// # Errors
    /// The store does not answer, or refuses.
    pub async fn put_app(&self, hash: &str, content: &Path) -> Result<(), DepotError> {
        self.put(self.app(hash), content).await
    }

    /// Reads an app.
    ///
    /// # Errors
    /// It is not there, or the store does not answer.
    pub async fn app_bytes(&self, hash: &str) -> Result<Vec<u8>, DepotError> {
        let key = self.app(hash);
        let got = self.store.get(&key).await.map_err(|error| told(&key, "got from", error))?;
        got.bytes().await.map(Vec::from).map_err(|error| told(&key, "got from", error))
    }

    /// Puts a data file there under the key that the file store has for it, unless it is there.
    ///
    /// # Errors
    /// The store does not answer, or refuses.
    pub async fn put_file(&self, key: &str, content: &Path) -> Result<(), DepotError> {
        self.put(self.file(key), content).await
    }

    /// The content of a data file.
    ///
    /// # Errors
    /// It is not there, or the store does not answer.
    pub async fn file_content(&self, key: &str) -> Result<impl AsyncRead + Unpin + use<>, DepotError> {
        let key = self.file(key);
        let got = self.store.get(&key).await.map_err(|error| told(&key, "got from", error))?;
        Ok(StreamReader::new(got.into_stream().map_err(io::Error::other)))
    }

    /// Removes the files of a batch; none is no error.
    ///
    /// # Errors
    /// The store does not answer, or refuses.
    pub async fn remove_batch(&self, tenant: &TenantId, batch: BatchId) -> Result<(), DepotError> {
        let folder = self.file(&format!("{tenant}/{batch}"));
        let listed = self.store.list(Some(&folder));
        let found: Vec<_> = listed.try_collect().await.map_err(|error| told(&folder, "removed from", error))?;
        for object in found {
            match self.store.delete(&object.location).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(told(&object.location, "removed from", error)),
            }
        }
        Ok(())
    }

    fn app(&self, hash: &str) -> Key {
        self.folder.clone().join("apps").join(format!("{hash}.so"))
    }

    fn file(&self, key: &str) -> Key {
        key.split('/').fold(self.folder.clone().join("files"), |folder, part| folder.join(part))
    }

    async fn put(&self, key: Key, content: &Path) -> Result<(), DepotError> {
        let failed = |reason: String| DepotError::Failed { key: key.to_string(), doing: "put into", reason };
        let mut source = tokio::fs::File::open(content).await.map_err(|error| failed(error.to_string()))?;
        let bytes = source.metadata().await.map_err(|error| failed(error.to_string()))?.len();
        // Whole or not at all: what is there with the right length is there.
        if self.store.head(&key).await.is_ok_and(|there| there.size == bytes) {
            return Ok(());
        }
        let mut writer = BufWriter::new(Arc::clone(&self.store), key.clone());
        let copied = tokio::io::copy(&mut source, &mut writer).await;
        let shut = match copied {
            Ok(_) => tokio::io::AsyncWriteExt::shutdown(&mut writer).await,
            Err(error) => {
                let _ = writer.abort().await;
                Err(error)
            }
        };
        shut.map_err(|error| failed(error.to_string()))
    }
}

fn told(key: &Key, doing: &'static str, error: object_store::Error) -> DepotError {
    match error {
        object_store::Error::NotFound { .. } => DepotError::Missing(key.to_string()),
        error => DepotError::Failed { key: key.to_string(), doing, reason: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mysimbdp_servers::S3;
    use tokio::io::AsyncReadExt;

    fn open(url: &str, environment: Vec<(String, String)>) -> Depot {
        Depot::open(url, environment).unwrap()
    }

    fn depot(folder: &Path) -> Depot {
        Depot::open(&format!("file://{}", folder.display()), []).unwrap()
    }

    #[tokio::test]
    async fn what_one_host_puts_there_another_gets() {
        let (shared, own) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let file = own.path().join("f");
        let content: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
        std::fs::write(&file, &content).unwrap();
        let (one, other) = (depot(shared.path()), depot(&shared.path().join(".")));
        let batch = BatchId::new();
        let key = format!("acme/{batch}/0");
        for _ in 0..2 {
            one.put_file(&key, &file).await.unwrap();
            one.put_app("ab12", &file).await.unwrap();
        }
        let mut got = Vec::new();
        other.file_content(&key).await.unwrap().read_to_end(&mut got).await.unwrap();
        assert!(got == content && other.app_bytes("ab12").await.unwrap() == content);
        let acme = TenantId::parse("acme").unwrap();
        for _ in 0..2 {
            other.remove_batch(&acme, batch).await.unwrap();
        }
        let gone = one.file_content(&key).await.err().unwrap();
        assert!(matches!(gone, DepotError::Missing(_)), "{gone}");
        assert_eq!(one.app_bytes("ab12").await.unwrap().len(), content.len());
    }

    #[tokio::test]
    async fn what_one_host_puts_into_an_s3_another_gets() {
        let server = S3::start().unwrap();
        let own = tempfile::tempdir().unwrap();
        let url = format!("s3://{}/some/folder", S3::BUCKET);
        let (one, other) = (open(&url, server.environment()), open(&url, server.environment()));
        let (acme, batch) = (TenantId::parse("acme").unwrap(), BatchId::new());
        // The last is put there in several parts.
        for (index, size) in [0, 1, 100_000, 25_000_000].into_iter().enumerate() {
            let file = own.path().join("f");
            let content: Vec<u8> = (0_u32..).flat_map(u32::to_le_bytes).take(size).collect();
            std::fs::write(&file, &content).unwrap();
            let key = format!("{acme}/{batch}/{index}");
            for _ in 0..2 {
                one.put_file(&key, &file).await.unwrap();
                one.put_app(&format!("ab{index}"), &file).await.unwrap();
            }
            let mut got = Vec::new();
            other.file_content(&key).await.unwrap().read_to_end(&mut got).await.unwrap();
            assert!(got == content && other.app_bytes(&format!("ab{index}")).await.unwrap() == content, "{size} bytes");
        }
        for _ in 0..2 {
            other.remove_batch(&acme, batch).await.unwrap();
        }
        let gone = one.file_content(&format!("{acme}/{batch}/2")).await.err().unwrap();
        assert!(matches!(gone, DepotError::Missing(_)), "{gone}");
        assert_eq!(one.app_bytes("ab2").await.unwrap().len(), 100_000);
        let elsewhere = open(&format!("s3://{}", S3::BUCKET), server.environment());
        let gone = elsewhere.app_bytes("ab2").await.unwrap_err();
        assert!(matches!(gone, DepotError::Missing(_)), "{gone}");
    }

    #[tokio::test]
    async fn an_s3_that_says_no_is_quoted() {
        let server = S3::start().unwrap();
        let own = tempfile::tempdir().unwrap();
        let file = own.path().join("f");
        std::fs::write(&file, "content").unwrap();
        let url = format!("s3://{}/folder", S3::BUCKET);
        let stranger = open(&url, server.environment_with("a secret that is not ours"));
        for told in [
            stranger.put_app("ab12", &file).await.unwrap_err().to_string(),
            stranger.app_bytes("ab12").await.unwrap_err().to_string(),
        ] {
            assert!(told.contains("folder/apps/ab12.so cannot be") && told.contains("SignatureDoesNotMatch"), "{told}");
            assert!(!told.contains("a secret"), "{told}");
        }
        let own = open(&url, server.environment());
        own.put_app("ab12", &file).await.unwrap();
        let nowhere = open("s3://no-such-bucket/folder", server.environment());
        let told = nowhere.put_app("ab12", &file).await.unwrap_err().to_string();
        assert!(told.contains("NoSuchBucket"), "{told}");
    }

    #[tokio::test]
    async fn where_nothing_can_be_written_is_told_at_once_and_where_it_can_nothing_is_left() {
        let patience = Duration::from_secs(10);
        let shared = tempfile::tempdir().unwrap();
        let good = format!("file://{}", shared.path().display());
        Depot::open_to_write(&good, [], patience).await.unwrap();
        assert_eq!(std::fs::read_dir(shared.path()).unwrap().count(), 0);
        // Nobody makes a file there, whatever they may.
        let told = Depot::open_to_write("file:///sys/kernel", [], patience).await.unwrap_err().to_string();
        assert!(told.starts_with("depot.url = \"file:///sys/kernel\": nothing can be written there ("), "{told}");
        assert!(told.contains("ReadWritePaths="), "{told}");
        let server = S3::start().unwrap();
        let url = format!("s3://{}/folder", S3::BUCKET);
        Depot::open_to_write(&url, server.environment(), patience).await.unwrap();
        let stranger = server.environment_with("a secret that is not ours");
        let told = Depot::open_to_write(&url, stranger, patience).await.unwrap_err().to_string();
        assert!(told.contains("SignatureDoesNotMatch") && !told.contains("a secret"), "{told}");
    }

    #[tokio::test]
    async fn what_is_no_place_is_told_with_one_that_would_do() {
        for url in ["", "nonsense", "ftp://host/x", "file://elsewhere/x"] {
            let told = Depot::open(url, []).unwrap_err().to_string();
            assert!(told.contains("no place for what hosts share") && told.contains("s3://bucket"), "{told}");
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("f"), "").unwrap();
        let told = Depot::open(&format!("file://{}/f/g", folder.path().display()), []).unwrap_err().to_string();
        assert!(told.contains("Not a directory"), "{told}");
    }
}
