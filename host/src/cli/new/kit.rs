//! The files of a new app: templates and the plugin API, embedded in this binary.

use super::{Kind, Language};
use include_dir::{Dir, include_dir};
use std::path::{Path, PathBuf};

static TEMPLATE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../tenant-plugins/template");
static TEMPLATE_C: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../tenant-plugins/template-c");
static API: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../plugin-api/src");
static ABI: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../plugin-api/abi/src");
static HEADERS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../plugin-api/include");

/// Files of the API outside of its folders.
const API_FILES: &[(&str, &str)] = &[
    ("Cargo.toml", include_str!("../../../../plugin-api/Cargo.toml")),
    ("build.rs", include_str!("../../../../plugin-api/build.rs")),
    ("abi/Cargo.toml", include_str!("../../../../plugin-api/abi/Cargo.toml")),
    ("LICENSE-APACHE", include_str!("../../../../LICENSE-APACHE")),
    ("LICENSE-MIT", include_str!("../../../../LICENSE-MIT")),
];

/// What the templates are called.
const PLACEHOLDER: &str = "my-app";
/// The same as cargo spells it in the names of files.
const PLACEHOLDER_IN_FILES: &str = "my_app";
/// Where a template keeps its variants.
const KINDS: &str = "kinds";

/// Samples: rows for one kind, messages for another.
pub(super) const ROWS: &str = "sample.csv";
pub(super) const MESSAGES: &str = "sample.jsonl";

/// A file to be written.
pub(super) struct File {
    /// Where, relative to the app's folder.
    pub(super) path: PathBuf,
    pub(super) content: Vec<u8>,
}

/// All files of a new app, its own before those of the kit.
pub(super) fn files(app_name: &str, kind: Kind, language: Language) -> Vec<File> {
    let mut files = Vec::new();
    let (template, source) = match language {
        Language::Rust => (&TEMPLATE, "src/lib.rs"),
        Language::C => (&TEMPLATE_C, "app.c"),
    };
    add_dir(template, Path::new(""), &mut files);
    let foreign_sample = if kind == Kind::Stream { ROWS } else { MESSAGES };
    files.retain(|file| !file.path.starts_with(KINDS) && file.path != Path::new(foreign_sample));
    if let Some(variant) = variant(template, kind, language)
        && let Some(file) = files.iter_mut().find(|file| file.path == Path::new(source))
    {
        file.content = variant.to_vec();
    }
    for file in &mut files {
        if let Ok(text) = std::str::from_utf8(&file.content) {
            let named = text.replace(PLACEHOLDER, app_name).replace(PLACEHOLDER_IN_FILES, &app_name.replace('-', "_"));
            file.content = named.into_bytes();
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    match language {
        Language::C => add_dir(&HEADERS, Path::new("include"), &mut files),
        Language::Rust => add_api(Path::new("sdk/plugin-api"), &mut files),
    }
    files
}

/// The source of another kind than `batch`, which is the template's own.
fn variant(template: &'static Dir<'_>, kind: Kind, language: Language) -> Option<&'static [u8]> {
    let name = match kind {
        Kind::Batch => return None,
        Kind::Stream => "stream",
        Kind::Check => "check",
        Kind::Metadata => "metadata",
    };
    let extension = match language {
        Language::Rust => "rs",
        Language::C => "c",
    };
    template.get_file(format!("{KINDS}/{name}.{extension}")).map(include_dir::File::contents)
}

fn add_api(to: &Path, files: &mut Vec<File>) {
    for (name, text) in API_FILES {
        files.push(File { path: to.join(name), content: text.as_bytes().to_vec() });
    }
    add_dir(&API, &to.join("src"), files);
    add_dir(&ABI, &to.join("abi/src"), files);
    add_dir(&HEADERS, &to.join("include"), files);
}

fn add_dir(dir: &Dir<'_>, to: &Path, files: &mut Vec<File>) {
    files.extend(dir.files().map(|file| File { path: to.join(file.path()), content: file.contents().to_vec() }));
    for inner in dir.dirs() {
        add_dir(inner, to, files);
    }
}
