//! Small JSON files that are changed as a whole: written beside the old one, synced, renamed into place.
//!
//! A kill at any moment leaves the old file or the new one. Their mode is 0600.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{self, Write as _};
use std::path::Path;

/// Reads a file; `None` where there is none.
///
/// # Errors
/// It is there and cannot be read, or is not what it should be; the error names the path.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    match std::fs::read(path) {
        Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|error| named(error.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(named(error)),
    }
}

/// Writes a file, durably.
///
/// # Errors
/// It cannot be written; the old one stands then.
pub fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer_pretty(&mut file, value)?;
    file.flush()?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn what_was_written_last_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        assert_eq!(read_json::<BTreeMap<String, u8>>(&path).unwrap(), None);
        for number in [1, 2] {
            let value = BTreeMap::from([("n".to_owned(), number)]);
            write_json(&path, &value).unwrap();
            assert_eq!(read_json(&path).unwrap(), Some(value));
        }
        std::fs::write(&path, "{").unwrap();
        let error = read_json::<BTreeMap<String, u8>>(&path).unwrap_err().to_string();
        assert!(error.contains("a.json"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
