//! What the reader promises, sentence by sentence.

mod documented;
mod environment;
mod hostile;
mod meant;
mod mistakes;
mod shipped;
mod urls;

use super::{Config, ConfigErrors, Mistake, read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Reads a text as the file `f`, with variables; paths are as they are written.
fn read_with(text: &str, env: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let read = read::read(Some((&Arc::from("f"), text)), env, &Path::to_owned);
    read.map_err(|mistakes: Vec<Mistake>| ConfigErrors::of(mistakes))
}

fn config(text: &str) -> Config {
    read_with(text, &[]).unwrap_or_else(|errors| panic!("{errors}"))
}

fn mistakes_with(text: &str, env: &[(&str, &str)]) -> Vec<String> {
    let errors = read_with(text, env).expect_err("a configuration with mistakes");
    errors.mistakes().iter().map(ToString::to_string).collect()
}

fn mistakes(text: &str) -> Vec<String> {
    mistakes_with(text, &[])
}

fn workspace(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}
