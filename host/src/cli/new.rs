//! `mysimbdp new`: writes a new app that compiles, passes its own test and ingests its own sample.
//!
//! Everything comes out of this binary ([`kit`]), so it works wherever the binary is installed, and the kit fits the host:
//!
//! ```text
//!   my-app/            Rust                    my-app/            C
//!     Cargo.toml                                 Makefile
//!     src/lib.rs       by kind                   app.c            by kind
//!     README.md  sample.csv  .gitignore          README.md  sample.csv  .gitignore        sample.jsonl for a stream app
//!     sdk/plugin-api/  the API and its abi       include/         the headers
//! ```
//!
//! The templates are called `my-app`; that name (and `my_app`, as cargo spells it in file names) is replaced everywhere.
//! Files are laid out in a hidden folder beside the new one, which takes its name in one step: there is a whole app, or
//! nothing.

pub(super) mod command;
mod kit;
mod name;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What an app does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Takes files: `clientbatchingestapp`.
    #[default]
    Batch,
    /// Takes messages: `clientstreamingestapp`.
    Stream,
    /// Lets files, messages or documents pass, or not.
    Check,
    /// Says something about what was ingested.
    Metadata,
}

/// In which language an app is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Rust, against `mysimbdp-plugin-api`.
    Rust,
    /// C, against the headers.
    C,
}

/// Why there is no new app. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum NewError {
    /// The host would not take an app of this name.
    #[error("{name:?} cannot be the name of an app: {why}; take 1 to 64 of a-z, 0-9, - and _, a letter first")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Cargo or the compiler would stumble over a crate of this name.
    #[error("{name:?} cannot be the name of an app in Rust: {why}; add something to it, as in \"{name}-app\"")]
    Reserved {
        /// The name.
        name: String,
        /// Who has it already.
        why: &'static str,
    },
    /// Something is there already.
    #[error("{} exists and is not empty; choose another place, or empty it first", path.display())]
    Occupied {
        /// Where.
        path: PathBuf,
    },
    /// A file that is no directory is there already.
    #[error("{} exists and is not a directory; choose another place", path.display())]
    NotADirectory {
        /// Where.
        path: PathBuf,
    },
    /// The file system says no.
    #[error("the new app could not be written to {}: {source}", path.display())]
    Write {
        /// Where.
        path: PathBuf,
        /// Its words.
        source: io::Error,
    },
}

/// Writes a new app of this name and kind into `target_dir`, which must not exist or be empty. Answers the files, relative
/// to `target_dir`, those of the app before those of the kit.
///
/// # Errors
/// The name cannot be an app's, the place is taken, or files cannot be written. Then nothing was.
pub fn scaffold(target_dir: &Path, app_name: &str, kind: Kind, language: Language) -> Result<Vec<PathBuf>, NewError> {
    name::check(app_name, language)?;
    check_place(target_dir)?;
    let files = kit::files(app_name, kind, language);
    write_all(target_dir, &files).map_err(|source| NewError::Write { path: target_dir.to_owned(), source })?;
    Ok(files.into_iter().map(|file| file.path).collect())
}

fn check_place(target_dir: &Path) -> Result<(), NewError> {
    let path = target_dir.to_owned();
    match fs::read_dir(target_dir).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(NewError::Occupied { path }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Err(NewError::NotADirectory { path }),
        Err(source) => Err(NewError::Write { path, source }),
    }
}

fn write_all(target_dir: &Path, files: &[kit::File]) -> io::Result<()> {
    let parent = match target_dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent)?;
    let hidden = tempfile::Builder::new().prefix(".mysimbdp-new-").tempdir_in(parent)?;
    // Not the hidden folder itself: that one is readable by nobody else.
    let app = hidden.path().join("app");
    for file in files {
        let path = app.join(&file.path);
        fs::create_dir_all(path.parent().unwrap_or(&app))?;
        fs::write(path, &file.content)?;
    }
    // Takes the place of an empty directory as well.
    fs::rename(app, target_dir)
}

#[cfg(test)]
mod tests;
