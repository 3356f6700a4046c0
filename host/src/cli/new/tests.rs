use super::*;
use std::fs;

fn names() -> [Kind; 4] {
    [Kind::Batch, Kind::Stream, Kind::Check, Kind::Metadata]
}

#[test]
fn every_kind_is_written_in_both_languages_under_its_name() {
    let folder = tempfile::tempdir().unwrap();
    for language in [Language::Rust, Language::C] {
        for kind in names() {
            let place = folder.path().join(format!("{kind:?}-{language:?}"));
            let files = scaffold(&place, "bills-2", kind, language).unwrap();
            let source = match language {
                Language::Rust => "src/lib.rs",
                Language::C => "app.c",
            };
            let text = fs::read_to_string(place.join(source)).unwrap();
            let exported = match language {
                Language::Rust => {
                    format!("export_app! {{ name: \"bills-2\", {}: App }}", format!("{kind:?}").to_lowercase())
                }
                Language::C => format!("MYSIMBDP_EXPORT_{}(\"bills-2\"", format!("{kind:?}").to_uppercase()),
            };
            assert!(text.contains(&exported), "{text}");
            for file in files {
                let text = fs::read_to_string(place.join(&file)).unwrap();
                let of_the_kit = file.starts_with("sdk") || file.starts_with("include");
                assert!(of_the_kit || (!text.contains("my-app") && !text.contains("my_app")), "{}", file.display());
            }
            assert!(!place.join("kinds").exists());
        }
    }
}

#[test]
fn a_readme_names_the_file_that_cargo_makes() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("new");
    scaffold(&place, "bills-2", Kind::Batch, Language::Rust).unwrap();
    assert!(fs::read_to_string(place.join("README.md")).unwrap().contains("target/release/libbills_2.so"));
}

#[test]
fn a_place_that_is_taken_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mine"), "precious").unwrap();
    let error = scaffold(folder.path(), "bills", Kind::Batch, Language::Rust).unwrap_err().to_string();
    assert!(error.ends_with(" exists and is not empty; choose another place, or empty it first"), "{error}");
    let error = scaffold(&folder.path().join("mine"), "bills", Kind::Batch, Language::Rust).unwrap_err().to_string();
    assert!(error.ends_with("/mine exists and is not a directory; choose another place"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn an_empty_directory_is_filled_and_nothing_else_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("empty");
    fs::create_dir(&place).unwrap();
    scaffold(&place, "bills", Kind::Batch, Language::C).unwrap();
    assert!(place.join("Makefile").exists());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_place_that_cannot_be_written_is_told() {
    let error = scaffold(Path::new("/proc/nowhere/app"), "bills", Kind::Batch, Language::C).unwrap_err().to_string();
    assert!(error.starts_with("the new app could not be written to /proc/nowhere/app: "), "{error}");
}

#[test]
fn names_that_no_app_can_have_are_refused_in_one_sentence() {
    let refused = |name: &str, language| {
        let folder = tempfile::tempdir().unwrap();
        scaffold(&folder.path().join("new"), name, Kind::Batch, language).unwrap_err().to_string()
    };
    let rule = "; take 1 to 64 of a-z, 0-9, - and _, a letter first";
    for (name, why) in [
        ("", "it is empty"),
        ("2bills", "it does not start with a lower-case letter"),
        ("Bills", "it does not start with a lower-case letter"),
        ("bills/../x", "it has other characters than lower-case letters, digits, - and _"),
        ("bills é", "it has other characters than lower-case letters, digits, - and _"),
        (&"b".repeat(65), "it is too long"),
    ] {
        assert_eq!(refused(name, Language::C), format!("{name:?} cannot be the name of an app: {why}{rule}"));
    }
    for (name, why) in [
        ("match", "it is a word of the Rust language"),
        ("mysimbdp-plugin-api", "it is the name of a crate that an app is compiled with"),
        ("deps", "cargo has a folder of that name"),
    ] {
        assert_eq!(
            refused(name, Language::Rust),
            format!("{name:?} cannot be the name of an app in Rust: {why}; add something to it, as in \"{name}-app\"")
        );
    }
    let folder = tempfile::tempdir().unwrap();
    assert!(scaffold(&folder.path().join("match"), "match", Kind::Batch, Language::C).is_ok());
}

/// The binary may be older than the folders it embeds when a file was added and cargo did not see it: see `build.rs`.
#[test]
fn the_kit_is_the_plugin_api_of_this_repository() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("new");
    let files = scaffold(&place, "bills", Kind::Batch, Language::Rust).unwrap();
    for inside in ["src", "include", "abi/src"] {
        let count = count_files(&root.join("plugin-api").join(inside));
        let prefix = Path::new("sdk/plugin-api").join(inside);
        assert_eq!(files.iter().filter(|file| file.starts_with(&prefix)).count(), count, "{inside}");
    }
    for file in files {
        if let Ok(inside) = file.strip_prefix("sdk/plugin-api")
            && !inside.starts_with("LICENSE-APACHE")
            && !inside.starts_with("LICENSE-MIT")
        {
            assert_eq!(fs::read(place.join(&file)).unwrap(), fs::read(root.join("plugin-api").join(inside)).unwrap());
        }
    }
}

fn count_files(folder: &Path) -> usize {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| if path.is_dir() { count_files(&path) } else { 1 })
        .sum()
}
