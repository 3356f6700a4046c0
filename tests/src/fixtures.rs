//! Apps that the compatibility tests load: built against the frozen copy of the ABI, and against spoilt copies of it.
//!
//! Nothing of this is a member of the workspace. [`compat_app`] copies `plugin-api/abi/frozen/v1` and
//! `tests/compat/fixtures/frozen-plugin` to `target/compat/<variant>/`, changes a few words there, and lets `cargo` build
//! it with the workspace's lock file and target directory: no dependency is compiled twice, none is fetched anew.
//!
//! A replacement that finds nothing to replace is an error, so a variant cannot quietly become the frozen one.

use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How an app of the compatibility tests differs from one of today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compat {
    /// Built against the frozen ABI: a worker loads it.
    Frozen,
    /// Says ABI 1.0 and has a `BatchV1` whose fields stand in another order: refused by `abi_stable`'s check.
    ChangedLayout,
    /// Says ABI 2.0, in the descriptor and in the table: refused before any code of it runs.
    NewerApi,
}

/// A file of the copy, a text in it, and what takes the text's place.
type Edit = (&'static str, &'static str, &'static str);

impl Compat {
    /// All of them.
    pub const ALL: [Compat; 3] = [Compat::Frozen, Compat::ChangedLayout, Compat::NewerApi];

    /// Name of the crate and of the app.
    pub fn name(self) -> &'static str {
        match self {
            Compat::Frozen => "compat-frozen",
            Compat::ChangedLayout => "compat-changed-layout",
            Compat::NewerApi => "compat-newer-api",
        }
    }

    fn edits(self) -> &'static [Edit] {
        match self {
            Compat::Frozen => &[],
            Compat::ChangedLayout => &[
                (
                    "abi/src/lib.rs",
                    "pub struct BatchV1 {\n",
                    "pub struct BatchV1 {\n    /// Stands where `create` stood.\n    \
                 pub prepare: unsafe extern \"C\" fn(instance: *mut c_void),\n",
                ),
                ("plugin/src/lib.rs", "BatchV1 { create,", "BatchV1 { prepare: destroy, create,"),
            ],
            Compat::NewerApi => &[
                ("plugin/src/lib.rs", "\\napi=1.0\\n", "\\napi=2.0\\n"),
                ("plugin/src/lib.rs", "major: mysimbdp_abi::MAJOR", "major: 2"),
            ],
        }
    }
}

/// Builds an app of the compatibility tests; answers the path of its `.so`. Quick when it is built already.
///
/// # Errors
/// Files that cannot be copied, a text to be replaced that is not there, or what `cargo build` says.
pub fn compat_app(variant: Compat) -> Result<PathBuf> {
    let root = workspace();
    let target = target_dir(&root);
    let stage = target.join("compat").join(variant.name());
    stage_copy(&root, &stage, variant)?;
    cargo(&stage.join("plugin"), &target, &["build"])?;
    let library = format!("lib{}.so", variant.name().replace('-', "_"));
    let built = target.join("debug").join(library);
    ensure!(built.is_file(), "cargo built no {}", built.display());
    Ok(built)
}

/// Runs the frozen ABI's own test in a copy of it: that its layout is its golden file.
///
/// # Errors
/// What `cargo test` says.
pub fn test_frozen_abi() -> Result<()> {
    let root = workspace();
    let target = target_dir(&root);
    let stage = target.join("compat/frozen-abi");
    stage_copy(&root, &stage, Compat::Frozen)?;
    cargo(&stage.join("abi"), &target, &["test"])
}

/// The workspace's folder.
fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Where the workspace builds: `CARGO_TARGET_DIR`, or `target`.
fn target_dir(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir))
}

/// Lays out `abi/` and `plugin/` below `stage`, edited for the variant. What stands there already is left alone, so that
/// cargo sees nothing new.
fn stage_copy(root: &Path, stage: &Path, variant: Compat) -> Result<()> {
    let mut files = BTreeMap::new();
    read_tree(&root.join("plugin-api/abi/frozen/v1"), "abi", &mut files)?;
    read_tree(&root.join("tests/compat/fixtures/frozen-plugin"), "plugin", &mut files)?;
    let name = variant.name();
    let named = [
        ("plugin/Cargo.toml", "../../../../plugin-api/abi/frozen/v1", "../abi".to_owned()),
        ("plugin/Cargo.toml", "name = \"compat-frozen\"", format!("name = \"{name}\"")),
        ("plugin/src/lib.rs", "name=compat-frozen\\n", format!("name={name}\\n")),
        ("plugin/src/lib.rs", "b\"compat-frozen\"", format!("b\"{name}\"")),
    ];
    for (file, from, to) in &named {
        edit(&mut files, file, from, to)?;
    }
    for (file, from, to) in variant.edits() {
        edit(&mut files, file, from, to)?;
    }
    for (file, text) in files {
        let path = stage.join(file);
        if fs::read_to_string(&path).is_ok_and(|there| there == text) {
            continue;
        }
        let folder = path.parent().unwrap_or(stage);
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    for folder in ["abi", "plugin"] {
        let lock = stage.join(folder).join("Cargo.lock");
        if !lock.exists() {
            fs::copy(root.join("Cargo.lock"), &lock).with_context(|| format!("writing {}", lock.display()))?;
        }
    }
    Ok(())
}

/// The texts below `from`, by their paths with `to` in front.
fn read_tree(from: &Path, to: &str, files: &mut BTreeMap<String, String>) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let inside = format!("{to}/{name}");
        if path.is_dir() {
            read_tree(&path, &inside, files)?;
        } else {
            let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            files.insert(inside, text);
        }
    }
    Ok(())
}

fn edit(files: &mut BTreeMap<String, String>, file: &str, from: &str, to: &str) -> Result<()> {
    let text = files.get_mut(file).with_context(|| format!("there is no {file}"))?;
    ensure!(text.contains(from), "{file} does not contain {from:?}, which was to become {to:?}");
    *text = text.replace(from, to);
    Ok(())
}

/// Runs cargo in `folder`, without the network where that is enough.
///
/// # Errors
/// What cargo says.
pub fn cargo(folder: &Path, target: &Path, args: &[&str]) -> Result<()> {
    let run = |offline: &[&str]| {
        Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(args)
            .args(offline)
            .current_dir(folder)
            .env("CARGO_TARGET_DIR", target)
            .output()
            .with_context(|| format!("starting cargo in {}", folder.display()))
    };
    let mut output = run(&["--offline"])?;
    if !output.status.success() {
        output = run(&[])?;
    }
    if !output.status.success() {
        bail!("cargo {args:?} in {} failed:\n{}", folder.display(), String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
