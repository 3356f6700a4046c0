//! The frozen copy has the layout that its own golden file tells.
#![cfg(target_pointer_width = "64")]

mod describe;

#[test]
fn the_frozen_layout_is_its_golden_file() {
    let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("golden.txt");
    let golden = std::fs::read_to_string(golden).expect("golden.txt stands beside Cargo.toml");
    assert!(describe::golden_text() == golden, "frozen/v1 was edited: restore it");
}
