//! `cargo xtask plugins`: every app under `tenant-plugins/`.
//!
//! A folder with a `Cargo.toml` that is a member of the workspace is built by cargo, one with a `Makefile` by make.
//! The two templates are what `mysimbdp new` copies; they are built by its tests, not here.

use crate::workshop::{self, cargo, need_c_compiler, root, shown, step, target};
use anyhow::{Context as _, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Build for speed, as apps are shipped
    #[arg(long)]
    release: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    need_c_compiler()?;
    let built = build(Profile::new(arguments.release))?;
    step("built");
    for app in built {
        println!("  {}", shown(&app));
    }
    Ok(())
}

/// How it is built.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    Debug,
    Release,
}

impl Profile {
    pub(crate) fn new(release: bool) -> Profile {
        if release { Profile::Release } else { Profile::Debug }
    }

    /// Where cargo puts what it has built.
    pub(crate) fn folder(self) -> PathBuf {
        target().join(match self {
            Profile::Debug => "debug",
            Profile::Release => "release",
        })
    }
}

/// Builds every app and answers the `.so` files.
pub(crate) fn build(profile: Profile) -> Result<Vec<PathBuf>> {
    let rust: Vec<PathBuf> = folders()?.into_iter().filter(|folder| folder.join("Cargo.toml").is_file()).collect();
    let mut built = build_rust(&rust, profile)?;
    built.extend(build_c_apps()?);
    Ok(built)
}

/// Builds every app that is written in C.
pub(crate) fn build_c_apps() -> Result<Vec<PathBuf>> {
    let mut built = Vec::new();
    for folder in folders()?.iter().filter(|folder| folder.join("Makefile").is_file()) {
        built.extend(build_c(folder)?);
    }
    Ok(built)
}

/// Builds one app that is written in C and answers the `.so` files in its folder.
pub(crate) fn build_c(folder: &Path) -> Result<Vec<PathBuf>> {
    step(&format!("make in {}", shown(folder)));
    workshop::run(Command::new("make").arg("--no-print-directory").current_dir(folder))?;
    let mut built: Vec<PathBuf> = entries(folder)?.into_iter().filter(|file| is_library(file)).collect();
    built.sort();
    Ok(built)
}

fn build_rust(folders: &[PathBuf], profile: Profile) -> Result<Vec<PathBuf>> {
    let mut command = cargo(&["build"]);
    if profile == Profile::Release {
        command.arg("--release");
    }
    let mut built = Vec::new();
    for folder in folders {
        let Some(name) = folder.file_name().and_then(|name| name.to_str()) else { continue };
        command.args(["-p", name]);
        built.push(profile.folder().join(format!("lib{}.so", name.replace('-', "_"))));
    }
    if built.is_empty() {
        return Ok(built);
    }
    step("apps in Rust");
    workshop::run(&mut command)?;
    Ok(built.into_iter().filter(|library| library.is_file()).collect())
}

fn folders() -> Result<Vec<PathBuf>> {
    let mut folders = entries(&root().join("tenant-plugins"))?;
    folders.retain(|folder| folder.is_dir() && !is_template(folder));
    folders.sort();
    Ok(folders)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = || fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<PathBuf>>>();
    read().with_context(|| format!("cannot read the folder {}", folder.display()))
}

fn is_template(folder: &Path) -> bool {
    folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with("template"))
}

fn is_library(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "so")
}
